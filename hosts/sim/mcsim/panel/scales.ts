/** A slider, a curve, and a column in the list, for each channel of a sensor. */
import type { SensorModel } from "../../../../src/sensors/models.js";

export type Channel = "temperature" | "humidity" | "pressure";

/** A slider: the sensor's range, in the unit that people know, and the factor to ECMA-419's. */
export interface Scale {
	readonly channel: Channel;
	readonly label: string;
	readonly unit: string;
	readonly lowest: number;
	readonly highest: number;
	readonly step: number;
	readonly factor: number;
	/** Decimals of a reading. */
	readonly decimals: number;
}

/** Ranges from the datasheets, of the channels that a sensor measures. */
const RANGES: { readonly [model in SensorModel]: { readonly [channel in Channel]?: readonly [number, number] } } = {
	bme280: { temperature: [-40, 85], humidity: [0, 100], pressure: [300, 1_100] },
	bmp280: { temperature: [-40, 85], pressure: [300, 1_100] },
	dht22: { temperature: [-40, 80], humidity: [0, 100] },
	dht11: { temperature: [0, 50], humidity: [20, 90] },
};
const CHANNELS: readonly Omit<Scale, "lowest" | "highest">[] = [
	{ channel: "temperature", label: "Temperature", unit: "°C", step: 0.1, factor: 1, decimals: 2 },
	{ channel: "humidity", label: "Humidity", unit: "%", step: 0.1, factor: 0.01, decimals: 1 },
	{ channel: "pressure", label: "Pressure", unit: "hPa", step: 0.1, factor: 100, decimals: 2 },
];

/** A slider for each channel that the sensor has. */
export function scalesOf(sensor: SensorModel): readonly Scale[] {
	return CHANNELS.flatMap((channel) => {
		const range = RANGES[sensor][channel.channel];
		return range ? [{ ...channel, lowest: range[0], highest: range[1] }] : [];
	});
}

/** The unit of each channel; empty for those that the sensor does not have. */
export function headsFor(sensor: SensorModel): readonly string[] {
	return CHANNELS.map(({ channel, unit }) => (RANGES[sensor][channel] ? unit : ""));
}

/** A report's values as they are published; empty for channels that it does not have. */
export function cellsOf(report: { readonly [channel in Channel]?: number }): readonly string[] {
	return CHANNELS.map(({ channel, decimals }) => report[channel]?.toFixed(decimals) ?? "");
}
