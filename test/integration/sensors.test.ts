/** Every sensor, simulated and recorded, up to the subscriber. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import type { SensorModel } from "../../src/sensors/models.ts";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

const PULSE_TRAINS = join(process.cwd(), "test/data/dht-pulse-trains.json");
const VECTORS = join(process.cwd(), "test/data/bme280-vectors.json");

/** What each sensor measures, beside the temperature. */
const MEASURED: Readonly<Record<SensorModel, readonly string[]>> = {
	bme280: ["temperature", "humidity", "pressure", "time", "seq"],
	bmp280: ["temperature", "pressure", "time", "seq"],
	dht22: ["temperature", "humidity", "time", "seq"],
	dht11: ["temperature", "humidity", "time", "seq"],
};

describe("Every sensor publishes", { concurrency: 4 }, () => {
	for (const [sensor, members] of Object.entries(MEASURED)) {
		scenario(`A ${sensor} publishes what it measures, and nothing else.`, async (parts) => {
			const broker = await parts.mosquitto();
			const subscriber = await parts.subscriber(broker, "veleta/sim/+");
			const station = parts.station(broker, "--sensor", sensor, "--interval", "2s", "--speed", "5");
			await subscriber.reaches(3);
			await station.stop();
			for (const report of subscriber.reports()) assert.deepEqual(Object.keys(report), members);
		});
	}

	scenario("Recorded pulses of DHT22s are published as what their bytes say.", async (parts) => {
		const { frames } = JSON.parse(readFileSync(PULSE_TRAINS, "utf8"));
		const recorded = frames
			.filter(({ capture }: { capture: string }) => !/dht11/i.test(capture))
			.map(({ bytes: [a, b, c, d] }: { bytes: number[] }) => ({
				humidity: (a! * 256 + b!) / 10,
				temperature: ((c! & 0x7f) * 256 + d!) / (c! & 0x80 ? -10 : 10),
			}));
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/+");
		const replay = ["--replay", PULSE_TRAINS, "--sensor", "dht22", "--interval", "2s", "--speed", "50"];
		const station = parts.station(broker, ...replay);
		await subscriber.reaches(12);
		await until("the readings before it", () => subscriber.isWhole);
		await station.stop();
		// In the order of their numbers: what waited for the broker comes after what is newer.
		const reports = subscriber.reports();
		const published = Array.from({ length: 12 }, (_, index) => {
			const { humidity, temperature } = reports.find(({ seq }) => seq === index + 1)!;
			return { humidity, temperature };
		});
		assert.deepEqual(published, recorded.slice(0, 12));
	});

	scenario("Recorded registers of a BME280 are published as what Bosch's formulas make of them.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/+");
		const station = parts.station(broker, "--replay", `${VECTORS}#periph-i2c`, "--interval", "1s");
		// More than one period of the noise that the replay of a single measurement has.
		await subscriber.reaches(6);
		await station.stop();
		for (const { temperature, humidity, pressure } of subscriber.reports()) {
			assert.deepEqual({ temperature, humidity, pressure }, { temperature: 23.72, humidity: 65.3, pressure: 1_009.43 });
		}
	});
});
