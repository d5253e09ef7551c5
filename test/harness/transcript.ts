/**
 * A session's transcript: what it sends and what it is sent, with times in ms.
 * `silent` asserts that nothing is sent: most bugs of an MQTT client are
 * packets too many.
 */
import type { Bytes } from "../../src/host.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import type { QoS } from "../../src/net/mqtt/packet.ts";
import { Session, type SessionOptions } from "../../src/net/mqtt/session.ts";
import { deepEqual, equal, fail, match } from "./harness.ts";

export const bytes = (hex: string): Bytes =>
	Uint8Array.from(hex.split(" ").filter(Boolean), (byte) => Number.parseInt(byte, 16));
export const hex = (bytes: Uint8Array): string =>
	Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
export const ascii = (text: string): Bytes => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Packets of a broker, and of a client, as the standard lays them out. */
export const CONNACK = "20 02 00 00";
export const CONNACK_SESSION_PRESENT = "20 02 01 00";
export const PINGREQ = "c0 00";
export const PINGRESP = "d0 00";
export const DISCONNECT = "e0 00";
const id = (packetId: number) => hex(Uint8Array.of(packetId >> 8, packetId & 255));
export const puback = (packetId: number) => `40 02 ${id(packetId)}`;
export const pubrec = (packetId: number) => `50 02 ${id(packetId)}`;
export const pubrel = (packetId: number) => `62 02 ${id(packetId)}`;
export const pubcomp = (packetId: number) => `70 02 ${id(packetId)}`;
/** A PUBLISH of fewer than 128 bytes, at QoS 1 unless the flags tell otherwise. */
export function publish(
	packetId: number,
	topic: string,
	payload: string,
	flags: { dup?: true; retain?: true; qos?: 1 | 2 } = {},
): string {
	const header = 0x30 | ((flags.qos ?? 1) << 1) | (flags.dup ? 8 : 0) | (flags.retain ? 1 : 0);
	const length = 2 + topic.length + 2 + payload.length;
	return [
		hex(Uint8Array.of(header, length, 0, topic.length)),
		hex(ascii(topic)),
		id(packetId),
		...(payload === "" ? [] : [hex(ascii(payload))]),
	].join(" ");
}

export interface TextMessage extends Message {
	readonly text: string;
}

export class Transcript {
	readonly session: Session<TextMessage>;
	/** Messages that wait to be asked for. */
	readonly queue: TextMessage[] = [];
	/** What the session told its owner, in order. */
	readonly told: string[] = [];

	/** MQTT 3.1.1 without pipelining, unless the options ask for something else. */
	constructor(options: Partial<SessionOptions<TextMessage>> = {}) {
		this.session = new Session<TextMessage>({
			clientId: "c",
			keepAlive: 60,
			pipelining: false,
			protocolVersion: 4,
			nextMessage: () => this.queue.shift(),
			onConnect: (sessionPresent) => this.told.push(sessionPresent ? "resumed" : "connected"),
			onPublish: ({ text }, redelivered) => this.told.push(`${redelivered ? "redelivered" : "published"} ${text}`),
			onAcknowledge: ({ text }) => this.told.push(`acknowledged ${text}`),
			onReject: (what, reasonCode) => this.told.push(`rejected ${nameOf(what)}: 0x${reasonCode.toString(16)}`),
			onGiveUp: (what) => this.told.push(`gave up ${nameOf(what)}`),
			onLowerQoS: () => this.told.push("lowered the QoS"),
			onUnexpected: (what) => this.told.push(`unexpected: ${what}`),
			onOversized: (size) => this.told.push(`read past ${size} bytes`),
			onMessage: ({ topic, payload, qos, retain, dup }) => {
				const flags = `${retain ? " retain" : ""}${dup ? " dup" : ""}`;
				this.told.push(`message ${topic} ${String.fromCharCode(...payload)} qos ${qos}${flags}`);
			},
			onSubscribe: (topicFilter, reasonCode) => this.told.push(`subscribed ${topicFilter} ${reasonCode}`),
			onUnsubscribe: (topicFilter, reasonCode) => this.told.push(`unsubscribed ${topicFilter} ${reasonCode}`),
			...options,
		});
	}

