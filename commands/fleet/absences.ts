/**
 * When a broker leaves a fleet alone, and how long it takes until all stations are back. Without I/O: times, in ms, are
 * arguments.
 */

export interface Absence {
	/** When half of the stations had lost their connections. */
	readonly at: number;
	/** So many did in all. */
	readonly stations: number;
	/** From then until the first was back, and until all were; `undefined`: they are not yet. */
	readonly firstBack: number | undefined;
	readonly allBack: number | undefined;
	/** The most that came back within a second. */
	readonly connects: number;
}

const SECOND_MS = 1_000;
/** Losses that lie further apart, in ms, have causes of their own, unless none of the stations is back. */
const TOGETHER_MS = 60_000;

interface Open {
	/** As long as it is not known whether it is one: `undefined`. */
	at: number | undefined;
	/** When they did, in that order; as long as it is not known whether it is one, those of the last minute. */
	readonly lost: Map<number, number>;
	readonly away: Set<number>;
	firstBack: number | undefined;
	/** When stations came back within the last second. */
	readonly recent: number[];
	connects: number;
}

export class Absences {
	private readonly _stations: number;
	private readonly _ended: Absence[] = [];
	private _open: Open | undefined;

	/** An absence is one if half of so many stations lose their connections, and not because of their own power or network. */
	constructor(stations: number) {
		this._stations = stations;
	}

	get all(): readonly Absence[] {
		const open = this._open && told(this._open, undefined);
		return open ? [...this._ended, open] : this._ended;
	}

	onLost(station: number, now: number): void {
		this._open ??= { at: undefined, lost: new Map(), away: new Set(), firstBack: undefined, recent: [], connects: 0 };
		const open = this._open;
		const { lost, away } = open;
		lost.delete(station);
		lost.set(station, now);
		away.add(station);
		if (open.at !== undefined) return;
		for (const [earlier, time] of lost) {
			if (time > now - TOGETHER_MS) break;
			lost.delete(earlier);
		}
		if (Math.max(lost.size, away.size) < this._stations / 2) return;
		open.at = now;
		for (const one of away) if (!lost.has(one)) lost.set(one, now);
	}

	onBack(station: number, now: number): void {
		const open = this._open;
		if (!open?.away.delete(station)) return;
		if (open.at !== undefined) open.firstBack ??= now - open.at;
		const { recent } = open;
		recent.push(now);
		while (recent[0]! <= now - SECOND_MS) recent.shift();
		open.connects = Math.max(open.connects, recent.length);
		this._end(open, now);
	}

	/** The station's own power or network has gone: that is not the broker's affair. */
	onGone(station: number, now: number): void {
		if (this._open?.away.delete(station)) this._end(this._open, now);
	}

	private _end(open: Open, now: number): void {
		if (open.away.size > 0) return;
		const absence = told(open, now);
		if (absence) this._ended.push(absence);
		this._open = undefined;
	}
}

function told({ at, lost, firstBack, connects }: Open, end: number | undefined): Absence | undefined {
	if (at === undefined) return undefined;
	return { at, stations: lost.size, firstBack, allBack: end === undefined ? undefined : end - at, connects };
}
