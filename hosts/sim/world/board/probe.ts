/** The chip on a simulated board, and what it truly gave: it survives power cuts and may fail at any time. */
import type { Bytes, I2COptions } from "../../../../src/host.ts";
import type { SensorModel } from "../../../../src/sensors/models.ts";
import { createProbedBME280 } from "../../devices/bme280-chip.ts";
import { createProbedDHT, SimulatedPulseCapture } from "../../devices/dht-chip.ts";
import { SimulatedI2C } from "../../devices/i2c-bus.ts";
import { noise } from "../../devices/random.ts";
import type { ChipOptions, Ports, ProbedChip } from "../../devices/sensor-chip.ts";
import type { Weather } from "../../devices/weather.ts";

/** States of the air, all different: neighbours cannot be mistaken for each other. */
const AIRS = 1_024;
/** Within the range of every sensor. */
const AIR: readonly Weather[] = Array.from({ length: AIRS }, (_, index) => ({
	temperature: 1 + 48 * noise(1, index),
	humidity: 0.21 + 0.68 * noise(2, index),
	pressure: 95_000 + 10_000 * noise(3, index),
}));
/** Time in ms after a deceptive fault in which a reading may still be of a measurement during it. */
const DECEIVED_MS = 5_000;

/** What a reading must say: each value within `±tolerance` as it is published (°C, %, hPa). */
export interface Truth {
	readonly temperature: number;
	readonly humidity: number | undefined;
	readonly pressure: number | undefined;
}

export class Probe {
	readonly model: SensorModel;
	private readonly _world: { now(): number };
	private readonly _probed: ProbedChip;
	private _next: number;
	/** When the station last had to do with the chip, in the world's ms. */
	askedAt = 0;
	/** Until when, in the world's ms, a reading may have been deceived. */
	private _deceivedUntil = 0;

	constructor(model: SensorModel, world: { readonly now: number }, seed: number) {
		this.model = model;
		this._world = { now: () => world.now };
		this._next = seed % AIRS;
		this._probed = probedChip(model, { clock: this._world, weather: () => this._air(), seed });
	}

	/** The bus for one power-on period; the chip gets its power, too. It hears nobody who is not `alive`. */
	port(alive: () => boolean): Ports {
		const { chip } = this._probed;
		chip.powerOn();
		return watched(chip.ports(), () => {
			if (alive()) this.askedAt = this._world.now();
			return alive();
		});
	}

	get fault(): string {
		return this._probed.chip.fault;
	}

	set fault(fault: string) {
		if (this._deceives) this._deceivedUntil = this._world.now() + DECEIVED_MS;
		this._probed.chip.fault = fault;
	}

	/** The faults that this chip may have. */
	get faults(): readonly string[] {
		return this._probed.faults;
	}

	/** What a reading taken at this moment says, in the units of the wire; `undefined` where nobody can know. */
	get truth(): Truth | undefined {
		if (this._deceives || this._world.now() < this._deceivedUntil) return undefined;
		const { thermometer, hygrometer, barometer } = this._probed.truth();
		return {
			temperature: thermometer.temperature,
			humidity: hygrometer && hygrometer.humidity * 100,
			pressure: barometer && barometer.pressure / 100,
		};
	}

	private get _deceives(): boolean {
		return this._probed.deceptive.includes(this.fault);
	}

	/** Another one at each measurement. */
	private _air(): Weather {
		const air = AIR[this._next]!;
		this._next = (this._next + 1) % AIRS;
		return air;
	}
}

/** The chip of each model. */
function probedChip(model: SensorModel, options: ChipOptions): ProbedChip {
	switch (model) {
		case "bme280":
		case "bmp280":
			return createProbedBME280({ ...options, model });
		case "dht22":
		case "dht11":
			return createProbedDHT({ ...options, model });
	}
}

/** What the constructors get from a port beside the chip's own: whether the chip hears what it is asked now. */
interface Heard {
	readonly asked: () => boolean;
}

class WatchedI2C extends SimulatedI2C {
	private readonly _asked: () => boolean;

	constructor(options: I2COptions) {
		super(options);
		this._asked = (options as I2COptions & Heard).asked;
	}

	override read(byteLength: number): ArrayBuffer | Uint8Array {
		if (!this._asked()) throw new Error("read failed");
		return super.read(byteLength);
	}

	override write(bytes: Bytes): void {
		if (!this._asked()) throw new Error("write failed");
		super.write(bytes);
	}
}

class WatchedPulseCapture extends SimulatedPulseCapture {
	private readonly _asked: () => boolean;

	constructor(options: { readonly [option: string]: unknown }) {
		super(options);
		this._asked = (options as unknown as Heard).asked;
	}

	override hold(): void {
		if (this._asked()) super.hold();
	}
}

function watched({ i2c, pulses }: Ports, asked: () => boolean): Ports {
	return {
		...(i2c && { i2c: { ...i2c, io: WatchedI2C, asked } }),
		...(pulses && { pulses: { ...pulses, io: WatchedPulseCapture, asked } }),
	};
}

/** Half of the last digit published, and half of the last one recorded. */
const TOLERANCES: Readonly<Record<keyof Truth, number>> = { temperature: 0.0051, humidity: 0.056, pressure: 0.0052 };

/** What is wrong with published values, or `undefined`. */
export function untruth(published: Readonly<Record<string, unknown>>, truth: Truth): string | undefined {
	for (const name of Object.keys(TOLERANCES) as (keyof Truth)[]) {
		const value = published[name];
		const expected = truth[name];
		if (value === undefined && expected === undefined) continue;
		if (typeof value !== "number" || expected === undefined || !(Math.abs(value - expected) <= TOLERANCES[name])) {
			return `its ${name} is ${value} instead of ${expected}`;
		}
	}
	return undefined;
}
