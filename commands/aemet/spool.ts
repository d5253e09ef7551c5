/**
 * What the broker has not taken yet of a station or a municipality, and what is known of it, in a file of its own: written
 * as a whole before anything leaves, so that a restart forgets nothing and repeats nothing.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { replaceWhole } from "../../hosts/sim/headless/whole-file.ts";
import { isoTime } from "../../src/text.ts";
import { notOurs, readKept } from "../data-folder.ts";
import { membersOf } from "./answers.ts";
import { type Forecast, NOTICE } from "./forecast.ts";
import { FIELD_NAMES, type FieldName, type Observation, reportOf } from "./observations.ts";
import type { KeptSchedule } from "./schedule.ts";

/** Bytes of a station's observations that wait: some 40 days. Beyond it the oldest ones are dropped, and counted. */
const WAITING_MAXIMUM = 262_144;
/** How far before the newest observation one may be, in ms, to be told from those that were published; AEMET has those of a day. */
const REMEMBERED_MS = 3 * 86_400_000;
/** Bytes of a forecast; one of hours has some 20,000. */
const FORECAST_MAXIMUM = 131_072;

/** A station's observation that waits. */
export interface Waiting {
	/** In ms since 1970. */
	readonly time: number;
	/** Whether a newer one came before it. */
	readonly isLate: boolean;
	readonly report: string;
}

interface KeptStation {
	/** The times of the last days' observations that wait or were published. */
	readonly known: readonly number[];
	readonly waiting: readonly Waiting[];
	readonly dropped: number;
	/** Topics that have a quantity's value. */
	readonly valueTopics?: readonly string[];
	/** AEMET's name of it, and the quantities that it has had. */
	readonly name?: string | undefined;
	readonly quantities?: readonly string[];
	/** Home Assistant's messages that the broker has: by topic, a digest of the payload. */
	readonly entities?: Readonly<Record<string, string>>;
}

/** Where a file is written: `replaceWhole`, or something else in tests. */
export type Write = (path: string, content: string) => void;
/** Told once, until it works again. */
export type OnFault = (problem: string | undefined) => void;

/** A file with a JSON object. Its faults, such as a full disk, do not end the program: it goes on in memory. */
class KeptFile {
	private readonly _path: string;
	private readonly _write: Write;
	private readonly _onFault: OnFault;
	private _isFaulty = false;

	constructor(path: string, onFault: OnFault, write: Write = replaceWhole) {
		this._path = path;
		this._write = write;
		this._onFault = onFault;
	}

	/** Throws an Error for a person where it cannot be used. */
	read(): Readonly<Record<string, unknown>> | undefined {
		return readKept(this._path, membersOf);
	}

	get wrong(): Error {
		return notOurs(this._path);
	}

