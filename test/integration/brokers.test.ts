/**
 * The station against real brokers of several makes, and `docs/brokers.md`, whose table
 * has to say what is found here, cell by cell. A broker that is not installed, or not in
 * the version that the table is of, is skipped.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Account, BROKERS, type Broker, type BrokerKind } from "../harness/brokers.ts";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { StationProcess } from "../harness/station.ts";
import type { MosquittoSub, SubscriberOptions } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const PAGE = "docs/brokers.md";
const ACCOUNT: Account = { username: "veleta", password: "right-and-secret" };

/** Readings of an absent subscriber that a broker may not have saved when it is killed. */
const UNSAVED_MAXIMUM = 2;

/** What NATS does in some runs only, so that none of them can show that it always does. */
const ARRIVE_IN_PART = "from after it they arrive, from before it not always";

/** The first cell of each row, in the table's order. */
const ROWS = {
	firstStart: "version of MQTT at the first start",
	secondStart: "at the second start",
	qos1: "readings at QoS 1",
	qos2: "readings at QoS 2",
	wildcards: "subscription to `veleta/+/state` and `veleta/+/late`",
	birth: "`online` and the newest reading are retained",
	retainedByWildcard: "subscription to `veleta/+/status` gets what is retained",
	will: "`offline` when the station was killed",
	willRetained: "that `offline` is retained",
	command: "a command from while the station was away",
	dot: "a topic with a dot, such as `casa.cocina`",
	wrongPassword: "a wrong password, in the station's log",
	outage: "readings from around `kill -9` of the broker",
	session: "the station's session after it",
	queued: "readings that waited for an absent subscriber, after it",
} as const;
type Row = keyof typeof ROWS;
/** Of a row the cell, or those of which each is true of what was found. */
type Findings = Partial<Record<Row, string | readonly string[]>>;

const BEGIN = "<!-- what test/integration/brokers.test.ts finds -->";
const END = "<!-- end of what it finds -->";

/** Of the page: the lines of the table, as cells. */
const table = (() => {
	const page = readFileSync(PAGE, "utf8");
	const part = page.slice(page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)).trim();
	return part.split("\n").map((line) =>
		line
			.slice(1, -1)
			.split("|")
			.map((cell) => cell.trim()),
	);
})();
const [header = [], , ...body] = table;

/** The heading of the column, which has the version: `RabbitMQ 3.10`. */
const columnOf = ({ name }: BrokerKind) => header.findIndex((heading) => heading.startsWith(`${name} `));

const cellOf = (row: Row, kind: BrokerKind) =>
	body.find(([name]) => name === ROWS[row])?.[columnOf(kind)] ?? "no such row";

/** The reason why this broker cannot be asked here. */
function reasonToSkip(kind: BrokerKind): string | false {
	try {
		const version = kind.version();
		const heading = header[columnOf(kind)] ?? "";
		return !`${kind.name} ${version}.`.startsWith(`${heading}.`) && `the table is of ${heading}, this is ${version}`;
	} catch (error) {
		return (error as Error).message;
	}
}

test("the table has these brokers and these rows", () => {
	assert.deepEqual(
		header.slice(1).map((heading) => heading.split(" ")[0]),
		BROKERS.map(({ name }) => name),
	);
	assert.deepEqual(
		body.map(([name]) => name),
		Object.values(ROWS),
	);
});

const CONNECTED = /: connected with MQTT (\S+), (new session|session resumed)$/;
const ENDED = /: connection (?:closed|reset).*; next attempt in/;
const ANSWERS_AS_QOS_1 = /: sends a PUBACK for a message of QoS 2$/;
const TOO_NEW = /: does not speak a newer version of MQTT; trying /;

/** The topics of a station's readings. */
const readingsOf = (id: string) => [`veleta/${id}/state`, `veleta/${id}/late`];

/** The broker of a test, and who asks it. */
class Bench {
	readonly broker: Broker;
	readonly parts: Parts;

	constructor(broker: Broker, parts: Parts) {
		this.broker = broker;
		this.parts = parts;
	}

