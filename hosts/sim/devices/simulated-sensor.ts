/** The sensor that a simulated board carries: the chip, and the bus as a host's port. */
import type { Clock } from "../../../src/host.js";
import type { SensorModel } from "../../../src/sensors/models.js";
import type { Settings } from "../../../src/settings.js";
import { BME280Chip } from "./bme280-chip.js";
import { DHTChip } from "./dht-chip.js";
import { parseReplay, pickReplay, type Replay } from "./replay.js";
import type { ChipOptions, Ports, SensorChip } from "./sensor-chip.js";
import { type Weather, weatherAt } from "./weather.js";

export interface SimulatedSensorOptions {
	readonly sensor: SensorModel;
	/** Of a BME280 or BMP280, as in the settings. */
	readonly address?: Settings["address"];
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
	readonly ports: Ports;
	/** Unplugs the sensor, so that it does not answer on the bus, or plugs it in again. */
	silence(silent: boolean): void;
}

/** The bus alone. Throws a `ReplayError` where the recording does not suit the sensor. */
export function createSimulatedSensor(options: SimulatedSensorOptions): Ports {
	return createSensor(options).ports;
}

/** Throws a `ReplayError` where the recording does not suit the sensor. */
export function createSensor(options: SimulatedSensorOptions): SimulatedSensor {
	const { sensor: model, address, clock, seed, replay } = options;
	const weather = options.weather ?? (() => weatherAt(clock.time() ?? 0, seed));
	const recorded = replay && pickReplay(parseReplay(replay.text, replay.name), model);
	const chip = chipOf(model, { clock, weather, seed }, address, recorded);
	return {
		ports: chip.ports(),
		silence(silent) {
			const fault = silent ? "absent" : "none";
			if (chip.fault === fault) return;
			chip.fault = fault;
			// A sensor that is plugged in again has lost its state.
			if (!silent) chip.powerOn();
		},
	};
}

/** The chip of each model. */
function chipOf(
	model: SensorModel,
	options: ChipOptions,
	address: Settings["address"],
	recorded: Replay | undefined,
): SensorChip {
	switch (model) {
		case "bme280":
		case "bmp280": {
			const recording = recorded?.kind === "bme280" ? recorded.recordings[0] : undefined;
			return new BME280Chip({
				...options,
				model,
				...(recording && { recording }),
				...(address !== undefined && { address: Number(address) }),
			});
		}
		case "dht22":
		case "dht11": {
			const recordings = recorded && recorded.kind !== "bme280" ? recorded.recordings : [];
			return new DHTChip({ ...options, model, recordings });
		}
	}
}
