/** Faults of a simulated world: each acts until it ends, whatever else comes and goes meanwhile. */
import test from "node:test";
import { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import type { Board } from "../../../hosts/sim/world/board/board.ts";
import { Probe } from "../../../hosts/sim/world/board/probe.ts";
import { Broker } from "../../../hosts/sim/world/broker/broker.ts";
import { Effects, effectsOn } from "../../../hosts/sim/world/faults/effects.ts";
import type { FaultKind } from "../../../hosts/sim/world/faults/fault.ts";
import { FAULT_KINDS } from "../../../hosts/sim/world/faults/kinds.ts";
import { type Conditions, DEFAULT_CONDITIONS } from "../../../hosts/sim/world/network/conditions.ts";
import { Network } from "../../../hosts/sim/world/network/network.ts";
import { TimeServer } from "../../../hosts/sim/world/network/time-server.ts";
import { Random } from "../../../hosts/sim/world/random.ts";
import { Scheduler } from "../../../hosts/sim/world/scheduler.ts";
import { deepEqual, ok } from "../../harness/harness.ts";

const HOUR = 3_600_000;

/** What faults act on, without a station. */
class FaultyWorld {
	private readonly _scheduler = new Scheduler();
	private readonly _network = new Network(this._scheduler, new Random(1));
	private readonly _broker = new Broker({
		scheduler: this._scheduler,
		random: new Random(2),
		network: this._network,
	});
	private readonly _probe = new Probe("bme280", this._scheduler, 1);
	private readonly _flash = new FlashChip({ blockLength: 4_096, blocks: 4 });
	private readonly _timeServer = new TimeServer({
		time: () => this._scheduler.now,
		isTimeKnown: () => true,
		after: (delay, callback) => this._scheduler.after(delay, callback),
		random: () => 0.5,
		reachable: () => true,
	});
	private readonly _board = { networkChanged: () => {}, powerCut: () => {} } as unknown as Board;
	private readonly _effects = effectsOn({
		network: this._network,
		broker: this._broker,
		probe: this._probe,
		timeServer: this._timeServer,
		flash: this._flash,
		board: this._board,
	});

	/** The fault acts from `start` until `end`, in hours. Each kind draws from a stream of its own. */
	plan(kind: FaultKind, start: number, end: number): void {
		this._scheduler.at(start * HOUR, () => {
			const over = kind.begin(
				{
					random: new Random(3).fork(kind.name),
					network: this._network,
					broker: this._broker,
					probe: this._probe,
					flash: this._flash,
					board: this._board,
					effects: this._effects,
					onDamage: () => {},
					after: (delay, callback) => this._scheduler.after(delay, callback),
					command: () => {},
					asksForTime: true,
					keepsTime: true,
				},
				(end - start) * HOUR,
			);
			this._scheduler.at(end * HOUR, over);
		});
	}

	/** What is wrong then. */
	stateAt(hours: number): object {
		this._scheduler.run(hours * HOUR);
		const names = Object.keys(DEFAULT_CONDITIONS) as (keyof Conditions)[];
		return {
			...Object.fromEntries(names.map((name) => [name, this._network.conditions[name]])),
			...this._broker.faults,
			brokerUp: this._broker.up,
			probe: this._probe.fault,
			timeServer: this._timeServer.fault,
			flash: this._flash.failing !== undefined,
		};
	}
}

const calm = new FaultyWorld().stateAt(0);
const lasting = FAULT_KINDS.filter(({ duration: [, longest] }) => longest > 0);

/** They strike again and again: what they did is over at most moments. */
const STRIKING = [
	"broker: taken over by another client",
	"broker: flaps",
	"network: a balancer that cuts idle connections",
];

test("each fault that lasts changes something until it ends, but for those that come and go", () => {
	for (const kind of lasting) {
		if (STRIKING.includes(kind.name)) continue;
		const world = new FaultyWorld();
		world.plan(kind, 1, 2);
		ok(JSON.stringify(world.stateAt(1.5)) !== JSON.stringify(calm), kind.name);
		deepEqual(world.stateAt(2.5), calm, kind.name);
	}
});

test("a fault acts until it ends, also where others of any kind begin and end meanwhile, or go on", () => {
	for (const kind of lasting) {
		for (const other of lasting) {
			const name = `${kind.name}, and ${other.name}`;
			const alone = new FaultyWorld();
			alone.plan(kind, 1, 4);
			const expected = alone.stateAt(3.5);
			const inside = new FaultyWorld();
			inside.plan(kind, 1, 4);
			inside.plan(other, 2, 3);
			deepEqual(inside.stateAt(3.5), expected, `${name} inside of it`);
			deepEqual(inside.stateAt(4.5), calm, name);
			const before = new FaultyWorld();
			before.plan(other, 0, 3);
			before.plan(kind, 1, 4);
			deepEqual(before.stateAt(3.5), expected, `${name} before it`);
			deepEqual(before.stateAt(4.5), calm, name);
		}
	}
});

test("of several faults the strongest counts", () => {
	const values = { latency: 10, up: true, dns: "works" };
	const effects = new Effects(values, { ...values });
	const slow = effects.begin({ latency: 500 });
	const slower = effects.begin({ latency: 3_000, up: false });
	const down = effects.begin({ latency: 100, up: false, dns: "fails" });
	deepEqual(values, { latency: 3_000, up: false, dns: "fails" });
	slower();
	deepEqual(values, { latency: 500, up: false, dns: "fails" });
	down();
	deepEqual(values, { latency: 500, up: true, dns: "works" });
	slow();
	deepEqual(values, { latency: 10, up: true, dns: "works" });
});
