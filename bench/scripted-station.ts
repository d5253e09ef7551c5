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
import { SessionMemory } from "../hosts/sim/headless/tls-session.ts";
import type { SensorModel } from "../src/sensors/models.ts";
import { isReadingTopic } from "../test/harness/topics.ts";
import type { BrokerEnd } from "./broker-end.ts";
import { WebSocketBroker } from "./websocket-broker.ts";

const FIRMWARE = fileURLToPath(new URL("../firmware.js", import.meta.url));
const SOCKET_WINDOW = 5_744;
/** A CONNACK of MQTT 5.0. */
const CONNACK = Uint8Array.of(0x20, 3, 0, 0, 0);
/** Another, with mosquitto's topic alias maximum of 10. */
const CONNACK_ALIASES = Uint8Array.of(0x20, 6, 0, 0, 3, 0x22, 0, 10);
/** Any moment, but the same in every run. */
const NOON = Date.UTC(2026, 10, 21, 12);

/** An event that the station ignores: its cost is the host's. */
const NOTHING = 99;

/** Commands, more than the station keeps replies; messages in flight; and the longest payload of a command, in bytes. */
const COMMANDS = 6;
const WINDOW = 8;
const COMMAND_BYTES = 1_200;

/** Settings as a user gives them. */
export interface StationSettings {
	readonly sensor?: SensorModel;
	readonly [name: string]: unknown;
}

/** The cost of a reading from the sensor to its PUBACK. */
export interface Cost {
	/** XS's compute of the station alone, and of the simulated chip, sockets and timers around it. */
	compute: number;
	asideCompute: number;
	/** Slots and bytes of chunks that became garbage, or were kept: the station's own. */
	slots: number;
	chunks: number;
	bytesSent: number;
	bytesReceived: number;
}

/** What some time has taken. */
export interface Traffic extends Pick<Cost, "compute" | "bytesSent" | "bytesReceived"> {
	/** PUBLISH packets from the station. */
	readonly messages: number;
}

/** TLS between the station and this file's broker. */
export interface ScriptedTls {
	readonly broker: BrokerEnd;
	/** For the settings. */
	readonly ca: string;
	/** What an earlier station has left to resume. */
	readonly session?: SessionMemory;
}

/** What it took from the open socket to the first PUBACK of a reading. */
export interface Connecting {
	/** Changes of the direction of bytes, and the first. */
	readonly flights: number;
	readonly bytesSent: number;
	readonly bytesReceived: number;
	/** The most bytes of RAM that were live after an event; 0 where that was not watched. */
	readonly highestRam: number;
}

export interface ScriptedStationOptions {
	/** The firmware bundle's path, by default that beside the programs' folder. */
	readonly firmware?: string;
	/** Where readings wait; without it they wait in RAM. */
	readonly flash?: FlashFile;
	/** The station's memory, by default a board's. */
	readonly creation?: Creation;
	/** TLS as on a board. */
	readonly tls?: ScriptedTls | undefined;
	/** Whether MQTT goes over a WebSocket. */
	readonly isWebSocket?: boolean | undefined;
	/** Whether the broker takes topic aliases. */
	readonly takesAliases?: boolean;
}

export class ScriptedStation {
	readonly engine: Engine;
	/** Of the last `connect`. */
	connecting: Connecting | undefined;
	/** What the station logs. */
	readonly log: string[] = [];
	private readonly _firmware: string;
	private readonly _creation: Creation;
	private readonly _tls: ScriptedTls | undefined;
	private readonly _isWebSocket: boolean;
	private readonly _connack: Uint8Array;
	/** What is between MQTT and the wire; without it nothing is. */
	private readonly _end: BrokerEnd | undefined;
	private readonly _beginning: number;
	private _now = 0;
	private _timer = Number.POSITIVE_INFINITY;
	/** 0: none is opening or open. */
	private _socket = 0;
	private _cost: Cost = nothing();
	/** Cost of `NOTHING`. */
	private _eventCompute = 0;
	/** The packets that the station wrote. */
	private _written: Uint8Array[] = [];
	/** Since the socket opened. */
	private _wire = { flights: 0, isUp: false, sent: 0, received: 0 };
	/** As of the first PUBACK of a reading, which is the next to be received. */
	private _marked: { readonly flights: number; readonly sent: number; readonly received: number } | undefined;
	private _marksNext = false;
	private _highestRam: number | undefined;

