/** MQTT control packets as a simulated broker reads and writes them, by mqtt-packet. */
import { parser, writeToStream } from "mqtt-packet";
import type { Bytes } from "../../../../src/host.ts";

export type QoS = 0 | 1 | 2;
/** 5 is MQTT 5.0, 4 is MQTT 3.1.1, 3 is MQTT 3.1. */
export type Version = 3 | 4 | 5;

/** The properties of MQTT 5.0 that the broker itself asks for; others go through as they are. */
export interface Properties {
	readonly topicAlias?: number;
	readonly sessionExpiryInterval?: number;
	readonly receiveMaximum?: number;
	readonly maximumPacketSize?: number;
	readonly willDelayInterval?: number;
	readonly subscriptionIdentifier?: number | readonly number[];
	readonly [property: string]: unknown;
}

export interface WillPacket {
	readonly topic: string;
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly properties?: Properties;
}

export interface ConnectPacket {
	readonly cmd: "connect";
	/** Bytes behind the fixed header. */
	readonly length: number;
	readonly protocolVersion: Version;
	readonly clientId: string;
	readonly clean: boolean;
	/** Seconds. */
	readonly keepalive: number;
	readonly username?: string;
	readonly password?: Bytes;
	readonly will?: WillPacket;
	readonly properties?: Properties;
}

export interface PublishPacket {
	readonly cmd: "publish";
	readonly length: number;
	readonly topic: string;
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly dup: boolean;
	/** With QoS 1 and 2. */
	readonly messageId?: number;
	readonly properties?: Properties;
}

export interface AcknowledgementPacket {
	readonly cmd: "puback" | "pubrec" | "pubrel" | "pubcomp";
	readonly length: number;
	readonly messageId: number;
	/** In MQTT 5.0. */
	readonly reasonCode?: number;
}

export interface SubscribePacket {
	readonly cmd: "subscribe";
	readonly length: number;
	readonly messageId: number;
	readonly subscriptions: readonly {
		readonly topic: string;
		readonly qos: QoS;
		/** The options of MQTT 5.0: no local, retain as published, retain handling. */
		readonly nl?: boolean;
		readonly rap?: boolean;
		readonly rh?: number;
	}[];
	readonly properties?: Properties;
}

export interface UnsubscribePacket {
	readonly cmd: "unsubscribe";
	readonly length: number;
	readonly messageId: number;
	readonly unsubscriptions: readonly string[];
}

export interface DisconnectPacket {
	readonly cmd: "disconnect";
	readonly length: number;
	readonly reasonCode?: number;
	readonly properties?: Properties;
}

export interface OtherPacket {
	readonly cmd: "pingreq" | "pingresp" | "connack" | "suback" | "unsuback" | "auth";
	readonly length: number;
}

export type ClientPacket =
	| ConnectPacket
	| PublishPacket
	| AcknowledgementPacket
	| SubscribePacket
	| UnsubscribePacket
	| DisconnectPacket
	| OtherPacket;

/** Packets of a client, out of bytes in pieces of any size. A CONNECT decides the version of what follows. */
export class PacketReader {
	private _packets: ClientPacket[] = [];
	/** Nobody listens for "error": `parse` throws it. */
	private readonly _parser = parser({}).on("packet", (packet) => this._packets.push(packet as unknown as ClientPacket));

	/** The packets that `bytes` complete, and what is wrong with the one after them. After an error there is no going on. */
	push(bytes: Bytes): { readonly packets: readonly ClientPacket[]; readonly error?: string } {
		this._packets = [];
		try {
			this._parser.parse(bytes);
			return { packets: this._packets };
		} catch (error) {
			return { packets: this._packets, error: (error as Error).message };
		}
	}
}

/** A packet in mqtt-packet's terms as bytes. Throws an Error where mqtt-packet refuses it. */
export function encodePacket(packet: object, version: Version): Bytes {
	const chunks: Uint8Array[] = [];
	let length = 0;
	const stream = {
		write(chunk: Uint8Array | string) {
			const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
			chunks.push(bytes);
			length += bytes.length;
			return true;
		},
		destroy(error: Error): never {
			throw error;
		},
	};
	writeToStream(packet, stream, { protocolVersion: version });
	const bytes = new Uint8Array(length);
	let at = 0;
	for (const chunk of chunks) {
		bytes.set(chunk, at);
		at += chunk.length;
	}
	return bytes;
}

/** Bytes of a packet with its fixed header. */
export function packetSize(remainingLength: number): number {
	let size = 2 + remainingLength;
	for (let rest = remainingLength >> 7; rest > 0; rest >>= 7) size++;
	return size;
}
