/** The streams of events to the pages that are open, each of what that page shows: server-sent events. */
import type { ServerResponse } from "node:http";
import type { LiveEvent, News, Question, Source, StationList, StationView } from "../api.ts";
import { Coalescer } from "./coalescing.ts";
import { EVERYTHING, type Roster } from "./roster.ts";

/** Pages that may listen at a time. */
export const CLIENTS_MAXIMUM = 64;
/** Between two messages that say that a connection lives, in ms: some proxies end one that is silent for half a minute. */
const KEEP_ALIVE_MS = 15_000;
/** A page that has not read a message when so many of these are due is dropped, and comes again by itself. */
const STALLED = 3;
/** After how many ms a browser comes again. */
const RETRY_MS = 2_000;
/** Between two looks at what has changed but readings, in ms; one takes some ms with thousands of stations. */
const LOOK_MS = 1_000;
/** When the last page has gone, news are heard for so many ms: whoever goes from view to view comes again at once. */
const LINGER_MS = 5_000;
/** Stations that are asked for at once; then others have their turn. */
const STATIONS_AT_ONCE = 100;

/** A page that listens. */
interface Client {
	readonly response: ServerResponse;
	readonly question: Question;
	readonly waiting: Coalescer;
	/** What it shows, by topic. */
	topics: ReadonlySet<string>;
	/** The list that it was told last, as JSON. */
	told: string;
	/** Messages and signs of life that were due since it has read one. */
	unread: number;
	isReading: boolean;
	/** Stations are being asked for: readings that come meanwhile are newer, and have to come behind them. */
	isAsking: boolean;
}

export interface StreamOptions {
	readonly source: Pick<Source, "listen" | "stations">;
	readonly roster: Roster;
	/** A monotonic time in ms. */
	readonly now: () => number;
	/** Applied to each station before it goes out; `isListed`: a list shows little of it. */
	readonly shown: (station: StationView, isListed: boolean) => StationView;
}

export class EventStream {
	private readonly _options: StreamOptions;
	private readonly _clients = new Set<Client>();
	/** Who shows a station, by its topic. */
	private readonly _showing = new Map<string, Set<Client>>();
	/** Stations that somebody shows and that have changed. */
	private _altered = new Set<string>();
	private _end: (() => void) | undefined;
	private readonly _timer: NodeJS.Timeout;
	private _flushTimer: NodeJS.Timeout | undefined;
	private _lookTimer: NodeJS.Timeout | undefined;
	private _restTimer: NodeJS.Timeout | undefined;
	private _lookedAt = Number.NEGATIVE_INFINITY;
	private _isLooking = false;
	/** Of the roster, as it was told last. */
	private _version = 0;
	private _wholes = 0;

	constructor(options: StreamOptions) {
		this._options = options;
		this._timer = setInterval(() => this._keepAlive(), KEEP_ALIVE_MS);
		this._timer.unref();
	}

	/** How many pages listen. */
	get size(): number {
		return this._clients.size;
	}

	/** Returns `false` where there are too many pages already. */
	add(response: ServerResponse, question: Question): boolean {
		if (this._clients.size >= CLIENTS_MAXIMUM) return false;
		response.writeHead(200, {
			"Content-Type": "text/event-stream; charset=utf-8",
			"Cache-Control": "no-store",
			// nginx would keep events back.
			"X-Accel-Buffering": "no",
		});
		response.write(`retry: ${RETRY_MS}\n\n`);
		const isEach = "topics" in question;
		const client: Client = {
			...{ response, question, waiting: new Coalescer(isEach), topics: new Set(), told: "" },
			...{ unread: 0, isReading: false, isAsking: true },
		};
		this._clients.add(client);
		clearTimeout(this._restTimer);
		if (isEach) this._show(client, question.topics);
		// News cost the source something.
		if (!this._end) {
			this._options.roster.setTold(true);
			this._end = this._options.source.listen((news) => this._hear(news));
		}
		response.on("close", () => {
			this._clients.delete(client);
			this._show(client, []);
			if (this._clients.size > 0 || !this._end) return;
			this._restTimer = setTimeout(() => this._rest(), LINGER_MS);
			this._restTimer.unref();
		});
		// A connection that was cut: "close" follows.
		response.on("error", () => {});
		void this._look();
		return true;
	}

	close(): void {
		clearInterval(this._timer);
		this._rest();
		for (const { response } of this._clients) response.destroy();
	}

	private _rest(): void {
		clearTimeout(this._lookTimer);
		clearTimeout(this._flushTimer);
		clearTimeout(this._restTimer);
		this._lookTimer = undefined;
		this._flushTimer = undefined;
		if (!this._end) return;
		this._end();
		this._end = undefined;
		this._options.roster.setTold(false);
	}

	private _hear({ readings, altered }: News): void {
		for (const news of readings) {
			const showing = this._showing.get(news.topic);
			if (!showing) continue;
			const event = { type: "reading", topic: news.topic, reading: news.reading, isLate: news.isLate } as const;
			for (const { waiting } of showing) waiting.reading(event);
		}
		for (const topic of altered) {
			this._options.roster.changed(topic);
			if (this._showing.has(topic)) this._altered.add(topic);
		}
		this._flush();
		this._lookSoon();
	}

	/** Which stations a page shows from now on; returns those that it has not shown. */
	private _show(client: Client, topics: readonly string[]): string[] {
		const before = client.topics;
		client.topics = new Set(topics);
		for (const topic of before) {
			if (client.topics.has(topic)) continue;
			const showing = this._showing.get(topic);
			showing?.delete(client);
			if (showing?.size === 0) this._showing.delete(topic);
		}
		const added = topics.filter((topic) => !before.has(topic));
		for (const topic of added) {
			const showing = this._showing.get(topic);
			if (showing) showing.add(client);
			else this._showing.set(topic, new Set([client]));
		}
		return added;
	}

