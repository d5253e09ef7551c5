/** `npm run aemet`: observations and forecasts of AEMET on MQTT. */
import { createHash } from "node:crypto";
import { clock, network, timer } from "../../hosts/node/ports.ts";
import { showAddress } from "../../src/net/broker-url.ts";
import { messageOf, printable } from "../../src/text.ts";
import { lockFolder } from "../data-folder.ts";
import { type Command, EXIT_DONE, EXIT_FAILED, onInterrupt, print, say } from "../frame.ts";
import { WHO_COLUMNS } from "../start/view.ts";
import { get } from "./http.ts";
import { fetchInventory, found, keptInventory } from "./inventory.ts";
import { type Data, OpenData } from "./opendata.ts";
import { type FindOptions, LINE, type Options, parseOptions, USAGE } from "./options.ts";
import { Publisher } from "./publisher.ts";
import { Schedule } from "./schedule.ts";
import { removeUnfinished, ScheduleFile } from "./spool.ts";
import { Wrapper } from "./wrapper.ts";

/** For an answer of some megabytes, in ms. */
const INVENTORY_TIMEOUT_MS = 120_000;
/** From Ctrl-C to the end, at the most, in ms. */
const END_MS = 5_000;

/** Places that `--find` shows. */
const FOUND_MAXIMUM = 40;

export const command: Command<Options | FindOptions> = { ...LINE, help: USAGE, read: parseOptions, run };

/** For tests, which have no AEMET. */
export interface Elsewhere {
	readonly origin?: string;
	/** Between two requests, in ms. */
	readonly spacing?: number;
}

function tell(who: string, text: string): void {
	print(`${who.padEnd(WHO_COLUMNS)}${printable(text)}`);
}

export async function run(options: Options | FindOptions, elsewhere: Elsewhere = {}): Promise<number> {
	if ("find" in options) return await find(options, elsewhere);
	const giveBack = lockFolder(options.data);
	try {
		removeUnfinished(options.data);
		return await wrap(options, elsewhere);
	} finally {
		giveBack();
	}
}

async function find(options: FindOptions, elsewhere: Elsewhere): Promise<number> {
	const { find, data } = options;
	const places = keptInventory(data) ?? (await fetched(options, elsewhere));
	const all = found(places, find);
	for (const { kind, id, name, altitude } of all.slice(0, FOUND_MAXIMUM)) {
		const height = altitude === undefined ? "" : `, ${altitude} m`;
		print(`--${kind} ${id}  ${printable(name)}${height}`);
	}
	if (all.length > FOUND_MAXIMUM) say(`and ${all.length - FOUND_MAXIMUM} more`);
	if (all.length === 0) say(`no station, and no municipality, has ${printable(find)} in its name`);
	return all.length === 0 ? EXIT_FAILED : EXIT_DONE;
}

/** AEMET's lists. Pauses after refusals hold for them, too: they are kept where those of the other requests are. */
async function fetched({ apiKey, data: folder }: FindOptions, { origin, spacing }: Elsewhere) {
	const key = apiKey();
	const giveBack = lockToFetch(folder);
	try {
		const now = () => Date.now();
		const file = new ScheduleFile(folder, (problem) => problem !== undefined && say(problem));
		const schedule = new Schedule([], seedOf(key), now(), file.read());
		const api = new OpenData({ key, get, now, pause, origin, spacing, timeout: INVENTORY_TIMEOUT_MS });
		const ask = async (path: string): Promise<Data> => {
			const wait = schedule.pausedUntil - now();
			if (wait > 0) throw new Error(`AEMET takes no request now; the next one in ${Math.ceil(wait / 60_000)} min`);
			const data = await api.askForAll(path);
			const { outcome, remaining } = data;
			schedule.settled(undefined, outcome === "data" || outcome === "nothing" ? "done" : outcome, now(), remaining);
			file.write(schedule.kept);
			return data;
		};
		say("fetching AEMET's lists of stations and municipalities, once");
		return await fetchInventory(folder, ask);
	} finally {
		giveBack();
	}
}

/** The running program's requests and these are to keep their distance. */
function lockToFetch(folder: string): () => void {
	try {
		return lockFolder(folder);
	} catch (error) {
		const text = messageOf(error).replace(
			/; --data takes another folder$/,
			": end it, or let --find fetch the lists before it starts",
		);
		throw new Error(text);
	}
}

/** The schedule depends on it, and the key is not told by it. */
function seedOf(apiKey: string): string {
	return createHash("sha256").update(apiKey).digest("hex");
}

function pause(duration: number): Promise<void> {
	return new Promise((resolve) => void setTimeout(resolve, duration));
}

async function wrap(options: Options, { origin, spacing }: Elsewhere): Promise<number> {
	const interrupted = new Promise<void>((resolve) => onInterrupt(resolve));
	// A reader that has enough (`| head`): the work goes on.
	process.stdout.on("error", () => {});
	const { apiKey, stations, municipalities, broker, tls, username, password, homeAssistant, data: folder } = options;
	const ending = new AbortController();
	const connections = new Connections(showAddress(broker));
	const now = () => Date.now();
	// At the end none is waited for.
	const pause = (duration: number) => new Promise<void>((resolve) => void setTimeout(resolve, duration).unref());
	const wrapper = new Wrapper({
		...{ stations, municipalities, homeAssistant, folder, now, timer },
		seed: seedOf(apiKey),
		api: new OpenData({ key: apiKey, get, now, pause, origin, spacing, signal: ending.signal }),
		publisherOf: (place) =>
			new Publisher({
				...{ place, broker, tls, username, password, network, clock, timer, random: Math.random },
				...connections.of(place.name),
			}),
		tell: (text) => tell("aemet", text),
	});
	tell(
		"topics",
		[...stations.map(({ topic }) => `${topic}/state`), ...municipalities.map(({ topic }) => `${topic}/forecast`)].join(
			" ",
		),
	);
	wrapper.start();
	await interrupted;
	// Whatever does not answer.
	setTimeout(() => process.exit(EXIT_DONE), END_MS).unref();
	ending.abort();
	await wrapper.stop();
	const { waiting } = wrapper;
	tell(
		"aemet",
		waiting === 0
			? connections.wasReached
				? "the broker has all"
				: "nothing waits for the broker"
			: `${waiting} message${waiting === 1 ? "" : "s"} kept for the broker`,
	);
	return EXIT_DONE;
}

/** The connections of all places to one broker: what befalls all of them is told once. */
class Connections {
	private readonly _address: string;
	private readonly _away = new Set<string>();
	private _told: string | undefined;
	private _wasReached = false;

	/** Whether all places have had a connection. */
	get wasReached(): boolean {
		return this._wasReached;
	}

	constructor(address: string) {
		this._address = address;
	}

	of(name: string) {
		this._away.add(name);
		return {
			onConnected: (how: string) => {
				this._away.delete(name);
				if (this._away.size > 0) return;
				this._wasReached = true;
				this._told = undefined;
				tell("broker", `${this._address}: connected with ${how}`);
			},
			onDisconnected: (reason: string) => {
				this._away.add(name);
				if (this._told === reason) return;
				this._told = reason;
				tell("broker", `${this._address}: ${reason}; trying again`);
			},
			onRefused: (reason: string, isTriedAgain: boolean) =>
				tell("broker", `${name}: not taken: ${reason}${isTriedAgain ? "; trying again" : ""}`),
		};
	}
}
