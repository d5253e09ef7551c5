/** Reads what a client sends, strictly, and by no code of the client's: whatever it refuses, a broker would refuse. */
import {
	AUTH,
	CONNECT,
	DISCONNECT,
	firstByte,
	PINGREQ,
	PUBACK,
	PUBCOMP,
	PUBLISH,
	PUBREC,
	PUBREL,
	RULE_BY_ID,
	SUBSCRIBE,
	UNSUBSCRIBE,
	type Version,
	WILL,
} from "./wire.ts";

export type ClientPacket =
	| {
			readonly type: typeof CONNECT;
			readonly version: Version;
			readonly clientId: string;
			readonly cleanSession: boolean;
			readonly keepAlive: number;
			readonly receiveMaximum: number;
	  }
	| {
			readonly type: typeof PUBLISH;
			readonly qos: number;
			readonly dup: boolean;
			readonly retain: boolean;
			readonly topic: string;
			readonly alias: number | undefined;
			/** 0 at QoS 0. */
			readonly id: number;
			readonly payload: Uint8Array;
	  }
	| { readonly type: 4 | 5 | 6 | 7; readonly id: number; readonly reasonCode: number }
	| { readonly type: typeof SUBSCRIBE | typeof UNSUBSCRIBE; readonly id: number; readonly filters: readonly string[] }
	| { readonly type: typeof PINGREQ }
	| { readonly type: typeof DISCONNECT; readonly reasonCode: number };

/** What is wrong with a packet of the client. */
export class ClientFault extends Error {}

function wrong(what: string): never {
	throw new ClientFault(`the client sent ${what}`);
}

class Reader {
	at = 0;
	end: number;
	private readonly _bytes: Uint8Array;

	constructor(bytes: Uint8Array) {
		this._bytes = bytes;
		this.end = bytes.length;
	}

	take(length: number): Uint8Array {
		if (this.at + length > this.end) wrong("a packet that ends too soon");
		this.at += length;
		return this._bytes.subarray(this.at - length, this.at);
	}

	number(size: number): number {
		let value = 0;
		for (const byte of this.take(size)) value = value * 0x100 + byte;
		return value;
	}

	variable(): number {
		let value = 0;
		for (let index = 0; index < 4; index++) {
			const byte = this.number(1);
			value += (byte & 0x7f) * 0x80 ** index;
			if (byte < 0x80) {
				if (index > 0 && byte === 0) wrong("a variable byte integer that is too long");
				return value;
			}
		}
		return wrong("a variable byte integer of more than 4 bytes");
	}

	binary(): Uint8Array {
		return this.take(this.number(2));
	}

	text(): string {
		const bytes = this.binary();
		let text = "";
		for (let at = 0; at < bytes.length; ) {
			const lead = bytes[at++]!;
			const more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : -1;
			let code = more <= 0 ? lead : lead & (0x3f >> more);
			for (let index = 0; index < more; index++) {
				const byte = bytes[at++] ?? 0;
				if ((byte & 0xc0) !== 0x80) wrong("text that is not UTF-8");
				code = code * 0x40 + (byte & 0x3f);
			}
			if (more < 0 || code === 0 || (code >= 0xd800 && code < 0xe000)) wrong("text that MQTT does not allow");
			text += String.fromCharCode(code);
		}
		return text;
	}

	/** The properties' numbers, by id. */
	properties(packetType: number): Map<number, number> {
		const values = new Map<number, number>();
		const length = this.variable();
		const end = this.at + length;
		const outer = this.end;
		if (end > outer) wrong("a property length beyond the packet's end");
		this.end = end;
		while (this.at < end) {
			const id = this.number(1);
			const rule = RULE_BY_ID.get(id);
			if (!rule?.packets.includes(packetType)) wrong(`property ${id} in packet type ${packetType}`);
			if (values.has(id) && rule.type !== "pair") wrong(`property ${id} twice`);
			let value = 0;
			if (rule.type === "text") this.text();
			else if (rule.type === "binary") this.binary();
			else if (rule.type === "pair") {
				this.text();
				this.text();
			} else if (rule.type === "variable") value = this.variable();
			else value = this.number(rule.type === "flag" ? 1 : rule.type === "u16" ? 2 : 4);
			if ((rule.type === "flag" && value > 1) || (rule.positive && value === 0)) wrong(`property ${id} of ${value}`);
			values.set(id, value);
		}
		this.end = outer;
		return values;
	}

