/** Numbers that look random and are the same in every run. */

/** Uniform in [0, 1) from a seed and a position: any position can be asked for, in any order. */
export function noise(seed: number, position: number): number {
	let bits = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(Math.floor(position / 0x100000000), 0xc2b2ae35);
	bits = Math.imul(bits ^ (position | 0), 0x27d4eb2f);
	bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
	bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
	return ((bits ^ (bits >>> 15)) >>> 0) / 0x100000000;
}

/** A generator of such numbers, one after another. */
export function createRandom(seed: number): () => number {
	let position = 0;
	return () => noise(seed, position++);
}