	constructor({
		firmware = FIRMWARE,
		flash,
		creation = creationOf("esp32"),
		tls,
		isWebSocket = false,
		takesAliases = false,
	}: ScriptedStationOptions = {}) {
		this.engine = new Engine({ flash: flash?.file, withTls: tls !== undefined });
		this._firmware = firmware;
		this._creation = creation;
		this._tls = tls;
		this._isWebSocket = isWebSocket;
		this._connack = takesAliases ? CONNACK_ALIASES : CONNACK;
		this._end = isWebSocket ? new WebSocketBroker(tls?.broker) : tls?.broker;
		// Certificates are made when they are needed.
		this._beginning = tls ? Date.now() : NOON;
		const session = tls?.session ?? new SessionMemory();
		this.engine.onQuestion = (question) => session.answer(question) ?? new Uint8Array(0);
	}

	/** Loads the firmware and readies the simulated chips and ports; starts nothing. */
	async load(settings: StationSettings, replay?: Configuration["replay"]): Promise<void> {
		await this.engine.evaluate(readFileSync(this._firmware, "utf8"));
		const { sensor } = settings;
		const configuration = {
			settings: {
				...{ id: "bench", interval: 2, ...settings },
				...(this._end && { broker: `${this._isWebSocket ? "ws" : "mqtt"}${this._tls ? "s" : ""}://localhost` }),
				...(this._tls && { tls: { ca: this._tls.ca } }),
			},
			sensor,
			seed: 1,
			replay,
			measured: true,
			...(this._tls && { boardTls: true }),
		};
		await this._tell(Event.Configure, { bytes: Buffer.from(JSON.stringify(configuration)) });
		await this.engine.limit(this._creation);
		await this._tell(NOTHING); // the first event costs more
		await this._tell(NOTHING);
		this._eventCompute = this.engine.figures.compute;
	}

	/** Starts the station; its broker does not answer until `connect` is called. */
	async start(): Promise<void> {
		await this._tell(Event.Start);
	}

	/**
	 * Opens the socket and plays the broker up to the PUBACK of the first reading; returns the round trips that this took.
	 * With `watchesRam` garbage is collected after each event.
	 */
	async connect(watchesRam = false): Promise<number> {
		await this.queue(1);
		if (watchesRam) this._highestRam = 0;
		await this.open();
		let trips = 1; // opening the socket took one
		for (let acknowledged = false; !acknowledged; trips++) {
			const packets = this._written.splice(0);
			if (packets.length === 0) throw new Error("the station says nothing");
			for (const packet of packets) {
				if (packet[0] === 0x10) await this._receive(this._connack);
				else if (packet[0] === 0x82) await this._receive(subackOf(packet));
				else if (packet[0]! >> 4 === 3) {
					const isReading = isReadingTopic(topicOf(packet));
					this._marksNext ||= isReading && !acknowledged;
					await this._receive(pubackOf(packet));
					acknowledged ||= isReading;
				}
			}
		}
		const { flights, sent: bytesSent, received: bytesReceived } = this._marked!;
		this.connecting = { flights, bytesSent, bytesReceived, highestRam: this._highestRam ?? 0 };
		this._highestRam = undefined;
		return trips;
	}

	/**
	 * Acknowledges what the station publishes until it says no more; returns the most bytes of RAM that were live
	 * meanwhile, and the payloads' sizes at topics that begin with `prefix`.
	 */
	async discovery(prefix: string): Promise<{ highestRam: number; sizes: number[] }> {
		this._highestRam = 0;
		const sizes: number[] = [];
		for (let packets = this._written.splice(0); packets.length > 0; packets = this._written.splice(0)) {
			for (const packet of packets) {
				if (packet[0]! >> 4 !== 3) continue;
				const topic = topicOf(packet);
				// Behind the topic are the packet id and no properties.
				if (topic.startsWith(prefix)) sizes.push(packet.length - topicAt(packet) - topic.length - 3);
				await this._receive(pubackOf(packet));
			}
		}
		const highestRam = this._highestRam;
		this._highestRam = undefined;
		return { highestRam, sizes };
	}

