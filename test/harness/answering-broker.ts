/** A broker that accepts every connection of a world and acknowledges every PUBLISH at its QoS, at once, while it is up. */
import { bytesOf, textOf } from "../../src/text.ts";
import { isReadingTopic } from "./topics.ts";
import { bytes, CONNACK, CONNACK_SESSION_PRESENT, hex, PINGRESP } from "./transcript.ts";
import type { FakeSocket, World } from "./world.ts";

export interface Received {
	readonly topic: string;
	readonly payload: string;
	readonly retain: boolean;
	readonly dup: boolean;
	/** The properties of MQTT 5.0, in hexadecimal without their length. */
	readonly properties: string;
}

export class AnsweringBroker {
	private readonly _world: World;
	readonly received: Received[] = [];
	/** The packet ids of the PUBACKs received. */
	readonly acknowledged: number[] = [];
	/** Whether it takes connections; turned off, it ends the ones that it has. */
	up = true;
	/** Whether it answers what it receives. */
	answers = true;
	/** What it ends the connection on, in place of taking it. */
	poison: ((topic: string, payload: string) => boolean) | undefined;
	/** The reason code with which it refuses a message (5.0), if it does; such a one is only in `refused`. */
	refusal: ((topic: string, payload: string) => number | undefined) | undefined;
	/** The messages refused, with their times in ms. */
	readonly refused: { readonly at: number; readonly topic: string; readonly payload: string }[] = [];
	/** What it does with QoS 2 in place of taking it: it refuses 5.0 then, too. */
	qos2: "taken" | "ends the connection" | "answered by PUBACK" = "taken";
	/** Whether it has never heard of MQTT 5.0, and leaves such a CONNECT unanswered. */
	isDeafTo5 = false;
	/** Whether it ends the connection when it gets a SUBSCRIBE. */
	closesOnSubscribe = false;
	/** Of its CONNACK (5.0), in hexadecimal without their length. */
	connackProperties = "";
	/** Whether it has a session of the station's, from an earlier run or a connection before. */
	knowsSession = false;
	/** Packet ids of QoS 1 messages that it has not answered. */
	readonly unanswered: number[] = [];
	connects = 0;
	disconnects = 0;
	subscribes = 0;
	unsubscribes = 0;
	/** The last CONNECT and the last DISCONNECT, in hexadecimal. */
	lastConnect = "";
	lastDisconnect = "";
	private _version = 0;
	private _opened = 0;
	/** The last connection that it ended itself. */
	private _ended: FakeSocket | undefined;

	constructor(world: World) {
		this._world = world;
	}

	/** Publishes to the station, which has subscribed to everything it is sent. */
	publishes(topic: string, payload: string, { header = 0x32, packetId = 100, properties = "" } = {}): void {
		this._world.socket.receives(this.publishPacket(topic, payload, { header, packetId, properties }));
		this.work();
	}

	publishPacket(topic: string, payload: string, { header = 0x32, packetId = 100, properties = "" } = {}): string {
		const topicBytes = bytesOf(topic);
		const propertyBytes = bytes(properties);
		const body = [
			...[topicBytes.length >> 8, topicBytes.length & 0xff, ...topicBytes],
			...(header & 6 ? [0, packetId] : []),
			...(this._version < 5 ? [] : [...variable(propertyBytes.length), ...propertyBytes]),
			...bytesOf(payload),
		];
		return hex(Uint8Array.from([header, ...variable(body.length), ...body]));
	}

	get now(): number {
		return this._world.clock.now();
	}

	/** Answers a PUBLISH that it had not answered. */
	accepts(packetId: number): void {
		this._world.socket.receives(`40 02 ${hex(Uint8Array.of(packetId >> 8, packetId & 255))}`);
		this.work();
	}

	/** Refuses it instead (5.0). */
	refuses(packetId: number, reasonCode: number): void {
		this._world.socket.receives(`40 03 ${hex(Uint8Array.of(packetId >> 8, packetId & 255, reasonCode))}`);
		this.work();
	}

	/** The readings received, as objects. */
	get readings(): { readonly [member: string]: unknown }[] {
		return this.received.filter(({ topic }) => isReadingTopic(topic)).map(({ payload }) => JSON.parse(payload));
	}

	private _end(): void {
		this._ended = this._world.socket;
		this._ended.ends("by the broker");
	}

	/** Lets time pass up to `time`, in steps of `step` ms, and does a broker's work after each. */
	advanceTo(time: number, step = 50): void {
		for (let now = this._world.clock.now(); now < time; ) {
			now = Math.min(time, now + step);
			this._world.advanceTo(now);
			this.work();
		}
	}