	private _lookSoon(): void {
		const { roster } = this._options;
		if (!this._end || this._lookTimer || this._isLooking) return;
		if (!roster.isStale && roster.version === this._version && this._altered.size === 0) return;
		const wait = Math.max(0, this._lookedAt + LOOK_MS - this._options.now());
		this._lookTimer = setTimeout(() => void this._look(), wait);
		this._lookTimer.unref();
	}

	/** Tells of what has changed but readings, and new pages of what they show. Never rejects. */
	private async _look(): Promise<void> {
		clearTimeout(this._lookTimer);
		this._lookTimer = undefined;
		if (this._isLooking) return;
		this._isLooking = true;
		try {
			const isNew = ({ told }: Client) => told === "";
			do {
				this._lookedAt = this._options.now();
				await this._tellChanges();
			} while ([...this._clients].some(isNew));
		} catch {
			// The collector tells of a store that fails. A page that knows too little comes again.
			for (const { told, response } of this._clients) if (told === "") response.destroy();
		} finally {
			this._isLooking = false;
			for (const client of this._clients) client.isAsking = false;
			this._flush();
			this._lookSoon();
		}
	}

	private async _tellChanges(): Promise<void> {
		const { roster } = this._options;
		await roster.refresh();
		const isAnew = roster.wholes !== this._wholes;
		this._version = roster.version;
		this._wholes = roster.wholes;
		const altered = this._altered;
		this._altered = new Set();
		// Other programs may have written to the same store.
		if (isAnew) for (const topic of this._showing.keys()) altered.add(topic);
		/** Who is to be told of a station, by its topic. */
		const wanted = new Map<string, Set<Client>>();
		for (const topic of altered) wanted.set(topic, new Set(this._showing.get(topic)));
		const lists = new Map<Client, StationList>();
		const beginners: (readonly [Client, readonly string[]])[] = [];
		/** Of pages that ask the same. */
		const answers = new Map<string, StationList>();
		for (const client of [...this._clients]) {
			const { question } = client;
			if ("topics" in question) {
				if (client.told === "") {
					beginners.push([client, question.topics]);
					for (const topic of question.topics) added(wanted, topic).add(client);
				} else if (isAnew) client.waiting.missed();
				continue;
			}
			const key = JSON.stringify(question);
			let list = answers.get(key);
			if (!list) {
				list = roster.list(question);
				answers.set(key, list);
				// Each takes some ms with thousands of stations: others have their turn.
				await turn();
			}
			const told = JSON.stringify(list);
			if (told === client.told || !this._clients.has(client)) continue;
			client.told = told;
			lists.set(client, list);
			for (const topic of this._show(client, list.topics)) added(wanted, topic).add(client);
		}
		for (const clients of wanted.values()) for (const client of clients) client.isAsking = true;
		try {
			const known = await this._tellStations(wanted);
			for (const [client, list] of lists) client.waiting.list(list);
			// Of stations by name it is told once which ones there are.
			for (const [client, topics] of beginners) {
				client.told = "once";
				client.waiting.list({ ...roster.list(EVERYTHING), topics: topics.filter((topic) => known.has(topic)) });
			}
		} catch (error) {
			for (const topic of altered) this._altered.add(topic);
			for (const client of lists.keys()) client.told = "";
			throw error;
		}
	}

	/** Returns those that there are. */
	private async _tellStations(wanted: ReadonlyMap<string, ReadonlySet<Client>>): Promise<ReadonlySet<string>> {
		const known = new Set<string>();
		const topics = [...wanted.keys()];
		for (let from = 0; from < topics.length; from += STATIONS_AT_ONCE) {
			for (const station of await this._options.source.stations(topics.slice(from, from + STATIONS_AT_ONCE))) {
				known.add(station.topic);
				for (const { waiting, question } of wanted.get(station.topic)!)
					waiting.station(this._options.shown(station, !("topics" in question)));
			}
			await turn();
		}
		return known;
	}

	private _flush(): void {
		const now = this._options.now();
		let next = Number.POSITIVE_INFINITY;
		for (const client of this._clients) {
			if (client.isReading || client.isAsking) continue;
			const events = client.waiting.take(now);
			if (events) this._write(client, events);
			else next = Math.min(next, client.waiting.dueAt ?? next);
		}
		if (this._flushTimer || next === Number.POSITIVE_INFINITY) return;
		this._flushTimer = setTimeout(() => {
			this._flushTimer = undefined;
			this._flush();
		}, next - now);
		this._flushTimer.unref();
	}

	/** One message at a time: what comes while a page reads is put together. */
	private _write(client: Client, events: readonly LiveEvent[]): void {
		client.isReading = true;
		// JSON has no line breaks, whatever is in its texts.
		client.response.write(`data: ${JSON.stringify(events)}\n\n`, () => {
			client.isReading = false;
			client.unread = 0;
			if (client.waiting.dueAt !== undefined) this._flush();
		});
	}

	private _keepAlive(): void {
		for (const client of this._clients) {
			if (client.isReading && ++client.unread >= STALLED) client.response.destroy();
			else if (!client.isReading) this._write(client, []);
		}
		// Other programs may write to the same store.
		this._lookSoon();
	}
}

function added(wanted: Map<string, Set<Client>>, topic: string): Set<Client> {
	const clients = wanted.get(topic) ?? new Set();
	wanted.set(topic, clients);
	return clients;
}

/** Lets others have their turn. */
function turn(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
