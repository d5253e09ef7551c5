/** The sensor that a simulated board carries: the chip, and the bus as a host's port. */
import type { Clock, Host } from "../../../src/host.js";
import type { SensorModel } from "../../../src/sensors/models.js";
import { BME280Chip } from "./bme280-chip.js";
import { createPulseCapture, DHTChip } from "./dht-chip.js";
import { createI2C } from "./i2c-bus.js";
import { parseReplay, pickReplay } from "./replay.js";
import { type Weather, weatherAt } from "./weather.js";

export interface SimulatedSensorOptions {
	readonly sensor: SensorModel;
	readonly clock: Clock;
	/** Another seed, another place with other weather. */
	readonly seed: number;
	/** A recording's text, and the name of one recording in it, instead of the weather. */
	readonly replay?: { readonly text: string; readonly name?: string } | undefined;
	/** The weather at the sensor, now, instead of the seed's. */
	readonly weather?: () => Weather;
}

/** A sensor on a bench. */
export interface SimulatedSensor {
	/** Its bus, for a host. */
	readonly ports: Pick<Host, "i2c" | "pulses">;
	/** Unplugs the sensor, so that it does not answer on the bus, or plugs it in again. */
	silence(silent: boolean): void;
}

/** Where the simulated BME280 answers: as most boards on sale are wired. */
const ADDRESS = 0x76;

/** The bus alone. Throws a `ReplayError` where the recording does not suit the sensor. */
export function createSimulatedSensor(options: SimulatedSensorOptions): Pick<Host, "i2c" | "pulses"> {
	return createSensor(options).ports;
}

/** Throws a `ReplayError` where the recording does not suit the sensor. */
export function createSensor(options: SimulatedSensorOptions): SimulatedSensor {
	const { sensor: model, clock, seed, replay } = options;
	const weather = options.weather ?? (() => weatherAt(clock.time() ?? 0, seed));
	const recorded = replay && pickReplay(parseReplay(replay.text, replay.name), model);
	switch (model) {
		case "bme280":
		case "bmp280": {
			const recording = recorded?.kind === "bme280" ? recorded.recordings[0] : undefined;
			const chip = new BME280Chip({ clock, weather, model, ...(recording && { recording }) });
			return onBench(chip, { i2c: { io: createI2C(new Map([[ADDRESS, chip]])) } });
		}
		case "dht22":
		case "dht11": {
			const recordings = recorded && recorded.kind !== "bme280" ? recorded.recordings : [];
			const chip = new DHTChip({ clock, weather, model, recordings, seed });
			return onBench(chip, { pulses: { io: createPulseCapture(chip, clock) } });
		}
	}
}

function onBench(chip: BME280Chip | DHTChip, ports: SimulatedSensor["ports"]): SimulatedSensor {
	return {
		ports,
		silence(silent) {
			const fault = silent ? "absent" : "none";
			if (chip.fault === fault) return;
			chip.fault = fault;
			// A sensor that is plugged in again has lost its state.
			if (!silent) chip.powerOn();
		},
	};
}
