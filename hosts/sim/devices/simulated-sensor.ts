/** The sensor that a simulated board carries: the chip, and the bus as a host's port. */
import type { Clock, Host } from "../../../src/host.js";
import type { SensorModel } from "../../../src/settings.js";
import { BME280Chip } from "./bme280-chip.js";
import { createPulseCapture, DHTChip } from "./dht-chip.js";
import { createI2C } from "./i2c-bus.js";
import { parseReplay, pickReplay } from "./replay.js";
import { weatherAt } from "./weather.js";

export interface SimulatedSensorOptions {
	readonly sensor: SensorModel;
	readonly clock: Clock;
	/** Another seed, another place with other weather. */
	readonly seed: number;
	/** A recording's text, and the name of one recording in it, instead of the weather. */
	readonly replay?: { readonly text: string; readonly name?: string } | undefined;
}

/** Where the simulated BME280 answers: as most boards on sale are wired. */
const ADDRESS = 0x76;

/** Throws a `ReplayError` where the recording does not suit the sensor. */
export function createSimulatedSensor(options: SimulatedSensorOptions): Pick<Host, "i2c" | "pulses"> {
	const { sensor: model, clock, seed, replay } = options;
	const weather = () => weatherAt(clock.time() ?? 0, seed);
	const recorded = replay && pickReplay(parseReplay(replay.text, replay.name), model);
	if (model === "bme280" || model === "bmp280") {
		const recording = recorded?.kind === "bme280" ? recorded.recordings[0] : undefined;
		const chip = new BME280Chip({ clock, weather, model, ...(recording && { recording }) });
		return { i2c: { io: createI2C(new Map([[ADDRESS, chip]])) } };
	}
	const recordings = recorded && recorded.kind !== "bme280" ? recorded.recordings : [];
	return { pulses: { io: createPulseCapture(new DHTChip({ clock, weather, model, recordings, seed }), clock) } };
}
