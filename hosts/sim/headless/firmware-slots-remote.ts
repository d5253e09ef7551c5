/** The firmware slots, which lie on the Node side, as XS reaches them: a request and its answer, synchronously. */
import type { Bytes, UpdatePort } from "../../../src/host.js";
import { messageOf } from "../../../src/text.js";

/** The first byte of a request. */
const Operation = {
	IsUnconfirmed: 0,
	/** A byte: whether the firmware works. */
	Judge: 1,
	/** A double: how many bytes are to come. */
	Open: 2,
	Write: 3,
	/** A key, and behind it a character of the signature in each byte. */
	Complete: 4,
	Close: 5,
	/** Answered with the running firmware's id, a character in each byte. */
	Id: 6,
} as const;

/** An answer: whether it is refused; then the result, or the reason, a character in each byte. */
const DONE = 0;
const REFUSED = 1;

const KEY_BYTES = 65;
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

	open(byteLength: number): void {
		this._ask(Operation.Open, new Uint8Array(Float64Array.of(byteLength).buffer));
	}

	write(bytes: Bytes): void {
		this._ask(Operation.Write, bytes);
	}

	complete(signature: string, publicKey: Bytes): void {
		const characters = Uint8Array.from(signature, (character) => character.charCodeAt(0));
		this._ask(Operation.Complete, publicKey, characters);
	}

	close(): void {
		this._ask(Operation.Close);
	}

	/** The running firmware's id. */
	get id(): string {
		return characters(this._ask(Operation.Id));
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
		throw new Error(characters(answer.subarray(1)));
	}
}

/** A text in ASCII, a character in each byte. */
function characters(bytes: Bytes): string {
	let text = "";
	for (const code of bytes) text += String.fromCharCode(code);
	return text;
}

type Slots = UpdatePort & { readonly id: string };

/** Node's side: carries out a request and returns the answer. Errors of the slots go to the other side. */
export function answerSlots(slots: Slots, request: Uint8Array): Bytes {
	try {
		return answerOf(DONE, carryOut(slots, request[0]!, Uint8Array.from(request.subarray(1))));
	} catch (error) {
		return answerOf(
			REFUSED,
			Uint8Array.from(messageOf(error), (character) => character.charCodeAt(0) & 0x7f),
		);
	}
}

function answerOf(first: number, bytes: Bytes): Bytes {
	const answer = new Uint8Array(1 + bytes.length);
	answer[0] = first;
	answer.set(bytes, 1);
	return answer;
}

function carryOut(slots: Slots, operation: number, bytes: Bytes): Bytes {
	switch (operation) {
		case Operation.IsUnconfirmed:
			return Uint8Array.of(slots.unconfirmed ? 1 : 0);
		case Operation.Id:
			return Uint8Array.from(slots.id, (digit) => digit.charCodeAt(0));
		case Operation.Judge:
			slots.judge(bytes[0] === 1);
			break;
		case Operation.Open:
			slots.open(new Float64Array(bytes.buffer)[0]!);
			break;
		case Operation.Write:
			slots.write(bytes);
			break;
		case Operation.Complete:
			slots.complete(characters(bytes.subarray(KEY_BYTES)), bytes.slice(0, KEY_BYTES));
			break;
		case Operation.Close:
			slots.close();
			break;
		default:
			throw new Error("no such operation of firmware slots");
	}
	return NOTHING;
}
