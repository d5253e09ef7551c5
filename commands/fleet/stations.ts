/** The stations of a fleet, and what happens to them each second. */
import { Machine } from "../../hosts/sim/fleet/machine.ts";
import { Random } from "../../hosts/sim/world/random.ts";
import { printable } from "../../src/text.ts";
import { Absences } from "./absences.ts";
import type { Ledger } from "./ledger.ts";
import type { Options } from "./options.ts";

/** Stations that are started in a second, at the most. */
const STARTS_PER_S = 1_000;
/** Otherwise they are started within the time between two readings, or within this, in ms. */
const STARTS_WITHIN_MS = 60_000;
/** Stations that say goodbye at a time, and the pause behind it, in ms. */
const GOODBYES = { stations: 250, pause: 100 } as const;
/** Different reasons that are counted. */
const REASONS_MAXIMUM = 50;
const SECOND_MS = 1_000;

/** What came in a second of the run. */
export interface Second {
	/** Since the start, in s. */
	readonly second: number;
	/** Stations that are connected at its end. */
	readonly connected: number;
	readonly connects: number;
	readonly readings: number;
	readonly acknowledged: number;
}

export class Stations {
	readonly machines: readonly Machine[];
	readonly absences: Absences;
	connections = 0;
	/** In s since the start; `undefined`: not yet. */
	allConnected: number | undefined;
	/** The most in a second. */
	readonly peak = { connects: 0, acknowledged: 0 };
	private readonly _options: Options;
	private readonly _ledger: Ledger;
	private readonly _reasons = new Map<string, number>();
	private readonly _begin = performance.now();
	private _connected = 0;
	/** Those whose own power or network was taken away, until they are connected again. */
	private readonly _gone = new Set<number>();
	/** Acknowledgements, those included that came twice. */
	private _acknowledged = 0;
	private _tickedAt = 0;
	private _last = { connections: 0, readings: 0, acknowledged: 0 };

	constructor(options: Options, ledger: Ledger) {
		const { stations, settingsOf, seed } = options;
		this._options = options;
		this._ledger = ledger;
		this.absences = new Absences(stations);
		const random = new Random(seed);
		this.machines = Array.from({ length: stations }, (_, station) => {
			const dice = random.fork(`station ${station}`);
			return new Machine({
				settings: settingsOf(station),
				seed: random.fork(`weather ${station}`).integer(0, 0x7fff_ffff),
				random: () => dice.next(),
				observer: {
					onReading: (seq) => ledger.onTaken(station, seq),
					onAcknowledged: (seq) => {
						this._acknowledged++;
						ledger.onAcknowledged(station, seq);
					},
					onConnected: () => this._onConnected(station),
					onDisconnected: () => this._onDisconnected(station),
					onGone: () => this._onGone(station),
					onLog: (level, text) => {
						// Why a station has no connection that has lost its own network, is known.
						if (level !== "info" && !this._gone.has(station)) this._count(text);
					},
				},
			});
		});
	}

	get connected(): number {
		return this._connected;
	}

	/** Since the start, in ms. */
	get now(): number {
		return performance.now() - this._begin;
	}

	/** Why they lost their connections or had none, and how often; the most frequent first. */
	get reasons(): (readonly [reason: string, count: number])[] {
		return [...this._reasons].sort(([, a], [, b]) => b - a);
	}

	/** Readings for which a flash had no room. */
	get dropped(): number {
		return this.machines.reduce((sum, { counters }) => sum + (counters?.dropped ?? 0), 0);
	}

	/** In ms: spread over the time between two readings, as those of a fleet are. */
	get startsWithin(): number {
		const { stations, interval } = this._options;
		return Math.max((SECOND_MS * stations) / STARTS_PER_S, Math.min(STARTS_WITHIN_MS, SECOND_MS * interval));
	}

	async start(isOver: () => boolean): Promise<void> {
		const { stations } = this._options;
		const within = this.startsWithin;
		for (const [index, machine] of this.machines.entries()) {
			while (this.now < (within * index) / stations && !isOver()) await pause(10);
			if (isOver()) return;
			machine.powerOn();
		}
	}

	async stop(): Promise<void> {
		const stopped: Promise<void>[] = [];
		for (const [index, machine] of this.machines.entries()) {
			if (index > 0 && index % GOODBYES.stations === 0) await pause(GOODBYES.pause);
			stopped.push(machine.stop());
		}
		await Promise.all(stopped);
	}

	/** To be called each second. */
	tick(): Second {
		const now = { connections: this.connections, readings: this._ledger.taken, acknowledged: this._acknowledged };
		// A busy process is late.
		const passed = Math.max(1, (this.now - this._tickedAt) / SECOND_MS);
		this._tickedAt = this.now;
		const second = {
			second: Math.round(this.now / SECOND_MS),
			connected: this._connected,
			connects: now.connections - this._last.connections,
			readings: now.readings - this._last.readings,
			acknowledged: now.acknowledged - this._last.acknowledged,
		};
		this._last = now;
		this.peak.connects = Math.max(this.peak.connects, Math.round(second.connects / passed));
		this.peak.acknowledged = Math.max(this.peak.acknowledged, Math.round(second.acknowledged / passed));
		return second;
	}

	private _onConnected(station: number): void {
		this._connected++;
		this._gone.delete(station);
		this.connections++;
		if (this._connected === this._options.stations) this.allConnected ??= this.now / SECOND_MS;
		this.absences.onBack(station, this.now);
	}

	private _onDisconnected(station: number): void {
		this._connected--;
		if (!this._gone.has(station)) this.absences.onLost(station, this.now);
	}

	private _onGone(station: number): void {
		this._gone.add(station);
		this.absences.onGone(station, this.now);
	}

	private _count(text: string): void {
		// Without the broker's address before it and when the next attempt is behind it, which differ.
		const reason = printable(text.replace(/^\S+:\d+: /, "").replace(/; next attempt.*/, ""));
		const count = this._reasons.get(reason);
		if (count !== undefined || this._reasons.size < REASONS_MAXIMUM) this._reasons.set(reason, (count ?? 0) + 1);
	}
}

function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
