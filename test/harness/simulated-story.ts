/** Lives through a story in the simulated world: the station's real code, and no time but the scheduler's. */
import assert from "node:assert/strict";
import { FlashChip } from "../../hosts/sim/devices/flash-chip.ts";
import { Board, type BoardObserver } from "../../hosts/sim/world/board.ts";
import { Broker } from "../../hosts/sim/world/broker.ts";
import { EPOCH, TimeServer } from "../../hosts/sim/world/clock.ts";
import { Network } from "../../hosts/sim/world/network.ts";
import { Probe } from "../../hosts/sim/world/probe.ts";
import { Random } from "../../hosts/sim/world/random.ts";
import { Scheduler } from "../../hosts/sim/world/scheduler.ts";
import { parseSettings } from "../../src/settings.ts";
import { judge } from "../scenarios/oracle.ts";
import type { Arrival, Happening, Step, Story } from "../scenarios/stories.ts";

/** As long as real parts would be waited for, and longer: the station's delays reach two minutes. In simulated ms. */
const DELIVERED_WITHIN_MS = 600_000;
const LOOK_MS = 100;
/** The end of a story's course, as a failure shows it. */
const LINES_SHOWN = 40;
/** Power cuts last longer than a story says when they come in the middle of an operation: its number does not hold. */
const READINGS_MINIMUM = 5;
/** A power cut that comes in the middle of an operation of the flash comes within so many bytes written. */
const CUT_WITHIN_BYTES = 60;

export class SimulatedStory {
	readonly #story: Story;
	readonly #random: Random;
	readonly #scheduler = new Scheduler();
	readonly #network: Network;
	readonly #broker: Broker;
	readonly #board: Board;
	readonly #flash: FlashChip;
	readonly #arrivals: Arrival[] = [];
	/** The numbers of the readings that the station has accepted. */
	readonly #accepted = new Set<number>();
	readonly #log: string[] = [];
	/** In an operation of the flash. */
	cuts = 0;

	private constructor(story: Story, seed: number) {
		this.#story = story;
		const random = new Random(seed);
		this.#random = random;
		const scheduler = this.#scheduler;
		const settings = parseSettings({ id: "sim", ...story.settings });
		this.#flash = new FlashChip({ blockLength: 4_096, blocks: 16, random: () => random.next() });
		this.#network = new Network(scheduler, random.fork("network"));
		this.#broker = new Broker({
			scheduler,
			random: random.fork("broker"),
			network: this.#network,
			observer: {
				onPublish: ({ topic, payload, time }) => {
					if (!topic.endsWith("/state")) return;
					const text = Buffer.from(payload).toString();
					this.#arrivals.push({ seq: JSON.parse(text).seq, payload: text, time });
				},
				onViolation: (_clientId, what) => assert.fail(`the station broke the protocol: ${what}`),
			},
		});
		this.#board = new Board({
			scheduler,
			random: random.fork("board"),
			network: this.#network,
			timeServer: new TimeServer({
				world: scheduler,
				after: (delay, callback) => scheduler.after(delay, callback),
				random: () => random.next(),
				reachable: () => true,
			}),
			probe: new Probe(settings.sensor, scheduler, seed),
			flash: this.#flash,
			settings,
			crystal: { drift: 0, counterStart: undefined },
			asksForTime: false,
			hasWifi: false,
			lateness: 0,
			observer: this.#observer(),
		});
	}

	/** Returns when all that the station had is delivered and judged. Each seed is another course of the same story. */
	static live(story: Story, seed: number): SimulatedStory {
		const simulated = new SimulatedStory(story, seed);
		try {
			simulated.#live();
		} catch (error) {
			const course = simulated.#log.slice(-LINES_SHOWN).join("\n");
			throw new Error(`with seed ${seed}: ${(error as Error).message}\n${course}`, { cause: error });
		}
		return simulated;
	}

	#live(): void {
		const { steps } = this.#story;
		for (const step of steps) {
			if (step.at === 0) this.#begin(step);
			else this.#scheduler.after(step.at * 1_000, () => this.#begin(step));
		}
		this.#board.powerOn(EPOCH);
		const end = Math.max(...steps.map(({ at, lasts = 0 }) => at + lasts)) * 1_000;
		this.#scheduler.run(end);
		this.#flash.cutAfter = undefined;
		while (!this.#delivered()) {
			assert.ok(this.#scheduler.now < end + DELIVERED_WITHIN_MS, "readings still wait");
			this.#scheduler.run(this.#scheduler.now + LOOK_MS);
		}
		judge(this.#arrivals, this.#story, READINGS_MINIMUM);
		const arrived = new Set(this.#arrivals.map(({ seq }) => seq));
		assert.deepEqual(
			[...this.#accepted].filter((seq) => !arrived.has(seq)),
			[],
			"accepted and never delivered",
		);
		assert.equal(this.#board.station!.counters.dropped, 0);
	}

	#delivered(): boolean {
		const { station } = this.#board;
		return station?.counters.queued === 0 && this.#broker.connectedSince("veleta-sim") !== undefined;
	}

	#begin(step: Step): void {
		this.#log.push(`${(this.#scheduler.now / 1_000).toFixed(3)} ${step.happening}`);
		const [begin, end] = this.#acts[step.happening];
		const lasts = (step.lasts ?? 0) * 1_000;
		begin(lasts);
		if (end) this.#scheduler.after(lasts, end);
	}

	readonly #acts: Record<Happening, [begin: (lasts: number) => void, end?: () => void]> = {
		"broker away": [
			(downFor) => this.#broker.restart({ keepSessions: true, keepRetained: true, downFor, wills: "published" }),
		],
		"power cut": [(lasts) => this.#cutPower(lasts)],
		"connections reset": [() => this.#network.resetAll()],
		"connections refused": [
			() => {
				this.#network.resetAll();
				this.#network.conditions.refuse = true;
			},
			() => {
				this.#network.conditions.refuse = false;
			},
		],
		"link lost": [
			() => {
				this.#network.conditions.linkUp = false;
			},
			() => {
				this.#network.conditions.linkUp = true;
			},
		],
	};

	/** At once, or in the middle of the flash's next operations. */
	#cutPower(lasts: number): void {
		if (this.#random.chance(0.5)) this.#flash.cutAfter = this.#random.integer(0, CUT_WITHIN_BYTES);
		else this.#board.powerCut(lasts, { keepsTime: true });
	}

	#observer(): BoardObserver {
		const note = (text: string) => this.#log.push(`${(this.#scheduler.now / 1_000).toFixed(3)} ${text}`);
		return {
			onPowerOn: (_boot, clock) => {
				// A computer's clock goes on while a process is not there.
				clock.setTime(EPOCH + this.#scheduler.now);
			},
			onStarted: () => {},
			onPowerCut: (inFlash) => {
				if (inFlash) this.cuts++;
				note(`power cut${inFlash ? " in the flash" : ""}`);
			},
			onReading: (seq) => this.#accepted.add(seq),
			onClockSet: () => {},
			onLog: (level, text) => note(`${level}: ${text}`),
			onException: (error) => assert.fail(`thrown and not caught: ${error instanceof Error ? error.stack : error}`),
			onAttempt: () => {},
			onGivenUp: () => {},
			onNetwork: () => {},
			onBytes: () => {},
		};
	}
}
