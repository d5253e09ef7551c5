/**
 * A simulated world: a station's real code on a simulated board, a network, a
 * broker and everything that can go wrong between them, for some days. All of
 * it is decided by the seed.
 */
import { SLOT_BYTES } from "../../../src/outbox/slot.ts";
import { parseSettings } from "../../../src/settings.ts";
import { FlashChip } from "../devices/flash-chip.ts";
import { noise } from "../devices/random.ts";
import { Board } from "./board/board.ts";
import { EPOCH } from "./board/clock.ts";
import { Probe } from "./board/probe.ts";
import { Broker } from "./broker/broker.ts";
import { effectsOn } from "./faults/effects.ts";
import type { Reach } from "./faults/fault.ts";
import { Health } from "./faults/health.ts";
import { FaultSchedule } from "./faults/schedule.ts";
import { Network } from "./network/network.ts";
import { TimeServer } from "./network/time-server.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { Random } from "./random.ts";
import { Oracle, type Violation } from "./rules/oracle.ts";
import { Scheduler } from "./scheduler.ts";
import { Tally } from "./tally.ts";
import { Trace } from "./trace.ts";
import { WebSocketListener } from "./websocket/listener.ts";

/** Without faults at first, in ms. */
const WARM_UP_MS = 60_000;
/** How often the oracle looks at the time, in ms. */
const TICK_MS = 20_000;
/** How often it is looked whether nothing waits any more, in ms: no multiple of an interval. */
const LOOK_MS = 137;
/** How much longer than computed the backlog may take, and what comes on top, in ms. */
const DRAIN_FACTOR = 1.5;
const DRAIN_MS = 180_000;
const BLOCK_BYTES = 4_096;
/** Of how many worlds. */
const RECALLING = 0.25;
const DAY_MS = 86_400_000;

export interface WorldOptions {
	/** Told of each line of the world's story, packets included. */
	readonly onLine?: (line: string) => void;
}

/** What a world, or several, came to. */
export interface Stats {
	/** Simulated ms. */
	simulated: number;
	readings: number;
	deliveries: number;
	redeliveries: number;
	/** Refused by the broker. */
	rejected: number;
	/** Counted by the station as lost. */
	dropped: number;
	/** In RAM only when the power was cut, for the flash refused. */
	forgotten: number;
	/** Numbers given twice, for the flash had not kept the first one. */
	reused: number;
	powerCuts: number;
	restarts: number;
	sleeps: number;
	attempts: number;
	connections: number;
	/** Block erases and write operations of the flash. */
	erases: number;
	writes: number;
}

export interface Outcome {
	readonly seed: number;
	readonly violation: (Violation & { readonly lastLines: readonly string[] }) | undefined;
	readonly stats: Stats;
	/** By kind. */
	readonly faults: ReadonlyMap<string, number>;
	/** Of everything that happened. */
	readonly digest: number;
	readonly plan: Plan;
}

/** Runs the world of a seed for `days` of faults, and until it is calm again. */
export function runWorld(seed: number, days: number, options: WorldOptions = {}): Outcome {
	return new World(seed, days, options).run();
}

class World {
	private readonly _seed: number;
	private readonly _random: Random;
	private readonly _plan: Plan;
	private readonly _scheduler = new Scheduler();
	private readonly _tally = new Tally();
	private readonly _trace = new Trace();
	private readonly _health = new Health();
	private readonly _network: Network;
	private readonly _broker: Broker;
	private readonly _board: Board;
	private readonly _flash: FlashChip | undefined;
	private readonly _oracle: Oracle;
	private readonly _faults: FaultSchedule;
	private _violation: Outcome["violation"];

