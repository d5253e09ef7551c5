/** What simulated boards and worlds know of a sensor's chip, whichever it is. Types only. */
import type { Host } from "../../../src/host.js";
import type { Sample } from "../../../src/sensors/sensor.js";
import type { Weather } from "./weather.js";

/** The buses that sensors are on, as a host's ports. */
export type Ports = Pick<Host, "i2c" | "pulses">;

/** Of every chip. */
export interface ChipOptions {
	/** Time in ms. */
	readonly clock: { now(): number };
	/** The weather at the chip, now. */
	readonly weather: () => Weather;
	/** Of a chip that draws numbers. */
	readonly seed?: number;
}

export interface SensorChip {
	/** "none", "absent" or another one. May change at any time. */
	fault: string;
	/** Takes the power away for a moment. */
	powerOn(): void;
	/** The chip on a bus of its own, at its address. */
	ports(): Ports;
}

/** A chip of whose answers it is known what they have to say. */
export interface ProbedChip {
	readonly chip: SensorChip;
	/** The faults that a station has to see through. */
	readonly faults: readonly string[];
	/** Those of them with which a wrong value looks right now and then: nobody can know better. */
	readonly deceptive: readonly string[];
	/** What the chip's last answer says of the weather where there is no fault. Values are NaN before the first. */
	truth(): Sample;
}
