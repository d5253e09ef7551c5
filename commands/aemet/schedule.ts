/**
 * When AEMET is asked for what: no more often than there can be something new, and ever more rarely where it does not
 * answer. Without I/O; times are ms since 1970, so that what was asked for before a restart is not asked for again.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** From one request to the next, at the least, in ms; each of the two steps is one. */
export const SPACING_MS = 5_000;
/** The first wait after a failure, in ms; each further one is twice as long, up to an hour. */
const FIRST_WAIT_MS = MINUTE_MS;
const LONGEST_WAIT_MS = HOUR_MS;
/** How long a key is not tried again after it was refused, in ms. */
const REFUSED_WAIT_MS = HOUR_MS;
/** When no request is left, the next one waits for so long, in ms. */
const EXHAUSTED_WAIT_MS = MINUTE_MS;
/** Minutes of an hour in which its observations are asked for: AEMET needs some until it has them. */
const OBSERVATION_MINUTES = [15, 45] as const;
/** Hours from one request for a forecast to the next: AEMET makes a few a day. */
const FORECAST_HOURS = 6;

/** Digits of a key's hash that are kept. */
const KEY_DIGITS = 16;

export type Kind = "observation" | "daily" | "hourly";

/** What is asked for again and again. */
export interface Task {
	readonly kind: Kind;
	/** A station's or a municipality's. */
	readonly id: string;
}

/** How a request ended. */
export type Outcome =
	/** With data, or with the answer that there are none. */
	| "done"
	/** The key was not taken. */
	| "refused"
	/** Too many requests: for all tasks. */
	| "limited"
	/** For this task. */
	| "failed";

/** What outlives the program. */
export interface KeptSchedule {
	/** By `keyOf`: when it is due. */
	readonly due: Readonly<Record<string, number>>;
	/** Before, nothing is asked for. */
	readonly pausedUntil: number;
	/** The wait after the last refusal for too many requests; 0: none, or an answer since. */
	readonly limitedWait: number;
	/** Before, nothing is asked for with the key that was not taken; the beginning of its hash. */
	readonly refusedUntil?: number;
	readonly refusedKey?: string;
}

export function keyOf({ kind, id }: Task): string {
	return `${kind} ${id}`;
}

interface Planned {
	readonly task: Task;
	due: number;
	/** In a row. */
	failures: number;
}

export class Schedule {
	private readonly _seed: string;
	private readonly _planned: Planned[];
	/** Of tasks that are none of this run's. */
	private readonly _others: Readonly<Record<string, number>>;
	private _pausedUntil = 0;
	private _limitedWait = 0;
	private _refusedUntil = 0;

	/** `seed`: spreads those who ask; the hash of a key. `kept`: of an earlier run, perhaps with another clock. */
	constructor(tasks: readonly Task[], seed: string, now: number, kept?: KeptSchedule) {
		this._seed = seed;
		const within = (time: number | undefined, most: number) => Math.min(time ?? now, now + most);
		this._planned = tasks.map((task) => ({
			task,
			due: within(kept?.due[keyOf(task)], periodOf(task.kind)),
			failures: 0,
		}));
		const keys = new Set(tasks.map(keyOf));
		this._others = Object.fromEntries(
			Object.entries(kept?.due ?? {}).filter(([key, due]) => !keys.has(key) && due > now),
		);
		this._pausedUntil = within(kept?.pausedUntil, REFUSED_WAIT_MS);
		this._limitedWait = Math.min(kept?.limitedWait ?? 0, LONGEST_WAIT_MS);
		if (kept?.refusedKey === this._key) this._refusedUntil = within(kept.refusedUntil, REFUSED_WAIT_MS);
	}

