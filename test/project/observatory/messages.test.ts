/** What a message says, and what says nothing. Topics and payloads are a stranger's. */
import assert from "node:assert/strict";
import test from "node:test";
import { understood } from "../../../commands/observatory/collecting/messages.ts";
import type { ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { topicMatches } from "../../../src/net/mqtt/topic.ts";
import { reportPayload } from "../../../src/net/report.ts";
import { parseSettings } from "../../../src/settings.ts";
import { bytesOf } from "../../../src/text.ts";

const AT = Date.UTC(2026, 10, 29, 12);
const BASES = ["veleta/+", "casa/cocina"];
const message = (topic: string, payload: string, more: Partial<ReceivedMessage> = {}): ReceivedMessage => ({
	...{ topic, payload: bytesOf(payload), qos: 1, retain: false, dup: false },
	...more,
});
const told = (topic: string, payload: string, more: Partial<ReceivedMessage> = {}) =>
	understood(message(topic, payload, more), BASES, AT);

test("a reading, at state and at late", () => {
	const payload = '{"temperature":21.5,"humidity":40,"time":"2026-11-29T11:59:00.250Z","seq":42}';
	const arrival = {
		...{ kind: "reading", station: "veleta/terrace", receivedAt: AT, isRetained: false, isRedelivered: false },
		...{ seq: 42, time: Date.UTC(2026, 10, 29, 11, 59, 0, 250), quantities: { temperature: 21.5, humidity: 40 } },
	};
	assert.deepEqual(told("veleta/terrace/state", payload), { arrival: { ...arrival, isState: true } });
	assert.deepEqual(told("veleta/terrace/late", payload, { dup: true }), {
		arrival: { ...arrival, isState: false, isRedelivered: true },
	});
	assert.equal(told("casa/cocina/state", payload).arrival?.station, "casa/cocina");
});

test("a reading in CBOR is the same reading", () => {
	const settings = parseSettings({ payload: "cbor" });
	const sample = { thermometer: { temperature: 21.5 }, hygrometer: { humidity: 0.4 } };
	const payload = reportPayload({ seq: 42, time: Date.UTC(2026, 10, 29, 11, 59, 0, 250), sample }, settings);
	const text = '{"temperature":21.5,"humidity":40,"time":"2026-11-29T11:59:00.250Z","seq":42}';
	assert.deepEqual(told("veleta/terrace/late", "", { payload }), told("veleta/terrace/late", text));
});

test("a reading without a time, and one without a number", () => {
	const { arrival } = told("veleta/a/state", '{"temperature":1,"seq":1}');
	assert.equal(arrival?.kind === "reading" && arrival.time, undefined);
	assert.deepEqual(told("veleta/a/state", '{"temperature":1,"time":"2026-11-29T12:00:00+01:00"}').arrival, {
		...{ kind: "values", station: "veleta/a", receivedAt: AT, isRetained: false },
		...{ time: Date.UTC(2026, 10, 29, 11), quantities: { temperature: 1 } },
	});
});

for (const payload of [
	...["", "x", "1", "null", "[]", "{}", '{"seq":1}', '{"temperature":"21","seq":1}', '{"temperature":1}'],
	...["0", "-1", "1.5", "4294967296", '"1"', "null", "1e99"].map((seq) => `{"temperature":1,"seq":${seq}}`),
	`{"temperature":1,"seq":1,"a":${"[".repeat(10)}${"]".repeat(10)}}`,
	`{"temperature":1,"seq":1,"a":"${"x".repeat(9_000)}"}`,
]) {
	test(`no reading: ${payload.slice(0, 40)}`, () => assert.deepEqual(told("veleta/a/state", payload), {}));
}

test("bytes that are no text say nothing, at whatever topic", () => {
	const topics = [
		...["state", "late", "status", "diagnostics", "reply", "log", "x"].map((level) => `veleta/a/${level}`),
		"Casa/Cocina/Temperatura",
	];
	const payloads = ["ff", "fffe", "c3", "31ff", "eda080", "a1", "a10001", "7b22ff223a317d", "00"];
	for (const topic of topics) {
		for (const hex of payloads) {
			const payload = Uint8Array.from(Buffer.from(hex, "hex"));
			assert.deepEqual(told(topic, "", { payload }), {}, `${topic} ${hex}`);
		}
	}
});

test("numbers that are none, and names that cannot be shown, are left out of a reading", () => {
	const { arrival } = told(
		"veleta/a/state",
		`{"temperature":1,"a":"2","b":null,"c":1e999,"":3,"d\\u0000":4,"${"e".repeat(65)}":5,"seq":7}`,
	);
	assert.deepEqual(arrival?.kind === "reading" && arrival.quantities, { temperature: 1 });
});

test("times that are none leave a reading without one", () => {
	for (const time of [
		"now",
		"2026",
		"29/11/2026",
		"2026-11-29 12:00",
		"2026-11-29T12:00:00",
		"1969-12-31T23:59:59Z",
		5,
		null,
		"2026-99-99T12:00:00Z",
	]) {
		const { arrival } = told("veleta/a/state", JSON.stringify({ temperature: 1, seq: 1, time }));
		assert.equal(arrival?.kind, "reading", String(time));
		assert.equal(arrival?.kind === "reading" && arrival.time, undefined, String(time));
	}
});

test("a status, diagnostics, and replies", () => {
	const arrived = { station: "veleta/a", receivedAt: AT, isRetained: true };
	for (const status of ["online", "stale", "asleep", "offline"])
		assert.deepEqual(told("veleta/a/status", status, { retain: true }), {
			arrival: { ...arrived, kind: "status", status },
		});
	for (const none of ["Online", "unknown", "all", "stale ", '"stale"'])
		assert.deepEqual(told("veleta/a/status", none), {}, none);
	assert.deepEqual(told("veleta/a/diagnostics", '{"queued":3}', { retain: true }), {
		arrival: { ...arrived, kind: "diagnostics", members: { queued: 3 } },
	});
	const sample = { command: "sample", ok: true, seq: 5 };
	assert.deepEqual(told("veleta/a/reply", JSON.stringify(sample)), { reply: { station: "veleta/a", members: sample } });
	const readings = { command: "readings", ok: true, from: 1, to: 9, sent: 2, missing: [[1, 3], [5, "x"], 7, [8, 8]] };
	assert.deepEqual(told("veleta/a/reply", JSON.stringify(readings)).arrival, {
		...{ station: "veleta/a", receivedAt: AT, isRetained: false },
		...{
			kind: "answer",
			gone: [
				[1, 3],
				[8, 8],
			],
		},
	});
	assert.equal(told("veleta/a/reply", JSON.stringify({ ...readings, ok: false })).arrival, undefined);
});

test("plain numbers of other topics, and nothing else of them", () => {
	const value = (payload: string) => {
		const { arrival } = told("Casa/Cocina/Temperatura", payload);
		return arrival?.kind === "values" ? arrival.quantities.Temperatura : undefined;
	};
	assert.deepEqual(["21.5", " 21 ", "-3", "+.5", "1e2", "7."].map(value), [21.5, 21, -3, 0.5, 100, 7]);
	assert.deepEqual(
		["", "x", "21 °C", "0x10", "NaN", "Infinity", "1e999", "21,5", "1".repeat(40), "true", "{}"].map(value),
		Array(11).fill(undefined),
	);
	const { arrival } = told("Temperatura", "21");
	assert.deepEqual(
		[arrival?.station, arrival?.kind === "values" && arrival.quantities],
		["Temperatura", { Temperatura: 21 }],
	);
});

test("a station's other topics are no values: its reports have them", () => {
	assert.deepEqual(told("veleta/a/temperature", "21"), {});
	assert.deepEqual(told("veleta/a/cmd/interval", "30"), {});
	assert.deepEqual(told("casa/cocina/temperatura", "21"), {});
});

test("topics that are too long, or that a terminal must not see", () => {
	assert.deepEqual(told(`Casa/${"x".repeat(520)}/n`, "1"), {});
	assert.deepEqual(told("Casa/\u001b[31m/n", "1"), {});
	assert.deepEqual(told(`Casa/${"x".repeat(65)}`, "1"), {});
});

test("topic filters", () => {
	for (const [filter, topic, does] of [
		["veleta/+", "veleta/a", true],
		["veleta/+", "veleta/a/b", false],
		["veleta/+", "veleta", false],
		["veleta/#", "veleta", true],
		["veleta/#", "veleta/a/b", true],
		["#", "a/b", true],
		["#", "$SYS/a", false],
		["+/a", "$SYS/a", false],
		["$SYS/#", "$SYS/a", true],
		["+/+", "/a", true],
		["a/b", "a/b", true],
		["a/b", "a/B", false],
	] as const) {
		assert.equal(topicMatches(filter, topic), does, `${filter} ${topic}`);
	}
});
