/** The driver of each model, on its bus. */
import type { Host } from "../host.js";
import { BME280 } from "./bme280.js";
import { DHT } from "./dht.js";
import type { SensorModel } from "./models.js";
import type { Sensor } from "./sensor.js";

/** Interval in s from which on a DHT is asked twice: it answers with its measurement of the previous request. */
const STALE_S = 10;

export interface SensorSettings {
	readonly sensor: SensorModel;
	/** Seconds from one reading to the next. */
	readonly interval: number;
	/** Of a BME280 or BMP280. */
	readonly address?: "0x76" | "0x77";
}

/** Throws an Error where the host lacks the model's bus. */
export function createSensor({ sensor: model, interval, address }: SensorSettings, host: Host): Sensor {
	switch (model) {
		case "bme280":
		case "bmp280": {
			const sensor = required(host.i2c, `no I2C bus for a ${model}`);
			return new BME280({ sensor, model, host, ...(address !== undefined && { address: Number(address) }) });
		}
		case "dht22":
		case "dht11": {
			const sensor = required(host.pulses, `no line for a ${model}`);
			return new DHT({ sensor, model, discard: interval >= STALE_S ? "each" : "first", host });
		}
	}
}

function required<T>(port: T | undefined, lack: string): T {
	if (port === undefined) throw new Error(`this host has ${lack}`);
	return port;
}
