/** Who sees which readings of a fleet have arrived. */
import { clock, network, timer } from "../../hosts/node/ports.ts";
import { Backoff } from "../../src/net/backoff.ts";
import { Link } from "../../src/net/link.ts";
import { RefusedError } from "../../src/net/mqtt/errors.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { reasonText } from "../../src/net/mqtt/reason-codes.ts";
import { Session } from "../../src/net/mqtt/session.ts";
import { printable } from "../../src/text.ts";
import { withTlsOptions } from "../broker-options.ts";
import { say } from "../frame.ts";
import { among, type Driver } from "../observatory/store/driver.ts";
import { openStore } from "../observatory/store/open.ts";
import type { Ledger } from "./ledger.ts";
import { type Options, stationOf, topicOf } from "./options.ts";

export interface Witness {
	/** The store's, for people; `undefined`: it is a subscriber. */
	readonly name: string | undefined;
	/** What is missing is waited for, in ms, while nothing more comes. */
	readonly patience: number;
	/** Tells the ledger what has come. Throws an Error for a person. */
	look(): Promise<void>;
	/** Readings that the store has more than once. */
	twice(): Promise<number>;
	/** Readings that came again, as QoS 1 may bring them. */
	readonly again: number;
	/** How often the broker has forgotten what it kept for the subscriber. */
	readonly forgotten: number;
	close(): Promise<void>;
}

const TOPIC_FILTERS = ["veleta/+/state", "veleta/+/late"] as const;
const KEEP_ALIVE_S = 30;
/** How long the broker keeps the subscriber's session while it is away, in s (MQTT 5.0). */
const SESSION_EXPIRY_S = 600;
const RECEIVE_MAXIMUM = 500;
/** For the end of its subscriptions, in ms. */
const FAREWELL_MS = 2_000;
/** Pauses between connections, in ms: what waits at the broker takes its memory. */
const RETRY_MS = { base: 500, limit: 2_000 };
/**
 * Connections that the broker may end before it accepts the first: some end that of a client that does not wait for the
 * CONNACK without a word, and that of a version that they do not know.
 */
const ENDED_MAXIMUM = 2;
/** Stations whose readings are read from a store at once: those of a long run are millions. */
const STATIONS_AT_ONCE = 100;
/** Reason codes from here on are refusals (3.1.1, table 3.9; 5.0, table 3-8). */
const REFUSED = 0x80;

/** A subscriber beside the stations, whose session the broker keeps. */
export class SubscriberWitness implements Witness {
	readonly name = undefined;
	readonly patience = 30_000;
	again = 0;
	forgotten = 0;
	private readonly _session: Session<Message>;
	private readonly _link: Link<Message>;
	private _onUnsubscribed = () => {};

	private constructor(options: Options, ledger: Ledger, since: number, onSubscribed: (problem?: string) => void) {
		const { broker, tls, username, password, prefix } = options;
		const unanswered = new Set<string>(TOPIC_FILTERS);
		let [hasConnected, ended] = [false, 0];
		const session = new Session({
			...{ username, password, keepAlive: KEEP_ALIVE_S, receiveMaximum: RECEIVE_MAXIMUM },
			// The same each time: what an earlier run has left is known by its times. With a clean start instead, mosquitto 2.0
			// would not save the session when it ends.
			clientId: `veleta-watch-${prefix}`,
			sessionExpiryInterval: SESSION_EXPIRY_S,
			onConnect: (sessionPresent) => {
				if (hasConnected && !sessionPresent) this.forgotten++;
				hasConnected = true;
			},
			onMessage: ({ topic, payload, retain }) => {
				const station = stationOf(prefix, topic.slice(0, topic.lastIndexOf("/")));
				const seq = seqOf(payload, since);
				if (station === undefined || seq === undefined) return;
				// What the broker has retained is no delivery of its own.
				if (!ledger.onFound(station, seq) && !retain) this.again++;
			},
			onSubscribe: (topicFilter, reasonCode) => {
				unanswered.delete(topicFilter);
				const refused = `the broker refuses the subscription to ${topicFilter}: ${reasonText(reasonCode)}`;
				if (reasonCode >= REFUSED) onSubscribed(refused);
				else if (unanswered.size === 0) onSubscribed();
			},
			onUnsubscribe: (topicFilter) => {
				unanswered.add(topicFilter);
				if (unanswered.size === TOPIC_FILTERS.length) this._onUnsubscribed();
			},
		});
		for (const topicFilter of TOPIC_FILTERS) session.subscribe({ topicFilter, qos: 1 });
		this._session = session;
		this._link = new Link({
			...{ network, clock, timer, broker, tls, session, random: Math.random },
			backoff: new Backoff({ ...RETRY_MS, random: Math.random }),
			onDisconnect: (reason, _delay, error) => {
				if (hasConnected) return;
				// The next attempt speaks an older version.
				if (error instanceof RefusedError && error.hasOlderVersion) return;
				if (error === undefined && reason.startsWith("connection closed") && ++ended <= ENDED_MAXIMUM) return;
				// A broker may give a reason of its own.
				const told = withTlsOptions(printable(reason));
				const isNobody = reason.endsWith("connection refused");
				onSubscribed(isNobody ? `${told}; is there a broker? npm run observatory brings one along` : told);
			},
		});
		this._link.start();
	}

