/** Registers of a chip on I2C, and the bus's exceptions in words. */
import type { I2C } from "../host.js";
import { messageOf } from "../text.js";
import { SensorError } from "./sensor.js";

/** A failure of the bus, as opposed to a value that cannot be believed. */
export class BusError extends SensorError {}

/** Reads registers one after another, from `register` on. Throws a `BusError`. */
export function readRegisters(bus: I2C, register: number, byteLength: number): Uint8Array {
	return transfer(register, () => request(bus, register, byteLength));
}

/** As `readRegisters`, but throws the bus's own errors. */
export function request(bus: I2C, register: number, byteLength: number): Uint8Array {
	bus.write(Uint8Array.of(register));
	// A copy, where the bus gives an array: the bus may give the same array each time.
	const bytes = new Uint8Array(bus.read(byteLength));
	if (bytes.length !== byteLength) throw new Error(`${bytes.length} bytes instead of ${byteLength}`);
	return bytes;
}

/** Throws a `BusError`. */
export function writeRegister(bus: I2C, register: number, value: number): void {
	transfer(register, () => bus.write(Uint8Array.of(register, value)));
}

function transfer<Result>(register: number, run: () => Result): Result {
	try {
		return run();
	} catch (error) {
		throw new BusError(`the bus failed at register ${hex(register)}: ${messageOf(error)}`);
	}
}

/** A byte as datasheets write it. */
export function hex(value: number): string {
	return `0x${value.toString(16).padStart(2, "0")}`;
}