	/** Queues messages of QoS 1 to the topic `t`. */
	queues(...texts: string[]): this {
		for (const text of texts) this.queuesAt(1, text);
		return this;
	}

	queuesAt(qos: QoS, text: string, more: Partial<Message> = {}): this {
		this.queue.push({ topic: "t", payload: ascii(text), qos, retain: false, text, ...more });
		return this;
	}

	opens(now: number): this {
		this.session.open(now);
		return this;
	}

	/** The connection ends. */
	closes(): this {
		this.session.close();
		return this;
	}

	/** The broker ends the connection. */
	ends(now: number): this {
		this.session.close(now);
		return this;
	}

	/** Opens a connection that the broker accepts. */
	connects(now: number, connack = CONNACK): this {
		this.opens(now);
		this._pump(now);
		return this.receives(now, connack);
	}

	/** Exactly these packets leave at `now`. */
	sends(now: number, ...packets: string[]): this {
		this.session.tick(now);
		deepEqual(this._pump(now), packets, `sent at ${now} ms`);
		return this;
	}

	/** Nothing leaves, at any ms up to `now` at which the session wants to be called. */
	silent(now: number): this {
		for (let deadline = this.session.deadline; deadline < now; deadline = this.session.deadline) {
			this.sends(deadline);
			if (this.session.deadline <= deadline) fail(`the deadline stays at ${deadline} ms`);
		}
		return this.sends(now);
	}

	/** Up to `now` nothing leaves but PINGREQs, 3 s apart at least, and the broker answers each at once. */
	pinged(now: number): this {
		let last = Number.NEGATIVE_INFINITY;
		for (let { deadline } = this.session; deadline <= now; { deadline } = this.session) {
			if (deadline < last + 3_000) fail(`a PINGREQ at ${deadline} ms, after one at ${last} ms`);
			this.sends(deadline, PINGREQ).receives(deadline, PINGRESP);
			last = deadline;
		}
		return this.sends(now);
	}

	receives(now: number, packets: string): this {
		this.session.receive(bytes(packets), now);
		return this;
	}

	/** The session gives the connection up when `act` happens. */
	failsWhen(act: () => unknown, reason: RegExp): this {
		let error: unknown;
		try {
			act();
		} catch (thrown) {
			error = thrown;
		}
		if (!(error instanceof Error)) fail(`the session did not give up: expected ${reason}`);
		match(error.message, reason);
		return this.closes();
	}

	/** At `now`, and not a ms before, the session gives up. */
	failsAt(now: number, reason: RegExp): this {
		return this.silent(now - 1)._failsAt(now, reason);
	}

	/** The same, although the broker answers every PINGREQ: an answer is overdue. */
	overdueAt(now: number, reason = /no acknowledgement within 20 s/): this {
		return this.pinged(now - 1)._failsAt(now, reason);
	}

	private _failsAt(now: number, reason: RegExp): this {
		equal(this.session.deadline, now, "deadline");
		return this.failsWhen(() => this.session.tick(now), reason);
	}

	/** What the session told its owner since the last call. */
	tells(...lines: string[]): this {
		deepEqual(this.told.splice(0), lines);
		return this;
	}

	private _pump(now: number): string[] {
		const sent: string[] = [];
		for (let packet = this.session.transmit(now); packet; packet = this.session.transmit(now)) {
			sent.push(hex(packet));
			this.session.transmitted(now);
			this.session.handOn();
		}
		return sent;
	}
}

function nameOf(what: TextMessage | string): string {
	return typeof what === "string" ? `the ${what}` : what.text;
}