	/** Lets so many ms pass, in which the broker answers at once; returns what went over the wire. */
	async serve(duration: number): Promise<Traffic> {
		const end = this._now + duration;
		this._cost = nothing();
		let messages = 0;
		while (this._timer <= end || this._written.length > 0) {
			for (const packet of this._written.splice(0)) {
				if (packet[0] === 0xc0) await this._receive(Uint8Array.of(0xd0, 0));
				if (packet[0]! >> 4 !== 3) continue;
				messages++;
				await this._receive(pubackOf(packet));
			}
			if (this._written.length === 0 && this._timer <= end) await this._nextTimer();
		}
		this._now = end;
		const { compute, bytesSent, bytesReceived } = this._cost;
		return { messages, compute, bytesSent, bytesReceived };
	}

	/** Opens the socket as soon as the station wants one. */
	async open(): Promise<void> {
		while (this._socket === 0) await this._nextTimer();
		this._wire = { flights: 0, isUp: false, sent: 0, received: 0 };
		this._end?.open();
		await this._tell(Event.Writable, { id: this._socket, count: SOCKET_WINDOW });
	}

	/** Whether the station has a socket. */
	get isConnected(): boolean {
		return this._socket !== 0;
	}

	/** Lets so many ms pass. */
	async pass(duration: number): Promise<void> {
		const end = this._now + duration;
		while (this._timer <= end) await this._nextTimer();
		this._now = end;
	}

	/** Bytes from the network, as they are. */
	async receiveRaw(bytes: Uint8Array): Promise<void> {
		this._count(false, bytes);
		if (this._marksNext) this._marked = { ...this._wire };
		this._marksNext = false;
		await this._tell(Event.Readable, { id: this._socket, count: bytes.length, bytes });
	}

	/** One reading from the start of the measurement to the PUBACK. The slots and chunks are right if they all fit. */
	async reading(): Promise<Cost> {
		this._cost = nothing();
		const { slots, chunks } = await this.engine.collect();
		for (let steps = 0; !this._written.some((packet) => isReadingTopic(topicOf(packet))); steps++) {
			if (steps > 20) throw new Error("no reading is published");
			await this._nextTimer();
			for (const packet of this._written) if (packet[0] === 0xc0) await this._receive(Uint8Array.of(0xd0, 0));
		}
		for (const packet of this._written.splice(0)) if (packet[0]! >> 4 === 3) await this._receive(pubackOf(packet));
		this._cost.slots += this.engine.figures.slots - slots;
		this._cost.chunks += this.engine.figures.chunks - chunks;
		return this._cost;
	}

	/** The connection ends: the station waits, and connects again when its time has come. */
	async disconnect(): Promise<void> {
		const id = this._socket;
		this._socket = 0;
		this._written = [];
		await this._tell(Event.Closed, { id, bytes: Buffer.from("gone") });
	}

	/**
	 * All at once: commands, and readings without acknowledgement, until the station's window is full,
	 * and a large packet without its last byte.
	 */
	async crowd(): Promise<void> {
		this._written = [];
		for (let id = 1; id <= COMMANDS; id++) await this._receive(command("veleta/bench/cmd/status", id, 0));
		for (let steps = 0; this._written.filter((packet) => packet[0]! >> 4 === 3).length < WINDOW; steps++) {
			if (steps > 20) throw new Error("the window does not get full");
			await this._nextTimer();
		}
		const large = command("veleta/bench/cmd/status", COMMANDS + 1, COMMAND_BYTES);
		await this._receive(large.subarray(0, -1));
	}

