/** docs/consuming.md: its script and its queries, as they are written there, and what it shows of their output. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stopDelivered } from "../harness/delivery.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { python } from "../harness/mqtt-command.ts";
import { findProgram, Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { Report } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const PAGE = readFileSync(join(process.cwd(), "docs/consuming.md"), "utf8");

/** The blocks in a language, or (without one) those of output. */
function blocks(language: string): string[] {
	return Array.from(PAGE.matchAll(/^```(\w*)\n(.*?)^```$/gms))
		.filter(([, marked]) => marked === language)
		.map(([, , text]) => text!);
}

const [SCRIPT = "", CBOR_SCRIPT = ""] = blocks("python");
const [SORTED = "", GAPS = "", RENAME = ""] = blocks("sql");
const [SORTED_OUTPUT = "", GAPS_OUTPUT = "", ANEW_OUTPUT = ""] = blocks("");

/** Prints rows as the command sqlite3 does. */
const QUERY = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=10)
with database:
    for row in database.execute(sys.argv[2].rstrip("; \\n")):
        print("|".join("" if value is None else str(value) for value in row))
`;

class Archive {
	private readonly _parts: Parts;
	private readonly _broker: Mosquitto;
	private _program: Program | undefined;

	constructor(parts: Parts, broker: Mosquitto) {
		this._parts = parts;
		this._broker = broker;
		writeFileSync(join(parts.folder, "archive.py"), SCRIPT);
	}

	get program(): Program {
		return this._program!;
	}

	/** Resolves when it has subscribed. */
	async start(): Promise<void> {
		const { port, log } = this._broker;
		const from = log.length;
		const args = ["archive.py", "127.0.0.1", String(port)];
		this._program = this._parts.own(new Program("archive.py", python(), args, this._parts.folder));
		const subscribed = () => log.slice(from).some((line) => line.endsWith("Sending SUBACK to archive"));
		await until("the script's subscription", () => subscribed() || this.program.exit !== undefined);
	}

	async rows(sql: string): Promise<readonly string[]> {
		const arguments_ = ["-c", QUERY, join(this._parts.folder, "readings.db"), sql];
		const program = new Program("a query", python(), arguments_, this._parts.folder);
		const { code } = await program.ended();
		assert.equal(code, 0, program.lines.join("\n"));
		return program.lines;
	}

	/** How many readings the table has of a station. */
	async count(station = "veleta/terrace"): Promise<number> {
		return Number((await this.rows(`SELECT COUNT(*) FROM reading WHERE station = '${station}'`))[0]);
	}
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

scenario(
	"The script of docs/consuming.md has everything once, whatever is killed, and its queries tell the rest.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const proxy = await parts.proxy(broker);
		const subscriber = await parts.subscriber(broker, "veleta/terrace/+");
		const archive = new Archive(parts, broker);
		await archive.start();
		const state = join(parts.folder, "terrace.flash");
		// The script keeps what it knows, also of a report with more members.
		const config = parts.config({ altitude: 667, derived: ["dewPoint", "heatIndex"] });
		const start = () => parts.station(proxy, ...config, "--id", "terrace", "--interval", "1s", "--state", state);

		const first = start();
		await until("four readings in the table", async () => (await archive.count()) >= 4);
		proxy.shut();
		await archive.program.kill();
		await until("attempts to connect", () => first.disconnects.length >= 4);
		await first.kill();
		const second = start();
		await second.line(/\d readings? from before/);
		await proxy.open();
		await subscriber.reaches(9);
		// A duplicate, whatever else was delivered twice.
		await broker.publish("veleta/terrace/state", "-m", JSON.stringify(subscriber.reports()[1]));
		await archive.start();
		await stopDelivered(parts, second, subscriber);
		const last = subscriber.highest();
		assert.ok(subscriber.reports().length > last, "something came twice");
		await until("all readings in the table", async () => (await archive.count()) >= last);

		const rows = await archive.rows(SORTED);
		assert.deepEqual(
			rows.map((row) => Number(row.split("|")[0])),
			upTo(last),
		);
		for (const row of [...rows, ...SORTED_OUTPUT.trimEnd().split("\n")]) {
			assert.match(row, /^\d+\|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\|\d+(\.\d+)?$/);
		}
		assert.deepEqual(await archive.rows(GAPS), []);
		await archive.rows("DELETE FROM reading WHERE seq IN (5, 6, 7)");
		assert.deepEqual(await archive.rows(GAPS), GAPS_OUTPUT.trimEnd().split("\n"));

		// Another flash: number 1 comes again.
		rmSync(state);
		const third = start();
		const { code } = await archive.program.ended();
		assert.equal(code, 1);
		const withoutTimes = (text: string) => text.trimEnd().replaceAll(/\d{4}-\S*Z/g, "TIME");
		assert.deepEqual(archive.program.errors.map(withoutTimes), [withoutTimes(ANEW_OUTPUT)]);
		assert.equal(await archive.count(), last - 3, "the new reading took an old one's place");
		await archive.rows(RENAME);
		await archive.start();
		await until("new readings in the table", async () => (await archive.count()) >= 3);
		await third.stop();
		const { acknowledged } = third.summary;
		await until("all new readings", async () => (await archive.count()) >= acknowledged);
		const renewed = await archive.rows(SORTED);
		assert.deepEqual(
			renewed.map((row) => Number(row.split("|")[0])),
			upTo(renewed.length),
		);
		const [until_] = await archive.rows("SELECT DISTINCT station FROM reading WHERE station LIKE '%until%'");
		assert.equal(await archive.count(until_), last - 3);
	},
);

scenario("The lines of docs/consuming.md read in CBOR what the station shows as JSON.", async (parts) => {
	const broker = await parts.mosquitto();
	const settings = parts.config({
		payload: "cbor",
		altitude: 667,
		derived: ["dewPoint", "absoluteHumidity", "heatIndex"],
	});
	const station = parts.station(broker, ...settings, "--id", "terrace", "--interval", "1s");
	await until("three readings", () => reportsOf(station).length >= 3);
	await station.stop();
	const shown = reportsOf(station).map(({ time, ...others }) => ({ ...others, time: Date.parse(time!) }));

	writeFileSync(join(parts.folder, "cbor.py"), CBOR_SCRIPT);
	const retained = new Program(
		"mosquitto_sub",
		findProgram("mosquitto_sub"),
		["-h", "127.0.0.1", "-p", String(broker.port), "-t", "veleta/terrace/state", "-C", "1", "-F", "%x"],
		parts.folder,
	);
	assert.equal((await retained.ended()).code, 0);
	const [payload = ""] = retained.lines;
	assert.ok(payload.length < 2 * 50, payload);
	const line = `import json; from cbor import *; print(json.dumps(reading(bytes.fromhex("${payload}"))))`;
	const decoder = new Program("cbor.py", python(), ["-c", line], parts.folder);
	assert.equal((await decoder.ended()).code, 0, decoder.errors.join("\n"));
	assert.deepEqual(JSON.parse(decoder.lines.join("")), shown.at(-1));
});

/** What the station shows of its readings at `state`. */
function reportsOf({ lines }: Program): Report[] {
	const start = "veleta/terrace/state ";
	return lines.filter((line) => line.startsWith(start)).map((line) => JSON.parse(line.slice(start.length)));
}
