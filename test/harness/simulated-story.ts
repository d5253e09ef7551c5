/** Lives through a story in the simulated world: the station's real code, and no time but the scheduler's. */
import assert from "node:assert/strict";
import { FlashChip } from "../../hosts/sim/devices/flash-chip.ts";
import { Board } from "../../hosts/sim/world/board/board.ts";
import { EPOCH } from "../../hosts/sim/world/board/clock.ts";
import type { BoardObserver } from "../../hosts/sim/world/board/observer.ts";
import { Probe } from "../../hosts/sim/world/board/probe.ts";
import { Broker } from "../../hosts/sim/world/broker/broker.ts";
import { Network } from "../../hosts/sim/world/network/network.ts";
import { TimeServer } from "../../hosts/sim/world/network/time-server.ts";
import { Random } from "../../hosts/sim/world/random.ts";
import { Scheduler } from "../../hosts/sim/world/scheduler.ts";
import { parseSettings } from "../../src/settings.ts";
import { judge } from "../scenarios/oracle.ts";
import type { Arrival, Happening, Step, Story } from "../scenarios/stories.ts";
import { isReadingTopic } from "./topics.ts";

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
	private readonly _story: Story;
	private readonly _random: Random;
	private readonly _scheduler = new Scheduler();
	private readonly _network: Network;
	private readonly _broker: Broker;
	private readonly _board: Board;
	private readonly _flash: FlashChip;
	private readonly _arrivals: Arrival[] = [];
	/** The numbers of the readings that the station has accepted. */
	private readonly _accepted = new Set<number>();
	private readonly _log: string[] = [];
	/** In an operation of the flash. */
	cuts = 0;

	private constructor(story: Story, seed: number) {
		this._story = story;
		const random = new Random(seed);
		this._random = random;
		const scheduler = this._scheduler;
		const settings = parseSettings({ id: "sim", ...story.settings });
		this._flash = new FlashChip({ blockLength: 4_096, blocks: 16, random: () => random.next() });
		this._network = new Network(scheduler, random.fork("network"));
		this._broker = new Broker({
			scheduler,
			random: random.fork("broker"),
			network: this._network,
			observer: {
				onPublish: ({ topic, payload, time }) => {
					if (!isReadingTopic(topic)) return;
					const text = Buffer.from(payload).toString();
					this._arrivals.push({ seq: JSON.parse(text).seq, isLate: topic.endsWith("/late"), payload: text, time });
				},
				onViolation: (_clientId, what) => assert.fail(`the station broke the protocol: ${what}`),
			},
		});
		this._board = new Board({
			scheduler,
			random: random.fork("board"),
			network: this._network,
			timeServer: new TimeServer({
				after: (delay, callback) => scheduler.after(delay, callback),
				random: () => random.next(),
				reachable: () => true,
				time: () => EPOCH + scheduler.now,
				isTimeKnown: () => true,
			}),
			probe: new Probe(settings.sensor, scheduler, seed),
			flash: this._flash,
			settings,
			crystal: { drift: 0, counterStart: undefined },
			asksForTime: false,
			hasWifi: false,
			lateness: 0,
			observer: this._observer(),
		});
	}

	/** Returns when all that the station had is delivered and judged. Each seed is another course of the same story. */
	static live(story: Story, seed: number): SimulatedStory {
		const simulated = new SimulatedStory(story, seed);
		try {
			simulated._live();
		} catch (error) {
			const course = simulated._log.slice(-LINES_SHOWN).join("\n");
			throw new Error(`with seed ${seed}: ${(error as Error).message}\n${course}`, { cause: error });
		}
		return simulated;
	}

	private _live(): void {
		const { steps } = this._story;
		for (const step of steps) {
			if (step.at === 0) this._begin(step);
			else this._scheduler.after(step.at * 1_000, () => this._begin(step));
		}
		this._board.powerOn(EPOCH);
		const end = Math.max(...steps.map(({ at, lasts = 0 }) => at + lasts)) * 1_000;
		this._scheduler.run(end);
		this._flash.cutAfter = undefined;
		while (!this._delivered()) {
			assert.ok(this._scheduler.now < end + DELIVERED_WITHIN_MS, "readings still wait");
			this._scheduler.run(this._scheduler.now + LOOK_MS);
		}
		judge(this._arrivals, this._story, READINGS_MINIMUM);
		const arrived = new Set(this._arrivals.map(({ seq }) => seq));
		assert.deepEqual(
			[...this._accepted].filter((seq) => !arrived.has(seq)),
			[],
			"accepted and never delivered",
		);
		assert.equal(this._board.station!.counters.dropped, 0);
	}

	private _delivered(): boolean {
		const { station } = this._board;
		return station?.counters.queued === 0 && this._broker.connectedSince("veleta-sim") !== undefined;
	}

	private _begin(step: Step): void {
		this._log.push(`${(this._scheduler.now / 1_000).toFixed(3)} ${step.happening}`);
		const [begin, end] = this._acts[step.happening];
		const lasts = (step.lasts ?? 0) * 1_000;
		begin(lasts);
		if (end) this._scheduler.after(lasts, end);
	}

	private readonly _acts: Record<Happening, [begin: (lasts: number) => void, end?: () => void]> = {
		"broker away": [
			(downFor) => this._broker.restart({ keepSessions: true, keepRetained: true, downFor, wills: "published" }),
		],
		"power cut": [(lasts) => this._cutPower(lasts)],
		"connections reset": [() => this._network.resetAll()],
		"connections refused": [
			() => {
				this._network.resetAll();
				this._network.conditions.refuse = true;
			},
			() => {
				this._network.conditions.refuse = false;
			},
		],
		"link lost": [
			() => {
				this._network.conditions.linkUp = false;
			},
			() => {
				this._network.conditions.linkUp = true;
			},
		],
	};

	/** At once, or in the middle of the flash's next operations. */
	private _cutPower(lasts: number): void {
		if (this._random.chance(0.5)) this._flash.cutAfter = this._random.integer(0, CUT_WITHIN_BYTES);
		else this._board.powerCut(lasts, { keepsTime: true });
	}

	private _observer(): BoardObserver {
		const note = (text: string) => this._log.push(`${(this._scheduler.now / 1_000).toFixed(3)} ${text}`);
		return {
			onPowerOn: (_boot, clock) => {
				// A computer's clock goes on while a process is not there.
				clock.setTime(EPOCH + this._scheduler.now);
			},
			onStarted: () => {},
			onPowerCut: (inFlash) => {
				if (inFlash) this.cuts++;
				note(`power cut${inFlash ? " in the flash" : ""}`);
			},
			onReading: (seq) => this._accepted.add(seq),
			onClockSet: () => {},
			onTimeTold: () => {},
			onLog: (level, text) => note(`${level}: ${text}`),
			onException: (error) => assert.fail(`thrown and not caught: ${error instanceof Error ? error.stack : error}`),
			onAttempt: () => {},
			onOpened: () => {},
			onRefused: () => {},
			onGivenUp: () => {},
			onNetwork: () => {},
			onBytes: () => {},
		};
	}
}
