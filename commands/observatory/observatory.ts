/** `npm run observatory`: every reading of all stations kept once, and shown in a browser. */
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { plain } from "../../hosts/node/plain-text.ts";
import { EMBEDDED_VERSION, startBroker } from "../../hosts/sim/headless/broker.ts";
import { showAddress } from "../../src/net/broker-url.ts";
import { lockFolder } from "../data-folder.ts";
import { type Command, EXIT_DONE, EXIT_FAILED, onInterrupt, print } from "../frame.ts";
import { WHO_COLUMNS } from "../start/view.ts";
import { filtersOf } from "./collecting/feed.ts";
import { keptSession } from "./kept-session.ts";
import { findMosquitto, MosquittoChild, ownAddress } from "./mosquitto.ts";
import { startObserving } from "./observing.ts";
import { LINE, LOOPBACK, type Options, parseOptions, USAGE } from "./options.ts";
import { csvOf } from "./store/export.ts";
import { openStore } from "./store/open.ts";
import { Store } from "./store/store.ts";

/** From Ctrl-C to the end, at the most, in ms. */
const END_MS = 8_000;

export const command: Command<Options> = { ...LINE, help: USAGE, read: parseOptions, run };

function tell(who: string, text: string): void {
	print(`${who.padEnd(WHO_COLUMNS)}${text}`);
}

async function run(options: Options): Promise<number> {
	const giveBack = options.exports ? () => {} : lockFolder(options.data);
	try {
		return await withStore(options);
	} finally {
		giveBack();
	}
}

async function withStore(options: Options): Promise<number> {
	const store = await Store.open(await openStore(options.store, { isMade: options.exports }));
	try {
		return options.exports ? await exportCsv(store) : await observe(options, store);
	} finally {
		await store.close();
	}
}

async function exportCsv(store: Store): Promise<number> {
	try {
		await pipeline(Readable.from(shown(csvOf(store.driver))), process.stdout, { end: false });
		return EXIT_DONE;
	} catch (error) {
		const { code, syscall } = error as NodeJS.ErrnoException;
		if (syscall !== "write") throw error;
		// A reader that has enough (`| head`); of other failures to write the command's frame tells.
		return code === "EPIPE" ? EXIT_DONE : EXIT_FAILED;
	}
}

/** At a terminal no text of others commands it; a file or a program gets the lines as they are. */
async function* shown(lines: AsyncIterable<string>): AsyncGenerator<string> {
	for await (const line of lines) yield process.stdout.isTTY ? `${plain(line.replace(/\r\n$/, ""))}\n` : line;
}

async function observe(options: Options, store: Store): Promise<number> {
	const interrupted = new Promise<void>((resolve) => onInterrupt(resolve));
	// A reader that has enough (`| head`): the work goes on.
	process.stdout.on("error", () => {});
	const broker = options.starts ? await start(options) : undefined;
	const { bases, topics, group, tls, username, password, keep, page, commands, homeAssistant } = options;
	const kept = keptSession(join(options.data, "session.json"), filtersOf(options));
	const stations = await stationsOf(store);
	tell("store", `${store.driver.name}, ${stations} station${stations === 1 ? "" : "s"}`);
	try {
		const observing = await startObserving({
			...{ store, keep, page, commands, homeAssistant, tell },
			collecting: {
				...{ bases, topics, group, tls, username, password },
				broker: broker?.address ?? options.broker,
				protocolVersion: broker?.version,
				clientId: kept.clientId,
				unwanted: kept.unwanted,
				onForgotten: (filter) => kept.forget(filter),
			},
		});
		if (broker && stations === 0) {
			const { host, port } = broker.address;
			tell(
				"",
				[
					"a simulated station, in another terminal:",
					`npm start -- -h ${host}`,
					...(port === 1_883 ? [] : [`-p ${port}`]),
					...(username === undefined ? [] : [`-u ${username} --password-file FILE`]),
				].join(" "),
			);
		}
		await interrupted;
		// Also where a database or a disk does not answer. Nothing is lost: what is acknowledged is stored.
		setTimeout(() => process.exit(EXIT_DONE), END_MS).unref();
		await observing.stop();
		const { stored } = observing;
		tell("store", `${stored} reading${stored === 1 ? "" : "s"} stored in this run`);
		return EXIT_DONE;
	} finally {
		await broker?.stop();
	}
}

async function stationsOf({ driver }: Store): Promise<number> {
	const [row] = await driver.query("SELECT COUNT(*) AS stations FROM station");
	return Number(row?.stations);
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
			say: (text) => tell("broker", text),
		});
		tell("broker", `mosquitto at ${showAddress({ host, port })}, for as long as this runs`);
		return { address: { host: ownAddress(host), port }, version: undefined, stop: () => mosquitto.stop() };
	}
	if (name !== undefined) throw new Error("mosquitto is not installed, and the simpler broker has no users");
	if (host !== LOOPBACK && host !== "localhost")
		throw new Error("mosquitto is not installed, and the simpler broker listens on 127.0.0.1 only");
	const simple = await startBroker([port]);
	tell(
		"broker",
		`aedes at ${showAddress({ host: LOOPBACK, port })}: without MQTT 5.0, and what waits is lost when this ends;`,
	);
	tell("", "install mosquitto for that");
	return { address: { host: LOOPBACK, port: simple.port }, version: EMBEDDED_VERSION, stop: () => simple.close() };
}
