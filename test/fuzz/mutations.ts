/** Changes to a packet's bytes of which nobody can tell beforehand what they make of it. */
import type { Bytes } from "../../src/host.ts";
import type { Random } from "./random.ts";
import { variable } from "./wire.ts";

const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff] as const;
/** Lengths at which a variable byte integer or a buffer changes its size. */
const LENGTHS = [0, 1, 2, 3, 127, 128, 4_090, 4_096, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455] as const;

/** A copy with one to four changes; never empty. */
export function mutate(random: Random, packet: Bytes): Bytes {
	let bytes = [...packet];
	for (let changes = random.oneIn(2) ? 1 : random.between(1, 4); changes > 0; changes--) {
		const at = random.below(Math.max(1, bytes.length));
		switch (random.below(9)) {
			case 0:
				bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
				break;
			case 1:
				bytes[at] = random.below(256);
				break;
			case 2:
				bytes[at] = random.pick(BYTES);
				break;
			case 3:
				bytes.splice(at, 0, random.oneIn(2) ? random.below(256) : random.pick(BYTES));
				break;
			case 4:
				bytes.splice(at, random.between(1, 3));
				break;
			case 5:
				bytes = bytes.slice(0, at);
				break;
			case 6: {
				// A stretch again, elsewhere: properties twice, packets within packets.
				const from = random.below(Math.max(1, bytes.length));
				bytes.splice(at, 0, ...bytes.slice(from, from + random.between(1, 16)));
				break;
			}
			case 7: {
				// Another remaining length, in as many bytes as it needs or more.
				const length = variable(random.pick(LENGTHS), random.oneIn(3) ? random.between(1, 6) : 1);
				bytes.splice(1, 1, ...length);
				break;
			}
			case 8: {
				// One more or one less wherever a length may be.
				bytes[at] = ((bytes[at] ?? 0) + random.pick([1, 255])) & 0xff;
				break;
			}
		}
	}
	return Uint8Array.from(bytes.length > 0 ? bytes : [random.below(256)]);
}