	/** One with flash; `port`: of a proxy. */
	station(
		id: string,
		args: readonly string[] = [],
		{ password } = ACCOUNT,
		{ port }: { readonly port: number } = this.broker,
	): StationProcess {
		const url = `mqtt://${ACCOUNT.username}:${password}@127.0.0.1:${port}`;
		return this.parts.station(undefined, "--broker", url, "--id", id, "--interval", "1s", ...args);
	}

	subscriber(filters: readonly string[], options: Partial<SubscriberOptions> = {}): Promise<MosquittoSub> {
		return this.parts.subscriber(this.broker, filters, { ...ACCOUNT, ...options });
	}

	/** What the broker has retained for who comes now. */
	async retained(filter: string): Promise<string[]> {
		const subscriber = await this.subscriber([filter]);
		await subscriber.caughtUp();
		const found = subscriber.messages.filter(({ retain }) => retain).map(({ topic, payload }) => `${topic} ${payload}`);
		await subscriber.kill();
		return found;
	}

	command(id: string, name: string): Promise<void> {
		const { username, password } = ACCOUNT;
		return this.broker.publish(`veleta/${id}/cmd/${name}`, "-n", "-u", username, "-P", password);
	}
}

/** The station's log before the broker let it in. */
async function untilConnected(station: StationProcess): Promise<{ version: string; lines: string[] }> {
	const line = await station.line(CONNECTED);
	return { version: CONNECTED.exec(line)![1]!, lines: station.lines.slice(0, station.lines.indexOf(line)) };
}

/** What came of the attempts before the first one that succeeded. */
function versionFound(version: string, lines: readonly string[]): string {
	if (lines.some((line) => TOO_NEW.test(line)))
		return `${version}: it refuses 5.0 in words, and the next attempt follows at once`;
	const delays = lines
		.map((line) => / next attempt in (\d+\.\d) s$/.exec(line)?.[1])
		.filter((delay) => delay !== undefined);
	if (delays.length === 0) return version;
	assert.ok(lines.some((line) => ENDED.test(line)));
	// One attempt that does not wait for the CONNACK, and one that does.
	assert.ok(delays.length >= 2, `${delays.length} attempts with 5.0`);
	assert.ok(Number(delays[0]) <= 1 && Number(delays[1]) <= 2, `delays of ${delays} s`);
	return `${version}: it closes the connection on 5.0; the third attempt, 3 s later at the most, is 3.1.1`;
}

/** Everything that is to be found without a fault. */
async function askNothingBad(bench: Bench): Promise<Findings> {
	const { parts } = bench;
	const plus = await bench.subscriber(readingsOf("+"));
	const own = await bench.subscriber(["veleta/first/#"]);
	const station = bench.station("first");
	const first = await untilConnected(station);
	await own.reaches(3);
	const birth = [...(await bench.retained("veleta/first/status")), ...(await bench.retained("veleta/first/state"))];
	const byWildcard = await bench.retained("veleta/+/status");
	assert.deepEqual(await station.stop(), { code: 0, signal: null });

	const again = parts.again(station);
	const second = await untilConnected(again);
	assert.equal(second.version, first.version);
	await own.reaches(own.highest() + 2);
	const { acknowledged, readings, dropped } = await stopDelivered(parts, again, own);
	await plus.caughtUp();
	const all = own.highest();
	assertComplete(own.reports(), all);
	assert.equal(dropped, 0);
	assert.equal(station.summary.acknowledged + acknowledged, all);
	assert.equal(station.summary.readings + readings, all);
	const states = own.messages.filter(({ topic }) => topic.endsWith("/state"));
	assert.ok(states.every(({ qos, retain }) => qos === 1 && !retain));
	assertComplete(
		readingsOf("first").flatMap((topic) => plus.reports(topic)),
		all,
	);

	const isTrouble = (line: string) => ENDED.test(line) || TOO_NEW.test(line);
	const failed = second.lines.filter(isTrouble).length;
	const isOnline = (found: readonly string[]) => found.includes("veleta/first/status online");
	return {
		firstStart: versionFound(first.version, first.lines),
		secondStart: failed === 0 ? `${second.version} at the first attempt` : "as at the first",
		qos1: "all arrive, and are acknowledged",
		wildcards: "gets them all",
		birth: isOnline(birth) && birth.some((message) => message.startsWith("veleta/first/state {")) ? "yes" : "no",
		retainedByWildcard: isOnline(byWildcard) ? "yes" : "no: only one to the topic itself does",
	};
}