	/** Readings from before `since`, in ms since 1970, are of no interest. Resolves when it is subscribed. Throws an Error for a person if there is no such broker, or it refuses. */
	static async start(options: Options, ledger: Ledger, since: number): Promise<SubscriberWitness> {
		let isSubscribed = false;
		return new Promise((resolve, reject) => {
			const witness = new SubscriberWitness(options, ledger, since, (problem) => {
				if (problem === undefined) {
					isSubscribed = true;
					return resolve(witness);
				}
				// A broker that has changed its mind since: what is not found is not lost for everybody.
				if (isSubscribed) return say(`${problem}; readings do not arrive here any more`);
				void witness.close();
				reject(new Error(problem));
			});
		});
	}

	async look(): Promise<void> {}

	async twice(): Promise<number> {
		return 0;
	}

	/** A broker before MQTT 5.0 keeps the session for ever, so nothing is to come for it. */
	async close(): Promise<void> {
		if (this._session.connected) {
			const unsubscribed = new Promise<void>((resolve) => {
				this._onUnsubscribed = resolve;
			});
			for (const topicFilter of TOPIC_FILTERS) this._session.unsubscribe(topicFilter);
			this._link.wake();
			let timer: NodeJS.Timeout | undefined;
			const late = new Promise((resolve) => {
				timer = setTimeout(resolve, FAREWELL_MS);
			});
			await Promise.race([unsubscribed, late]);
			clearTimeout(timer);
		}
		this._link.stop();
	}
}

/** The number of a report of a time from `since` on: an earlier run's readings may still be retained, or wait. */
function seqOf(payload: Uint8Array, since: number): number | undefined {
	try {
		const { seq, time } = JSON.parse(Buffer.from(payload).toString());
		return typeof seq === "number" && typeof time === "string" && Date.parse(time) >= since ? seq : undefined;
	} catch {
		return undefined;
	}
}

/** The store of an observatory, which may be at work meanwhile. */
export class StoreWitness implements Witness {
	/** An observatory asks a station for what is missing when nothing has come for a while. */
	readonly patience = 180_000;
	readonly again = 0;
	readonly forgotten = 0;
	private readonly _driver: Driver;
	private readonly _options: Pick<Options, "stations" | "prefix">;
	private readonly _ledger: Ledger;
	private readonly _since: number;

	constructor(driver: Driver, options: Pick<Options, "stations" | "prefix">, ledger: Ledger, since: number) {
		this._driver = driver;
		this._options = options;
		this._ledger = ledger;
		this._since = since;
	}

	/** Readings from before `since`, in ms since 1970, are of no interest. Throws an Error for a person. */
	static async open(store: string, options: Options, ledger: Ledger, since: number): Promise<StoreWitness> {
		return new StoreWitness(await openStore(store, { isMade: true }), options, ledger, since);
	}

	get name(): string {
		return this._driver.name;
	}

	async look(): Promise<void> {
		const { stations, prefix } = this._options;
		const topics: string[] = [];
		for (let station = 0; station < stations; station++)
			if (!this._ledger.isComplete(station)) topics.push(topicOf(prefix, station));
		for (let from = 0; from < topics.length; from += STATIONS_AT_ONCE) {
			const rows = await among(
				this._driver.query,
				topics.slice(from, from + STATIONS_AT_ONCE),
				(
					list,
				) => `SELECT station.topic AS topic, reading.seq AS seq FROM reading JOIN station ON station.id = reading.station
					WHERE station.topic IN ${list} AND reading.time >= ${this._since}`,
			);
			for (const { topic, seq } of rows) this._ledger.onFound(stationOf(prefix, String(topic))!, Number(seq));
			// SQLite answers at once: the stations have their turn.
			await new Promise((resolve) => setImmediate(resolve));
		}
	}

	async twice(): Promise<number> {
		const rows = await this._driver.query(
			`SELECT station.topic AS topic, COUNT(*) - COUNT(DISTINCT reading.seq) AS twice
			FROM reading JOIN station ON station.id = reading.station WHERE reading.time >= ? GROUP BY station.topic`,
			[this._since],
		);
		return rows.reduce((sum, { topic, twice }) => {
			return stationOf(this._options.prefix, String(topic)) === undefined ? sum : sum + Number(twice);
		}, 0);
	}

	close(): Promise<void> {
		return this._driver.close();
	}
}
