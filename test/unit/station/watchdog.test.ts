/** When a station feeds the watchdog, and when it does not. */
import { createSimulatedSensor } from "../../../hosts/sim/devices/simulated-sensor.ts";
import type { Host, I2C } from "../../../src/host.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Station } from "../../../src/station/station.ts";
import { AnsweringBroker } from "../../harness/answering-broker.ts";
import { equal, ok, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { World } from "../../harness/world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function start(raw: Record<string, unknown> = {}, ports: Partial<Host> = {}) {
	const world = new World();
	const broker = new AnsweringBroker(world);
	const settings = parseSettings({ id: "roof", ...raw });
	/** When it restarts the machine, unless it is fed before. */
	let due = Number.POSITIVE_INFINITY;
	let fed = 0;
	let stuck = false;
	const host = hostOf(world, {
		timer: {
			set: (callback, delay) => world.timer.set(() => stuck || callback(), delay),
			clear: world.timer.clear,
		},
		watchdog: {
			feed: (within) => {
				fed++;
				due = world.clock.now() + within;
			},
		},
		...createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }),
		...ports,
	});
	const station = new Station(host, settings);
	station.start();
	/** Lets time pass; returns when the machine was restarted, if it was. */
	const restartedUntil = (time: number) => {
		while (world.clock.now() < time) {
			broker.advanceTo(Math.min(time, world.clock.now() + 1_000), 1_000);
			if (world.clock.now() > due) return world.clock.now();
		}
		return undefined;
	};
	const stick = () => {
		stuck = true;
	};
	return { broker, station, restartedUntil, stick, fed: () => fed, due: () => due };
}

for (const interval of [1, 60, 3_600, 86_400]) {
	test(`a station with a reading every ${interval} s is never restarted, with a broker or without`, () => {
		const { broker, restartedUntil, fed } = start({ interval });
		const hours = Math.max(1, (2.5 * interval) / 3_600);
		equal(restartedUntil(hours * HOUR), undefined);
		broker.up = false;
		equal(restartedUntil(2 * hours * HOUR), undefined);
		ok(fed() > 2);
	});
}

test("a sensor that does not work is no reason for a restart", () => {
	const dead = class implements I2C {
		read(): ArrayBuffer {
			throw new Error("nobody there");
		}
		write() {
			throw new Error("nobody there");
		}
		close() {}
	};
	const { restartedUntil } = start({}, { i2c: { io: dead } });
	equal(restartedUntil(6 * HOUR), undefined);
});

test("a longer interval by command gives the watchdog its time, once there was a reading", () => {
	const { broker, restartedUntil, due } = start({ interval: 60 });
	equal(restartedUntil(1_000), undefined);
	broker.publishes("veleta/roof/cmd/interval", "3600");
	broker.advanceTo(62_000);
	ok(due() >= HOUR, `due at ${due()} ms`);
	equal(restartedUntil(3 * HOUR), undefined);
});

for (const intervals of [["60"], ["3600"], ["60", "3600"], ["1", "86400"]]) {
	test(`commands feed no watchdog: interval ${intervals} every second, and a sampler that hangs`, () => {
		const { broker, restartedUntil, stick, fed } = start({ interval: 60 });
		equal(restartedUntil(10 * MINUTE + 1_000), undefined);
		stick();
		const before = fed();
		for (let second = 602; second < 719; second++) {
			for (const name of ["interval", "sample", "status"])
				broker.publishes(`veleta/roof/cmd/${name}`, intervals[second % intervals.length]!, { header: 0x30 });
			equal(restartedUntil(second * 1_000), undefined);
		}
		equal(fed(), before);
		ok(restartedUntil(12 * MINUTE + 5_000) !== undefined, "the watchdog does not bite");
	});

	test(`interval ${intervals} every second does not bring the watchdog to bite`, () => {
		const { broker, restartedUntil } = start({ interval: 60 });
		for (let second = 1; second < 1_800; second++) {
			equal(restartedUntil(second * 1_000), undefined);
			broker.publishes("veleta/roof/cmd/interval", intervals[second % intervals.length]!, { header: 0x30 });
		}
	});
}

test("a station whose timers come no more is restarted, two minutes after its last step", () => {
	const { restartedUntil, stick } = start({ interval: 60 });
	equal(restartedUntil(10 * MINUTE + 1_000), undefined);
	stick();
	const restarted = restartedUntil(HOUR)!;
	ok(restarted > 12 * MINUTE - 1_000 && restarted < 12 * MINUTE + 5_000, `restarted at ${restarted} ms`);
});

test("a station that is stopped feeds no more", () => {
	const { broker, station, fed } = start({ interval: 60 });
	broker.advanceTo(1_000);
	station.stop(() => {});
	const before = fed();
	broker.publishes("veleta/roof/cmd/interval", "30");
	broker.advanceTo(5 * MINUTE);
	equal(fed(), before);
});
