/** How often something happened in a simulated world, by kind. */
export class Tally extends Map<string, number> {
	/** Counts one more, or `times` more. */
	count(kind: string, times = 1): void {
		this.set(kind, (this.get(kind) ?? 0) + times);
	}
}
