/** Offsets and derived quantities, from a config file to a subscriber. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe } from "node:test";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

/** 23.72 °C, 65.31 %, 1009.43 hPa, with noise of a few units of the last digit. */
const REPLAY = ["--replay", `${join(process.cwd(), "test/data/bme280-vectors.json")}#periph-i2c`];

describe("Quantities that are not measured", { concurrency: 2 }, () => {
	scenario("A state has the offsets of the settings, and what is derived.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/sim/+");
		const config = parts.config({
			offsets: { temperature: 6, humidity: -5, pressure: 3 },
			altitude: 667,
			derived: ["dewPoint", "absoluteHumidity", "heatIndex"],
		});
		const station = parts.station(broker, ...config, ...REPLAY, "--interval", "1s");
		await subscriber.reaches(3);
		await station.stop();
		// Computed elsewhere, of 29.72 °C, 60.31 %, 1012.43 hPa; and how far the noise may move it.
		const expected = {
			temperature: [29.72, 0.011],
			humidity: [60.3, 0.11],
			pressure: [1012.43, 0.05],
			seaLevelPressure: [1090.98, 0.05],
			dewPoint: [21.21, 0.05],
			absoluteHumidity: [17.98, 0.05],
			heatIndex: [32.36, 0.1],
		};
		for (const report of subscriber.reports()) {
			assert.deepEqual(Object.keys(report), [...Object.keys(expected), "time", "seq"]);
			const values = report as unknown as Readonly<Record<string, number>>;
			for (const [name, [value, blur]] of Object.entries(expected))
				assert.ok(Math.abs(values[name]! - value!) <= blur!, `${name}: ${values[name]}, and not ${value}`);
		}
	});

	scenario("A reading that waits in flash is what was measured: the settings that send it decide.", async (parts) => {
		const broker = await parts.mosquitto();
		const proxy = await parts.proxy(broker);
		const subscriber = await parts.subscriber(broker, "veleta/sim/+");
		proxy.shut();
		const args = [...REPLAY, "--interval", "1s", "--state", join(parts.folder, "station.flash")];
		const first = parts.station(
			proxy,
			...parts.config({ offsets: { temperature: 20 }, derived: ["dewPoint"] }),
			...args,
		);
		await until("attempts to connect", () => first.disconnects.length >= 3);
		await first.kill();
		const second = parts.station(proxy, ...parts.config({ derived: ["heatIndex"] }), ...args);
		await second.line(/\d readings? from before/);
		await proxy.open();
		await until("the first reading", () => subscriber.reports().some(({ seq }) => seq === 1));
		await second.stop();
		for (const report of subscriber.reports()) {
			assert.ok(Math.abs(report.temperature - 23.72) < 0.015, `${report.temperature} °C of reading ${report.seq}`);
			assert.deepEqual(Object.keys(report), ["temperature", "humidity", "pressure", "heatIndex", "time", "seq"]);
		}
	});

	scenario("Settings about what the sensor does not measure end the program with a line for each.", async (parts) => {
		const config = parts.config({ sensor: "dht22", altitude: 667, offsets: { pressure: 1 } });
		const station = parts.station(undefined, ...config);
		assert.equal((await station.ended()).code, 2);
		assert.deepEqual(station.errors, [
			"offsets.pressure: needs the pressure, which a dht22 does not measure",
			"altitude: needs the pressure, which a dht22 does not measure",
		]);
	});
});
