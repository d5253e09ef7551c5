/** Messages from the broker as what the store takes. A message that says nothing is `undefined`. */
import { textIn } from "../../../hosts/node/plain-text.ts";
import { reportOfCbor } from "../../../hosts/node/report-cbor.ts";
import type { ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { topicMatches } from "../../../src/net/mqtt/topic.ts";
import { SEQ_MAXIMUM } from "../../../src/outbox/slot.ts";
import { hasControls, isShallow, textOf } from "../../../src/text.ts";
import { type Quantities, STATUSES } from "../api.ts";
import type { Arrival } from "../store/arrival.ts";

/** Bytes of a topic, of a quantity's name, and of JSON: what has more is not stored. */
const TOPIC_MAXIMUM = 512;
const NAME_MAXIMUM = 64;
const JSON_MAXIMUM = 8_192;
/** The last ms of the year 9999. */
const TIME_MAXIMUM = 253_402_300_799_999;
/** Beyond it, either way, a number is no measurement: sums of many have to be numbers, too. */
const VALUE_MAXIMUM = 1e100;
/** Ranges of a reply that are looked at; a station tells of sixteen. */
const RANGES_MAXIMUM = 64;
/** Bytes of a payload that is looked at as a number. */
const NUMBER_MAXIMUM = 32;
/** The last levels of a station's topics that are collected. */
export const STATION_LEVELS = ["state", "late", "status", "diagnostics", "reply"] as const;

/** A station's reply to a command, for whoever has sent it. */
export interface Reply {
	readonly station: string;
	readonly members: Readonly<Record<string, unknown>>;
}

export interface Understood {
	readonly arrival?: Arrival;
	readonly reply?: Reply;
}

/** `bases`: filters of what stations' topics begin with, such as `veleta/+`. Times are ms since 1970. */
export function understood(message: ReceivedMessage, bases: readonly string[], receivedAt: number): Understood {
	const { topic, payload } = message;
	if (payload.length === 0 || Buffer.byteLength(topic) > TOPIC_MAXIMUM) return {};
	const at = topic.lastIndexOf("/");
	// A number at a topic of one level has its name for both.
	const [base, level] = at < 0 ? [topic, topic] : [topic.slice(0, at), topic.slice(at + 1)];
	if (base === "" || level === "" || hasControls(topic)) return {};
	const arrived = { station: base, receivedAt, isRetained: message.retain };
	if (bases.some((filter) => topicMatches(filter, base))) {
		switch (level) {
			case "state":
			case "late":
				return reading(message, arrived, level === "state");
			case "status": {
				const text = textIn(payload);
				const status = STATUSES.find((one) => one === text);
				return status === undefined ? {} : { arrival: { ...arrived, kind: "status", status } };
			}
			case "diagnostics": {
				const members = membersOf(payload);
				if (!members) return {};
				return { arrival: { ...arrived, kind: "diagnostics", members } };
			}
			case "reply":
				return reply(message, arrived);
		}
		return {};
	}
	// Of a station's other topics, each number is in its report, too.
	if (bases.some((filter) => topicMatches(`${filter}/#`, topic))) return {};
	const value = numberOf(payload);
	if (value === undefined || Buffer.byteLength(level) > NAME_MAXIMUM) return {};
	return { arrival: { ...arrived, kind: "values", time: undefined, quantities: { [level]: value } } };
}

type Arrived = Pick<Arrival, "station" | "receivedAt" | "isRetained">;

function reading({ payload, dup }: ReceivedMessage, arrived: Arrived, isState: boolean): Understood {
	const members = reportOfCbor(payload) ?? membersOf(payload);
	if (!members) return {};
	const { seq, time: given, ...others } = members;
	const time = timeOf(given);
	const quantities: Quantities = Object.fromEntries(
		Object.entries(others).filter(
			(entry): entry is [string, number] =>
				isMeasurement(entry[1]) &&
				entry[0] !== "" &&
				Buffer.byteLength(entry[0]) <= NAME_MAXIMUM &&
				!hasControls(entry[0]),
		),
	);
	if (Object.keys(quantities).length === 0) return {};
	if (seq === undefined) {
		return time === undefined ? {} : { arrival: { ...arrived, kind: "values", time, quantities } };
	}
	if (!isNumber(seq)) return {};
	return { arrival: { ...arrived, kind: "reading", seq, time, quantities, isState, isRedelivered: dup } };
}

function reply({ payload }: ReceivedMessage, arrived: Arrived): Understood {
	const members = membersOf(payload);
	if (!members) return {};
	const told = { reply: { station: arrived.station, members } };
	const { command, ok, missing } = members;
	if (command !== "readings" || ok !== true || !Array.isArray(missing)) return told;
	const ranges = missing
		.slice(0, RANGES_MAXIMUM)
		.filter((range): range is [number, number] => Array.isArray(range) && isNumber(range[0]) && isNumber(range[1]));
	return { ...told, arrival: { ...arrived, kind: "answer", gone: ranges } };
}

function membersOf(payload: Uint8Array<ArrayBuffer>): Record<string, unknown> | undefined {
	if (payload.length > JSON_MAXIMUM || !isShallow(payload)) return undefined;
	try {
		const value: unknown = JSON.parse(textOf(payload));
		const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
		return isObject ? (value as Record<string, unknown>) : undefined;
	} catch {
		return undefined;
	}
}

function timeOf(text: unknown): number | undefined {
	// `Date.parse` takes much else, in the computer's time zone.
	if (typeof text !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text))
		return undefined;
	const time = Date.parse(text);
	return time >= 0 && time <= TIME_MAXIMUM ? time : undefined;
}

function isMeasurement(value: unknown): boolean {
	return typeof value === "number" && Math.abs(value) <= VALUE_MAXIMUM;
}

function isNumber(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= SEQ_MAXIMUM;
}

/** A payload that is a number and nothing else, as people publish one. */
function numberOf(payload: Uint8Array<ArrayBuffer>): number | undefined {
	if (payload.length > NUMBER_MAXIMUM) return undefined;
	const text = textIn(payload)?.trim() ?? "";
	if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
	const value = Number(text);
	return isMeasurement(value) ? value : undefined;
}
