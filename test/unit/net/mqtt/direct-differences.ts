/** Holds the codec's own way of writing a PUBLISH and of reading a PUBACK against mqtt-packet's, with packets of every kind. */
import { Decoder, encode, type ProtocolVersion, type Publish } from "../../../../src/net/mqtt/codec/codec.ts";
import { directPublish } from "../../../../src/net/mqtt/codec/direct.ts";
import { encodeByMqttPacket } from "../../../../src/net/mqtt/codec/encoder.ts";
import type { Properties, QoS } from "../../../../src/net/mqtt/packet.ts";
import { Random } from "../../../fuzz/random.ts";
import { deepEqual, ok } from "../../../harness/harness.ts";

type Piece = Uint8Array<ArrayBuffer>;

/** Longer ones take their time: one packet in so many has one. */
const RARELY = 500;
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5, 5];
const TOPICS = [
	"a",
	"veleta/bench/state",
	"casa/salón/☃",
	"a/😀",
	"\ufeffa",
	"/",
	"",
	"a+",
	"#",
	"a\0b",
	"\ud800",
	"a\udc00b",
];
const LONG_TOPICS = ["x".repeat(0xffff), "x".repeat(0x10000), "é".repeat(0x7fff), "é".repeat(0x8000)];
const LENGTHS = [0, 1, 2, 60, 100, 105, 110, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 300];
const LONG_LENGTHS = [16_360, 16_370, 16_376, 16_377, 16_378, 16_379, 16_380, 16_381, 16_382, 16_383, 16_384, 70_000];
const NUMBERS = [1, 2, 255, 256, 0xfffe, 0xffff, 0, 0x10000, -1, 1.5, Number.NaN, undefined];
/** Of the PUBACK, of which most are none (5.0, table 3-4). */
const REASON_CODES = [0, 0, 0x10, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99, 1, 0x7f, 0xff];

/** Parts of packets, a whole one, and one that no broker sends. */
const BEGINNINGS = [[0x40], [0x40, 2], [0x40, 2, 0], [0x32, 0x85, 0x40, 0], [0xd0, 0], [0xf0, 1]];

/** How many packets took the short way, and how many were refused. */
interface Tally {
	direct: number;
	refused: number;
}

/** What it gives, or why it does not. */
function outcomeOf<T>(give: () => T): T | string {
	try {
		return give();
	} catch (error) {
		return (error as Error).message;
	}
}

function randomProperties(random: Random): Properties | undefined {
	const topicAlias = random.pick(NUMBERS);
	switch (random.below(8)) {
		case 0:
			return { topicAlias, contentType: "t" } as Properties;
		case 1:
			return { correlationData: Uint8Array.of(random.below(256)) };
		case 2:
			return random.oneIn(2) ? {} : { userProperties: [["a", "b"]] };
		case 3:
		case 4:
		case 5:
			return { topicAlias } as Properties;
		default:
			return undefined;
	}
}

function randomPublish(random: Random): Publish {
	const isLong = random.oneIn(RARELY);
	const payload = new Uint8Array(random.pick(isLong ? LONG_LENGTHS : LENGTHS)).fill(random.below(256));
	return {
		cmd: "publish",
		topic: random.pick(isLong && random.oneIn(2) ? LONG_TOPICS : random.oneIn(2) ? TOPICS.slice(0, 6) : TOPICS),
		payload,
		qos: random.pick([0, 1, 1, 1, 2, 3]) as QoS,
		retain: random.oneIn(2),
		dup: random.oneIn(3),
		packetId: random.oneIn(2) ? random.between(1, 0xffff) : random.pick(NUMBERS),
		properties: randomProperties(random),
	};
}

/** Both write the same bytes, or refuse for the same reason. */
export function comparePublishes(seed: number, count: number): Tally {
	const random = new Random(seed);
	const tally = { direct: 0, refused: 0 };
	for (let index = 0; index < count; index++) {
		const packet = randomPublish(random);
		const version = random.pick(VERSIONS);
		const wanted = outcomeOf(() => encodeByMqttPacket(packet, version));
		deepEqual(
			outcomeOf(() => encode(packet, version)),
			wanted,
			`PUBLISH ${index}`,
		);
		if (typeof wanted === "string") tally.refused++;
		if (directPublish(packet, version)) tally.direct++;
	}
	return tally;
}

function randomPuback(random: Random): Piece {
	const body = [random.below(256), random.below(256)];
	if (random.oneIn(2)) body.push(random.pick(REASON_CODES));
	if (body.length === 3 && random.oneIn(2)) body.push(0);
	if (body.length === 4 && random.oneIn(4)) body.splice(3, 1, 4, 0x1f, 0, 1, 0x78);
	const packet = [0x40, body.length, ...body];
	for (let changes = random.pick([0, 0, 0, 1, 2]); changes > 0; changes--) {
		const at = random.below(packet.length);
		packet[at] = random.oneIn(2) ? packet[at]! ^ (1 << random.below(8)) : random.pick([0, 1, 2, 4, 0x80, 0xff]);
	}
	if (random.oneIn(8)) packet.length = random.below(packet.length);
	if (random.oneIn(8)) packet.push(...random.pick([[0], [0xd0, 0], [0x40, 2, 0, 1], [0x40]]));
	return Uint8Array.from(packet);
}

/** Whatever the short way takes, mqtt-packet reads the same of it, and what follows; and it takes what a broker mostly says. */
export function comparePubacks(seed: number, count: number): Tally {
	const random = new Random(seed);
	const tally = { direct: 0, refused: 0 };
	for (let index = 0; index < count; index++) {
		const options = {
			maximumPacketSize: random.oneIn(10) ? random.below(8) : 0x1000,
			protocolVersion: random.pick(VERSIONS),
		};
		const [one, other] = [new Decoder(options), new Decoder(options)];
		// In half of the cases a part of a packet has come before it, or what ends the connection.
		const before = Uint8Array.from(random.oneIn(2) ? [] : random.pick(BEGINNINGS));
		for (const decoder of [one, other]) outcomeOf(() => [...decoder.push(before)]);
		const piece = randomPuback(random);
		const packet = one.puback(piece);
		const wanted = outcomeOf(() => [...other.push(piece)]);
		if (typeof wanted === "string") tally.refused++;
		if (packet) {
			tally.direct++;
			deepEqual([packet], wanted, `PUBACK ${index}`);
			deepEqual(
				[...one.push(Uint8Array.of(0xd0, 0))],
				outcomeOf(() => [...other.push(Uint8Array.of(0xd0, 0))]),
			);
		} else if (before.length === 0 && typeof wanted !== "string") {
			const isCommon = wanted.length === 1 && piece.length === 4 && piece[0] === 0x40;
			ok(!isCommon, `PUBACK ${index} takes the long way`);
		}
	}
	return tally;
}
