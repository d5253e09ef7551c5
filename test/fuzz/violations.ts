/**
 * What no broker may send: each of these, given whole, has to end the
 * connection. Only what the standards leave no doubt about is here, and not the
 * answers that the client tolerates (`Broker.stray`).
 */
import type { Bytes } from "../../src/host.ts";
import { property } from "./broker-packets.ts";
import type { Random } from "./random.ts";
import {
	CONNACK,
	counted,
	DISCONNECT,
	firstByte,
	PROPERTIES,
	PUBACK,
	PUBCOMP,
	PUBLISH,
	PUBREC,
	PUBREL,
	packet,
	REASON_CODES,
	SUBACK,
	text,
	UNSUBACK,
	u16,
	u32,
	type Version,
	variable,
} from "./wire.ts";

/** What a violation may depend on. */
export interface Situation {
	readonly random: Random;
	readonly version: Version;
	/** Whether the CONNACK is behind; if not, it is asked for. */
	readonly accepted: boolean;
	readonly cleanSession: boolean;
	/** Packet ids of messages in flight at QoS 1, and at QoS 2 without a PUBREC. */
	readonly atQoS1: readonly number[];
	readonly atQoS2: readonly number[];
	/** Requests that wait for an answer: their id, their type and the number of their topic filters. */
	readonly requests: readonly { readonly id: number; readonly type: number; readonly filters: number }[];
}

type Maker = (situation: Situation) => Bytes | undefined;

/** Largest packet that the session takes, in bytes. */
const PACKET_SIZE_MAXIMUM = 4_096;
/** Whether a PUBLISH is one that is read past. */
export const isOversized = (bytes: Bytes) => bytes.length > PACKET_SIZE_MAXIMUM;
/** What is not UTF-8 (RFC 3629): stray and missing continuations, overlong forms, surrogates, beyond U+10FFFF. */
const BAD_UTF8: readonly (readonly number[])[] = [
	[0x80],
	[0xc3],
	[0x61, 0xe4, 0xb8],
	[0xc0, 0x80],
	[0xe0, 0x80, 0xaf],
	[0xed, 0xa0, 0x80],
	[0xed, 0xb0, 0x80],
	[0xf4, 0x90, 0x80, 0x80],
	[0xf8, 0x88, 0x80, 0x80, 0x80],
	[0xff],
];
const BAD_TEXT: readonly (readonly number[])[] = [...BAD_UTF8, [0x61, 0, 0x62], [0]];

const none = (version: Version): number[] => (version === 5 ? [0] : []);
const ANSWERED = [PUBACK, PUBREC, PUBREL, PUBCOMP] as const;

/** A PUBLISH from its parts. */
function publish(version: Version, first: number, topic: readonly number[], id: readonly number[]): Bytes {
	return packet(first, [...counted(topic), ...id, ...none(version), 0x78]);
}

const A = [0x61];
const ID = [0, 9];

/** A packet of MQTT 5.0 with the given properties, whose length is right unless given, otherwise as it should be. */
function withProperties(
	situation: Situation,
	type: number,
	body: readonly number[],
	length: readonly number[] = variable(body.length),
): Bytes {
	const all = [...length, ...body];
	const id = idFor(situation, type);
	switch (type) {
		case CONNACK:
			return packet(0x20, [0, 0, ...all]);
		case PUBLISH:
			return packet(0x30, [...text("a"), ...all, 0x78]);
		case SUBACK:
		case UNSUBACK:
			return packet(firstByte(type), [...id, ...all, 0]);
		case DISCONNECT:
			return packet(0xe0, [0, ...all]);
		default:
			return packet(firstByte(type), [...id, 0, ...all]);
	}
}

/** A packet id that an answer may have now, where there is one: then nothing is wrong but the fault. */
function idFor({ atQoS1, atQoS2, requests }: Situation, type: number): readonly number[] {
	const id =
		type === SUBACK || type === UNSUBACK
			? requests.find((request) => request.type === type - 1 && request.filters === 1)?.id
			: (type === PUBACK ? atQoS1 : atQoS2)[0];
	return id === undefined ? ID : u16(id);
}

/** A packet with properties that may come now. */
const carrier = ({ random, accepted }: Situation): number =>
	accepted ? random.pick([PUBLISH, ...ANSWERED, SUBACK, UNSUBACK, DISCONNECT]) : CONNACK;

const rulesOf = (type: number) =>
	PROPERTIES.filter(({ id, packets }) => packets.includes(type) && !(type === DISCONNECT && id === 0x11));

