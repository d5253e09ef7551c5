/** `npm run observatory`: every reading of all stations kept once, and shown in a browser. */
import { join } from "node:path";
import { EMBEDDED_VERSION, startBroker } from "../../hosts/sim/headless/broker.ts";
import { showAddress } from "../../src/net/broker-url.ts";
import { messageOf } from "../../src/text.ts";
import { type Command, EXIT_DONE, onInterrupt } from "../frame.ts";
import { Collector, filtersOf } from "./collecting/collector.ts";
import { CLOCK } from "./home-assistant/connection.ts";
import { History } from "./home-assistant/history.ts";
import { keptSession } from "./kept-session.ts";
import { findMosquitto, MosquittoChild } from "./mosquitto.ts";
import { LINE, type Options, parseOptions, USAGE } from "./options.ts";
import type { LiveEvent, Source } from "./page/api.ts";
import { startPage } from "./page/server.ts";
import { chartOf } from "./store/chart.ts";
import type { Driver } from "./store/driver.ts";
import { csvOf } from "./store/export.ts";
import { Hours } from "./store/hours.ts";
import { openPostgres } from "./store/postgres.ts";
import { prune } from "./store/retention.ts";
import { openSqlite } from "./store/sqlite.ts";
import { type Saved, Store } from "./store/store.ts";
import { sumUp } from "./store/summaries.ts";

/** Time between two rounds of summing up, and of removing what is old, in ms. */
const SUM_UP_MS = 30_000;
const PRUNE_MS = 3_600_000;
/** Columns of a line that name what it is about. */
const WHO_COLUMNS = 9;

export const command: Command<Options> = { ...LINE, help: USAGE, read: parseOptions, run };

function tell(who: string, text: string): void {
	process.stdout.write(`${who.padEnd(WHO_COLUMNS)}${text}\n`);
}

/** A line of a part, which begins with its name and a colon. */
function tellOf(line: string): void {
	const [, who = "", text = line] = /^(broker|store|page): (.*)$/s.exec(line) ?? [];
	tell(who, text);
}

async function run(options: Options): Promise<number> {
	const store = await Store.open(await open(options.store));
	try {
		return options.exports ? await exportCsv(store) : await observe(options, store);
	} finally {
		await store.close();
	}
}

function open(store: string): Promise<Driver> {
	return /^postgres(ql)?:\/\//.test(store) ? openPostgres(store) : Promise.resolve(openSqlite(store));
}

async function exportCsv(store: Store): Promise<number> {
	for await (const line of csvOf(store.driver)) {
		if (!process.stdout.write(line)) await new Promise((resolve) => process.stdout.once("drain", resolve));
	}
	return EXIT_DONE;
}

async function observe(options: Options, store: Store): Promise<number> {
	const interrupted = new Promise<void>((resolve) => onInterrupt(resolve));
	// A reader that has enough (`| head`): the work goes on.
	process.stdout.on("error", () => {});
	const broker = options.starts ? await start(options) : undefined;
	const { bases, topics, group, tls, username, password } = options;
	const filters = filtersOf(options);
	const kept = keptSession(join(options.data, "session.json"), filters);
	const live = new Live(store);
	const collector = new Collector({
		...{ bases, topics, group, tls, username, password, store },
		broker: broker?.address ?? options.broker,
		protocolVersion: broker?.version,
		clientId: kept.clientId,
		unwanted: kept.filters.filter((filter) => !filters.includes(filter)),
		say: tellOf,
		onSaved: (saved) => live.saved(saved),
	});
	tell("store", `${store.driver.name}, ${await sizeOf(store)}`);
	try {
		const page =
			options.page &&
			(await startPage({
				...options.page,
				source: sourceOf(options, store, collector, live),
				onError: (problem) => tell("page", problem),
			}));
		if (page) tell("page", page.url);
		await collector.start();
		const upkeep = new Upkeep(store, options.keep);
		const history =
			options.homeAssistant &&
			new History({
				...options.homeAssistant,
				...{ source: new Hours(store.driver), clock: CLOCK, onLine: (line) => tell("history", line) },
			});
		history?.start();
		await interrupted;
		history?.close();
		upkeep.stop();
		await collector.stop();
		await page?.close();
		tell("", `${await sizeOf(store)}`);
		return EXIT_DONE;
	} finally {
		await broker?.stop();
	}
}

