/** Waiting for what other processes do: for a condition, never for a time alone, and never for ever. */

/** Where nothing else is said, in ms: long for a busy machine, short for a person. */
export const PATIENCE_MS = 20_000;
const POLL_MS = 10;

/** Resolves with the condition's first value that is not `undefined` or `false`; rejects when it takes longer than `within` ms. */
export async function until<Value>(
	what: string,
	condition: () => Value | undefined | false,
	within = PATIENCE_MS,
): Promise<Value> {
	const end = performance.now() + within;
	for (;;) {
		const value = condition();
		if (value !== undefined && value !== false) return value;
		if (performance.now() >= end) throw new Error(`waited ${within} ms in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, POLL_MS));
	}
}

/** Resolves when so much real time has passed that whatever might go wrong had its chance, in ms. */
export function observe(duration: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, duration));
}