async function askQos2(bench: Bench): Promise<Findings> {
	const { parts } = bench;
	const subscriber = await bench.subscriber(readingsOf("twice"), { qos: bench.broker.highestQos });
	const station = bench.station("twice", parts.config({ qos: 2 }));
	await subscriber.reaches(4);
	const { acknowledged, readings, lives } = await stopDelivered(parts, station, subscriber);
	assert.equal(acknowledged, readings);
	assertComplete(subscriber.reports(), readings);
	const tells = (pattern: RegExp) => lives.some((life) => life.count(pattern) > 0);
	const answersAsQos1 = tells(ANSWERS_AS_QOS_1);
	const lowers = tells(/: does not take messages of QoS 2: QoS 1 from now on/);
	if (answersAsQos1) {
		assert.ok(!lowers);
		assert.equal(station.count(ANSWERS_AS_QOS_1), 1);
		return { qos2: "no: it answers PUBACK, as at QoS 1, which the station takes, and tells once" };
	}
	if (lowers) {
		assert.ok(station.count(ENDED) >= 3);
		return { qos2: "no: it closes the connection; after three times they go at QoS 1" };
	}
	assert.equal(subscriber.reports().length, readings, "none comes twice");
	assert.deepEqual([...new Set(subscriber.messages.map(({ qos }) => qos))], [2]);
	return { qos2: "each arrives once" };
}

/** A station is killed, and started again. */
async function askWill(bench: Bench): Promise<Findings> {
	const { parts } = bench;
	const subscriber = await bench.subscriber(["veleta/killed/#"]);
	const station = bench.station("killed");
	await subscriber.reaches(2);
	await station.kill();
	await subscriber.message("the last will", ({ topic, payload }) => topic.endsWith("/status") && payload === "offline");
	const retained = await bench.retained("veleta/killed/status");

	await bench.command("killed", "sample");
	const again = parts.again(station);
	await again.line(CONNECTED);
	await until(
		"the first words of its second life",
		() => subscriber.messages.filter(({ payload }) => payload === "online").length >= 2,
	);
	await bench.command("killed", "status");
	const isReply =
		(command: string) =>
		({ topic, payload }: { topic: string; payload: string }) =>
			topic === "veleta/killed/reply" && JSON.parse(payload).command === command;
	await subscriber.message("the later reply", isReply("status"));
	await again.stop();
	return {
		will: "yes",
		willRetained: retained.includes("veleta/killed/status offline") ? "yes" : "no",
		command: subscriber.messages.some(isReply("sample")) ? "arrives" : "no: it is lost",
	};
}

