/** Driver of the DHT11, DHT22 and their kin (AM2301, AM2302, AM2303, AM2322) on their single wire. */
import type { Host, PulseCapture, PulseCaptureConstructor } from "../host.js";
import { messageOf } from "../text.js";
import { decodeFrame, dht11Sample, dht22Sample } from "./dht-frame.js";
import { SENSORS } from "./models.js";
import { type Measurement, type Sensor, SensorError } from "./sensor.js";
import { StillHumidity } from "./still-humidity.js";

export interface DHTOptions {
	/** The line: `io` and its further options, such as the pin. */
	readonly sensor: { readonly io: PulseCaptureConstructor; readonly [option: string]: unknown };
	readonly model: "dht11" | "dht22";
	/**
	 * The sensor answers with its measurement of the previous request. "first", the
	 * default, discards one frame after power-up only, so a sample is as old as the
	 * interval between samples. "each" asks twice for every sample: a sample is one
	 * minimum interval old, and takes one minimum interval longer.
	 */
	readonly discard?: "first" | "each";
	/** Its log gets what is no fault, in words for a person. */
	readonly host?: Pick<Host, "log">;
}

/** Both datasheets: the sensor is not to be asked in its first second. */
const POWER_UP_MS = 1_000;
/** A DHT11 wants 18 ms at least, a DHT22 takes up to 20. */
const START_LOW_MS = 20;
/** A frame of forty ones: 6 ms with its response. */
const FRAME_MS = 6;
const POLL_MS = 2;
/** Polls until the sensor counts as silent. */
const POLLS = 5;
/** In °C, for `StillHumidity`. A DHT11 has whole degrees and percents. */
const TEMPERATURE_STEPS = Object.freeze({ dht11: 2, dht22: 1 });

export class DHT implements Sensor {
	readonly minimumInterval: number;
	private readonly _options: DHTOptions;
	private _capture: PulseCapture | undefined;
	private _poweredUp = false;
	/** Whether the sensor holds a value that is not older than the last request. */
	private _primed = false;
	private _closed = false;
	private readonly _stillHumidity = new StillHumidity();

	/** Touches no pin: the first measurement does. */
	constructor(options: DHTOptions) {
		this._options = options;
		this.minimumInterval = SENSORS[options.model] * 1_000;
	}

	/** Takes one frame, or two. Throws a `SensorError` for silence and for a frame that cannot be believed. */
	*measure(follows = false): Measurement {
		if (this._closed) throw new SensorError("the sensor is closed");
		if (!this._poweredUp) {
			yield POWER_UP_MS;
			this._poweredUp = true;
		}
		if (!this._primed || (this._options.discard === "each" && !follows)) {
			yield* this._request();
			this._primed = true;
			yield this.minimumInterval;
		}
		const bytes = decodeFrame(yield* this._request());
		const { model, host } = this._options;
		const sample = model === "dht11" ? dht11Sample(bytes) : dht22Sample(bytes);
		const { hygrometer, thermometer } = sample;
		const doubt = this._stillHumidity.next(hygrometer?.humidity, thermometer.temperature, TEMPERATURE_STEPS[model]);
		if (doubt !== undefined) host?.log("warning", doubt);
		return sample;
	}

	close(): void {
		this._closed = true;
		this._release();
	}

	private _release(): void {
		const capture = this._capture;
		this._capture = undefined;
		try {
			capture?.close();
		} catch {
			// The line may be dead; it is given up anyway.
		}
	}

	/** Sends the start signal and waits, within a bound, for the pulses. */
	private *_request(): Generator<number, ArrayLike<number>, void> {
		let pulses: ArrayLike<number> | undefined;
		try {
			const { io, ...options } = this._options.sensor;
			this._capture ??= new io(options);
			const capture = this._capture;
			capture.hold();
			try {
				yield START_LOW_MS;
			} finally {
				// Also when the measurement is abandoned here: a line held low keeps the sensor from working.
				capture.release();
			}
			yield FRAME_MS;
			pulses = capture.read();
			for (let poll = 1; pulses === undefined && poll < POLLS; poll++) {
				yield POLL_MS;
				pulses = capture.read();
			}
		} catch (error) {
			this._release();
			throw new SensorError(`the line cannot be used: ${messageOf(error)}`);
		}
		if (pulses !== undefined && pulses.length > 1) return pulses;
		// The sensor may have been without power; then its next frame is its first.
		this._primed = false;
		throw new SensorError("the sensor did not answer");
	}
}
