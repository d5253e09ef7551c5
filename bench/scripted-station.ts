/**
 * The station in XS with no network at all: this file plays broker and time,
 * step by step, so that every count is the same in every run.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Creation, creationOf } from "../hosts/creation.ts";
import { Engine } from "../hosts/sim/headless/engine.ts";
import type { FlashFile } from "../hosts/sim/headless/flash-file.ts";
import { Action, type Configuration, type DecodedAction, Event, encodeEvent } from "../hosts/sim/headless/protocol.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
const SOCKET_WINDOW = 5_744;
/** Of MQTT 5.0. */
const CONNACK = Uint8Array.of(0x20, 3, 0, 0, 0);
/** Any moment will do, as long as it is always the same. */
const NOON = Date.UTC(2026, 10, 21, 12);

/** An event that the station takes no notice of: what it costs is the host's. */
const NOTHING = 99;

/** What happened while a reading went from the sensor to its PUBACK. */
export interface Cost {
	/** Of the station alone, and of the simulated chip, sockets and timers around it. */
	compute: number;
	asideCompute: number;
	/** Slots and bytes of chunks that became garbage, or were kept: the station's own. */
	slots: number;
	chunks: number;
	bytesSent: number;
	bytesReceived: number;
}

export interface ScriptedStationOptions {
	/** Where readings wait; without it they wait in RAM. */
	readonly flash?: FlashFile;
	/** What the station may use, by default what a board has. */
	readonly creation?: Creation;
}

export class ScriptedStation {
	readonly engine: Engine;
	readonly #creation: Creation;
	#now = 0;
	#timer = Number.POSITIVE_INFINITY;
	/** 0: none is opening or open. */
	#socket = 0;
	#cost: Cost = nothing();
	/** Of an event with which there is nothing to do. */
	#eventCompute = 0;
	/** What the station wrote, a packet each. */
	#written: Uint8Array[] = [];

	constructor({ flash, creation = creationOf("esp32") }: ScriptedStationOptions = {}) {
		this.engine = new Engine({ flash: flash?.file });
		this.#creation = creation;
	}

	/** Loads the firmware and readies the simulated chips and ports; starts nothing. */
	async load(settings: object, replay?: Configuration["replay"]): Promise<void> {
		await this.engine.evaluate(readFileSync(FIRMWARE, "utf8"));
		const configuration = { settings: { id: "bench", interval: 2, ...settings }, seed: 1, replay, measured: true };
		await this.#tell(Event.Configure, { bytes: Buffer.from(JSON.stringify(configuration)) });
		await this.engine.limit(this.#creation);
		await this.#tell(NOTHING); // the first one has more to do
		await this.#tell(NOTHING);
		this.#eventCompute = this.engine.figures.compute;
	}

	/** Starts the station; its broker does not answer until `connect` is called. */
	async start(): Promise<void> {
		await this.#tell(Event.Start);
	}

	/** Opens the socket and plays the broker up to the PUBACK of the first reading; returns the round trips that this took. */
	async connect(): Promise<number> {
		await this.queue(1);
		while (this.#socket === 0) await this.#nextTimer();
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

	/** One reading from the start of the measurement to the PUBACK. The slots and chunks are right if they all fit. */
	async reading(): Promise<Cost> {
		this.#cost = nothing();
		const { slots, chunks } = await this.engine.collect();
		for (let steps = 0; !this.#written.some((packet) => topicOf(packet).endsWith("/state")); steps++) {
			if (steps > 20) throw new Error("no reading is published");
			await this.#nextTimer();
			for (const packet of this.#written) if (packet[0] === 0xc0) await this.#receive(Uint8Array.of(0xd0, 0));
		}
		for (const packet of this.#written.splice(0)) if (packet[0]! >> 4 === 3) await this.#receive(pubackOf(packet));
		this.#cost.slots += this.engine.figures.slots - slots;
		this.#cost.chunks += this.engine.figures.chunks - chunks;
		return this.#cost;
	}

	/** The connection ends: the station waits, and connects again when its time has come. */
	async disconnect(): Promise<void> {
		const id = this.#socket;
		this.#socket = 0;
		this.#written = [];
		await this.#tell(Event.Closed, { id, bytes: Buffer.from("gone") });
	}

	/** Lets the station sample `count` times with no broker. */
	async queue(count: number): Promise<void> {
		while ((await this.counters()).readings < count) await this.#nextTimer();
	}

	async counters(): Promise<{ readings: number; queued: number; dropped: number }> {
		const [action] = (await this.#tell(Event.Count)).filter(({ kind }) => kind === Action.Counters);
		return JSON.parse(Buffer.from(action!.bytes).toString());
	}

	/** Bytes of RAM that are in use on a board, garbage collected. */
	async ram(): Promise<number> {
		await this.engine.collect();
		return this.engine.ram;
	}

	close(): void {
		this.engine.close();
	}

	async #nextTimer(): Promise<void> {
		this.#now = Math.max(this.#now, this.#timer);
		await this.#tell(Event.Timer);
	}

	async #receive(bytes: Uint8Array): Promise<void> {
		this.#cost.bytesReceived += bytes.length;
		await this.#tell(Event.Readable, { id: this.#socket, count: bytes.length, bytes });
	}

	async #tell(kind: number, options: Parameters<typeof encodeEvent>[3] = {}): Promise<DecodedAction[]> {
		const actions = await this.engine.tell(encodeEvent(kind, this.#now, NOON + this.#now, options));
		const { compute, asideCompute, asideSlots, asideChunks } = this.engine.figures;
		this.#cost.compute += compute - this.#eventCompute;
		this.#cost.asideCompute += asideCompute + this.#eventCompute;
		this.#cost.slots -= asideSlots;
		this.#cost.chunks -= asideChunks;
		for (const action of actions) await this.#do(action);
		return actions;
	}

	async #do({ kind, id, value, bytes }: DecodedAction): Promise<void> {
		if (kind === Action.Timer) this.#timer = value;
		if (kind === Action.Open) this.#socket = id;
		if (kind === Action.Close && id === this.#socket) this.#socket = 0;
		if (kind !== Action.Write) return;
		this.#written.push(...packetsOf(Uint8Array.from(bytes)));
		this.#cost.bytesSent += bytes.length;
		await this.#tell(Event.Writable, { id, count: bytes.length });
	}
}

function nothing(): Cost {
	return { compute: 0, asideCompute: 0, slots: 0, chunks: 0, bytesSent: 0, bytesReceived: 0 };
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