	/** Lets the station sample `count` times with no broker. */
	async queue(count: number): Promise<void> {
		while ((await this.counters()).readings < count) await this._nextTimer();
	}

	async counters(): Promise<{ readings: number; acknowledged: number; queued: number; dropped: number }> {
		const [action] = (await this._tell(Event.Count)).filter(({ kind }) => kind === Action.Counters);
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

	private async _nextTimer(): Promise<void> {
		this._now = Math.max(this._now, this._timer);
		await this._tell(Event.Timer);
	}

	private async _receive(bytes: Uint8Array): Promise<void> {
		await this.receiveRaw(this._end ? await this._end.wrap(bytes) : bytes);
	}

	private _count(isUp: boolean, { length }: Uint8Array): void {
		const wire = this._wire;
		if (wire.flights === 0 || wire.isUp !== isUp) wire.flights++;
		wire.isUp = isUp;
		wire[isUp ? "sent" : "received"] += length;
		this._cost[isUp ? "bytesSent" : "bytesReceived"] += length;
	}

	private async _tell(kind: number, options: Parameters<typeof encodeEvent>[3] = {}): Promise<DecodedAction[]> {
		const actions = await this.engine.tell(encodeEvent(kind, this._now, this._beginning + this._now, options));
		const { compute, asideCompute, asideSlots, asideChunks } = this.engine.figures;
		this._cost.compute += compute - this._eventCompute;
		this._cost.asideCompute += asideCompute + this._eventCompute;
		this._cost.slots -= asideSlots;
		this._cost.chunks -= asideChunks;
		if (this._highestRam !== undefined) this._highestRam = Math.max(this._highestRam, await this.ram());
		for (const action of actions) await this._do(action);
		return actions;
	}

	private async _do({ kind, id, value, bytes }: DecodedAction): Promise<void> {
		if (kind === Action.Timer) this._timer = value;
		if (kind === Action.Open) this._socket = id;
		if (kind === Action.Close && id === this._socket) this._socket = 0;
		if (kind === Action.Log) this.log.push(Buffer.from(bytes).toString());
		if (kind !== Action.Write) return;
		this._count(true, bytes);
		const { said, answer } = this._end
			? await this._end.receive(Uint8Array.from(bytes))
			: { said: Uint8Array.from(bytes), answer: undefined };
		this._written.push(...packetsOf(said));
		await this._tell(Event.Writable, { id, count: bytes.length });
		if (answer && answer.length > 0) await this.receiveRaw(answer);
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

/** A PUBLISH of QoS 1 in MQTT 5.0, with nothing but blanks in it. */
function command(topic: string, id: number, payloadBytes: number): Uint8Array {
	const payload = new Uint8Array(payloadBytes).fill(0x20);
	const body = [0, topic.length, ...Buffer.from(topic), 0, id, 0, ...payload];
	const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7];
	return Uint8Array.from([0x32, ...length, ...body]);
}

/** Where a PUBLISH's topic begins: behind one or two bytes of remaining length, and its own length. */
const topicAt = (publish: Uint8Array) => (publish[1]! < 128 ? 4 : 5);

function topicOf(packet: Uint8Array): string {
	if (packet[0]! >> 4 !== 3) return "";
	const at = topicAt(packet);
	return Buffer.from(packet.subarray(at, at + packet[at - 1]!)).toString();
}

/** Grants QoS 1, or 0, to each topic filter; there are short ones only. */
function subackOf(subscribe: Uint8Array): Uint8Array {
	const codes: number[] = [];
	for (let at = 5; at < subscribe.length; ) {
		at += 3 + subscribe[at]! * 256 + subscribe[at + 1]!;
		codes.push(subscribe[at - 1]! & 1);
	}
	return Uint8Array.of(0x90, 3 + codes.length, subscribe[2]!, subscribe[3]!, 0, ...codes);
}

function pubackOf(publish: Uint8Array): Uint8Array {
	const at = topicAt(publish);
	const id = at + publish[at - 1]!;
	return Uint8Array.of(0x40, 2, publish[id]!, publish[id + 1]!);
}
