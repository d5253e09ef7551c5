/**
 * The seed of a station's random numbers, by which it waits longer or shorter before it reconnects: 32 bits (FNV-1a over
 * UTF-16 units). The run's seed alone would bring all stations of a computer back at the same moments. Seed and id repeat
 * a run.
 */
export function jitterSeed(seed: number, id: unknown): number {
	const text = `${seed} ${id}`;
	let hash = 0x811c9dc5;
	for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
	return hash >>> 0;
}