/** In any version, whatever was sent before. */
const ALWAYS: Readonly<Record<string, Maker>> = {
	"packet type 0": ({ random }) => packet(random.below(16), []),
	CONNECT: ({ version }) => packet(0x10, [...text("MQTT"), version, 2, 0, 60, ...none(version), ...text("c")]),
	SUBSCRIBE: ({ version }) => packet(0x82, [...ID, ...none(version), ...text("a"), 1]),
	UNSUBSCRIBE: ({ version }) => packet(0xa2, [...ID, ...none(version), ...text("a")]),
	PINGREQ: () => packet(0xc0, []),
	"remaining length of 5 bytes": ({ random }) =>
		random.oneIn(2)
			? Uint8Array.of(random.pick([0x50, 0x62, 0x70]), 0x82, 0x80, 0x80, 0x80, 0, ...ID)
			: Uint8Array.of(random.pick([0x30, 0x32, 0x40, 0x90, 0xb0]), 0xff, 0xff, random.pick([0x80, 0xff]), 0x80, 1),
	"too large": ({ random, version, accepted }) => {
		if (!accepted) return undefined;
		const size = random.oneIn(2) ? PACKET_SIZE_MAXIMUM - 2 : random.between(PACKET_SIZE_MAXIMUM, 0x0fff_ffff);
		return Uint8Array.of(random.pick(version === 5 ? [0x40, 0x50, 0x90, 0xb0, 0xe0] : [0x90]), ...variable(size));
	},
	"too large, and no PUBLISH": ({ random, version, accepted }) => {
		if (!accepted) return undefined;
		const rest = new Array<number>(PACKET_SIZE_MAXIMUM).fill(0x2e);
		return random.pick([
			() => packet(random.pick([0x36, 0x38]), [...text("a"), ...ID, ...rest]),
			() => packet(0x34, [...text("a"), 0, 0, ...rest]),
			() => packet(0x32, [...(version === 5 ? [0, 0, ...ID, 3, 0x23, 0, 1] : [0, 0, ...ID]), ...rest]),
			() => packet(0x30, [0x20, 0, ...rest]),
		])();
	},
	"PINGRESP with a body": () => packet(0xd0, [0]),
	"QoS 3": ({ version, random }) => publish(version, random.pick([0x36, 0x37, 0x3e]), A, ID),
	"packet id 0 in a PUBLISH": ({ version, random }) => publish(version, random.pick([0x32, 0x34, 0x3a]), A, [0, 0]),
	"PUBLISH that ends before its id": () => packet(0x32, [0, 1, 0x61, 1]),
	"topic longer than its PUBLISH": ({ random }) => packet(0x30, [0, random.between(5, 255), 0x61, 0, 0]),
	"packet id 0 in an acknowledgement": ({ random }) => packet(firstByte(random.pick(ANSWERED)), [0, 0]),
	"acknowledgement without an id": ({ random }) => packet(firstByte(random.pick(ANSWERED)), random.oneIn(2) ? [] : [1]),
	"packet id 0 in a SUBACK": ({ version }) => packet(0x90, [0, 0, ...none(version), 0]),
	"SUBACK without codes": ({ version, requests }) => {
		const request = requests.find(({ type }) => type === 8);
		return request && packet(0x90, [...u16(request.id), ...none(version)]);
	},
	"SUBACK with a code too many": ({ version, requests }) => {
		const request = requests.find(({ type }) => type === 8);
		return request && packet(0x90, [...u16(request.id), ...none(version), ...new Array(request.filters + 1).fill(0)]);
	},
	"second CONNACK": ({ version, accepted }) => (accepted ? packet(0x20, [0, 0, ...none(version)]) : undefined),
};