	constructor(seed: number, days: number, { onLine }: WorldOptions) {
		this._seed = seed;
		const random = new Random(seed);
		this._random = random;
		const plan = drawPlan(random.fork("plan"), days);
		this._plan = plan;
		this._trace.onLine = onLine;
		const scheduler = this._scheduler;
		const tally = this._tally;
		const probe = new Probe(plan.settings.sensor, scheduler, random.integer(0, 1_000_000));
		this._oracle = new Oracle({
			plan,
			scheduler,
			probe,
			health: this._health,
			trace: this._trace,
			onViolation: (violation) => this._violated(violation),
		});
		this._network = new Network(scheduler, random.fork("network"), plan.conditions, tally);
		this._broker = new Broker({
			scheduler,
			random: random.fork("broker"),
			network: plan.webSocket
				? new WebSocketListener(this._network, random.fork("websocket"), plan.webSocket === "proxy")
				: this._network,
			tally,
			observer: this._oracle,
			faults: plan.broker,
		});
		const timeServer = new TimeServer({
			time: () => EPOCH + scheduler.now,
			isTimeKnown: () => this._board.clock?.time() !== undefined,
			after: (delay, callback) => scheduler.after(delay, callback),
			random: fractions(random.fork("time server")),
			reachable: () => this._network.conditions.linkUp,
		});
		if (plan.blocks > 0) {
			this._flash = new FlashChip({
				blockLength: BLOCK_BYTES,
				blocks: plan.blocks,
				random: fractions(random.fork("flash")),
			});
			if (plan.worn > 0) {
				this._flash.failing = (operation, offset) =>
					operation === "write" && noise(seed, Math.floor(offset / SLOT_BYTES)) < plan.worn;
			}
		}
		this._board = new Board({
			...plan,
			scheduler,
			random: random.fork("board"),
			network: this._network,
			timeServer,
			probe,
			flash: this._flash,
			settings: parseSettings(plan.settings),
			observer: this._oracle,
		});
		this._oracle.board = this._board;
		this._oracle.broker = this._broker;
		const reach: Reach = {
			random: random.fork("fault"),
			network: this._network,
			broker: this._broker,
			probe,
			flash: this._flash,
			board: this._board,
			effects: effectsOn({
				network: this._network,
				broker: this._broker,
				probe,
				timeServer,
				flash: this._flash,
				board: this._board,
			}),
			onDamage: () => this._oracle.flashDamaged(),
			after: (delay, callback) => scheduler.after(delay, callback),
			command: (name) => {
				this._oracle.commanded(name);
				this._broker.publish(`${plan.settings.topic}/cmd/${name}`, "", 1);
			},
			asksForTime: plan.asksForTime,
			keepsTime: plan.keepsTime,
		};
		this._faults = new FaultSchedule({
			scheduler,
			reach,
			faults: plan.faults,
			health: this._health,
			trace: this._trace,
			tally,
		});
	}

	run(): Outcome {
		const { duration, clockSet } = this._plan;
		this._board.powerOn(clockSet ? EPOCH : undefined);
		this._ticks();
		if (!this._plan.asksForTime) this._setClock();
		this._passUntil(this._scheduler.now + WARM_UP_MS);
		this._faults.start();
		this._asksForReadings();
		this._passUntil(this._scheduler.now + duration);
		this._calmDown();
		this._drain();
		if (!this._violation) this._oracle.atTheEnd();
		return this._outcome();
	}

	/** Lets time pass up to `until`, in the world's ms, unless there is a violation. */
	private _passUntil(until: number): void {
		while (!this._violation && this._scheduler.now < until) {
			try {
				this._scheduler.run(until);
			} catch (error) {
				this._oracle.onException(error);
			}
		}
	}

	/**
	 * Lets time pass until the next look, of one each `period` ms, that may find something else than the last one: nothing
	 * changes between events. `limit`: and the first behind this time, in the world's ms.
	 */
	private _passToLook(period: number, limit: number): void {
		const first = Math.min(this._scheduler.next, limit);
		let look = this._scheduler.now + period;
		while (look < first) look += period;
		this._passUntil(look);
	}

	private _ticks(): void {
		this._scheduler.after(TICK_MS, () => {
			this._oracle.tick();
			this._ticks();
		});
	}

	/** Where the station does not ask for the time, others set its clock: after a while, and now and then anew. */
	private _setClock(): void {
		const random = this._random.fork("clock");
		const set = () => {
			const { clock } = this._board;
			if (clock) clock.setTime(EPOCH + this._scheduler.now + Math.round(1_000 * (random.next() - 0.5)));
			this._scheduler.after(random.exponential(DAY_MS / 4), set);
		};
		this._scheduler.after(random.exponential(DAY_MS / 24), set);
	}

