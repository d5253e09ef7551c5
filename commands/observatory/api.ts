/** What the parts of the observatory, and the page in a browser, say to each other; times are ms since 1970. */

/** What a station says of itself. `stale`: it is connected, but has no new values; AEMET's stations say so. */
export const STATUSES = ["online", "stale", "asleep", "offline"] as const;
/** `unknown`: it has never said. */
export type Status = (typeof STATUSES)[number] | "unknown";

/** By the names of a report, such as `temperature`, or by the last level of a topic with plain numbers. */
export type Quantities = Readonly<Record<string, number>>;

/** A reading, or the latest value of each quantity of a station that has only topics with plain numbers. */
export interface LastReading {
	readonly time: number;
	/** Whether the station gave the time; if not, it is when the reading arrived. */
	readonly isTimed: boolean;
	/** `null`: a plain number has none. */
	readonly seq: number | null;
	readonly quantities: Quantities;
}

export interface StationView {
	/** What its topics begin with, such as `veleta/terrace`. It names the station. */
	readonly topic: string;
	readonly status: Status;
	/** Since when; `null`: that is not known. */
	readonly since: number | null;
	readonly last: LastReading | null;
	/** All that it has ever had, in the order of reports. */
	readonly quantities: readonly QuantityView[];
	readonly diagnostics: Diagnostics | null;
	/** Readings whose numbers are missing, and may still come; and those that the station has no more. */
	readonly missing: number;
	readonly lost: number;
	/** Whether it is a station of Veleta's, which has commands; the others are topics with numbers. */
	readonly takesCommands: boolean;
}

export interface QuantityView {
	readonly name: string;
	/** `null`: not known. */
	readonly unit: string | null;
	/** Digits behind the point that make sense; `null`: as they come. */
	readonly decimals: number | null;
}

export interface Diagnostics {
	/** When they came. */
	readonly time: number;
	/** As the station gave them: counters, texts, and what else its board knows. */
	readonly members: Readonly<Record<string, unknown>>;
}

/** A quantity of a station over a time, in points of equal length where there are more values than points. */
export interface Chart {
	readonly topic: string;
	readonly quantity: string;
	readonly from: number;
	readonly to: number;
	/** Of a point, in ms; 0: each point is a single value. */
	readonly step: number;
	/** The beginning of each point, rising. */
	readonly times: readonly number[];
	/** `null` in all three: nothing came there for far longer than usual, so that the line is to be broken. */
	readonly means: readonly (number | null)[];
	readonly minima: readonly (number | null)[];
	readonly maxima: readonly (number | null)[];
}

/** Numbers that are missing. */
export interface Loss {
	readonly first: number;
	readonly last: number;
	/** Whether the station has them no more; if not, they may still come. */
	readonly isGone: boolean;
	/** When the readings before and behind it were taken, as far as that is known. */
	readonly after: number | null;
	readonly before: number | null;
	/** Numbers begin anew when a station's flash is erased; each time is a further run, from 1 on. */
	readonly run: number;
}

/** Which stations of all are shown: those in this state, or those of which readings are missing or lost. */
export type Filter = "all" | Status | "incomplete";
/** In the order in which the page has them. */
export const FILTERS: readonly Filter[] = ["all", ...STATUSES, "unknown", "incomplete"];

/** Which stations a page shows: those named, or a part of all. */
export type Question = { readonly topics: readonly string[] } | ListQuestion;

export interface ListQuestion {
	/** Words that the topic has, each somewhere, whatever their case and accents; empty: any topic. */
	readonly text: string;
	readonly show: Filter;
	/** That the stations have; `undefined`: any. */
	readonly quantity: string | undefined;
	/** How many are left out before the first one, and how many are wanted at the most. */
	readonly from: number;
	readonly count: number;
}

/** Which stations there are for a question. */
export interface StationList {
	/** All that there are. */
	readonly total: number;
	/** Of the stations with the text and the quantity, how many each filter shows. */
	readonly counts: Readonly<Record<Filter, number>>;
	/** Those wanted, in the order of their topics, or those named that there are. */
	readonly topics: readonly string[];
}

/** The answer of `/api/stations`. */
export interface StationsAnswer extends StationList {
	/** Those of `topics`. Of a list they are in brief: without diagnostics, and with few quantities. */
	readonly stations: readonly StationView[];
	/** What stations have, commonest first. */
	readonly quantities: readonly QuantityView[];
}

/** What a list is made of. */
export interface Summary {
	readonly topic: string;
	readonly status: Status;
	readonly missing: number;
	readonly lost: number;
	/** All that it has ever had, in the order of reports. */
	readonly quantities: readonly QuantityView[];
}

/**
 * An event of the stream at `/api/events`. A message of the stream is a JSON array of them, and an empty array says that
 * the connection lives.
 */
export type LiveEvent =
	| { readonly type: "reading"; readonly topic: string; readonly reading: LastReading; readonly isLate: boolean }
	/** One that is shown from now on, or of which anything but a reading has changed. */
	| { readonly type: "station"; readonly station: StationView }
	/** What is shown from now on. */
	| { readonly type: "list"; readonly list: StationList }
	/** Readings were left out, as there were too many. */
	| { readonly type: "missed" };

/** What a batch has brought. */
export interface News {
	readonly readings: readonly {
		readonly topic: string;
		readonly reading: LastReading;
		/** Whether newer ones came before it. */
		readonly isLate: boolean;
	}[];
	/** Stations of which anything but a reading has changed, by their topics. */
	readonly altered: Iterable<string>;
}

/** What a station is asked to do; the payload is as in README's table. */
export interface CommandRequest {
	readonly topic: string;
	readonly command: "sample" | "interval" | "restart" | "status";
	readonly payload: string;
}

/** The station's reply, or why there is none. */
export interface CommandReply {
	readonly ok: boolean;
	readonly error?: string;
	/** Why there is no reply of the station's. `no reply`: the broker keeps the command for a minute, `asleep`: until the station wakes. */
	readonly reason?: "not connected" | "too many" | "no reply" | "asleep" | "stops";
	/** The members of the station's own reply. */
	readonly [member: string]: unknown;
}

/** What the server needs of the observatory. */
export interface Source {
	/** Of these stations, or of all, in any order. */
	summaries(topics?: readonly string[]): Promise<readonly Summary[]>;
	/** Those of these topics that there are. */
	stations(topics: readonly string[]): Promise<readonly StationView[]>;
	/** All, so many at a time at the most. */
	allStations(count: number): AsyncIterable<readonly StationView[]>;
	/** Throws an Error for a station or a quantity that there is not. */
	chart(topic: string, quantity: string, from: number, to: number, points: number): Promise<Chart>;
	losses(topic: string): Promise<readonly Loss[]>;
	/** Calls back for each batch; returns a function that ends this. */
	listen(listener: (news: News) => void): () => void;
	/** Resolves with the reply, or with `ok: false` after a while without one; `undefined`: nobody may command here. */
	readonly command?: ((request: CommandRequest) => Promise<CommandReply>) | undefined;
	/** For `/metrics`, in the order in which they are told. */
	counters(): readonly Counter[];
	/** For `/healthz`: why the observatory does not do its work now; `undefined`: all is well. */
	problem(): string | undefined;
}

export interface Counter {
	/** As Prometheus has it, such as `veleta_readings_stored_total`. */
	readonly name: string;
	readonly help: string;
	readonly type: "counter" | "gauge";
	readonly value: number;
}
