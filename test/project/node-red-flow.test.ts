/** The functions of docs/node-red-flow.json, as Node-RED calls them: what charts and status get of which messages. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

interface Point {
	readonly station: string;
	readonly x: number;
	readonly y: number;
}
type Drawing = { readonly action: "append" | "replace"; readonly payload: readonly Point[] } | null;

const FLOW: { readonly id: string; readonly func?: string }[] = JSON.parse(
	readFileSync("docs/node-red-flow.json", "utf8"),
);

/** A function of the flow, with a context of its own. Contexts are kept as JSON, as where Node-RED writes them to disk. */
function functionOf(id: string, flow = storage()) {
	const { func = "" } = FLOW.find((node) => node.id === id) ?? {};
	const code = new Function("msg", "context", "flow", func);
	const context = storage();
	return (topic: string, payload: unknown) => code({ topic, payload }, context, flow);
}

function storage() {
	const values = new Map<string, string>();
	return {
		get: (name: string) => JSON.parse(values.get(name) ?? "null") ?? undefined,
		set: (name: string, value: unknown) => void values.set(name, JSON.stringify(value)),
	};
}

const START = Date.parse("2026-11-30T12:00:00Z");
const timeOf = (seq: number) => new Date(START + 60_000 * seq).toISOString();
const readingOf = (seq: number) => ({ temperature: 20 + seq, humidity: 50, pressure: 1_000, seq, time: timeOf(seq) });

describe("Readings", () => {
	const readings = () => functionOf("veleta-readings") as (topic: string, payload: unknown) => Drawing[] | null;

	test("a reading is a point of its station in each chart", () => {
		const drawings = readings()("veleta/terrace/state", readingOf(1));
		const point = { station: "terrace", x: START + 60_000 };
		assert.deepEqual(drawings, [
			{ action: "append", payload: [{ ...point, y: 21 }] },
			{ action: "append", payload: [{ ...point, y: 50 }] },
			{ action: "append", payload: [{ ...point, y: 1_000 }] },
		]);
	});

	test("what a sensor does not measure is in no chart", () => {
		const { pressure, ...reading } = readingOf(1);
		const drawings = readings()("veleta/cellar/state", reading)!;
		assert.deepEqual(
			drawings.map((drawing) => drawing?.payload.length),
			[1, 1, undefined],
		);
	});

	test("a late reading has all drawn anew, in the order of their times", () => {
		const read = readings();
		read("veleta/cellar/state", readingOf(1));
		for (const seq of [1, 5]) read("veleta/terrace/state", readingOf(seq));
		const [drawing] = read("veleta/terrace/late", readingOf(3))!;
		assert.equal(drawing!.action, "replace");
		assert.deepEqual(
			drawing!.payload.map(({ station, y }) => [station, y]),
			[
				["cellar", 21],
				["terrace", 21],
				["terrace", 23],
				["terrace", 25],
			],
		);
		assert.equal(read("veleta/terrace/state", readingOf(6))![0]!.action, "append");
	});

	test("a reading that comes twice is one point", () => {
		const read = readings();
		for (const seq of [1, 2]) read("veleta/terrace/state", readingOf(seq));
		assert.equal(read("veleta/terrace/state", readingOf(2)), null);
		assert.equal(read("veleta/terrace/late", readingOf(1)), null);
	});

	test("without a time the newest reading is of now, once, and a late one is left out", () => {
		const read = readings();
		const { time, ...reading } = readingOf(1);
		const before = Date.now();
		const [drawing] = read("veleta/terrace/state", reading)!;
		const { x } = drawing!.payload[0]!;
		assert.ok(before <= x && x <= Date.now());
		assert.equal(read("veleta/terrace/state", reading), null);
		assert.equal(read("veleta/terrace/late", { ...reading, seq: 7 }), null);
	});

	test("what is no reading is left out, and a name is text", () => {
		const read = readings();
		const good = readingOf(1);
		for (const payload of [null, 5, "text", [], {}, { ...good, seq: "1" }, { ...good, time: "soon" }]) {
			assert.equal(read("veleta/terrace/state", payload), null);
		}
		const hot = { ...good, temperature: "<b>hot</b>" };
		assert.deepEqual(
			read("veleta/__proto__/state", hot)!.map((drawing) => drawing?.payload[0]?.station),
			[undefined, "__proto__", "__proto__"],
		);
		const stationAt = (topic: string) => read(topic, good)![1]!.payload[0]!.station;
		assert.equal(stationAt("veleta/<img src='x'>/state"), "?img src??x??");
		assert.equal(stationAt("casa/balcón 2/state"), "casa/balcón 2");
		assert.equal(stationAt(`veleta/${"x".repeat(1_000)}/state`), "x".repeat(64));
	});

	test("of a station a day stays at one reading a minute, and 20 stations", () => {
		const read = readings();
		for (let seq = 1; seq <= 1_500; seq++) {
			assert.equal(read("veleta/terrace/state", readingOf(seq))![0]!.action, "append");
		}
		const [drawing] = read("veleta/terrace/state", readingOf(1_501))!;
		assert.equal(drawing!.action, "replace");
		assert.equal(drawing!.payload.length, 1_440);
		assert.equal(drawing!.payload.at(-1)!.y, 20 + 1_501);
		for (let count = 2; count <= 20; count++) assert.ok(read(`veleta/${count}/state`, readingOf(1)));
		assert.equal(read("veleta/21/state", readingOf(1)), null);
	});
});

describe("Status", () => {
	test("each station has its status; one without leaves, as one beyond 20 does", () => {
		const status = functionOf("veleta-stations") as (topic: string, payload: string) => { payload: string };
		const textOf = (topic: string, payload: string) => status(topic, payload).payload;
		assert.equal(textOf("veleta/terrace/status", "online"), "terrace: online");
		assert.equal(textOf("veleta/cellar/status", "asleep"), "cellar: asleep, terrace: online");
		assert.equal(textOf("veleta/terrace/status", "offline"), "cellar: asleep, terrace: offline");
		assert.equal(textOf("veleta/terrace/status", "<b>"), "cellar: asleep");
		assert.equal(textOf("veleta/cellar/status", ""), "none");
		assert.equal(textOf("veleta/<b>/status", "online"), "?b?: online");
		for (let count = 2; count <= 30; count++) textOf(`veleta/${count}/status`, "online");
		assert.equal(textOf("veleta/30/status", "online").split(", ").length, 20);
	});

	test("the button asks those that are online", () => {
		const flow = storage();
		const status = functionOf("veleta-stations", flow);
		const sample = functionOf("veleta-sample", flow);
		assert.deepEqual(sample("", ""), [[]]);
		status("veleta/terrace/status", "online");
		status("veleta/cellar/status", "offline");
		status("casa/cocina/status", "online");
		assert.deepEqual(sample("", ""), [
			[
				{ topic: "veleta/terrace/cmd/sample", payload: "" },
				{ topic: "casa/cocina/cmd/sample", payload: "" },
			],
		]);
	});
});