	write(members: object): void {
		try {
			this._write(this._path, `${JSON.stringify(members)}\n`);
			if (this._isFaulty) this._onFault(undefined);
			this._isFaulty = false;
		} catch (error) {
			if (!this._isFaulty) this._onFault(`${this._path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
			this._isFaulty = true;
		}
	}
}

export class StationSpool {
	private readonly _file: KeptFile;
	private readonly _known: Set<number>;
	private _waiting: Waiting[];
	private _bytes: number;
	private _dropped: number;
	private _valueTopics: readonly string[];
	private _name: string | undefined;
	private readonly _quantities: Set<string>;
	private readonly _entities: Map<string, string>;

	/** Throws an Error for a person where its file cannot be used. */
	constructor(folder: string, station: string, onFault: OnFault, write?: Write) {
		this._file = new KeptFile(join(folder, `station-${station}.json`), onFault, write);
		const kept = this._file.read();
		if (kept && !isKeptStation(kept)) throw this._file.wrong;
		this._known = new Set(kept?.known ?? []);
		this._waiting = [...(kept?.waiting ?? [])];
		this._bytes = this._waiting.reduce((bytes, { report }) => bytes + report.length, 0);
		this._dropped = kept?.dropped ?? 0;
		this._valueTopics = kept?.valueTopics ?? [];
		this._name = kept?.name;
		this._quantities = new Set(kept?.quantities ?? []);
		this._entities = new Map(Object.entries(kept?.entities ?? {}));
	}

	/** Observations that the broker has not taken. */
	get waiting(): number {
		return this._waiting.length;
	}

	/** Observations that there was no room for, ever. */
	get dropped(): number {
		return this._dropped;
	}

	/** The time of the newest observation; `-Infinity`: there was none. */
	get newest(): number {
		let newest = Number.NEGATIVE_INFINITY;
		for (const time of this._known) newest = Math.max(newest, time);
		return newest;
	}

	/** AEMET's name of the station; `undefined`: it has not told. */
	get name(): string | undefined {
		return this._name;
	}

	/** Quantities that the station has had, in the order of a report. */
	get quantities(): readonly FieldName[] {
		return FIELD_NAMES.filter((name) => this._quantities.has(name));
	}

	/** Takes those that are new, which are by time. Returns how many. `name`: the station's. */
	put(observations: readonly Observation[], name?: string): number {
		let added = 0;
		this._name = name ?? this._name;
		for (const observation of observations) {
			const { time } = observation;
			const { newest } = this;
			if (this._known.has(time) || time < newest - REMEMBERED_MS) continue;
			this._known.add(time);
			for (const quantity of Object.keys(observation.quantities)) this._quantities.add(quantity);
			const report = reportOf(observation);
			this._waiting.push({ time, isLate: time < newest, report });
			this._bytes += report.length;
			added++;
		}
		while (this._bytes > WAITING_MAXIMUM) {
			this._bytes -= this._waiting.shift()!.report.length;
			this._dropped++;
		}
		const { newest } = this;
		for (const time of this._known) if (time < newest - REMEMBERED_MS) this._known.delete(time);
		if (added > 0) this._write();
		return added;
	}

	/** The one that leaves next. */
	get first(): Waiting | undefined {
		return this._waiting[0];
	}

	/** Topics that have a quantity's value. */
	get valueTopics(): readonly string[] {
		return this._valueTopics;
	}

	/** The broker has it, and values at these topics. */
	taken(waiting: Waiting, valueTopics = this._valueTopics): void {
		this._valueTopics = valueTopics;
		// It may have been dropped meanwhile.
		if (this._waiting[0] !== waiting) return;
		this._waiting.shift();
		this._bytes -= waiting.report.length;
		this._write();
	}

	/** What leaves next so that the broker has these messages for Home Assistant, by topic, and no others; an empty one removes. */
	nextEntity(wanted: ReadonlyMap<string, string>): { readonly topic: string; readonly payload: string } | undefined {
		for (const [topic, payload] of wanted)
			if (this._entities.get(topic) !== digestOf(payload)) return { topic, payload };
		for (const topic of this._entities.keys()) if (!wanted.has(topic)) return { topic, payload: "" };
		return undefined;
	}

	/** The broker has it. */
	entityTaken(topic: string, payload: string): void {
		if (payload === "") this._entities.delete(topic);
		else this._entities.set(topic, digestOf(payload));
		this._write();
	}

	/** The broker may have lost what it retained. */
	again(): void {
		for (const topic of this._entities.keys()) this._entities.set(topic, "");
	}

	private _write(): void {
		const kept: KeptStation = {
			known: [...this._known],
			waiting: this._waiting,
			dropped: this._dropped,
			valueTopics: this._valueTopics,
			name: this._name,
			quantities: [...this._quantities],
			entities: Object.fromEntries(this._entities),
		};
		this._file.write(kept);
	}
}

function digestOf(payload: string): string {
	return createHash("sha256").update(payload).digest("base64url").slice(0, 16);
}

function isKeptStation(kept: object): kept is KeptStation {
	const { known, waiting, dropped, ...others } = kept as Partial<Record<keyof KeptStation, unknown>>;
	// Earlier versions had none of them.
	const { valueTopics = [], name = "", quantities = [], entities = {} } = others;
	const areTexts = (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === "string");
	const isWaiting = (one: unknown) => {
		const { time, isLate, report } = Object(one) as Partial<Record<keyof Waiting, unknown>>;
		return Number.isInteger(time) && typeof isLate === "boolean" && typeof report === "string";
	};
	return (
		Array.isArray(known) &&
		known.every(Number.isInteger) &&
		Array.isArray(waiting) &&
		waiting.every(isWaiting) &&
		Number.isInteger(dropped) &&
		areTexts(valueTopics) &&
		typeof name === "string" &&
		areTexts(quantities) &&
		areTexts(Object.values(membersOf(entities) ?? { none: undefined }))
	);
}

export type ForecastKind = "daily" | "hourly";
export const FORECASTS: readonly ForecastKind[] = ["daily", "hourly"];

interface KeptForecast {
	readonly payload: string;
	/** When it was made, in ms since 1970. */
	readonly issued: number;
	readonly isTaken: boolean;
}

/** A municipality's: of each kind the newest one. */
export class MunicipalitySpool {
	private readonly _file: KeptFile;
	private readonly _kept = new Map<ForecastKind, KeptForecast>();

	/** Throws an Error for a person where its file cannot be used. */
	constructor(folder: string, municipality: string, onFault: OnFault, write?: Write) {
		this._file = new KeptFile(join(folder, `municipality-${municipality}.json`), onFault, write);
		const kept = this._file.read() ?? {};
		for (const kind of FORECASTS) {
			const forecast = kept[kind];
			if (forecast === undefined) continue;
			if (!isKeptForecast(forecast)) throw this._file.wrong;
			this._kept.set(kind, forecast);
		}
	}

	/** When the older of its forecasts was made, in ms since 1970; `-Infinity`: it lacks one. */
	get newest(): number {
		return Math.min(...FORECASTS.map((kind) => this._kept.get(kind)?.issued ?? Number.NEGATIVE_INFINITY));
	}

	/** Forecasts that the broker has not taken. */
	get waiting(): number {
		return FORECASTS.filter((kind) => this._kept.get(kind)?.isTaken === false).length;
	}

	/** Takes the place of the one before it. Returns whether it is another one. `now`: where it does not say when it was made. */
	put(kind: ForecastKind, forecast: Forecast, now: number): boolean {
		const payload = JSON.stringify(forecast);
		const kept = this._kept.get(kind);
		if (payload === kept?.payload || payload.length > FORECAST_MAXIMUM) return false;
		const issued = Date.parse(forecast.issued ?? isoTime(now)!);
		if (kept && issued < kept.issued) return false;
		this._kept.set(kind, { payload, issued, isTaken: false });
		this._write();
		return true;
	}

	/** One that the broker has not taken. */
	next(): { readonly kind: ForecastKind; readonly payload: string } | undefined {
		for (const kind of FORECASTS) {
			const kept = this._kept.get(kind);
			if (kept?.isTaken === false) return { kind, payload: kept.payload };
		}
		return undefined;
	}

	/** The broker has it. */
	taken(kind: ForecastKind, payload: string): void {
		const kept = this._kept.get(kind);
		// Another one may have come meanwhile.
		if (kept?.payload !== payload) return;
		this._kept.set(kind, { ...kept, isTaken: true });
		this._write();
	}

	/** The broker may have lost what it retained. */
	again(): void {
		for (const [kind, kept] of this._kept) this._kept.set(kind, { ...kept, isTaken: false });
	}

	private _write(): void {
		this._file.write(Object.fromEntries(this._kept));
	}
}

function isKeptForecast(kept: unknown): kept is KeptForecast {
	const { payload, issued, isTaken } = Object(kept) as Partial<Record<keyof KeptForecast, unknown>>;
	return (
		typeof payload === "string" && payload.includes(NOTICE) && Number.isFinite(issued) && typeof isTaken === "boolean"
	);
}

/** What is asked for when, over restarts. */
export class ScheduleFile {
	private readonly _file: KeptFile;

	constructor(folder: string, onFault: OnFault, write?: Write) {
		this._file = new KeptFile(join(folder, "schedule.json"), onFault, write);
	}

	/** Throws an Error for a person where it cannot be used. */
	read(): KeptSchedule | undefined {
		const kept = this._file.read();
		if (!kept) return undefined;
		const { due, pausedUntil, limitedWait } = kept;
		const times = membersOf(due);
		if (!times || ![pausedUntil, limitedWait, ...Object.values(times)].every(Number.isFinite)) throw this._file.wrong;
		return kept as unknown as KeptSchedule;
	}

	write(kept: KeptSchedule): void {
		this._file.write(kept);
	}
}
