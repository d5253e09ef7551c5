/**
 * What Node and the station inside XS tell each other.
 *
 * Node calls XS with one event; XS answers with everything that it wants done,
 * in the order in which it wanted it. Both are frames of a fixed header and
 * bytes, not JSON: the engine's memory is measured, and the host's share of it
 * should be small. The flash and the firmware slots alone are asked in between: see
 * `remote-flash.ts` and `firmware-slots-remote.ts`.
 */

/** Node to XS. `id` is the socket's, `count` as the event says. */
export const Event = {
	/** Readies the ports; bytes: JSON of `Configuration`. */
	Configure: 0,
	/** Starts the station. */
	Start: 1,
	/** The time asked for by the last `Timer` has come. */
	Timer: 2,
	/** `count` bytes may be written. */
	Writable: 3,
	/** Bytes that have arrived. */
	Readable: 4,
	/** The connection failed or ended; bytes: the reason. */
	Closed: 5,
	/** Stop in good order. */
	Stop: 6,
	/** Asks for `Counters`. */
	Count: 7,
} as const;

/** XS to Node. `id` is the socket's. */
export const Action = {
	/** Bytes: `host:port`, the port behind the last colon. */
	Open: 1,
	Write: 2,
	Close: 3,
	/** `value` bytes of what has arrived were read. */
	Read: 4,
	/** Call at the simulated time `value`; `Infinity`: do not. */
	Timer: 5,
	/** `id` is the level's index in `LEVELS`; bytes: the text. */
	Log: 6,
	Stopped: 7,
	/** Bytes: the station's counters as JSON. */
	Counters: 8,
	/** `value` is 1 while an answer from the network is due, else 0. */
	Awaiting: 9,
	/** Start the machine anew; bytes: the station's counters as JSON. */
	Restart: 10,
	/** The machine sleeps for `value` ms and then starts anew; bytes: the station's counters as JSON. */
	Sleep: 12,
	/** As `Open`, with TLS; bytes: JSON of `host`, `port` and `TlsOptions`. */
	OpenTls: 11,
} as const;

export const LEVELS = ["info", "warning", "error"] as const;

export interface Configuration {
	settings: unknown;
	/** Seed of the simulated weather, the sensors' noise, and the jitter of reconnects. */
	seed: number;
	/** What the simulated sensor replays, as the text of the file, instead of the weather. */
	replay?: { text: string; name?: string };
	/** Whether the machine has a second place for firmware. */
	firmwareSlots?: boolean;
}

/** An event's header: kind, socket, count, monotonic ms, wall-clock ms. */
export const EVENT_HEADER_BYTES = 1 + 1 + 4 + 8 + 8;

export function encodeEvent(
	kind: number,
	now: number,
	time: number,
	{ id = 0, count = 0, bytes = new Uint8Array(0) }: { id?: number; count?: number; bytes?: Uint8Array } = {},
): Uint8Array {
	const event = new Uint8Array(EVENT_HEADER_BYTES + bytes.length);
	const view = new DataView(event.buffer);
	view.setUint8(0, kind);
	view.setUint8(1, id);
	view.setUint32(2, count);
	view.setFloat64(6, now);
	view.setFloat64(14, time);
	event.set(bytes, EVENT_HEADER_BYTES);
	return event;
}

/** An action's header: kind, socket, value, number of bytes. */
const ACTION_HEADER_BYTES = 1 + 1 + 8 + 4;

export interface DecodedAction {
	kind: number;
	id: number;
	value: number;
	bytes: Uint8Array;
}

/** Actions on their way from XS to Node. */
export class ActionWriter {
	#bytes = new Uint8Array(256);
	#length = 0;

	add(kind: number, id = 0, value = 0, bytes: Uint8Array = EMPTY): void {
		const needed = this.#length + ACTION_HEADER_BYTES + bytes.length;
		if (needed > this.#bytes.length) {
			const larger = new Uint8Array(needed * 2);
			larger.set(this.#bytes);
			this.#bytes = larger;
		}
		const view = new DataView(this.#bytes.buffer);
		view.setUint8(this.#length, kind);
		view.setUint8(this.#length + 1, id);
		view.setFloat64(this.#length + 2, value);
		view.setUint32(this.#length + 10, bytes.length);
		this.#bytes.set(bytes, this.#length + ACTION_HEADER_BYTES);
		this.#length = needed;
	}

	/** Everything added since the last call. */
	take(): ArrayBuffer {
		const taken = this.#bytes.buffer.slice(0, this.#length);
		this.#length = 0;
		return taken;
	}
}

const EMPTY = new Uint8Array(0);

export function decodeActions(bytes: Uint8Array): DecodedAction[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const actions: DecodedAction[] = [];
	for (let at = 0; at < bytes.length; ) {
		const length = view.getUint32(at + 10);
		const start = at + ACTION_HEADER_BYTES;
		actions.push({
			kind: view.getUint8(at),
			id: view.getUint8(at + 1),
			value: view.getFloat64(at + 2),
			bytes: bytes.subarray(start, start + length),
		});
		at = start + length;
	}
	return actions;
}
