/** What both codec tests do to received packets: change bytes, cut, and compare. */
import {
	type BrokerPacket,
	type Decoder,
	type Oversized,
	ProtocolError,
} from "../../../../src/net/mqtt/codec/codec.ts";
import { deepEqual, fail, ok } from "../../../harness/harness.ts";

type Piece = Uint8Array<ArrayBuffer>;

/** Mutated packets give packets or a ProtocolError, the same in one piece and in two; some of each. */
export function assertMutations(valid: readonly Piece[], newDecoder: () => Decoder, seed: number): void {
	const random = (bound: number) => {
		seed = (seed * 1_103_515_245 + 12_345) % 0x8000_0000;
		return Math.floor((seed / 0x8000_0000) * bound);
	};
	const outcome = (decoder: Decoder, pieces: Piece[]) => {
		const packets: (BrokerPacket | Oversized)[] = [];
		try {
			for (const piece of pieces) for (const packet of decoder.push(piece)) packets.push(packet);
		} catch (error) {
			if (!(error instanceof ProtocolError)) fail(`${error}`);
			return { packets, error: error.message };
		}
		return { packets };
	};
	let refused = 0;
	for (let round = 0; round < 400; round++) {
		const packet = valid[random(valid.length)]!.slice();
		for (let changes = random(3); changes > 0; changes--) packet[random(packet.length)] = random(256);
		const followed = Uint8Array.of(...packet, 0xd0, 0);
		const cut = random(followed.length);
		const whole = outcome(newDecoder(), [followed]);
		deepEqual(outcome(newDecoder(), [followed.slice(0, cut), followed.slice(cut)]), whole, `round ${round}`);
		if (whole.error !== undefined) refused++;
	}
	ok(refused > 50 && refused < 350, `${refused} of 400 refused`);
}
