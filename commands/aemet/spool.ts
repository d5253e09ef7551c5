/**
 * What the broker has not taken yet of a station or a municipality, and what is known of it, in a file of its own: written
 * as a whole before anything leaves, so that a restart forgets nothing and repeats nothing.
 */
import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { replaceWhole } from "../../hosts/sim/headless/whole-file.ts";
import { isoTime } from "../../src/text.ts";
import { notOurs, readKept } from "../data-folder.ts";
import { membersOf } from "./answers.ts";
import type { Forecast } from "./forecast.ts";
import { FIELD_NAMES, type FieldName, type Observation, reportOf } from "./observations.ts";
import type { KeptSchedule } from "./schedule.ts";

/** Bytes of a station's observations that wait: some 40 days. Beyond it the oldest ones are dropped, and counted. */
const WAITING_MAXIMUM = 262_144;
/** How far before the newest observation one may be, in ms, to be told from those that were published; AEMET has those of a day. */
const REMEMBERED_MS = 3 * 86_400_000;
/** Bytes of a forecast; one of hours has some 20,000. */
const FORECAST_MAXIMUM = 131_072;

/** As `replaceWhole` names them. */
const UNFINISHED = /^(station|municipality|schedule)[-.\w]*\.json\.new-/;

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
	/** The newest one that the broker has. */
	readonly last?: Waiting | undefined;
	/** Topics with something retained: of the last one, and the status. */
	readonly retained?: readonly string[];
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

/** What a program that was killed while it wrote has left; nobody else may be writing. */
export function removeUnfinished(folder: string): void {
	let names: string[] = [];
	try {
		names = readdirSync(folder);
	} catch {
		// There is none yet.
	}
	for (const name of names) if (UNFINISHED.test(name)) rmSync(join(folder, name), { force: true });
}

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
	private _last: Waiting | undefined;
	private _retained: readonly string[];
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
		this._last = kept?.last;
		this._retained = kept?.retained ?? [];
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

	/** The newest one that the broker has had. */
	get last(): Waiting | undefined {
		return this._last;
	}

	/** Topics with something retained, as far as the broker has not lost it. */
	get retained(): readonly string[] {
		return this._retained;
	}

	/** The broker has it, and something retained at these topics. */
	taken(waiting: Waiting, retained = this._retained): void {
		this._retained = retained;
		if (!waiting.isLate) this._last = waiting;
		// It may have been dropped meanwhile, or be one of before.
		if (this._waiting[0] === waiting) {
			this._waiting.shift();
			this._bytes -= waiting.report.length;
		}
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
		this._retained = [];
		for (const topic of this._entities.keys()) this._entities.set(topic, "");
	}

	private _write(): void {
		const kept: KeptStation = {
			known: [...this._known],
			waiting: this._waiting,
			dropped: this._dropped,
			last: this._last,
			retained: this._retained,
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
	const { last, retained = [], name = "", quantities = [], entities = {} } = others;
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
		(last === undefined || isWaiting(last)) &&
		areTexts(retained) &&
		typeof name === "string" &&
		areTexts(quantities) &&
		areTexts(Object.values(membersOf(entities) ?? { none: undefined }))
	);
}

export type ForecastKind = "daily" | "hourly";
export const FORECASTS: readonly ForecastKind[] = ["daily", "hourly"];

/** Topics of a municipality, all of which are retained. `topic`: what they begin with. */
export function forecastTopics(topic: string): string[] {
	return [`${topic}/status`, ...FORECASTS.map((kind) => `${topic}/forecast/${kind}`)];
}

interface KeptForecast {
	readonly payload: string;
	/** When it was made, in ms since 1970. */
	readonly issued: number;
	readonly isTaken: boolean;
}

/** Where a municipality was published last, and what is still to be emptied of where it was before. */
interface KeptPlace {
	readonly topic: string;
	readonly gone: readonly string[];
}

/** A municipality's: of each kind the newest one. */
export class MunicipalitySpool {
	private readonly _file: KeptFile;
	private readonly _kept = new Map<ForecastKind, KeptForecast>();
	private _gone: readonly string[] = [];
	private readonly _topic: string;

	/** `topic`: what its topics begin with. Throws an Error for a person where its file cannot be used. */
	constructor(folder: string, municipality: string, topic: string, onFault: OnFault, write?: Write) {
		this._file = new KeptFile(join(folder, `municipality-${municipality}.json`), onFault, write);
		const kept = this._file.read() ?? {};
		this._topic = topic;
		for (const kind of FORECASTS) {
			const forecast = kept[kind];
			if (forecast === undefined) continue;
			if (!isKeptForecast(forecast)) throw this._file.wrong;
			this._kept.set(kind, forecast);
		}
		const { place } = kept;
		if (place === undefined) return;
		if (!isKeptPlace(place)) throw this._file.wrong;
		this._gone = place.gone.filter((topic) => !topic.startsWith(`${this._topic}/`));
		if (place.topic === this._topic) return;
		this.again();
		this._gone = [...this._gone, ...forecastTopics(place.topic)];
	}

	/** Topics where something of it may be retained, and should not be any more. */
	get gone(): readonly string[] {
		return this._gone;
	}

	/** The broker has nothing there any more. */
	emptied(topic: string): void {
		this._gone = this._gone.filter((one) => one !== topic);
		this._write();
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
		// One of the future would keep all later ones out.
		const issued = Math.min(now, Date.parse(forecast.issued ?? isoTime(now)!));
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
		const place: KeptPlace = { topic: this._topic, gone: this._gone };
		this._file.write({ ...Object.fromEntries(this._kept), place });
	}
}

function isKeptPlace(place: unknown): place is KeptPlace {
	const { topic, gone } = Object(place) as Partial<Record<keyof KeptPlace, unknown>>;
	return typeof topic === "string" && Array.isArray(gone) && gone.every((one) => typeof one === "string");
}

function isKeptForecast(kept: unknown): kept is KeptForecast {
	const { payload, issued, isTaken } = Object(kept) as Partial<Record<keyof KeptForecast, unknown>>;
	return typeof payload === "string" && Number.isFinite(issued) && typeof isTaken === "boolean";
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
		const { due, pausedUntil, limitedWait, refusedUntil = 0, refusedKey = "" } = kept;
		const times = membersOf(due);
		const numbers = times && [pausedUntil, limitedWait, refusedUntil, ...Object.values(times)];
		if (!numbers?.every(Number.isFinite) || typeof refusedKey !== "string") throw this._file.wrong;
		return kept as unknown as KeptSchedule;
	}

	write(kept: KeptSchedule): void {
		this._file.write(kept);
	}
}