	/** The next task, and when it is due; with one that has failed behind others. `undefined`: there are no tasks. */
	next(now: number): { readonly task: Task; readonly at: number } | undefined {
		// The clock may have been set back.
		this._pausedUntil = Math.min(this._pausedUntil, now + LONGEST_WAIT_MS);
		this._refusedUntil = Math.min(this._refusedUntil, now + REFUSED_WAIT_MS);
		for (const planned of this._planned) planned.due = Math.min(planned.due, now + periodOf(planned.task.kind));
		let next: Planned | undefined;
		for (const planned of this._planned) if (!next || precedes(planned, next, now)) next = planned;
		return next && { task: next.task, at: Math.max(next.due, this.pausedUntil) };
	}

	/** When a task is asked for next, in ms since 1970. */
	dueOf(task: Task): number {
		const planned = this._planned.find((planned) => planned.task === task);
		return Math.max(planned?.due ?? 0, this.pausedUntil);
	}

	/** Nothing may be asked for before, in ms since 1970. */
	get pausedUntil(): number {
		return Math.max(this._pausedUntil, this._refusedUntil);
	}

	/** Tells keys apart, and does not tell them. */
	private get _key(): string {
		return this._seed.slice(0, KEY_DIGITS);
	}

	/** A request begins. Who is killed in it, again and again, does not make one each time. */
	asked(task: Task, now: number): void {
		const planned = this._planned.find((planned) => planned.task === task);
		if (planned) planned.due = now + FIRST_WAIT_MS;
	}

	/** A request has ended. `task`: none, where something else was asked for. `remaining`: how many more may be made, if AEMET has told. */
	settled(task: Task | undefined, outcome: Outcome, now: number, remaining?: number): void {
		const planned = this._planned.find((planned) => planned.task === task);
		if (outcome !== "limited" && outcome !== "refused") this._limitedWait = 0;
		switch (outcome) {
			case "done":
				if (!planned) break;
				planned.failures = 0;
				planned.due = this._slotAfter(planned.task, now);
				break;
			case "refused":
				this._refusedUntil = now + REFUSED_WAIT_MS;
				break;
			case "limited":
				this._limitedWait = Math.min(LONGEST_WAIT_MS, this._limitedWait * 2 || FIRST_WAIT_MS);
				this._pausedUntil = now + this._limitedWait;
				break;
			case "failed":
				if (!planned) break;
				planned.due = now + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(planned.failures, 16));
				planned.failures++;
		}
		if (remaining !== undefined && remaining <= 0)
			this._pausedUntil = Math.max(this._pausedUntil, now + EXHAUSTED_WAIT_MS);
	}

	get kept(): KeptSchedule {
		return {
			due: { ...this._others, ...Object.fromEntries(this._planned.map(({ task, due }) => [keyOf(task), due])) },
			pausedUntil: this._pausedUntil,
			limitedWait: this._limitedWait,
			...(this._refusedUntil > 0 && { refusedUntil: this._refusedUntil, refusedKey: this._key }),
		};
	}

	/** The next time at which something new can be there. */
	private _slotAfter(task: Task, now: number): number {
		const period = periodOf(task.kind);
		const share = shareOf(`${this._seed} ${keyOf(task)}`);
		const [first, last] = OBSERVATION_MINUTES;
		const offset =
			task.kind === "observation"
				? Math.floor((first + share * (last - first)) * MINUTE_MS)
				: Math.floor(share * period);
		return (Math.floor((now - offset) / period) + 1) * period + offset;
	}
}

function periodOf(kind: Kind): number {
	return kind === "observation" ? HOUR_MS : FORECAST_HOURS * HOUR_MS;
}

/** Of those that are due, those that answer come first. */
function precedes(one: Planned, other: Planned, now: number): boolean {
	const [isDue, isOtherDue] = [one.due <= now, other.due <= now];
	if (isDue && isOtherDue && one.failures !== other.failures) return one.failures < other.failures;
	return one.due < other.due;
}

/** A text's FNV-1a hash, in [0, 1). */
function shareOf(text: string): number {
	let hash = 0x811c9dc5;
	for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
	// The last characters have not reached the upper bits.
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
