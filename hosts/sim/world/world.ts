/**
 * A simulated world: a station's real code on a simulated board, a network, a
 * broker and everything that can go wrong between them, for some days. All of
 * it is decided by the seed.
 */
import { parseSettings } from "../../../src/settings.ts";
import { FlashChip } from "../devices/flash-chip.ts";
import { noise } from "../devices/random.ts";
import { Board } from "./board.ts";
import { Broker } from "./broker.ts";
import { EPOCH, TimeServer } from "./clock.ts";
import { FaultSchedule } from "./fault-schedule.ts";
import type { Reach } from "./faults.ts";
import { Health } from "./health.ts";
import { Network } from "./network.ts";
import { Oracle, type Violation } from "./oracle.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { Probe } from "./probe.ts";
import { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { Tally } from "./tally.ts";
import { Trace } from "./trace.ts";

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
const SLOT_BYTES = 24;
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

/** Runs the world of a seed for so many days of faults, and until it is calm again. */
export function runWorld(seed: number, days: number, options: WorldOptions = {}): Outcome {
	return new World(seed, days, options).run();
}

class World {
	readonly #seed: number;
	readonly #random: Random;
	readonly #plan: Plan;
	readonly #scheduler = new Scheduler();
	readonly #tally = new Tally();
	readonly #trace = new Trace();
	readonly #health = new Health();
	readonly #network: Network;
	readonly #broker: Broker;
	readonly #board: Board;
	readonly #flash: FlashChip | undefined;
	readonly #oracle: Oracle;
	readonly #faults: FaultSchedule;
	#violation: Outcome["violation"];

	constructor(seed: number, days: number, { onLine }: WorldOptions) {
		this.#seed = seed;
		const random = new Random(seed);
		this.#random = random;
		const plan = drawPlan(random.fork("plan"), days);
		this.#plan = plan;
		this.#trace.onLine = onLine;
		const scheduler = this.#scheduler;
		const tally = this.#tally;
		const probe = new Probe(plan.settings.sensor, scheduler, random.integer(0, 1_000_000));
		this.#oracle = new Oracle({
			plan,
			scheduler,
			probe,
			health: this.#health,
			trace: this.#trace,
			onViolation: (violation) => this.#violated(violation),
		});
		this.#network = new Network(scheduler, random.fork("network"), plan.conditions, tally);
		this.#broker = new Broker({
			scheduler,
			random: random.fork("broker"),
			network: this.#network,
			tally,
			observer: this.#oracle,
			faults: plan.broker,
		});
		const timeServer = new TimeServer({
			world: scheduler,
			after: (delay, callback) => scheduler.after(delay, callback),
			random: fractions(random.fork("time server")),
			reachable: () => this.#network.conditions.linkUp,
		});
		if (plan.blocks > 0) {
			this.#flash = new FlashChip({
				blockLength: BLOCK_BYTES,
				blocks: plan.blocks,
				random: fractions(random.fork("flash")),
			});
			if (plan.worn > 0) {
				this.#flash.failing = (operation, offset) =>
					operation === "write" && noise(seed, Math.floor(offset / SLOT_BYTES)) < plan.worn;
			}
		}
		this.#board = new Board({
			...plan,
			scheduler,
			random: random.fork("board"),
			network: this.#network,
			timeServer,
			probe,
			flash: this.#flash,
			settings: parseSettings(plan.settings),
			observer: this.#oracle,
		});
		this.#oracle.board = this.#board;
		this.#oracle.broker = this.#broker;
		const reach: Reach = {
			random: random.fork("fault"),
			network: this.#network,
			broker: this.#broker,
			timeServer,
			probe,
			flash: this.#flash,
			board: this.#board,
			onDamage: () => this.#oracle.flashDamaged(),
			after: (delay, callback) => scheduler.after(delay, callback),
			calm: { conditions: { ...this.#network.conditions }, broker: { ...this.#broker.faults } },
			command: (name) => {
				this.#oracle.commanded(name);
				this.#broker.publish(`${plan.settings.topic}/cmd/${name}`, "", 1);
			},
			asksForTime: plan.asksForTime,
			keepsTime: plan.keepsTime,
		};
		this.#faults = new FaultSchedule({
			scheduler,
			reach,
			faults: plan.faults,
			health: this.#health,
			trace: this.#trace,
			tally,
		});
	}

	run(): Outcome {
		const { duration, clockSet } = this.#plan;
		this.#board.powerOn(clockSet ? EPOCH : undefined);
		this.#ticks();
		if (!this.#plan.asksForTime) this.#setClock();
		this.#pass(WARM_UP_MS);
		this.#faults.start();
		this.#pass(duration);
		this.#calmDown();
		this.#drain();
		if (!this.#violation) this.#oracle.atTheEnd();
		return this.#outcome();
	}

	/** Lets time pass, unless there was a violation. */
	#pass(duration: number): void {
		const until = this.#scheduler.now + duration;
		while (!this.#violation && this.#scheduler.now < until) {
			try {
				this.#scheduler.run(Math.min(until, this.#scheduler.next));
			} catch (error) {
				this.#oracle.onException(error);
			}
		}
	}

	#ticks(): void {
		this.#scheduler.after(TICK_MS, () => {
			this.#oracle.tick();
			this.#ticks();
		});
	}

	/** Where the station does not ask for the time, others set its clock: after a while, and now and then anew. */
	#setClock(): void {
		const random = this.#random.fork("clock");
		const set = () => {
			const { clock } = this.#board;
			if (clock) clock.setTime(EPOCH + this.#scheduler.now + Math.round(1_000 * (random.next() - 0.5)));
			this.#scheduler.after(random.exponential(DAY_MS / 4), set);
		};
		this.#scheduler.after(random.exponential(DAY_MS / 24), set);
	}

	/** From now on nothing is wrong. */
	#calmDown(): void {
		this.#faults.end();
		if (!this.#broker.up) this.#broker.restart({ keepSessions: true, keepRetained: true, downFor: 0 });
		if (this.#flash) this.#flash.cutAfter = undefined;
		this.#trace.note(this.#scheduler.now, "calm from now on");
		if (!this.#board.asleep) this.#board.powerOn();
	}

	/** Until nothing waits any more. */
	#drain(): void {
		const { pace, settleMs } = this.#oracle;
		// A station that could not read its flash does not know what waits there.
		const looked = this.#scheduler.now + 2_000 * parseSettings(this.#plan.settings).interval;
		while (this.#oracle.flashFails && !this.#violation && this.#scheduler.now < looked) this.#pass(LOOK_MS);
		const calm = this.#scheduler.now;
		let limit = calm + settleMs;
		for (let settled = false; !this.#violation; ) {
			const { station, asleep } = this.#board;
			const queued = this.#oracle.counters?.queued ?? 0;
			if (!settled && this.#scheduler.now >= limit) {
				settled = true;
				const wait = this.#oracle.readings.asideUntil - this.#scheduler.now;
				limit = this.#scheduler.now + Math.max(0, wait) + (DRAIN_FACTOR * 1_000 * queued) / pace + DRAIN_MS;
			}
			if (asleep && this.#oracle.sleep?.restsSince(calm)) return;
			if (
				!this.#plan.sleep &&
				station &&
				queued === 0 &&
				!station.awaiting &&
				this.#broker.connectedSince(this.#clientId) !== undefined
			)
				return;
			if (settled && this.#scheduler.now >= limit) {
				this.#oracle.violate("drain", `${queued} readings still wait, with nothing wrong`);
			}
			this.#pass(queued > 100 ? TICK_MS : LOOK_MS);
		}
	}

	get #clientId(): string {
		return `veleta-${this.#plan.settings.id}`;
	}

	#violated(violation: Violation): void {
		if (this.#violation) return;
		this.#trace.note(violation.time, `VIOLATION (${violation.kind}): ${violation.text}`);
		this.#violation = { ...violation, lastLines: this.#trace.lines() };
		this.#trace.freeze();
	}

	#outcome(): Outcome {
		const { readings, counts, calls } = this.#oracle;
		const { accepted, deliveries, redeliveries, rejected, forgotten } = readings.counts;
		const stats = {
			simulated: this.#scheduler.now,
			readings: accepted,
			deliveries,
			redeliveries,
			rejected,
			dropped: this.#oracle.counters?.dropped ?? 0,
			forgotten,
			reused: readings.numbers.reused,
			powerCuts: counts.powerCuts,
			restarts: counts.restarts,
			sleeps: counts.sleeps,
			attempts: calls.attempts,
			connections: counts.connections,
			erases: this.#flash?.erases.reduce((sum, erases) => sum + erases, 0) ?? 0,
			writes: this.#flash?.writes ?? 0,
		};
		return {
			seed: this.#seed,
			violation: this.#violation,
			stats,
			faults: this.#tally,
			digest: this.#trace.digest,
			plan: this.#plan,
		};
	}
}

function fractions(random: Random): () => number {
	return () => random.next();
}
