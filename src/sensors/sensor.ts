/** The common interface of the sensor drivers. */

/**
 * A sensor's sample in ECMA-419's compound form and units: degrees Celsius,
 * relative humidity from 0 to 1, pascals.
 */
export interface Sample {
	thermometer: { temperature: number };
	hygrometer?: { humidity: number };
	barometer?: { pressure: number };
}

/**
 * One measurement in steps. Each value yielded is a time in ms to wait before
 * the next step; the value returned is the sample. It throws a `SensorError`
 * when there is no sample that can be believed.
 *
 * A driver written this way sets no timer and reads no clock: its caller waits.
 */
export type Measurement = Generator<number, Sample, void>;

export interface Sensor {
	/** Shortest time in ms between the starts of two measurements. */
	readonly minimumInterval: number;
	/**
	 * Takes one measurement. At most one may be under way. `follows`: the one before it has only just succeeded, so that
	 * what the sensor has kept of it is not old.
	 */
	measure(follows?: boolean): Measurement;
	/** Releases the bus. Calling it twice does no harm. */
	close(): void;
}

/** Why there is no reading, in words for a person. */
export class SensorError extends Error {
	override get name(): string {
		return "SensorError";
	}
}