async function sizeOf({ driver }: Store): Promise<string> {
	const [row] = await driver.query("SELECT COUNT(*) AS stations FROM station");
	const stations = Number(row?.stations);
	return `${stations} station${stations === 1 ? "" : "s"}`;
}

interface RunningBroker {
	readonly address: { readonly host: string; readonly port: number };
	readonly version: typeof EMBEDDED_VERSION | undefined;
	stop(): Promise<void>;
}

/** mosquitto where it is installed. Throws an Error for a person. */
async function start({ broker: { host, port }, data, username: name, password = "" }: Options): Promise<RunningBroker> {
	const program = findMosquitto();
	if (program !== undefined) {
		const user = name === undefined ? undefined : { name, password };
		const mosquitto = await MosquittoChild.start(program, {
			folder: join(data, "mosquitto"),
			host,
			port,
			user,
			say: tellOf,
		});
		tell("broker", `mosquitto at ${showAddress({ host, port })}, for as long as this runs`);
		const own = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
		return { address: { host: own, port }, version: undefined, stop: () => mosquitto.stop() };
	}
	if (name !== undefined) throw new Error("mosquitto is not installed, and the simpler broker has no users");
	const simple = await startBroker([port]);
	tell(
		"broker",
		`aedes at ${showAddress({ host: "127.0.0.1", port })}: without MQTT 5.0, and what waits is lost when this ends;`,
	);
	tell("", "install mosquitto for that");
	return { address: { host: "127.0.0.1", port: simple.port }, version: EMBEDDED_VERSION, stop: () => simple.close() };
}

/** Hands on what has been stored to whoever looks. */
class Live {
	private readonly _store: Store;
	private readonly _listeners = new Set<(event: LiveEvent) => void>();
	/** Stations of which something else than readings has changed, and whether they are being asked for. */
	private _changed = new Set<string>();
	private _asking = false;

	constructor(store: Store) {
		this._store = store;
	}

	listen(listener: (event: LiveEvent) => void): () => void {
		this._listeners.add(listener);
		return () => this._listeners.delete(listener);
	}

	saved({ fresh, changed }: Saved): void {
		if (this._listeners.size === 0) return;
		for (const { topic, reading, isLate } of fresh) this._tell({ type: "reading", topic, reading, isLate });
		for (const topic of changed) this._changed.add(topic);
		void this._ask();
	}

	private async _ask(): Promise<void> {
		if (this._asking) return;
		this._asking = true;
		try {
			while (this._changed.size > 0) {
				const topics = [...this._changed];
				this._changed = new Set();
				for (const station of await this._store.stations(topics)) this._tell({ type: "station", station });
			}
		} catch {
			// The collector tells of a store that fails; the page asks again when it is loaded.
		} finally {
			this._asking = false;
		}
	}

	private _tell(event: LiveEvent): void {
		for (const listener of this._listeners) listener(event);
	}
}

function sourceOf(options: Options, store: Store, collector: Collector, live: Live): Source {
	return {
		stations: () => store.stations(),
		chart: (...question) => chartOf(store.driver, ...question),
		losses: (topic) => store.losses(topic),
		listen: (listener) => live.listen(listener),
		command: options.commands ? (request) => collector.command(request) : undefined,
		counters: () => collector.counters(),
		problem: () => collector.problem,
	};
}

/** Sums up hours that are over, and removes what is old. */
class Upkeep {
	private readonly _store: Store;
	private readonly _keep: number | undefined;
	private _timer: NodeJS.Timeout | undefined;
	private _pruneAt = 0;
	private _stopped = false;

	constructor(store: Store, keep: number | undefined) {
		this._store = store;
		this._keep = keep;
		void this._round();
	}

	stop(): void {
		this._stopped = true;
		clearTimeout(this._timer);
	}

	private async _round(): Promise<void> {
		const { driver } = this._store;
		try {
			while (!this._stopped && (await sumUp(driver, Date.now())));
			if (this._keep !== undefined && Date.now() >= this._pruneAt) {
				while (!this._stopped && (await prune(driver, Date.now() - this._keep)));
				this._pruneAt = Date.now() + PRUNE_MS;
			}
		} catch (error) {
			// It is done later; what the collector cannot store it tells itself.
			if (!this._stopped) tell("store", `cannot be summed up now: ${messageOf(error)}`);
		}
		if (!this._stopped) this._timer = setTimeout(() => void this._round(), SUM_UP_MS);
	}
}
