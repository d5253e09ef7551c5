/**
 * A DHT22 (AM2302) or DHT11 at the pulses of its wire. Durations are those of
 * recorded sensors, which keep to their datasheets.
 */
import type { PulseCapture } from "../../../src/host.js";
import { createRandom } from "./random.js";
import type { ChipOptions, Ports, ProbedChip, SensorChip } from "./sensor-chip.js";
import type { Weather } from "./weather.js";

export type DHTModel = "dht11" | "dht22";

/** One frame of a real sensor: durations in µs, low first, from the response to the sensor's last low level. */
export interface DHTRecording {
	readonly name: string;
	readonly model: DHTModel;
	/** From the release to the response. */
	readonly startHigh: number;
	readonly durations: readonly number[];
}

export type DHTFault =
	| "none"
	/** No answer. */
	| "absent"
	/** Edges come up to 40 µs early or late. */
	| "noise"
	/** A spike of 3 µs in the middle of a low level. */
	| "glitch"
	/** One bit is wrong. */
	| "flippedBit"
	/** The frame ends after its third byte. */
	| "truncated"
	/** Every bit is 0. */
	| "zeros";

export interface DHTChipOptions extends ChipOptions {
	readonly model: DHTModel;
	/**
	 * Answers with these frames, one after another and over again. The first answer
	 * after power-up has an older measurement: it is the last frame.
	 */
	readonly recordings?: readonly DHTRecording[];
	/** Time in µs by which edges come early or late. */
	readonly jitter?: number;
}

interface Timing {
	/** Start signals that are shorter, in ms, are no start signals. */
	readonly startLow: number;
	/** A sensor that answered less than this ago, in ms, is still busy. */
	readonly busy: number;
	readonly range: { readonly temperature: readonly [number, number]; readonly humidity: readonly [number, number] };
	/** Levels in µs. */
	readonly response: readonly [number, number];
	readonly low: number;
	/** The low level in front of the second byte and the ones after it. */
	readonly byteLow: number;
	readonly zero: number;
	readonly one: number;
	readonly tail: number;
}
/** Frozen, each of them: in mcsim the linker leaves such tables in place. */
const timing = (timing: Timing): Timing =>
	Object.freeze({
		...timing,
		range: Object.freeze({
			temperature: Object.freeze(timing.range.temperature),
			humidity: Object.freeze(timing.range.humidity),
		}),
		response: Object.freeze(timing.response),
	});
const TIMINGS: { readonly [model in DHTModel]: Timing } = Object.freeze({
	dht11: timing({
		startLow: 18,
		busy: 900,
		range: { temperature: [0, 50], humidity: [0.2, 0.9] },
		response: [51, 86],
		low: 54,
		byteLow: 54,
		zero: 24,
		one: 71,
		tail: 57,
	}),
	dht22: timing({
		startLow: 1,
		busy: 500,
		range: { temperature: [-40, 80], humidity: [0, 1] },
		response: [80, 81],
		low: 54,
		byteLow: 67,
		zero: 26,
		one: 73,
		tail: 47,
	}),
});
const START_HIGH_US = 30;
/** In its first second a sensor does not answer. */
const POWER_UP_MS = 1_000;
/** A receiver tells of the frame when the line has rested for a while. */
const REST_MS = 1;
const NOISE_US = 40;
const GLITCH_US = 3;
const LEAD_LEVELS = 3;

export class DHTChip implements SensorChip {
	fault: DHTFault = "none";
	private readonly _options: DHTChipOptions;
	private readonly _random: () => number;
	private _poweredAt = 0;
	private _answeredAt = Number.NEGATIVE_INFINITY;
	/** The sensor's next answer: its measurement of the last request, or of power-up. */
	private _measured: Weather;
	private _recording = 0;

	constructor(options: DHTChipOptions) {
		this._options = options;
		this._random = createRandom(options.seed ?? 0);
		this._measured = { ...options.weather() };
		this.powerOn();
	}

	ports(): Ports {
		const line: PulseLine = { chip: this, clock: this._options.clock, inUse: false };
		return { pulses: { io: SimulatedPulseCapture, line } };
	}

	powerOn(): void {
		this._poweredAt = this._options.clock.now();
		this._answeredAt = Number.NEGATIVE_INFINITY;
		this._measured = { ...this._options.weather() };
	}

	/** The line's levels in µs, high first, after a host held it low for `startLow` ms and released it; none if it stays high. */
	answer(startLow: number): readonly number[] {
		const now = this._options.clock.now();
		const { model, recordings = [], jitter = 0 } = this._options;
		const timing = TIMINGS[model];
		const asleep = now - this._poweredAt < POWER_UP_MS || now - this._answeredAt < timing.busy;
		if (this.fault === "absent" || asleep || startLow < timing.startLow) return [];
		this._answeredAt = now;
		const recording = recordings.at((this._recording++ - 1) % recordings.length);
		const levels = recording ? [recording.startHigh, ...recording.durations] : this._levels(timing);
		this._measured = { ...this._options.weather() };
		if (this.fault === "truncated") levels.length = LEAD_LEVELS + 2 * 24;
		if (this.fault === "flippedBit") this._flip(levels, timing);
		if (this.fault === "glitch") this._split(levels);
		const error = this.fault === "noise" ? NOISE_US : jitter;
		return error > 0 ? this._shifted(levels, error) : levels;
	}

