/**
 * The stand-in of Buffer from inside the bundle, with what only the test suite
 * calls added to it, as the global that the suite expects.
 */
import { Buffer } from "mqtt-packet";
import { sameBytes } from "./tape.ts";

/** In bytes. XS has no room for the payloads of 256 MiB in some cases. */
const ALLOCATION_MAXIMUM = (globalThis as { allocationMaximum?: number }).allocationMaximum ?? Number.POSITIVE_INFINITY;
/** What those cases find instead, so that they fail. */
const beyond = {
	get byteLength(): number {
		throw new RangeError(`a Buffer of more than ${ALLOCATION_MAXIMUM} bytes`);
	},
};

const utf8 = Buffer.prototype.toString;
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function add(target: object, name: string, value: unknown): void {
	Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

add(Buffer.prototype, "toString", function (this: Buffer, encoding?: string) {
	return encoding === "hex" ? hex(this) : utf8.call(this);
});
add(Buffer.prototype, "equals", function (this: Buffer, other: Uint8Array) {
	return sameBytes(this, other);
});
add(Buffer, "alloc", (size: number) => (size > ALLOCATION_MAXIMUM ? beyond : new Buffer(size)));
add(Buffer, "concat", (buffers: Uint8Array[]) => {
	const parts = buffers.filter(Buffer.isBuffer);
	const whole = new Buffer(parts.reduce((length, part) => length + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
});
add(globalThis, "Buffer", Buffer);
