/**
 * The history for Home Assistant: whole hours of each quantity as external statistics. Home Assistant knows no time of a
 * measurement, so that a late reading has no way into an entity's states; an hour is sent again when one has touched it.
 *
 * `recorder/import_statistics` says yes as soon as it has put the hours in a queue. So they count as sent when
 * `recorder/statistics_during_period` has them. An hour that is there already is overwritten: nothing comes twice.
 */
import { messageOf, printable } from "../../../src/text.ts";
import { HOUR_MS } from "../store/times.ts";
import { type Clock, Connection, DisconnectedError, RefusedError } from "./connection.ts";
import { type MetadataForm, metadataForm, metadataOf, type Subject, statisticId } from "./statistic.ts";

/** Hours that are in memory at a time. */
const HOURS_MAXIMUM = 2_000;
/** From the first to the last hour of a request, at the most: 31 days, of which an answer has 80 KB. */
const SPAN_MS = 744 * HOUR_MS;
/** Between two looks for hours that are due, in ms. */
const LOOK_MS = 60_000;
/** How long after an import, and after each look, Home Assistant is asked for the hours, in ms; then they are sent again later. */
const CHECKS_MS = [250, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;
/** How long a statistic is left alone that Home Assistant refuses, or whose hours it has not got, in ms. */
const REFUSED_MS = HOUR_MS;
const NOT_STORED_MS = 300_000;
/** How long everything rests where the token is no administrator's, or where no recorder does its work, in ms. */
const REST_MS = 600_000;
/** Statistics in a row whose hours were not stored, before everything rests. */
const NOT_STORED_MAXIMUM = 3;
/** Home Assistant's words for what it refuses whatever it is of, and one of ours. */
const OF_EVERYTHING: Readonly<Record<string, string>> = {
	unauthorized: "the token is not of an administrator",
	unknown_command: "it has no recorder, or not yet",
	not_stored: "its recorder stores nothing",
};
/** Statistics that are left alone; with more of them the first ones are tried again earlier. */
const LEFT_ALONE_MAXIMUM = 1_000;
/** By which part a value may differ that was stored. Databases keep 15 digits. */
const TOLERANCE = 1e-9;

/** What a quantity of a station was in an hour. */
export interface HourStatistics extends Subject {
	/** Such as `°C`; `null`: none, or not known. */
	readonly unit: string | null;
	/** The hour's beginning, in ms since 1970: a whole hour of UTC. */
	readonly start: number;
	readonly mean: number;
	readonly min: number;
	readonly max: number;
	/** Another one after each change of the hour. */
	readonly version: number;
}

/** Where the hours come from. */
export interface HourSource {
	/**
	 * Hours that are over and that Home Assistant does not have as they are now, oldest first, `limit` of them at the most; none of
	 * the subjects in `except`.
	 */
	due(limit: number, now: number, except: readonly Subject[]): Promise<readonly HourStatistics[]>;
	/**
	 * These need not be sent again as they are: Home Assistant has them, or cannot have them, as their values are not finite. A
	 * version that has been succeeded by another one meanwhile says nothing of that one.
	 */
	confirmed(hours: readonly HourStatistics[]): Promise<void>;
}

export interface HistoryOptions {
	/** Home Assistant's, as in a browser. */
	readonly url: string;
	/** A long-lived access token of an administrator. */
	readonly token: string;
	readonly source: HourSource;
	readonly clock: Clock;
	/** A line for a person. */
	readonly onLine: (line: string) => void;
}

interface LeftAlone {
	readonly subject: Subject;
	readonly until: number;
	/** What was told of it. */
	readonly reason: string;
}

export class History {
	private readonly _options: HistoryOptions;
	private readonly _connection: Connection;
	/** By their ids. Those whose time is over stay until they are confirmed, so that nothing is told twice. */
	private readonly _leftAlone = new Map<string, LeftAlone>();
	/** The form that this Home Assistant has taken, or is said to take. */
	private _form: MetadataForm = "mean_type";
	private _isFormProven = false;
	/** Of the look for hours that runs. */
	private _isLooking = false;
	private _cancelLook = () => {};
	private _endPause = () => {};
	/** What was told of everything, and when everything goes on. */
	private _complaint = "";
	private _restsUntil = 0;
	/** Statistics in a row whose hours were not stored. */
	private _notStored = 0;

	/** Throws an Error for a URL or a token that cannot be one. */
	constructor(options: HistoryOptions) {
		this._options = options;
		const { url, token, clock, onLine } = options;
		this._connection = new Connection({ url, token, clock, onLine, onOpen: () => this._opened() });
	}

	/** Whether it is connected. */
	get isConnected(): boolean {
		return this._connection.isOpen;
	}

	/** Whether it waits for something that Home Assistant has to say; where not, for its time. */
	get awaitsAnswer(): boolean {
		return this._connection.awaitsAnswer;
	}

	start(): void {
		this._connection.start();
	}

	/** For good. What is not confirmed is due at the next start. */
	close(): void {
		this._cancelLook();
		this._connection.close();
		this._endPause();
	}

	private _opened(): void {
		this._form = metadataForm(this._connection.version);
		this._isFormProven = false;
		void this._look();
	}

	/** Sends what is due, and looks again later. It throws nothing. */
	private async _look(): Promise<void> {
		this._cancelLook();
		if (this._isLooking) return;
		this._isLooking = true;
		try {
			while (this._connection.isOpen && this._options.clock.now() >= this._restsUntil && (await this._sendDue())) {}
		} catch (error) {
			// The connection tells why it has ended, and opens again.
			if (!(error instanceof DisconnectedError)) this._complain(error);
		}
		this._isLooking = false;
		if (this._connection.isOpen) this._cancelLook = this._options.clock.after(LOOK_MS, () => void this._look());
	}

	/** Nothing can be sent, whatever it is of. */
	private _complain(error: unknown): void {
		let complaint = `the hours for it: ${messageOf(error)}`;
		if (error instanceof RefusedError) {
			this._restsUntil = this._options.clock.now() + REST_MS;
			complaint = `${OF_EVERYTHING[error.code]}; tried again every 10 minutes`;
		}
		if (complaint !== this._complaint) this._options.onLine(`Home Assistant: ${complaint}`);
		this._complaint = complaint;
	}

	/** Sends the oldest hours that are due; whether there may be more that can be sent now. */
	private async _sendDue(): Promise<boolean> {
		const { source, clock } = this._options;
		const now = clock.now();
		const except = [...this._leftAlone.values()].filter(({ until }) => until > now).map(({ subject }) => subject);
		const hours = await source.due(HOURS_MAXIMUM, now, except);
		let isProgress = false;
		for (const batch of batchesOf(hours)) if (await this._send(batch)) isProgress = true;
		return isProgress;
	}

	/** Sends hours of one statistic; whether there was progress, be it only that the statistic is left alone. */
	private async _send(batch: readonly HourStatistics[]): Promise<boolean> {
		const subject = batch[0]!;
		const id = statisticId(subject);
		// Another batch of it was refused just now.
		if ((this._leftAlone.get(id)?.until ?? 0) > this._options.clock.now()) return false;
		const [sendable, unsendable] = [batch.filter(isSendable), batch.filter((hour) => !isSendable(hour))];
		if (unsendable.length > 0) {
			this._options.onLine(`Home Assistant: ${id} has an hour without numbers: ${isoHour(unsendable[0]!.start)}`);
			await this._options.source.confirmed(unsendable);
		}
		if (sendable.length === 0) return false;
		try {
			await this._import(subject, await this._unit(id, subject.unit), sendable);
			if (await this._areStored(id, sendable)) return true;
			this._leaveAlone(subject, NOT_STORED_MS, "it has not stored the hours that it took; sent again in 5 minutes");
			if (++this._notStored >= NOT_STORED_MAXIMUM) throw new RefusedError("not_stored", "not stored");
		} catch (error) {
			// It may be these hours that ended the connection, which tells it. The others go first then.
			if (error instanceof DisconnectedError) this._leaveAlone(subject, NOT_STORED_MS);
			if (!(error instanceof RefusedError) || Object.hasOwn(OF_EVERYTHING, error.code)) throw error;
			this._leaveAlone(subject, REFUSED_MS, `${error.message}; tried again in an hour`);
		}
		return true;
	}

	/**
	 * The statistic's unit: that of the hours, or that of earlier ones. Rejects where Home Assistant has another one, as somebody has
	 * converted it: it takes hours in any unit, and would show the earlier ones in that.
	 */
	private async _unit(id: string, unit: string | null): Promise<string | null> {
		const found = await this._connection.request("recorder/get_statistics_metadata", { statistic_ids: [id] });
		const known = Array.isArray(found) ? found.find((metadata) => Object(metadata).statistic_id === id) : undefined;
		const stored = known?.statistics_unit_of_measurement;
		if (typeof stored !== "string") return unit;
		if (unit !== null && stored !== unit)
			throw new RefusedError("unit", `it is in ${printable(stored)} there, not in ${printable(unit)}`);
		return stored;
	}

	private async _import(subject: Subject, unit: string | null, hours: readonly HourStatistics[]): Promise<void> {
		const stats = hours.map(({ start, mean, min, max }) => ({ start: isoHour(start), mean, min, max }));
		const send = (form: MetadataForm) =>
			this._connection.request("recorder/import_statistics", {
				metadata: metadataOf(subject, unit, form),
				stats,
			});
		try {
			await send(this._form);
		} catch (error) {
			const isOfForm = error instanceof RefusedError && error.code === "invalid_format" && !this._isFormProven;
			if (!isOfForm) throw error;
			// A version that does not say what it is, or lies between the releases.
			const other = this._form === "mean_type" ? "has_mean" : "mean_type";
			await send(other).catch((second) => {
				throw second instanceof RefusedError ? error : second;
			});
			this._form = other;
		}
		this._isFormProven = true;
	}

	/** Whether all hours are there in the end. Those that are there are confirmed. */
	private async _areStored(id: string, hours: readonly HourStatistics[]): Promise<boolean> {
		let missing = hours;
		for (const delay of CHECKS_MS) {
			await this._pause(delay);
			const stored = await this._stored(id, missing);
			const isStored = (hour: HourStatistics) => sameValues(stored.get(hour.start), hour);
			const there = missing.filter(isStored);
			missing = missing.filter((hour) => !isStored(hour));
			if (there.length > 0) await this._options.source.confirmed(there);
			if (missing.length > 0) continue;
			this._leftAlone.delete(id);
			this._complaint = "";
			this._notStored = 0;
			return true;
		}
		return false;
	}

	/** What Home Assistant has from the first to the last hour, by the hours' beginnings. */
	private async _stored(id: string, hours: readonly HourStatistics[]): Promise<Map<number, Row>> {
		const result = await this._connection.request("recorder/statistics_during_period", {
			start_time: isoHour(hours[0]!.start),
			end_time: isoHour(hours.at(-1)!.start + HOUR_MS),
			statistic_ids: [id],
			period: "hour",
			types: ["mean", "min", "max"],
		});
		const rows: unknown = Object(result)[id];
		return new Map(Array.isArray(rows) ? rows.map((row) => [Object(row).start, Object(row)]) : []);
	}

	private _leaveAlone(subject: Subject, duration: number, given?: string): void {
		const id = statisticId(subject);
		const told = this._leftAlone.get(id)?.reason ?? "";
		const reason = given ?? told;
		if (reason !== told) this._options.onLine(`Home Assistant: ${id}: ${reason}`);
		const until = this._options.clock.now() + duration;
		const { topic, quantity } = subject;
		// Behind those that are left alone for longer.
		this._leftAlone.delete(id);
		this._leftAlone.set(id, { subject: { topic, quantity }, until, reason });
		const [first] = this._leftAlone.keys();
		if (this._leftAlone.size > LEFT_ALONE_MAXIMUM) this._leftAlone.delete(first!);
	}

	private _pause(duration: number): Promise<void> {
		return new Promise((resolve) => {
			const cancel = this._options.clock.after(duration, resolve);
			this._endPause = () => {
				cancel();
				resolve();
			};
		});
	}
}

interface Row {
	readonly mean?: unknown;
	readonly min?: unknown;
	readonly max?: unknown;
}

/** Hours by statistic, each batch in a span that one answer can have; the batch with the oldest hour is the first. */
function batchesOf(hours: readonly HourStatistics[]): HourStatistics[][] {
	const batches: HourStatistics[][] = [];
	const latest = new Map<string, HourStatistics[]>();
	for (const hour of hours.toSorted((a, b) => a.start - b.start)) {
		const key = JSON.stringify([hour.topic, hour.quantity, hour.unit]);
		let batch = latest.get(key);
		if (!batch || hour.start - batch[0]!.start >= SPAN_MS) {
			batch = [];
			batches.push(batch);
			latest.set(key, batch);
		}
		batch.push(hour);
	}
	return batches;
}

function isSendable({ start, mean, min, max }: HourStatistics): boolean {
	return start % HOUR_MS === 0 && [mean, min, max].every(Number.isFinite);
}

function sameValues(row: Row | undefined, { mean, min, max }: HourStatistics): boolean {
	const same = (stored: unknown, sent: number) =>
		typeof stored === "number" && Math.abs(stored - sent) <= TOLERANCE * Math.max(1, Math.abs(sent));
	return row !== undefined && same(row.mean, mean) && same(row.min, min) && same(row.max, max);
}

/** With a zone, which Home Assistant asks for. */
function isoHour(start: number): string {
	return new Date(start).toISOString().replace(".000Z", "+00:00");
}
