/**
 * Where deliberate bugs go in: each class and each function that a source of `src/` exports can have
 * another one put in its place, in the whole program (`tools/world-worker.js` sees to that).
 */

// biome-ignore lint/complexity/noBannedTypes: a class or a function of any shape
export type Part = Function;

const seams = new Map<Part, (changed: Part) => void>();

/** `put` puts another one in the place of `original`. */
export function offer(original: Part, put: (changed: Part) => void): void {
	seams.set(original, put);
}

/**
 * From now on `changed` is what the program has in place of `original`. Throws an Error where it changes
 * nothing: `original` is none of the program's, or has no such method or accessor as `changed` has.
 */
export function replace<Original extends Part>(original: Original, changed: NoInfer<Original>): void {
	const put = seams.get(original);
	if (!put) throw new Error(`${original.name} is no part of the program`);
	for (const member of Object.getOwnPropertyNames(changed.prototype ?? {})) {
		if (!(member in original.prototype)) throw new Error(`${original.name} has no ${member}`);
	}
	put(changed);
}
