import { createSimulatedSensor } from "../../hosts/sim/devices/simulated-sensor.ts";
import { parseSettings } from "../../src/settings.ts";
import { start } from "../../src/start.ts";
import { deepEqual, equal, ok, test } from "../harness/harness.ts";
import { hostOf } from "../harness/host.ts";
import { SimpleSlots } from "../harness/simple-slots.ts";
import { World } from "../harness/world.ts";

interface Machine {
	readonly unconfirmed?: boolean;
	readonly defaultId?: string;
}

function starts(settings: unknown, { unconfirmed, defaultId }: Machine = {}) {
	const world = new World();
	const told: string[] = [];
	const slots = new SimpleSlots((call) => told.push(call));
	slots.unconfirmed = unconfirmed === true;
	const host = hostOf(
		world,
		{
			...createSimulatedSensor({ sensor: "bme280", clock: world.clock, seed: 1 }),
			...(unconfirmed !== undefined && { update: slots }),
		},
		told,
	);
	const module = {
		...host,
		...(defaultId !== undefined && { defaultId }),
		settings: () => parseSettings(settings, defaultId),
		ports: () => host,
	};
	return { station: start(module), told, world };
}

test("with settings that can be used the station starts", () => {
	const { station, world } = starts({});
	ok(station);
	equal(world.sockets.length, 1);
});

test("a station that nobody has named says where it publishes, and a named one does not", () => {
	const line = (settings: object) =>
		starts(settings, { defaultId: "a1b2c3" }).told.filter((text) => text.includes("publishes"));
	deepEqual(line({}), ["info: no id is set: this is a1b2c3, and publishes below veleta/a1b2c3"]);
	deepEqual(line({ topic: "casa" }), ["info: no id is set: this is a1b2c3, and publishes below casa"]);
	deepEqual(line({ id: "roof" }), []);
	deepEqual(line({ interval: 0 }), []);
	deepEqual(starts({}).told, []);
});

test("settings that cannot be used are one line, and nothing starts", () => {
	const { station, told, world } = starts({ interval: 0 });
	equal(station, undefined);
	deepEqual(told, ["error: interval: must be a number from 1 to 86400 for a bme280"]);
	equal(world.sockets.length, 0);
});

test("each fault of the settings is a line of its own", () => {
	deepEqual(starts({ interval: 0, qos: 3 }).told, [
		"error: interval: must be a number from 1 to 86400 for a bme280",
		"error: qos: must be a number from 0 to 2",
	]);
});

test("a broker at mqtts:// on a host without TLS is one line, and nothing starts", () => {
	const { station, told, world } = starts({ broker: "mqtts://broker.lan" });
	equal(station, undefined);
	deepEqual(told, ["error: broker: this host has no TLS"]);
	world.advanceTo(3_600_000);
	equal(world.sockets.length, 0);
});

test("new firmware that cannot use its settings gives way to the one before; confirmed firmware stays", () => {
	deepEqual(starts({ interval: 0 }, { unconfirmed: true }).told.slice(1), ["roll back"]);
	deepEqual(starts({ interval: 0 }, { unconfirmed: false }).told.slice(1), []);
});