	/** Opens or refuses what has come in, and answers until nothing more is said. */
	work(): void {
		for (; this._opened < this._world.sockets.length; this._opened++) {
			const socket = this._world.sockets[this._opened]!;
			if (socket.closed) continue;
			if (this.up) socket.opens();
			else socket.ends("connection refused");
		}
		const { socket } = this._world;
		if (!this.up && !socket.closed) return socket.ends("by the broker");
		for (let written = socket.takeWritten(); written.length > 0; written = socket.takeWritten()) {
			for (const packet of written) {
				if (socket === this._ended) return;
				this._packet(bytes(packet));
			}
			if (!socket.closed) socket.opens();
		}
	}

	private _packet(packet: Uint8Array): void {
		const answer = (hex: string) => {
			if (this.answers) this._world.socket.receives(hex);
		};
		switch (packet[0]! >> 4) {
			case 1:
				this.connects++;
				this.lastConnect = hex(packet);
				// Behind the fixed header of two bytes and the protocol name of six.
				this._version = packet[8]!;
				if (this.isDeafTo5 && this._version === 5) {
					this._ended = this._world.socket;
					return;
				}
				if (this.qos2 !== "taken" && this._version === 5) {
					// What follows the CONNECT is not processed.
					this._ended = this._world.socket;
					return answer("20 02 00 01");
				}
				if (this._version < 5) answer(this.knowsSession ? CONNACK_SESSION_PRESENT : CONNACK);
				else {
					const properties = bytes(this.connackProperties);
					const body = [this.knowsSession ? 1 : 0, 0, properties.length, ...properties];
					answer(hex(Uint8Array.from([0x20, body.length, ...body])));
				}
				this.knowsSession = true;
				return;
			case 3: {
				// Payloads here have at least 128 bytes with their topic, or fewer: one or two bytes of remaining length.
				const at = packet[1]! < 128 ? 2 : 3;
				const topicEnd = at + 2 + packet[at]! * 256 + packet[at + 1]!;
				const qos = (packet[0]! >> 1) & 3;
				const propertiesAt = topicEnd + (qos > 0 ? 2 : 0);
				const payloadAt = this._version < 5 ? propertiesAt : propertiesAt + 1 + packet[propertiesAt]!;
				// Whatever leaves a station is UTF-8, or this throws.
				const text = (from: number, to?: number) => textOf(packet.slice(from, to));
				// But for CBOR, which begins with a map.
				const payload = packet[payloadAt]! >> 5 === 5 ? hex(packet.subarray(payloadAt)) : text(payloadAt);
				if (this.poison?.(text(at + 2, topicEnd), payload)) return this._end();
				if (qos === 2 && this.qos2 === "ends the connection") return this._end();
				const id = hex(packet.subarray(topicEnd, topicEnd + 2));
				const code = this.refusal?.(text(at + 2, topicEnd), payload);
				if (code !== undefined) {
					this.refused.push({ at: this.now, topic: text(at + 2, topicEnd), payload });
					return answer(`${qos === 2 ? "50" : "40"} 03 ${id} ${hex(Uint8Array.of(code))}`);
				}
				this.received.push({
					topic: text(at + 2, topicEnd),
					payload,
					retain: (packet[0]! & 1) !== 0,
					dup: (packet[0]! & 8) !== 0,
					properties: hex(packet.subarray(propertiesAt + 1, payloadAt)),
				});
				const [high, low] = [packet[topicEnd]!, packet[topicEnd + 1]!];
				if (!this.answers && qos === 1) this.unanswered.push((high << 8) | low);
				const isPubrec = qos === 2 && this.qos2 === "taken";
				return qos === 0 ? undefined : answer(`${isPubrec ? "50" : "40"} 02 ${high.toString(16)} ${low.toString(16)}`);
			}
			case 10: {
				this.unsubscribes++;
				const [high, low] = [packet[2]!, packet[3]!];
				return answer(
					`b0 ${this._version < 5 ? "02" : "04"} ${high.toString(16)} ${low.toString(16)}${this._version < 5 ? "" : " 00 00"}`,
				);
			}
			case 6:
				return answer(`70 02 ${packet[2]!.toString(16)} ${packet[3]!.toString(16)}`);
			case 8: {
				this.subscribes++;
				const [high = 0, low = 0] = [packet[2], packet[3]];
				if (this.closesOnSubscribe) return this._end();
				const codes = [];
				// Filters here are short: packets have one byte of remaining length. Behind each filter is a byte of options.
				for (let at = this._version < 5 ? 4 : 5; at < packet.length; at += 3 + packet[at]! * 256 + packet[at + 1]!)
					codes.push(1);
				const body = [high, low, ...(this._version < 5 ? [] : [0]), ...codes];
				return answer(hex(Uint8Array.from([0x90, body.length, ...body])));
			}
			case 4:
				this.acknowledged.push((packet[2]! << 8) | packet[3]!);
				return;
			case 12:
				return answer(PINGRESP);
			case 14:
				this.disconnects++;
				this.lastDisconnect = hex(packet);
				return;
		}
	}
}

/** A variable byte integer of one byte or two. */
function variable(value: number): number[] {
	return value < 128 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
}
