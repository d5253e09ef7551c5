/** The firmware slots, which lie on the Node side, as XS reaches them: a request and its answer, synchronously. */
import type { Bytes, UpdatePort } from "../../../src/host.js";
import { answerOf, ask, type Call } from "./remote-flash.js";

/** The first byte of a request; those of the flash are lower. */
const Operation = {
	IsUnconfirmed: 16,
	/** A byte: whether the firmware works. */
	Judge: 17,
	/** A double: how many bytes are to come. */
	Open: 18,
	Write: 19,
	/** A key, and behind it a character of the signature in each byte. */
	Complete: 20,
	Close: 21,
	/** Answered with what identifies the firmware that runs, a character in each byte. */
	Id: 22,
} as const;

const KEY_BYTES = 65;
const NOTHING: Bytes = new Uint8Array(0);

/** XS's side. `restart` starts the machine anew. */
export class RemoteSlots implements UpdatePort {
	readonly #call: Call;
	readonly #restart: () => void;

	constructor(call: Call, restart: () => void) {
		this.#call = call;
		this.#restart = restart;
	}

	get unconfirmed(): boolean {
		return this.#ask(Operation.IsUnconfirmed)[0] === 1;
	}

	judge(works: boolean): void {
		this.#ask(Operation.Judge, Uint8Array.of(works ? 1 : 0));
		if (!works) this.#restart();
	}

	open(byteLength: number): void {
		this.#ask(Operation.Open, new Uint8Array(Float64Array.of(byteLength).buffer));
	}

	write(bytes: Bytes): void {
		this.#ask(Operation.Write, bytes);
	}

	complete(signature: string, publicKey: Bytes): void {
		const characters = Uint8Array.from(signature, (character) => character.charCodeAt(0));
		this.#ask(Operation.Complete, publicKey, characters);
	}

	close(): void {
		this.#ask(Operation.Close);
	}

	/** What identifies the firmware that runs. */
	get id(): string {
		return String.fromCharCode(...this.#ask(Operation.Id));
	}

	#ask(operation: number, ...parts: Bytes[]): Bytes {
		const request = new Uint8Array(parts.reduce((length, part) => length + part.length, 1));
		request[0] = operation;
		let at = 1;
		for (const part of parts) {
			request.set(part, at);
			at += part.length;
		}
		return ask(this.#call, request.buffer);
	}
}

type Slots = UpdatePort & { readonly id: string };

/** Node's side: the answer, or `undefined` where the request is not one to the slots. */
export function answerSlots(slots: Slots, request: Uint8Array): Bytes | undefined {
	const operation = request[0]!;
	if (operation < Operation.IsUnconfirmed) return undefined;
	const bytes = Uint8Array.from(request.subarray(1));
	return answerOf(() => {
		if (operation === Operation.IsUnconfirmed) return Uint8Array.of(slots.unconfirmed ? 1 : 0);
		if (operation === Operation.Id) return Uint8Array.from(slots.id, (digit) => digit.charCodeAt(0));
		carryOut(slots, operation, bytes);
		return NOTHING;
	});
}

function carryOut(slots: Slots, operation: number, bytes: Bytes): void {
	switch (operation) {
		case Operation.Judge:
			return slots.judge(bytes[0] === 1);
		case Operation.Open:
			return slots.open(new Float64Array(bytes.buffer)[0]!);
		case Operation.Write:
			return slots.write(bytes);
		case Operation.Complete:
			return slots.complete(String.fromCharCode(...bytes.subarray(KEY_BYTES)), bytes.slice(0, KEY_BYTES));
		case Operation.Close:
			return slots.close();
		default:
			throw new Error("no such operation of firmware slots");
	}
}