	private _levels(timing: Timing): number[] {
		const bytes = this.fault === "zeros" ? [0, 0, 0, 0, 0] : encode(this._options.model, this._measured);
		const levels = [START_HIGH_US, ...timing.response];
		for (let bit = 0; bit < 40; bit++) {
			const set = (bytes[bit >> 3]! >> (7 - (bit & 7))) & 1;
			levels.push(bit > 0 && bit % 8 === 0 ? timing.byteLow : timing.low, set ? timing.one : timing.zero);
		}
		return [...levels, timing.tail];
	}

	/** Turns one bit of a frame into its opposite. */
	private _flip(levels: number[], { zero, one }: Timing): void {
		const high = LEAD_LEVELS + 2 * Math.floor(this._random() * 40) + 1;
		levels[high] = levels[high]! > (zero + one) / 2 ? zero : one;
	}

	/** Cuts a bit's low level in two. */
	private _split(levels: number[]): void {
		const low = LEAD_LEVELS + 2 * Math.floor(this._random() * 40);
		const half = (levels[low]! - GLITCH_US) / 2;
		levels.splice(low, 1, half, GLITCH_US, half);
	}

	/** Moves each edge by up to `error` µs. */
	private _shifted(levels: readonly number[], error: number): number[] {
		const shifts = levels.map(() => error * (2 * this._random() - 1));
		return levels.map((level, index) => Math.max(0, level + shifts[index]! - (shifts[index - 1] ?? 0)));
	}
}

/** The five bytes for physical values, within the model's range and at its resolution. */
function encode(model: DHTModel, weather: Weather): readonly number[] {
	const { range } = TIMINGS[model];
	const clamp = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value));
	const humidity = clamp(weather.humidity, range.humidity);
	const temperature = clamp(weather.temperature, range.temperature);
	const bytes =
		model === "dht11" ? [Math.round(humidity * 100), 0, Math.round(temperature), 0] : words(humidity, temperature);
	return [...bytes, bytes.reduce((sum, byte) => sum + byte, 0) & 0xff];
}

/** Tenths in 16 bits each; the temperature's top bit is its sign. */
function words(humidity: number, temperature: number): readonly number[] {
	const humid = Math.round(humidity * 1_000);
	const warm = Math.round(Math.abs(temperature) * 10) | (temperature < 0 ? 0x8000 : 0);
	return [humid >> 8, humid & 0xff, warm >> 8, warm & 0xff];
}

/** The chip in a world. */
export function createProbedDHT({ weather, ...options }: Omit<DHTChipOptions, "recordings">): ProbedChip {
	const { model } = options;
	let measured: Weather | undefined;
	/** The measurement before, with which it answers. */
	let told: Weather | undefined;
	const measure = () => {
		told = measured;
		measured = weather();
		return measured;
	};
	// Whole degrees and percent, or tenths.
	const parts = model === "dht11" ? 1 : 10;
	return {
		chip: new DHTChip({ ...options, weather: measure }),
		faults: ["absent", "noise", "glitch", "flippedBit", "truncated"] satisfies DHTFault[],
		// Many wrong bits pass the checksum at times; and one does, as there are DHT11s that leave the tenths out of it.
		deceptive: (model === "dht11" ? ["noise", "flippedBit"] : ["noise"]) satisfies DHTFault[],
		truth() {
			const { temperature, humidity } = told ?? { temperature: Number.NaN, humidity: Number.NaN };
			return {
				thermometer: { temperature: Math.round(temperature * parts) / parts },
				hygrometer: { humidity: Math.round(humidity * 100 * parts) / parts / 100 },
			};
		},
	};
}

/** A line with a sensor on it, which a board's `SimulatedPulseCapture` gets from its port. */
export interface PulseLine {
	readonly chip: DHTChip;
	readonly clock: { now(): number };
	inUse: boolean;
}

/** As `PulseCapture`. */
export class SimulatedPulseCapture implements PulseCapture {
	private readonly _line: PulseLine;
	private _heldAt: number | undefined;
	private _levels: readonly number[] = [];
	private _completeAt = Number.POSITIVE_INFINITY;
	private _open = true;

	constructor(options: { readonly [option: string]: unknown }) {
		this._line = options.line as PulseLine;
		if (this._line.inUse) throw new RangeError("inUse");
		this._line.inUse = true;
	}

	hold(): void {
		this._check();
		this._heldAt = this._line.clock.now();
	}

	release(): void {
		this._check();
		if (this._heldAt === undefined) return;
		const now = this._line.clock.now();
		this._levels = this._line.chip.answer(now - this._heldAt);
		this._heldAt = undefined;
		const frame = this._levels.reduce((sum, level) => sum + level, 0) / 1_000;
		this._completeAt = this._levels.length === 0 ? Number.POSITIVE_INFINITY : now + frame + REST_MS;
	}

	read(): ArrayLike<number> | undefined {
		this._check();
		if (this._line.clock.now() < this._completeAt) return undefined;
		// A receiver's buffer can be read once.
		const levels = this._levels;
		this._levels = [];
		this._completeAt = Number.POSITIVE_INFINITY;
		return levels;
	}

	close(): void {
		if (this._open) this._line.inUse = false;
		this._open = false;
	}

	private _check(): void {
		if (!this._open) throw new Error("closed");
	}
}
