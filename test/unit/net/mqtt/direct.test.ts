/** The codec's short ways. Each is held against mqtt-packet here by the thousand, and in `test/project/direct.test.ts` by the million. */
import { Decoder, encode } from "../../../../src/net/mqtt/codec/codec.ts";
import { directPublish } from "../../../../src/net/mqtt/codec/direct.ts";
import { deepEqual, equal, ok, test } from "../../../harness/harness.ts";
import { comparePubacks, comparePublishes } from "./direct-differences.ts";

const SEED = 2_026;
const PACKETS = 2_000;

const reading = {
	cmd: "publish",
	topic: "t",
	payload: Uint8Array.of(0x78),
	qos: 1,
	retain: true,
	dup: false,
	packetId: 258,
} as const;

test("a PUBLISH as a station sends it takes the short way, with an alias and without a topic, too", () => {
	const bytes = (hex: string) => Uint8Array.from(hex.split(" "), (byte) => Number.parseInt(byte, 16));
	deepEqual(directPublish(reading, 4), bytes("33 06 00 01 74 01 02 78"));
	deepEqual(directPublish(reading, 5), bytes("33 07 00 01 74 01 02 00 78"));
	const aliased = { ...reading, topic: "", properties: { topicAlias: 515 } };
	deepEqual(directPublish(aliased, 5), bytes("33 09 00 00 01 02 03 23 02 03 78"));
	deepEqual(encode(aliased, 5), bytes("33 09 00 00 01 02 03 23 02 03 78"));
});

test("with any other property it is mqtt-packet's", () => {
	equal(directPublish({ ...reading, properties: { correlationData: Uint8Array.of(1) } }, 5), undefined);
});

test("a PUBACK takes the short way in its common forms, but not in the middle of another packet", () => {
	const newDecoder = () => new Decoder({ maximumPacketSize: 100, protocolVersion: 5 });
	deepEqual(newDecoder().puback(Uint8Array.of(0x40, 2, 1, 2)), { cmd: "puback", packetId: 258, reasonCode: 0 });
	deepEqual(newDecoder().puback(Uint8Array.of(0x40, 4, 1, 2, 0x10, 0)), {
		cmd: "puback",
		packetId: 258,
		reasonCode: 0x10,
	});
	// A refusal is told with its reason.
	equal(newDecoder().puback(Uint8Array.of(0x40, 3, 1, 2, 0x87)), undefined);
	const busy = newDecoder();
	deepEqual([...busy.push(Uint8Array.of(0x40))], []);
	equal(busy.puback(Uint8Array.of(0x40, 2, 1, 2)), undefined);
});

test("a PUBLISH is written as mqtt-packet writes it, or refused for the same reason", () => {
	const { direct, refused } = comparePublishes(SEED, PACKETS);
	ok(
		direct > PACKETS / 4 && refused > PACKETS / 4,
		`${direct} of ${PACKETS} take the short way, ${refused} are refused`,
	);
});

test("a PUBACK is read as mqtt-packet reads it", () => {
	const { direct, refused } = comparePubacks(SEED, PACKETS);
	ok(
		direct > PACKETS / 10 && refused > PACKETS / 10,
		`${direct} of ${PACKETS} take the short way, ${refused} are refused`,
	);
});
