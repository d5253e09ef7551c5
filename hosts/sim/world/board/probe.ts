/** The chip on a simulated board, and what it truly gave: it survives power cuts and may fail at any time. */
import type { Host } from "../../../../src/host.ts";
import { compensate, parseCalibration } from "../../../../src/sensors/compensation.ts";
import type { SensorModel } from "../../../../src/sensors/models.ts";
import { BME280Chip, type BME280Fault } from "../../devices/bme280-chip.ts";
import { countsFor } from "../../devices/bme280-counts.ts";
import { createPulseCapture, DHTChip, type DHTFault } from "../../devices/dht-chip.ts";
import { createI2C, type I2CChip } from "../../devices/i2c-bus.ts";
import { noise } from "../../devices/random.ts";
import type { Weather } from "../../devices/weather.ts";

/** A state of the air, a frame of a BME280 that stands for it, and what the frame says to the last bit. */
interface Air {
	readonly weather: Weather;
	readonly frame: Uint8Array;
	readonly exact: Weather;
}

/** States of the air, all different: neighbours cannot be mistaken for each other. */
const AIRS = 1_024;
/** A BME280's calibration: that of a chip that was sold (periph.io's test data). */
const FIRST = Uint8Array.of(
	...[0x10, 0x6e, 0x6c, 0x66, 0x32, 0x00, 0x5d, 0x95, 0xb8, 0xd5, 0xd0, 0x0b, 0x77],
	...[0x1e, 0x9d, 0xff, 0xf9, 0xff, 0xac, 0x26, 0x0a, 0xd8, 0xbd, 0x10, 0x00, 0x4b],
);
const SECOND = Uint8Array.of(0x6e, 0x01, 0x00, 0x13, 0x05, 0x00, 0x1e);
const ADDRESS = 0x76;

export const BME280_FAULTS: readonly BME280Fault[] = [
	...(["absent", "stuck", "zeros", "ones", "echo", "calibrationZeros", "dataZeros", "dataOnes"] as const),
	...(["skipsTemperature", "skipsPressure", "skipsHumidity", "frozen", "neverReady", "neverDone"] as const),
];
export const DHT_FAULTS: readonly DHTFault[] = [...(["absent", "noise", "glitch", "flippedBit", "truncated"] as const)];
/**
 * Wrong values that pass the checksum now and then, of which nobody can know better: with many wrong bits; and, as there
 * are DHT11s that leave the tenths out of the sum, with one wrong bit there.
 */
const DECEPTIVE: Readonly<Record<"dht11" | "dht22", readonly DHTFault[]>> = {
	dht11: ["noise", "flippedBit"],
	dht22: ["noise"],
};

/** Made once: finding a frame for a state of the air is slow. */
let airs: readonly Air[] | undefined;

function allAirs(): readonly Air[] {
	if (airs) return airs;
	const calibration = parseCalibration(FIRST, SECOND);
	airs = Array.from({ length: AIRS }, (_, index) => {
		const weather = {
			temperature: 1 + 48 * noise(1, index),
			humidity: 0.21 + 0.68 * noise(2, index),
			pressure: 95_000 + 10_000 * noise(3, index),
		};
		const counts = countsFor(calibration, weather);
		const { temperature, pressure, humidity = 0 } = compensate(calibration, counts);
		const bytes20 = (value: number) => [value >> 12, (value >> 4) & 0xff, (value & 0x0f) << 4];
		const frame = [
			...bytes20(counts.pressure),
			...bytes20(counts.temperature),
			counts.humidity >> 8,
			counts.humidity & 0xff,
		];
		return { weather, frame: Uint8Array.from(frame), exact: { temperature, pressure, humidity } };
	});
	return airs;
}

/** What a reading must say: each value within `±tolerance` as it is published (°C, %, hPa). */
export interface Truth {
	readonly temperature: number;
	readonly humidity: number | undefined;
	readonly pressure: number | undefined;
}

export class Probe {
	readonly model: SensorModel;
	private readonly _airs = allAirs();
	private readonly _world: { now(): number };
	private readonly _chip: BME280Chip | DHTChip;
	private _next: number;
	/** What the chip measured last, and before that. */
	private _last: Air;
	private _previous: Air;
	/** When the station last had to do with the chip, in the world's ms. */
	askedAt = 0;
	/** Until when, in the world's ms, a reading may have been deceived. */
	private _deceivedUntil = 0;