	id(): number {
		return this.number(2) || wrong("packet id 0");
	}

	topic(): string {
		const topic = this.text();
		if (/[+#]/.test(topic)) wrong("a topic name with a wildcard");
		return topic;
	}
}

/** Exactly one packet of a client, in the version of its CONNECT. Throws a `ClientFault`. */
export function readClientPacket(bytes: Uint8Array, version: Version | undefined): ClientPacket {
	const reader = new Reader(bytes);
	const first = reader.number(1);
	if (reader.variable() !== bytes.length - reader.at) wrong("a wrong remaining length");
	const packet = read(reader, first, version);
	if (reader.at !== bytes.length) wrong(`${bytes.length - reader.at} bytes after the packet's end`);
	return packet;
}

function read(reader: Reader, first: number, version: Version | undefined): ClientPacket {
	const type = first >> 4;
	if (type !== PUBLISH && first !== firstByte(type)) wrong(`the first byte ${first}`);
	if (type === CONNECT) return readConnect(reader);
	if (version === undefined) wrong(`packet type ${type} before CONNECT`);
	switch (type) {
		case PUBLISH: {
			const qos = (first >> 1) & 3;
			const dup = (first & 8) !== 0;
			if (qos === 3 || (qos === 0 && dup)) wrong(`a PUBLISH with the first byte ${first}`);
			const topic = reader.topic();
			const id = qos > 0 ? reader.id() : 0;
			const alias = version === 5 ? reader.properties(PUBLISH).get(0x23) : undefined;
			if (topic === "" && alias === undefined) wrong("a PUBLISH without a topic");
			return {
				type,
				qos,
				dup,
				retain: (first & 1) !== 0,
				topic,
				alias,
				id,
				payload: reader.take(reader.end - reader.at),
			};
		}
		case PUBACK:
		case PUBREC:
		case PUBREL:
		case PUBCOMP: {
			const id = reader.id();
			const reasonCode = version === 5 && reader.at < reader.end ? reader.number(1) : 0;
			if (version === 5 && reader.at < reader.end) reader.properties(type);
			return { type, id, reasonCode };
		}
		case SUBSCRIBE:
		case UNSUBSCRIBE: {
			const id = reader.id();
			if (version === 5) reader.properties(type);
			const filters: string[] = [];
			while (reader.at < reader.end) {
				filters.push(reader.text() || wrong("an empty topic filter"));
				if (type === UNSUBSCRIBE) continue;
				const options = reader.number(1);
				if ((options & 3) === 3 || (version < 5 && options > 2) || options > 0x2f)
					wrong(`subscription options ${options}`);
			}
			if (filters.length === 0) wrong("a request without topic filters");
			return { type, id, filters };
		}
		case PINGREQ:
			return { type };
		case DISCONNECT: {
			const reasonCode = version === 5 && reader.at < reader.end ? reader.number(1) : 0;
			if (version === 5 && reader.at < reader.end) reader.properties(DISCONNECT);
			return { type, reasonCode };
		}
		default:
			return wrong(type === AUTH ? "an AUTH" : `packet type ${type}`);
	}
}

function readConnect(reader: Reader): ClientPacket {
	const name = reader.text();
	const version = reader.number(1);
	if (version !== 3 && version !== 4 && version !== 5) wrong(`protocol version ${version}`);
	if (name !== (version === 3 ? "MQIsdp" : "MQTT")) wrong(`the protocol name ${name}`);
	const flags = reader.number(1);
	const will = (flags & 4) !== 0;
	if ((flags & 1) !== 0 || (!will && (flags & 0x38) !== 0) || (flags & 0x18) === 0x18) wrong(`CONNECT flags ${flags}`);
	const keepAlive = reader.number(2);
	const receiveMaximum = (version === 5 ? reader.properties(CONNECT).get(0x21) : undefined) ?? 0xffff;
	const clientId = reader.text();
	if (will) {
		if (version === 5) reader.properties(WILL);
		if (reader.topic() === "") wrong("a will without a topic");
		reader.binary();
	}
	if ((flags & 0x80) !== 0) reader.text();
	if ((flags & 0x40) !== 0) reader.binary();
	const cleanSession = (flags & 2) !== 0;
	if (clientId === "" && !cleanSession && version < 5) wrong("no client id without a clean session");
	return { type: CONNECT, version, clientId, cleanSession, keepAlive, receiveMaximum };
}
