/**
 * The messages between Node and the station inside XS.
 *
 * Node calls XS with one event; XS answers with its actions, in their order. Both
 * are frames of a fixed header and bytes. The engine (`engine/globals.c`) decodes
 * and encodes them outside of XS, so that they take none of the station's memory.
 * The flash is in the engine's process; requests to the firmware slots come in
 * between, see `firmware-slots-remote.ts`.
 */

import type { ProtocolVersion } from "../../../src/net/mqtt/packet.js";
import type { SensorModel } from "../../../src/sensors/models.js";

/** What firmware for the simulated board has to be made for. */
export const SIMULATED_BOARD = "sim";

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
	/** `count` bytes have arrived: `take` gives them. */
	Readable: 4,
	/** The connection failed or ended; bytes: the reason. */
	Closed: 5,
	/** Stop in good order. */
	Stop: 6,
	/** Asks for `Counters`. */
	Count: 7,
	/** Not Node's: the engine's task is done (`engine/tls.h`), and has called the program back. */
	TaskDone: 8,
} as const;

/** XS to Node. `id` is the socket's. */
export const Action = {
	/** Bytes: `host:port`, the port behind the last colon. */
	Open: 1,
	Write: 2,
	Close: 3,
	/** The station has read `value` bytes. */
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
	/** To a runner that watches: `id` is the index of `STATES`, `value` the readings that wait; bytes: a line for each new reading, its report. */
	Progress: 13,
} as const;

export const LEVELS = ["info", "warning", "error"] as const;

/** Of the station towards the broker. */
export const STATES = ["connecting", "online", "offline", "asleep"] as const;

/** What the station does, as of the end of an event in which it changed. */
export interface Progress {
	readonly state: (typeof STATES)[number];
	/** Readings that the broker does not have. */
	readonly waiting: number;
	/** The new readings, as JSON has them in reports. */
	readonly reports: readonly unknown[];
}

export interface Configuration {
	settings: unknown;
	/** Names the station if its settings do not. */
	defaultId?: string;
	/** The sensor on the board, by default a BME280; the settings should name it. */
	sensor?: SensorModel;
	/** Seed of the simulated weather and the sensors' noise; with the station's id, of the jitter of reconnects. */
	seed: number;
	/** A recording for the simulated sensor, as the text of the file, instead of the weather. */
	replay?: { text: string; name?: string };
	/** The version of MQTT that the broker is known to speak. */
	brokerVersion?: ProtocolVersion;
	/** Whether the machine has a second slot for firmware. */
	firmwareSlots?: boolean;
	/** Whether TLS is a board's, in XS and C, instead of Node's. */
	boardTls?: boolean;
	/** Whether the station's own restart or sleep led to this start. */
	startedOnRequest?: boolean;
	/** Whether the station's progress is told. */
	watched?: boolean;
	/** Whether memory and time of the ports are measured apart from the station's. */
	measured?: boolean;
}

/** The engine's box for an event's bytes that are not a socket's; a socket's box has its id. */
export const TEXT_BOX = 0;

/** An event's header: box, kind, socket, count, monotonic ms, wall-clock ms. */
const EVENT_HEADER_BYTES = 1 + 1 + 1 + 4 + 8 + 8;

export function encodeEvent(
	kind: number,
	now: number,
	time: number,
	{ id = 0, count = 0, bytes = new Uint8Array(0) }: { id?: number; count?: number; bytes?: Uint8Array } = {},
): Uint8Array {
	const event = new Uint8Array(EVENT_HEADER_BYTES + bytes.length);
	const view = new DataView(event.buffer);
	view.setUint8(0, kind === Event.Readable ? id : TEXT_BOX);
	view.setUint8(1, kind);
	view.setUint8(2, id);
	view.setUint32(3, count, true);
	view.setFloat64(7, now, true);
	view.setFloat64(15, time, true);
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

export function decodeActions(bytes: Uint8Array): DecodedAction[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const actions: DecodedAction[] = [];
	for (let at = 0; at < bytes.length; ) {
		const length = view.getUint32(at + 10, true);
		const start = at + ACTION_HEADER_BYTES;
		actions.push({
			kind: view.getUint8(at),
			id: view.getUint8(at + 1),
			value: view.getFloat64(at + 2, true),
			bytes: bytes.subarray(start, start + length),
		});
		at = start + length;
	}
	return actions;
}
