import { BME280Chip } from "../../../hosts/sim/devices/bme280-chip.ts";
import type { Host } from "../../../src/host.ts";
import { createSensor } from "../../../src/sensors/create-sensor.ts";
import { parseSettings } from "../../../src/settings.ts";
import { createI2C } from "../../harness/buses.ts";
import { deepEqual, near, test, throws } from "../../harness/harness.ts";
import { FakeClock, measure, refusal } from "./drive.ts";

/** A board with two BME280 on its bus: it is 10 °C at 0x76 and 20 °C at 0x77. */
function bench() {
	const clock = new FakeClock();
	const chipAt = (temperature: number) =>
		new BME280Chip({ clock, weather: () => ({ temperature, humidity: 0.5, pressure: 100_000 }) });
	const chips = new Map([
		[0x76, chipAt(10)],
		[0x77, chipAt(20)],
	]);
	const logged: string[] = [];
	const log: Host["log"] = (level, text) => logged.push(`${level}: ${text}`);
	return { clock, chips, logged, host: { i2c: { io: createI2C(chips) }, log } as Host };
}

test("of two chips on one bus, the setting says which; without it, the first that answers", () => {
	for (const [settings, temperature, found] of [
		[{}, 10, "BME280 found at 0x76"],
		[{ address: "0x76" }, 10, "BME280 found at 0x76"],
		[{ address: "0x77" }, 20, "BME280 found at 0x77"],
		[{ address: "0x77", sensor: "bmp280" }, 20, "BME280 found at 0x77"],
	] as const) {
		const { clock, host, logged } = bench();
		near(measure(createSensor(parseSettings(settings), host), clock).thermometer.temperature, temperature, 0.01);
		deepEqual(logged, [`info: ${found}`]);
	}
});

test("a chip that is away is not replaced by the other", () => {
	const { clock, host, chips } = bench();
	const sensor = createSensor(parseSettings({ address: "0x77" }), host);
	measure(sensor, clock);
	chips.get(0x77)!.fault = "absent";
	refusal(sensor, clock);
	deepEqual(refusal(sensor, clock), "no chip answered at 0x77: write failed");
});

test("a host without the sensor's bus is told", () => {
	const { host } = bench();
	throws(() => createSensor(parseSettings({ sensor: "dht22" }), host), /^this host has no line for a dht22$/);
});
