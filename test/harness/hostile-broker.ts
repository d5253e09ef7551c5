/** A broker that speaks MQTT 5.0, takes everything, and sends what a test makes, each packet whole. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Bytes } from "../../src/host.ts";
import { readClientPacket } from "../fuzz/client-packets.ts";
import type { Random } from "../fuzz/random.ts";
import {
	CONNACK,
	CONNECT,
	counted,
	firstByte,
	PINGREQ,
	PINGRESP,
	PUBACK,
	PUBCOMP,
	PUBLISH,
	PUBREC,
	PUBREL,
	packet,
	SUBACK,
	SUBSCRIBE,
	text,
	u16,
	u32,
	utf8,
	type Version,
	variable,
} from "../fuzz/wire.ts";
import { isReadingTopic } from "./topics.ts";
import { until } from "./wait.ts";

/** Most bytes of a packet that the station takes. */
const PACKET_MAXIMUM = 4_096;
/** Messages above QoS 0 that wait for their acknowledgement: fewer than the station says that it takes. */
const IN_FLIGHT_MAXIMUM = 16;

export class HostileBroker {
	/** The numbers of the readings that arrived. */
	readonly seqs: number[] = [];
	/** Replies to commands, wherever they were to go. */
	replies = 0;
	connections = 0;
	private readonly _server: Server;
	private _socket: Socket | undefined;
	private _subscribed = false;
	private _version: Version | undefined;
	private readonly _unacknowledged = new Set<number>();
	private _nextId = 1;

	private constructor(server: Server) {
		this._server = server;
		server.on("connection", (socket) => this._accept(socket));
	}

	get port(): number {
		return (this._server.address() as AddressInfo).port;
	}

	static async start(port: number): Promise<HostileBroker> {
		const server = createServer({ noDelay: true });
		await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
		return new HostileBroker(server);
	}

	close(): void {
		this._server.close();
		this._socket?.destroy();
	}

	/** Resolves when a station has subscribed on the connection that there is. */
	async ready(): Promise<void> {
		await until("the station's subscription", () => this._subscribed);
	}

	/** Sends a message, unless the connection has ended: resolves with whether it was sent. */
	async publish(message: HostileMessage): Promise<boolean> {
		const { qos } = message;
		await until("acknowledgements", () => !this._subscribed || this._unacknowledged.size < IN_FLIGHT_MAXIMUM);
		const id = this._nextId;
		if (qos > 0) {
			this._unacknowledged.add(id);
			this._nextId = (id % 0xffff) + 1;
		}
		const socket = this._socket;
		if (!socket || !this._subscribed) return false;
		await new Promise((resolve) => socket.write(publishOf(message, id), resolve));
		return true;
	}

	/** Resolves when everything sent is acknowledged, or the connection has ended. */
	async settled(): Promise<void> {
		await until("the last acknowledgements", () => !this._subscribed || this._unacknowledged.size === 0);
	}

	/** Sends bytes as they are, and ends the connection, unless the station does so first. */
	async end(bytes: Uint8Array): Promise<void> {
		this._socket?.end(bytes);
		await until("the end of the connection", () => !this._subscribed);
	}

	private _accept(socket: Socket): void {
		this.connections++;
		this._socket = socket;
		this._version = undefined;
		this._unacknowledged.clear();
		let received = Buffer.alloc(0);
		socket.on("data", (bytes) => {
			received = Buffer.concat([received, bytes]);
			for (let length = packetLength(received); length > 0; length = packetLength(received)) {
				this._packet(socket, received.subarray(0, length));
				received = received.subarray(length);
			}
		});
		socket.on("error", () => {});
		socket.on("close", () => {
			if (this._socket !== socket) return;
			this._subscribed = false;
			this._socket = undefined;
		});
	}

	private _packet(socket: Socket, bytes: Uint8Array): void {
		const received = readClientPacket(bytes, this._version);
		const answer = (type: number, ...body: number[]) => socket.write(packet(firstByte(type), body));
		switch (received.type) {
			case CONNECT:
				this._version = received.version;
				return void answer(CONNACK, 0, 0, 0);
			case SUBSCRIBE:
				answer(SUBACK, ...u16(received.id), 0, ...received.filters.map(() => 1));
				this._subscribed = true;
				return;
			case PUBLISH:
				if (isReadingTopic(received.topic)) {
					this.seqs.push(JSON.parse(Buffer.from(received.payload).toString()).seq);
				}
				if (received.payload[0] === 0x7b && !isReadingTopic(received.topic)) this.replies++;
				if (received.qos === 1) answer(PUBACK, ...u16(received.id));
				else if (received.qos === 2) answer(PUBREC, ...u16(received.id));
				return;
			case PUBACK:
			case PUBCOMP:
				this._unacknowledged.delete(received.id);
				return;
			case PUBREC:
				return void answer(PUBREL, ...u16(received.id));
			case PUBREL:
				return void answer(PUBCOMP, ...u16(received.id));
			case PINGREQ:
				return void answer(PINGRESP);
		}
	}
}

