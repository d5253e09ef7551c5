/**
 * The station in XS with no network at all: this file plays broker and time,
 * step by step, so that every count is the same in every run.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FlashFile } from "../hosts/sim/headless/flash-file.ts";
import {
	Action,
	type Configuration,
	type DecodedAction,
	decodeActions,
	Event,
	encodeEvent,
} from "../hosts/sim/headless/protocol.ts";
import { answerFlash } from "../hosts/sim/headless/remote-flash.ts";
import { type Memory, XsWorker } from "../hosts/sim/headless/xs-worker.ts";
import type { Flash } from "../src/host.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
const SOCKET_WINDOW = 5_744;
/** Of MQTT 5.0. */
const CONNACK = Uint8Array.of(0x20, 3, 0, 0, 0);
/** Any moment will do, as long as it is always the same. */
const NOON = Date.UTC(2026, 10, 21, 12);

/** What happened while a reading went from the sensor to its PUBACK. */
export interface Cost {
	compute: number;
	/** Slots that became garbage, or were kept. */
	slots: number;
	bytesSent: number;
	bytesReceived: number;
}

export class ScriptedStation {
	readonly #worker = new XsWorker();
	#now = 0;
	#timer = Number.POSITIVE_INFINITY;
	#socket = 0;
	#cost: Cost = { compute: 0, slots: 0, bytesSent: 0, bytesReceived: 0 };
	/** What the station wrote, a packet each. */
	#written: Uint8Array[] = [];

	constructor(flash: Flash = new FlashFile(undefined)) {
		this.#worker.onRequest = (request) => answerFlash(flash, request);
	}

	/** Loads the firmware and readies the simulated chips and ports; starts nothing. */
	async load(settings: object, replay?: Configuration["replay"]): Promise<void> {
		await this.#worker.evaluate(readFileSync(FIRMWARE, "utf8"));
		const configuration = { settings: { id: "bench", interval: 2, ...settings }, seed: 1, replay };
		await this.#tell(Event.Configure, { bytes: Buffer.from(JSON.stringify(configuration)) });
	}

	/** Starts the station; its broker does not answer until `connect` is called. */
	async start(): Promise<void> {
		await this.#tell(Event.Start);
	}

	/** Opens the socket and plays the broker up to the PUBACK of the first reading; returns the round trips that this took. */
	async connect(): Promise<number> {
		await this.queue(1);
		await this.#tell(Event.Writable, { id: this.#socket, count: SOCKET_WINDOW });
		let trips = 1; // opening the socket took one
		for (let acknowledged = false; !acknowledged; trips++) {
			const packets = this.#written.splice(0);
			if (packets.length === 0) throw new Error("the station says nothing");
			for (const packet of packets) {
				if (packet[0] === 0x10) await this.#receive(CONNACK);
				else if (packet[0] === 0x82) await this.#receive(Uint8Array.of(0x90, 4, packet[2]!, packet[3]!, 0, 1));
				else if (packet[0]! >> 4 === 3) {
					await this.#receive(pubackOf(packet));
					acknowledged ||= topicOf(packet).endsWith("/state");
				}
			}
		}
		return trips;
	}

	/** One reading from the start of the measurement to the PUBACK. */
	async reading(): Promise<Cost> {
		this.#cost = { compute: 0, slots: 0, bytesSent: 0, bytesReceived: 0 };
		const before = this.#worker.meter.slots;
		for (let steps = 0; !this.#written.some((packet) => topicOf(packet).endsWith("/state")); steps++) {
			if (steps > 20) throw new Error("no reading is published");
			await this.#nextTimer();
			for (const packet of this.#written) if (packet[0] === 0xc0) await this.#receive(Uint8Array.of(0xd0, 0));
		}
		for (const packet of this.#written.splice(0)) if (packet[0]! >> 4 === 3) await this.#receive(pubackOf(packet));
		this.#cost.slots = this.#worker.meter.slots - before;
		return this.#cost;
	}

	/** Lets the station sample `count` times with no broker. */
	async queue(count: number): Promise<void> {
		while ((await this.counters()).readings < count) await this.#nextTimer();
	}

	async counters(): Promise<{ readings: number; queued: number; dropped: number }> {
		const [action] = (await this.#tell(Event.Count)).filter(({ kind }) => kind === Action.Counters);
		return JSON.parse(Buffer.from(action!.bytes).toString());
	}

	memory(): Promise<Memory> {
		return this.#worker.memory();
	}

	close(): void {
		this.#worker.close();
	}

	async #nextTimer(): Promise<void> {
		this.#now = Math.max(this.#now, this.#timer);
		await this.#tell(Event.Timer);
	}

	async #receive(bytes: Uint8Array): Promise<void> {
		this.#cost.bytesReceived += bytes.length;
		await this.#tell(Event.Readable, { id: this.#socket, bytes });
	}

	async #tell(kind: number, options: Parameters<typeof encodeEvent>[3] = {}): Promise<DecodedAction[]> {
		const reply = await this.#worker.call(encodeEvent(kind, this.#now, NOON + this.#now, options));
		this.#cost.compute += this.#worker.meter.compute;
		const actions = decodeActions(reply);
		for (const action of actions) await this.#do(action);
		return actions;
	}

	async #do({ kind, id, value, bytes }: DecodedAction): Promise<void> {
		if (kind === Action.Timer) this.#timer = value;
		if (kind === Action.Open) this.#socket = id;
		if (kind !== Action.Write) return;
		this.#written.push(...packetsOf(Uint8Array.from(bytes)));
		this.#cost.bytesSent += bytes.length;
		await this.#tell(Event.Writable, { id, count: bytes.length });
	}
}

/** The packets in a segment; each has one or two bytes of remaining length. */
function packetsOf(segment: Uint8Array): Uint8Array[] {
	const packets: Uint8Array[] = [];
	for (let at = 0; at < segment.length; ) {
		const [first = 0, second = 0] = [segment[at + 1], segment[at + 2]];
		const size = first < 128 ? 2 + first : 3 + (first & 0x7f) + second * 128;
		packets.push(segment.subarray(at, at + size));
		at += size;
	}
	return packets;
}

/** Where a PUBLISH's topic begins: behind one or two bytes of remaining length, and its own length. */
const topicAt = (publish: Uint8Array) => (publish[1]! < 128 ? 4 : 5);

function topicOf(packet: Uint8Array): string {
	if (packet[0]! >> 4 !== 3) return "";
	const at = topicAt(packet);
	return Buffer.from(packet.subarray(at, at + packet[at - 1]!)).toString();
}

function pubackOf(publish: Uint8Array): Uint8Array {
	const at = topicAt(publish);
	const id = at + publish[at - 1]!;
	return Uint8Array.of(0x40, 2, publish[id]!, publish[id + 1]!);
}
