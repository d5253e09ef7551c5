/** The firmware slots, which lie on the Node side, as XS reaches them: a request and its answer, synchronously. */
import type { Bytes, UpdatePort } from "../../../src/host.js";
import { bytesOf, messageOf, textOf } from "../../../src/text.js";

/** The first byte of a request. */
const Operation = {
	IsUnconfirmed: 0,
	/** A byte: whether the firmware works. */
	Judge: 1,
	/** Answered with a text. */
	Kept: 2,
	Keep: 3,
	/** Answered with hexadecimal digits. */
	Hash: 4,
	/** A double: how many bytes the signature has; then the signature, a key, and what was signed. */
	Verify: 5,
	/** A double: how many bytes there are to be. */
	Reserve: 6,
	/** A double: the offset; then the bytes. */
	Write: 7,
	/** A double: how many bytes there are; then their hash. */
	Complete: 8,
	/** Answered with the running firmware's id. */
	Id: 9,
} as const;

/** An answer: whether it is refused; then the result, or the reason. */
const DONE = 0;
const REFUSED = 1;

const KEY_BYTES = 65;
const NUMBER_BYTES = 8;
const NOTHING: Bytes = new Uint8Array(0);

/** Carries a request to the other side and returns the answer. */
export type Call = (request: ArrayBuffer) => ArrayBuffer;

/** XS's side. `restart` starts the machine anew. */
export class RemoteSlots implements UpdatePort {
	private readonly _call: Call;
	private readonly _restart: () => void;

	constructor(call: Call, restart: () => void) {
		this._call = call;
		this._restart = restart;
	}

	get unconfirmed(): boolean {
		return this._ask(Operation.IsUnconfirmed)[0] === 1;
	}

	judge(works: boolean): void {
		this._ask(Operation.Judge, Uint8Array.of(works ? 1 : 0));
		if (!works) this._restart();
	}

	kept(): string {
		return textOf(this._ask(Operation.Kept));
	}

	keep(text: string): void {
		this._ask(Operation.Keep, bytesOf(text));
	}

	hash(bytes: Bytes): string {
		return textOf(this._ask(Operation.Hash, bytes));
	}

	verify(bytes: Bytes, signature: Bytes, publicKey: Bytes): void {
		this._ask(Operation.Verify, doubleOf(signature.length), signature, publicKey, bytes);
	}

	reserve(byteLength: number): void {
		this._ask(Operation.Reserve, doubleOf(byteLength));
	}

	write(bytes: Bytes, byteOffset: number): void {
		this._ask(Operation.Write, doubleOf(byteOffset), bytes);
	}

	complete(byteLength: number, hash: string): void {
		this._ask(Operation.Complete, doubleOf(byteLength), bytesOf(hash));
	}

	/** The running firmware's id. */
	get id(): string {
		return textOf(this._ask(Operation.Id));
	}

	private _ask(operation: number, ...parts: Bytes[]): Bytes {
		const request = new Uint8Array(parts.reduce((length, part) => length + part.length, 1));
		request[0] = operation;
		let at = 1;
		for (const part of parts) {
			request.set(part, at);
			at += part.length;
		}
		const answer = new Uint8Array(this._call(request.buffer));
		if (answer[0] === DONE) return answer.subarray(1);
		throw new Error(textOf(answer.subarray(1)));
	}
}

function doubleOf(value: number): Bytes {
	return new Uint8Array(Float64Array.of(value).buffer);
}

type Slots = UpdatePort & { readonly id: string };

/** Node's side: carries out a request and returns the answer. Errors of the slots go to the other side. */
export function answerSlots(slots: Slots, request: Uint8Array): Bytes {
	try {
		return answerOf(DONE, carryOut(slots, request[0]!, Uint8Array.from(request.subarray(1))));
	} catch (error) {
		return answerOf(REFUSED, bytesOf(messageOf(error)));
	}
}

function answerOf(first: number, bytes: Bytes): Bytes {
	const answer = new Uint8Array(1 + bytes.length);
	answer[0] = first;
	answer.set(bytes, 1);
	return answer;
}

function carryOut(slots: Slots, operation: number, bytes: Bytes): Bytes {
	const number = () => new Float64Array(bytes.slice(0, NUMBER_BYTES).buffer)[0]!;
	switch (operation) {
		case Operation.IsUnconfirmed:
			return Uint8Array.of(slots.unconfirmed ? 1 : 0);
		case Operation.Id:
			return bytesOf(slots.id);
		case Operation.Kept:
			return bytesOf(slots.kept());
		case Operation.Hash:
			return bytesOf(slots.hash(bytes));
		case Operation.Judge:
			slots.judge(bytes[0] === 1);
			break;
		case Operation.Keep:
			slots.keep(textOf(bytes));
			break;
		case Operation.Verify: {
			const key = NUMBER_BYTES + number();
			slots.verify(bytes.slice(key + KEY_BYTES), bytes.slice(NUMBER_BYTES, key), bytes.slice(key, key + KEY_BYTES));
			break;
		}
		case Operation.Reserve:
			slots.reserve(number());
			break;
		case Operation.Write:
			slots.write(bytes.slice(NUMBER_BYTES), number());
			break;
		case Operation.Complete:
			slots.complete(number(), textOf(bytes.slice(NUMBER_BYTES)));
			break;
		default:
			throw new Error("no such operation of firmware slots");
	}
	return NOTHING;
}