/** From MQTT 3.1.1 on: 3.1 has no normative statements of these. */
const FROM_3_1_1: Readonly<Record<string, Maker>> = {
	"reserved flags [MQTT-2.2.2-2]": ({ random, version, accepted }) => {
		const type = accepted ? random.pick([PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, 13]) : CONNACK;
		const wrong = firstByte(type) ^ random.between(1, 15);
		if (type === 13) return packet(wrong, []);
		if (type === CONNACK) return packet(wrong, [0, 0, ...none(version)]);
		const answer = type === SUBACK ? [...none(version), 0] : type === UNSUBACK && version === 5 ? [0, 0] : [];
		return packet(wrong, [...ID, ...answer]);
	},
	"DUP at QoS 0 [MQTT-3.3.1-2]": ({ version }) => publish(version, 0x38, A, []),
	"topic with a wildcard [MQTT-3.3.2-2]": ({ version, random }) =>
		publish(version, 0x32, random.pick([[0x23], [0x2b], [0x61, 0x2f, 0x23], [0x2b, 0x2f, 0x61], [0x61, 0x2b]]), ID),
	"topic that is not UTF-8 or has U+0000": ({ version, random }) =>
		publish(version, random.pick([0x30, 0x31]), random.pick(BAD_TEXT), []),
	"topic name of no character": ({ version }) => publish(version, 0x32, [], ID),
	"packet before the CONNACK [MQTT-3.2.0-1]": ({ version, accepted, random }) => {
		if (accepted) return undefined;
		const type = random.pick([PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, 13]);
		if (type === PUBLISH) return publish(version, 0x30, A, []);
		return type === 13
			? packet(0xd0, [])
			: packet(firstByte(type), [...ID, ...(type === SUBACK ? [...none(version), 0] : [])]);
	},
	"reserved CONNACK flags": ({ version, accepted, random }) =>
		accepted ? undefined : packet(0x20, [random.between(1, 127) << 1, 0, ...none(version)]),
	"session present in a clean one": ({ version, accepted, cleanSession }) =>
		accepted || !cleanSession ? undefined : packet(0x20, [1, 0, ...none(version)]),
	"SUBACK code [MQTT-3.9.3-2]": ({ version, requests, random }) => {
		const request = requests.find(({ type, filters }) => type === 8 && filters === 1);
		return request && packet(0x90, [...u16(request.id), ...none(version), random.pick([3, 4, 0x7f, 0xff])]);
	},
};

/** Before MQTT 5.0, whose packets have fixed lengths. */
const BEFORE_5: Readonly<Record<string, Maker>> = {
	"packet of another length": ({ accepted, random }) => {
		if (!accepted) return packet(0x20, random.pick([[], [0], [0, 0, 0], [0, 0, 0, 0, 0]]));
		return packet(random.pick([0x40, 0x50, 0x62, 0x70, 0xb0]), [...ID, ...new Array(random.between(1, 200)).fill(0)]);
	},
	"DISCONNECT from a broker": () => packet(0xe0, []),
	"AUTH before MQTT 5.0": ({ random }) => packet(0xf0, random.oneIn(2) ? [] : [0x18, 0]),
	"CONNACK return code": ({ accepted, random }) => (accepted ? undefined : packet(0x20, [0, random.between(6, 255)])),
};

