/**
 * The flash, which lies on the Node side so that it does not count as the
 * station's RAM, as XS reaches it: a request and its answer, synchronously.
 */
import type { Bytes, Flash } from "../../../src/host.js";
import { messageOf } from "../../../src/text.js";

/** The first byte of a request. */
const Operation = { Status: 0, Read: 1, Write: 2, Erase: 3 } as const;

/** A request: operation; offset or block; of a read the number of bytes, of a write the bytes. */
const HEADER_BYTES = 1 + 4;
const READ_REQUEST_BYTES = HEADER_BYTES + 4;

/** An answer: whether the flash refused; then what was asked for, or a character of the reason in each byte. */
const DONE = 0;
const REFUSED = 1;
const STATUS_ANSWER_BYTES = 4 + 4;
const NOTHING = new Uint8Array(0);

/** Carries a request to the other side and returns the answer. */
export type Call = (request: ArrayBuffer) => ArrayBuffer;

/** XS's side. */
export class RemoteFlash implements Flash {
	readonly #call: Call;
	/** Kept, for a start reads thousands of times. */
	readonly #readRequest = new DataView(new ArrayBuffer(READ_REQUEST_BYTES));

	constructor(call: Call) {
		this.#call = call;
		this.#readRequest.setUint8(0, Operation.Read);
	}

	status(): { blockLength: number; blocks: number } {
		const { buffer, byteOffset } = ask(this.#call, Uint8Array.of(Operation.Status).buffer);
		const answer = new DataView(buffer, byteOffset);
		return { blockLength: answer.getUint32(0), blocks: answer.getUint32(4) };
	}

	read(byteLength: number, byteOffset: number): Bytes {
		this.#readRequest.setUint32(1, byteOffset);
		this.#readRequest.setUint32(HEADER_BYTES, byteLength);
		return ask(this.#call, this.#readRequest.buffer);
	}

	write(bytes: Bytes, byteOffset: number): void {
		const request = requestOf(Operation.Write, byteOffset, bytes.length);
		request.set(bytes, HEADER_BYTES);
		ask(this.#call, request.buffer);
	}

	eraseBlock(block: number): void {
		ask(this.#call, requestOf(Operation.Erase, block).buffer);
	}
}

/** What the other side answers. Throws an Error where it refuses. */
export function ask(call: Call, request: ArrayBuffer): Bytes {
	const answer = new Uint8Array(call(request));
	if (answer[0] === DONE) return answer.subarray(1);
	throw new Error(answer.subarray(1).reduce((text, code) => text + String.fromCharCode(code), ""));
}

function requestOf(operation: number, value: number, more = 0): Bytes {
	const request = new Uint8Array(HEADER_BYTES + more);
	const view = new DataView(request.buffer);
	view.setUint8(0, operation);
	view.setUint32(1, value);
	return request;
}

/** Node's side: carries out a request and returns the answer. What the flash throws is the other side's to deal with. */
export function answerFlash(flash: Flash, request: Uint8Array): Bytes {
	return answerOf(() => carryOut(flash, request));
}

/** The answer to a request: what `run` returns, or the reason why it throws. */
export function answerOf(run: () => Uint8Array): Bytes {
	try {
		const result = run();
		const answer = new Uint8Array(1 + result.length);
		answer[0] = DONE;
		answer.set(result, 1);
		return answer;
	} catch (error) {
		const reason = messageOf(error);
		return Uint8Array.of(REFUSED, ...Array.from(reason, (character) => character.charCodeAt(0) & 0x7f));
	}
}

function carryOut(flash: Flash, request: Uint8Array): Uint8Array {
	const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
	switch (request[0]) {
		case Operation.Status: {
			const { blockLength, blocks } = flash.status();
			const answer = new DataView(new ArrayBuffer(STATUS_ANSWER_BYTES));
			answer.setUint32(0, blockLength);
			answer.setUint32(4, blocks);
			return new Uint8Array(answer.buffer);
		}
		case Operation.Read:
			return new Uint8Array(flash.read(view.getUint32(HEADER_BYTES), view.getUint32(1)));
		case Operation.Write:
			flash.write(Uint8Array.from(request.subarray(HEADER_BYTES)), view.getUint32(1));
			return NOTHING;
		case Operation.Erase:
			flash.eraseBlock(view.getUint32(1));
			return NOTHING;
		default:
			throw new Error("no such operation of a flash");
	}
}