	constructor(model: SensorModel, world: { readonly now: number }, seed: number) {
		this.model = model;
		this._world = { now: () => world.now };
		this._next = seed % AIRS;
		this._last = this._previous = this._airs[this._next]!;
		const weather = () => this._measure().weather;
		if (model === "bme280" || model === "bmp280") {
			const frames = Object.defineProperty([] as Uint8Array[], 0, { get: () => this._measure().frame });
			const recording = { name: "air", first: FIRST, second: SECOND, frames };
			this._chip = new BME280Chip({ clock: this._world, weather, model, recording });
		} else {
			this._chip = new DHTChip({ clock: this._world, weather, model, seed });
		}
	}

	/** The bus for one power-on period; the chip gets its power, too. It hears nobody who is not `alive`. */
	port(alive: () => boolean): Pick<Host, "i2c" | "pulses"> {
		const chip = this._chip;
		const asked = () => {
			if (alive()) this.askedAt = this._world.now();
			return alive();
		};
		chip.powerOn();
		if (chip instanceof BME280Chip) {
			const watched: I2CChip = {
				write: (bytes) => asked() && chip.write(bytes),
				read: (byteLength) => (asked() ? chip.read(byteLength) : undefined),
				get holdsBus() {
					return asked() && chip.holdsBus;
				},
			};
			return { i2c: { io: createI2C(new Map([[ADDRESS, watched]])) } };
		}
		const Capture = createPulseCapture(chip, this._world);
		class WatchedCapture extends Capture {
			override hold(): void {
				if (asked()) super.hold();
			}
		}
		return { pulses: { io: WatchedCapture } };
	}

	get fault(): BME280Fault | DHTFault {
		return this._chip.fault;
	}

	set fault(fault: BME280Fault | DHTFault) {
		if (this._deceives) this._deceivedUntil = this._world.now() + 5_000;
		this._chip.fault = fault as never;
	}

	/** The faults that this chip may have. */
	get faults(): readonly (BME280Fault | DHTFault)[] {
		return this._chip instanceof BME280Chip ? BME280_FAULTS : DHT_FAULTS;
	}

	/** What a reading taken at this moment says, in the units of the wire; `undefined` where nobody can know. */
	get truth(): Truth | undefined {
		if (this._deceives || this._world.now() < this._deceivedUntil) return undefined;
		if (this._chip instanceof BME280Chip) {
			const { temperature, humidity, pressure } = this._last.exact;
			return {
				temperature,
				humidity: this.model === "bme280" ? humidity * 100 : undefined,
				pressure: pressure / 100,
			};
		}
		// It answers with what it measured when it was asked before.
		const { temperature, humidity } = this._previous.weather;
		const coarse = this.model === "dht11";
		return {
			temperature: coarse ? Math.round(temperature) : Math.round(temperature * 10) / 10,
			humidity: coarse ? Math.round(humidity * 100) : Math.round(humidity * 1_000) / 10,
			pressure: undefined,
		};
	}

	private get _deceives(): boolean {
		const { model } = this;
		return (model === "dht11" || model === "dht22") && DECEPTIVE[model].includes(this._chip.fault as DHTFault);
	}

	private _measure(): Air {
		this._previous = this._last;
		this._last = this._airs[this._next]!;
		this._next = (this._next + 1) % AIRS;
		return this._last;
	}
}

/** Half of the last digit published, and half of the last one recorded. */
const TOLERANCES = { temperature: 0.0051, humidity: 0.056, pressure: 0.0052 };

/** What is wrong with published values, or `undefined`. */
export function untruth(published: Readonly<Record<string, unknown>>, truth: Truth): string | undefined {
	for (const name of ["temperature", "humidity", "pressure"] as const) {
		const value = published[name];
		const expected = truth[name];
		if (value === undefined && expected === undefined) continue;
		if (typeof value !== "number" || expected === undefined || !(Math.abs(value - expected) <= TOLERANCES[name])) {
			return `its ${name} is ${value} instead of ${expected}`;
		}
	}
	return undefined;
}