async function askDot(bench: Bench): Promise<Findings> {
	const station = bench.station("dot", ["--topic", "casa.cocina"]);
	const arrives = () => station.count(/^casa.cocina\/state /) >= 2;
	const closes = () => station.count(/: does not bear the will message to casa\.cocina\/status: it is left out$/) > 0;
	await until("readings, or an end of the will", () => arrives() || closes());
	const taken = arrives();
	if (!taken) await station.line(/: no commands: it does not let the station subscribe to casa\.cocina\/cmd\/#$/);
	await station.stop();
	if (taken) return { dot: station.count(/^casa\.cocina\//) > 0 ? "is taken" : "no: it delivers to `casa/cocina`" };
	const { acknowledged, queued, readings } = station.summary;
	assert.deepEqual({ acknowledged, queued }, { acknowledged: 0, queued: readings });
	return { dot: "no: it closes the connection, and the readings wait" };
}

async function askWrongPassword(bench: Bench): Promise<Findings> {
	const station = bench.station("wrong", [], { ...ACCOUNT, password: "wrong-and-secret" });
	const refusal = /the broker refused the connection: (.*)$/;
	// The end of a connection may overtake the refusal.
	const found = await until("a reason in words", () => station.disconnects.find(({ reason }) => refusal.test(reason)));
	await station.stop();
	assert.equal(station.summary.connections, 0);
	assert.equal(station.count(/secret/), 0);
	return { wrongPassword: refusal.exec(found.reason)![1]! };
}

/** The broker is killed and comes back; of two subscribers whom it knows, one has been away since before. */
async function askOutage(bench: Bench): Promise<Findings> {
	const { parts, broker } = bench;
	const proxy = await parts.proxy(broker);
	const durable = { durable: true };
	const present = await bench.subscriber(readingsOf("kept"), durable);
	const absent = await bench.subscriber(readingsOf("kept"), durable);
	await absent.kill();
	const station = bench.station("kept", [], ACCOUNT, proxy);
	await present.reaches(UNSAVED_MAXIMUM + 3);
	const before = present.highest();
	await broker.kill();
	const after = present.highest() + UNSAVED_MAXIMUM;
	proxy.shut();
	await until("attempts to connect in vain", () => station.count(/connection refused/) >= 2);
	await broker.restart();
	// A broker that has forgotten its subscriptions keeps nothing for who is not there yet.
	await present.subscribed(2);
	await proxy.open();
	await until("the way back", () => station.count(CONNECTED) >= 2);
	await present.reaches(present.highest() + 2);
	const { readings, dropped } = await stopDelivered(parts, station, present);
	assert.equal(dropped, 0);
	assertComplete(present.reports(), readings);
	const returned = await bench.subscriber(readingsOf("kept"), { ...durable, id: absent.id });
	await returned.caughtUp();
	const has = (from: number, to: number) => {
		const kept = new Set(returned.reports().map(({ seq }) => seq));
		return Array.from({ length: to - from + 1 }, (_, index) => from + index).every((seq) => kept.has(seq));
	};
	const isLost = returned.reports().length === 0;
	// What a broker keeps may come in another order than it was published in, one topic before the other.
	if (!isLost) await until("the readings from after the outage", () => has(after + 1, readings));
	// A broker that acknowledges before it saves may lose the newest.
	const arriving = has(1, before - UNSAVED_MAXIMUM) ? ["arrive", ARRIVE_IN_PART] : [ARRIVE_IN_PART];
	const connections = station.lines.map((line) => CONNECTED.exec(line)?.[2]).filter((session) => session !== undefined);
	return {
		outage: "all arrive",
		session: connections[1] === "session resumed" ? "kept" : "lost: the station begins a new one",
		queued: isLost ? "lost" : arriving,
	};
}

/** Each cell that was found is in the page. */
function compare(kind: BrokerKind, found: Findings): void {
	const wrong = (Object.entries(found) as [Row, string | readonly string[]][])
		.map(([row, cells]) => [row, [cells].flat()] as const)
		.filter(([row, cells]) => !cells.includes(cellOf(row, kind)))
		.map(
			([row, cells]) => `${PAGE}, ${kind.name}, "${ROWS[row]}": it says "${cellOf(row, kind)}", found "${cells[0]}"`,
		);
	assert.deepEqual(wrong, []);
}

describe("Brokers of several makes", { concurrency: BROKERS.length }, () => {
	for (const kind of BROKERS) {
		describe(kind.name, { concurrency: 1 }, () => {
			// Of each test: a suite that is skipped is not counted.
			const skip = reasonToSkip(kind);
			let folder = "";
			let broker: Broker;
			before(async () => {
				if (skip !== false) return;
				folder = mkdtempSync(join(tmpdir(), "veleta-broker-"));
				broker = await kind.start(folder, ACCOUNT);
			});
			after(async () => {
				await broker?.close();
				rmSync(folder, { recursive: true, force: true });
			});
			const ask = (name: string, run: (bench: Bench) => Promise<Findings>) =>
				scenario(
					`${kind.name}: ${name}`,
					async (parts) => {
						parts.shows(kind.name, broker.log);
						compare(kind, await run(new Bench(broker, parts)));
					},
					{ skip },
				);
			describe("without a fault of its own", { concurrency: 5 }, () => {
				ask("readings arrive at QoS 1; the version, and what is retained", askNothingBad);
				ask("readings at QoS 2", askQos2);
				ask("the last will, and a command that waits", askWill);
				ask("a topic with a dot", askDot);
				ask("a wrong password", askWrongPassword);
			});
			describe("killed", () => ask("the broker is killed, and comes back", askOutage));
		});
	}
});