	/** In some worlds somebody asks for readings again, until it is calm. */
	private _asksForReadings(): void {
		const random = this._random.fork("recall");
		if (!random.chance(RECALLING)) return;
		const { topic } = this._plan.settings;
		const until = this._scheduler.now + this._plan.duration;
		const ask = () => {
			if (this._scheduler.now >= until) return;
			const newest = Math.max(1, this._oracle.readings.newestSeq);
			const from = random.integer(1, newest);
			const most = random.chance(0.05) ? newest + 100 : newest;
			const to = Math.min(most, from + random.pick([0, 3, 40, newest]));
			this._oracle.asksAgain(from, to);
			this._broker.publish(`${topic}/cmd/readings`, JSON.stringify({ from, to }), 1);
			this._scheduler.after(random.exponential(DAY_MS / 12), ask);
		};
		this._scheduler.after(random.exponential(DAY_MS / 12), ask);
	}

	/** From now on nothing is wrong. */
	private _calmDown(): void {
		this._faults.end();
		this._broker.start();
		if (this._flash) this._flash.cutAfter = undefined;
		this._trace.note(this._scheduler.now, "calm from now on");
		if (!this._board.asleep) this._board.powerOn();
	}

	/** Until nothing waits any more. */
	private _drain(): void {
		const { pace, settleMs } = this._oracle;
		// A station that could not read its flash does not know what waits there.
		const looked = this._scheduler.now + 2_000 * parseSettings(this._plan.settings).interval;
		while (this._oracle.flashFails && !this._violation && this._scheduler.now < looked) {
			this._passToLook(LOOK_MS, looked);
		}
		const calm = this._scheduler.now;
		let limit = calm + settleMs;
		for (let settled = false; !this._violation; ) {
			const { station, asleep } = this._board;
			const queued = this._oracle.counters?.queued ?? 0;
			if (!settled && this._scheduler.now >= limit) {
				settled = true;
				const wait = this._oracle.readings.asideUntil - this._scheduler.now;
				limit = this._scheduler.now + Math.max(0, wait) + (DRAIN_FACTOR * 1_000 * queued) / pace + DRAIN_MS;
			}
			if (asleep && this._oracle.sleep?.restsSince(calm)) return;
			if (
				!this._plan.sleep &&
				station &&
				queued === 0 &&
				!station.awaiting &&
				// A connection that the station has given up is one for the broker still, until it hears of it.
				this._board.sockets > 0 &&
				this._broker.connectedSince(this._clientId) !== undefined
			)
				return;
			if (settled && this._scheduler.now >= limit) {
				this._oracle.violate("drain", `${queued} readings still wait, with nothing wrong`);
			}
			this._passToLook(queued > 100 ? TICK_MS : LOOK_MS, limit);
		}
	}

	private get _clientId(): string {
		return `veleta-${this._plan.settings.id}`;
	}

	private _violated(violation: Violation): void {
		if (this._violation) return;
		this._trace.note(violation.time, `VIOLATION (${violation.kind}): ${violation.text}`);
		this._violation = { ...violation, lastLines: this._trace.lines() };
		this._trace.freeze();
		this._scheduler.stop();
	}

	private _outcome(): Outcome {
		const { readings, counts, calls } = this._oracle;
		const { accepted, deliveries, redeliveries, rejected, forgotten } = readings.counts;
		const stats = {
			simulated: this._scheduler.now,
			readings: accepted,
			deliveries,
			redeliveries,
			rejected,
			dropped: this._oracle.counters?.dropped ?? 0,
			forgotten,
			reused: readings.numbers.reused,
			powerCuts: counts.powerCuts,
			restarts: counts.restarts,
			sleeps: counts.sleeps,
			attempts: calls.attempts,
			connections: counts.connections,
			erases: this._flash?.erases.reduce((sum, erases) => sum + erases, 0) ?? 0,
			writes: this._flash?.writes ?? 0,
		};
		return {
			seed: this._seed,
			violation: this._violation,
			stats,
			faults: this._tally,
			digest: this._trace.digest,
			plan: this._plan,
		};
	}
}

function fractions(random: Random): () => number {
	return () => random.next();
}