const FROM_5: Readonly<Record<string, Maker>> = {
	"AUTH that nothing asked for": ({ random }) =>
		packet(0xf0, random.pick([[], [0], [0x18, 0], [0x18, 4, 0x15, 0, 1, 0x61], [0x19, 0]])),
	"remaining length that is not minimal [MQTT-1.5.5-1]": ({ random, accepted, version }) => {
		const body = accepted ? random.pick([[], [0, 1, 0x61, 0, 0x78]]) : [0, 0, ...none(version)];
		const first = accepted ? (body.length === 0 ? 0xd0 : 0x30) : 0x20;
		return packet(first, body, random.between(2, 4));
	},
	"property length that is not minimal": (situation) =>
		withProperties(situation, carrier(situation), [], variable(0, situation.random.between(2, 4))),
	"property length of 5 bytes": (situation) =>
		withProperties(situation, carrier(situation), [], [0x80, 0x80, 0x80, 0x80, 0]),
	"property length beyond the packet": (situation) =>
		withProperties(
			situation,
			carrier(situation),
			[],
			variable(situation.random.pick([3, 127, 128, 16_384, 268_435_455])),
		),
	"bytes after the properties": (situation) => {
		const type = carrier(situation);
		if (type === PUBLISH || type === SUBACK || type === UNSUBACK) return undefined;
		return withProperties(situation, type, new Array(situation.random.between(1, 4)).fill(0), [0]);
	},
	"unknown property": (situation) => {
		const { random } = situation;
		const id = random.pick([0x00, 0x04, 0x0a, 0x10, 0x14, 0x1b, 0x20, 0x2b, 0x7f, 0x80, 0xff]);
		return withProperties(situation, carrier(situation), [id, 0, 0, 0, 0]);
	},
	"property that does not belong there": (situation) => {
		const type = carrier(situation);
		const rule = situation.random.pick(PROPERTIES.filter(({ packets }) => !packets.includes(type)));
		return withProperties(situation, type, property(situation.random, rule));
	},
	"property twice": (situation) => {
		const type = carrier(situation);
		const single = rulesOf(type).filter(({ type }) => type !== "pair" && type !== "variable");
		if (single.length === 0) return undefined;
		const rule = situation.random.pick(single);
		return withProperties(situation, type, [...property(situation.random, rule), ...property(situation.random, rule)]);
	},
	"property cut off": (situation) => {
		const type = carrier(situation);
		const whole = property(situation.random, situation.random.pick(rulesOf(type)));
		return withProperties(situation, type, whole.slice(0, situation.random.between(1, whole.length - 1)));
	},
	"property text that is not UTF-8 or has U+0000": (situation) => {
		const type = carrier(situation);
		const { random } = situation;
		const rules = rulesOf(type).filter(({ type }) => type === "text" || type === "pair");
		const rule = random.pick(rules);
		const bad = counted(random.pick(BAD_TEXT));
		const value = rule.type === "text" ? bad : random.oneIn(2) ? [...text("a"), ...bad] : [...bad, ...text("a")];
		return withProperties(situation, type, [rule.id, ...value]);
	},
	"property value": (situation) => {
		const { random, accepted } = situation;
		if (accepted) {
			const value = random.pick([
				[0x01, random.between(2, 255)],
				[0x0b, 0],
				[0x0b, 0x80, 0x80, 0x80, 0x80, 1],
				[0x0b, 0x81, 0],
				[0x08, ...text(random.pick(["#", "a/+"]))],
			]);
			return withProperties(situation, PUBLISH, value);
		}
		const flag = random.pick([0x24, 0x25, 0x28, 0x29, 0x2a]);
		const value = random.pick([
			[0x21, 0, 0],
			[0x27, ...u32(0)],
			[flag, random.between(2, 255)],
		]);
		return withProperties(situation, CONNACK, value);
	},
	"topic alias that was not allowed [MQTT-3.1.2-26]": ({ random }) => {
		const alias = [3, 0x23, ...u16(random.pick([0, 1, 2, 0xffff]))];
		return packet(random.pick([0x30, 0x31]), [...text(random.oneIn(2) ? "" : "a"), ...alias, 0x78]);
	},
	"authentication method in the CONNACK [MQTT-4.12.0-6]": (situation) =>
		situation.accepted ? undefined : withProperties(situation, CONNACK, [0x15, ...text("m")]),
	"no property length": ({ accepted }) => (accepted ? packet(0x30, text("a")) : packet(0x20, [0, 0])),
	"reason code": ({ random, accepted, requests }) => {
		const unknown = (type: number) => {
			let code = random.below(256);
			while (REASON_CODES[type]!.includes(code)) code = random.below(256);
			return code;
		};
		if (!accepted) return packet(0x20, [0, unknown(CONNACK), 0]);
		const type = random.pick([...ANSWERED, SUBACK, UNSUBACK, DISCONNECT]);
		if (type === DISCONNECT) return packet(0xe0, [unknown(type), 0]);
		if (type !== SUBACK && type !== UNSUBACK) return packet(firstByte(type), [...ID, unknown(type)]);
		const id = requests.find((request) => request.type === type - 1 && request.filters === 1)?.id ?? 9;
		return packet(firstByte(type), [...u16(id), 0, unknown(type)]);
	},
	"UNSUBACK without codes": ({ requests }) => {
		const request = requests.find(({ type }) => type === 10);
		return request && packet(0xb0, [...u16(request.id), 0]);
	},
	"DISCONNECT with a session expiry interval": (situation) => withProperties(situation, DISCONNECT, [0x11, 0, 0, 0, 1]),
};

export interface Violation {
	readonly kind: string;
	readonly bytes: Bytes;
}

const KINDS: Readonly<Record<Version, readonly [kind: string, make: Maker][]>> = {
	3: Object.entries({ ...ALWAYS, ...BEFORE_5 }),
	4: Object.entries({ ...ALWAYS, ...FROM_3_1_1, ...BEFORE_5 }),
	5: Object.entries({ ...ALWAYS, ...FROM_3_1_1, ...FROM_5 }),
};

export function violation(situation: Situation): Violation {
	for (;;) {
		const [kind, make] = situation.random.pick(KINDS[situation.version]);
		const bytes = make(situation);
		if (bytes) return { kind, bytes };
	}
}