/** Of the packet that the bytes begin with; 0 while it is not whole. */
function packetLength(bytes: Uint8Array): number {
	let length = 0;
	for (let at = 1; at < bytes.length && at < 5; at++) {
		length += (bytes[at]! & 0x7f) * 0x80 ** (at - 1);
		if (bytes[at]! < 0x80) return at + 1 + length <= bytes.length ? at + 1 + length : 0;
	}
	return 0;
}

export interface HostileMessage {
	readonly topic: string;
	readonly qos: 0 | 1 | 2;
	/** Without their length. */
	readonly properties: readonly number[];
	readonly payload: readonly number[];
}

/** Its PUBLISH. */
export function publishOf({ topic, qos, properties, payload }: HostileMessage, id: number): Bytes {
	const body = [...text(topic), ...(qos > 0 ? u16(id) : []), ...variable(properties.length), ...properties];
	return packet(0x30 | (qos << 1), [...body, ...payload]);
}

/** The commands, and some that are none; restart is not among them: a station does as it is told. */
const NAMES = ["sample", "status", "interval", "update", "update/0", "update/4096", "updates", "nothing", "", "a/b/c"];
/** One second, or what is no interval. */
const INTERVALS = ["1", '{"interval":1}', "0", "-1", "1e9", "NaN", "null", '{"interval":', '{"interval":[1]}', "x"];
/** What a payload is made of; a parser may well go deeper with each. */
const PIECES = ["[", "]", "{", "}", '{"a":', '"', "\\u0000", "1", ",", " ", "é", "漢", "\u0000", "interval"];
/** Characters of topics: the lengths at which buffers and numbers of bytes change. */
const LENGTHS = [1, 64, 127, 128, 200, 255, 256, 257, 1_000, 2_000, 3_500];
const CORRELATION_LENGTHS = [0, 1, 63, 64, 65, 255, 256, 1_000, 3_900];
/** Room for the fixed header, the topic's and the properties' length, and the packet's id. */
const OVERHEAD = 16;
/** Most bytes of most packets: mcsim's TCP takes 40 KB a second, and all of the largest size would take minutes. */
const SIZES = [128, 256, 512];

/** A message to the station of that topic which the standard allows, with as much in it as the station takes. */
export function hostileMessage(random: Random, stationTopic: string): HostileMessage {
	const name = random.oneIn(8) ? "n".repeat(random.pick(LENGTHS)) : random.pick(NAMES);
	const topic = `${stationTopic}/cmd/${name}`;
	const size = random.oneIn(6) ? PACKET_MAXIMUM : random.pick(SIZES);
	let room = Math.max(0, size - OVERHEAD - utf8(topic).length);
	const properties: number[] = [];
	const add = (property: readonly number[]) => {
		if (property.length > room) return;
		room -= property.length;
		properties.push(...property);
	};
	if (random.oneIn(2)) add([0x08, ...text(responseTopic(random))]);
	if (random.oneIn(2)) add([0x09, ...counted(bytesOf(random, random.pick(CORRELATION_LENGTHS)))]);
	if (random.oneIn(4)) add([0x01, random.below(2)]);
	if (random.oneIn(4)) add([0x02, ...u32(random.between(1, 0xffff_ffff))]);
	if (random.oneIn(4)) add([0x03, ...text("t".repeat(random.pick(LENGTHS)))]);
	for (let count = random.oneIn(4) ? random.below(32) : 0; count > 0; count--) {
		add([0x0b, ...variable(random.between(1, 268_435_455))]);
	}
	for (let count = random.oneIn(2) ? random.below(800) : 0; count > 0; count--) {
		add([0x26, ...text("k".repeat(random.below(3))), ...text("v".repeat(random.oneIn(50) ? 300 : 0))]);
	}
	const payload = name === "interval" && random.oneIn(2) ? utf8(random.pick(INTERVALS)) : payloadOf(random);
	return { topic, qos: random.pick([0, 1, 2] as const), properties, payload: payload.slice(0, room) };
}

function responseTopic(random: Random): string {
	if (random.oneIn(3)) return "r/".repeat(1 + (random.pick(LENGTHS) >> 1));
	if (random.oneIn(2)) return "é".repeat(random.between(1, 300));
	return "r".repeat(random.pick(LENGTHS));
}

function bytesOf(random: Random, length: number): number[] {
	return Array.from({ length }, () => random.below(256));
}

function payloadOf(random: Random): number[] {
	const length = random.pick([0, 1, 100, 170, 180, 200, 255, 256, 257, 1_000, 1_024, 1_025, 3_900]);
	if (random.oneIn(4)) return bytesOf(random, length);
	const piece = random.oneIn(2) ? random.pick(PIECES) : "";
	const bytes: number[] = [];
	while (bytes.length < length) bytes.push(...utf8(piece || random.pick(PIECES)));
	return bytes.slice(0, length);
}
