/** The simulated buses as classes that need nothing from a port, for drivers without a host. */
import { type DHTChip, type PulseLine, SimulatedPulseCapture } from "../../hosts/sim/devices/dht-chip.ts";
import { I2CBus, type I2CChip, SimulatedI2C } from "../../hosts/sim/devices/i2c-bus.ts";
import type { I2CConstructor, I2COptions, PulseCaptureConstructor } from "../../src/host.ts";

/** For a board with these chips at these 7-bit addresses. */
export function createI2C(chips: ReadonlyMap<number, I2CChip>): I2CConstructor {
	const bus = new I2CBus(chips);
	return class extends SimulatedI2C {
		constructor(options: I2COptions) {
			super({ ...options, bus });
		}
	};
}

/** For a line with this sensor on it. */
export function createPulseCapture(chip: DHTChip, clock: { now(): number }): PulseCaptureConstructor {
	const line: PulseLine = { chip, clock, inUse: false };
	return class extends SimulatedPulseCapture {
		constructor(options: { readonly [option: string]: unknown }) {
			super({ ...options, line });
		}
	};
}
