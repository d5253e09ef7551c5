/** A simulated broker, and clients of it that send whatever a test wants, by mqtt-packet. */
import { deepEqual } from "node:assert/strict";
import { parser, writeToStream } from "mqtt-packet";
import { Broker, type BrokerFaults, type BrokerObserver } from "../../../../hosts/sim/world/broker/broker.ts";
import type { Conditions } from "../../../../hosts/sim/world/network/network.ts";
import type { Bytes, Socket } from "../../../../src/host.ts";
import { textOf, Wired } from "../network/wired.ts";

export type Version = 3 | 4 | 5;
export const VERSIONS: readonly Version[] = [3, 4, 5];
/** A round trip on the network of `Wired`, and a little more, in ms. */
export const SOON = 50;

/** What a client hears: mqtt-packet's members, but for those that every packet has. */
export interface Heard {
	readonly cmd: string;
	readonly [member: string]: unknown;
}

/** A world with a broker, which writes down what the broker tells its observer. */
export class BrokerWorld {
	readonly wired: Wired;
	readonly broker: Broker;
	/** A line for each call. */
	readonly observed: string[] = [];

	constructor(faults: Partial<BrokerFaults> = {}, conditions: Partial<Conditions> = {}, seed = 1) {
		this.wired = new Wired(conditions, seed);
		const line = (text: string) => void this.observed.push(text);
		const observer: BrokerObserver = {
			onPublish: ({ topic, payload, qos, retain, dup, clientId, time, isWill }) => {
				const flags = `${retain ? " retain" : ""}${dup ? " dup" : ""}${isWill ? " will" : ""}`;
				line(`${clientId} published ${topic} ${textOf(payload)} QoS ${qos}${flags}`);
				deepEqual(time, this.wired.now);
			},
			onRefuse: ({ topic, payload, clientId }, reasonCode) =>
				line(`${clientId} refused ${topic} ${textOf(payload)}${reasonCode >= 0x80 ? "" : " without a reason"}`),
			onConnect: (clientId, { version, sessionPresent }) =>
				line(`${clientId} connected ${version}${sessionPresent ? " again" : ""}`),
			onDisconnect: (clientId, reason) => line(`${clientId} disconnected: ${reason}`),
			onViolation: (clientId, what, limit) => line(`${clientId} violated${limit ? " a limit" : ""}: ${what}`),
		};
		const { scheduler, random, network, tally } = this.wired;
		this.broker = new Broker({ scheduler, random: random.fork("broker"), network, tally, observer, faults });
	}

	get tally() {
		return this.wired.tally;
	}

	pass(time = SOON): void {
		this.wired.pass(time);
	}

	/** What was observed since the last call. */
	news(): string[] {
		return this.observed.splice(0);
	}

	/** The number of readings taken, and so on: what was published, as "topic payload". */
	get published(): string[] {
		return this.observed
			.filter((line) => line.includes(" published "))
			.map((line) => line.split(" ").slice(2, 4).join(" "));
	}

	/** A connection without a CONNECT. */
	client(version: Version = 5): Client {
		const client = new Client(this, version);
		this.pass();
		return client;
	}

	/** A client that has connected; its CONNACK is not among what it heard. */
	connected(version: Version = 5, connect: object = {}): Client {
		const client = this.client(version);
		client.connect(connect);
		this.pass();
		const [connack] = client.heard;
		deepEqual([connack?.cmd, connack?.returnCode ?? connack?.reasonCode], ["connack", 0]);
		client.connack = client.heard.shift();
		this.news();
		return client;
	}
}

export class Client {
	readonly version: Version;
	readonly socket: Socket;
	readonly heard: Heard[] = [];
	/** Everything that was received. */
	readonly bytes: number[] = [];
	connack: Heard | undefined;
	/** Why the connection ended, as the socket told. */
	error: string | undefined;
	private readonly _world: BrokerWorld;

	constructor(world: BrokerWorld, version: Version) {
		this._world = world;
		this.version = version;
		const { socket } = world.wired.network.ports(() => true);
		const reader = parser({ protocolVersion: version }).on("packet", ({ ...packet }) => {
			const { length, retain, qos, dup, topic, payload, ...others } = packet as unknown as Record<string, unknown>;
			const publish = { topic, payload: payload && textOf(payload as Bytes), qos, retain, dup };
			this.heard.push((others.cmd === "publish" ? { ...others, ...publish } : others) as unknown as Heard);
		});
		const read = () => {
			for (let bytes = this.socket.read(); bytes; bytes = this.socket.read()) {
				this.bytes.push(...new Uint8Array(bytes));
				try {
					reader.parse(new Uint8Array(bytes));
				} catch (error) {
					this.heard.push({ cmd: `garbage: ${(error as Error).message}` });
				}
			}
		};
		this.socket = new socket.io({
			...socket,
			host: "broker.test",
			port: 1883,
			onReadable: read,
			onWritable: () => {},
			onError: (reason) => {
				read();
				this.error = String(reason);
			},
		});
	}

	/** The properties of the CONNACK (5.0). */
	get terms(): Record<string, unknown> {
		return { ...(this.connack?.properties as object | undefined) };
	}

	connect(options: object = {}): void {
		const protocolId = this.version === 3 ? "MQIsdp" : "MQTT";
		const common = { cmd: "connect", protocolId, protocolVersion: this.version, clientId: "c", clean: true };
		this.send({ ...common, keepalive: 60, ...options });
	}

	publish(payload: string, options: object = {}): void {
		this.send({ cmd: "publish", topic: "t", payload, qos: 1, messageId: 1, ...options });
	}

	subscribe(topic: string, options: object = {}): void {
		this.send({ cmd: "subscribe", messageId: 900, subscriptions: [{ topic, qos: 2, ...options }] });
	}

	send(packet: object): void {
		const chunks: number[] = [];
		const write = (chunk: Uint8Array | string) => {
			chunks.push(...(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk));
			return true;
		};
		const destroy = (error: Error) => {
			throw error;
		};
		const whole = { qos: 0, retain: false, dup: false, ...packet };
		writeToStream(whole, { write, destroy }, { protocolVersion: this.version });
		this.socket.write(Uint8Array.from(chunks));
	}

	raw(...bytes: number[]): void {
		this.socket.write(Uint8Array.from(bytes));
	}

	/** What was heard since the last call. */
	news(): Heard[] {
		return this.heard.splice(0);
	}

	/** Lets time pass, and gives what was heard: as "cmd id" or "cmd id 0xcode", a PUBLISH with its payload. */
	answers(time = SOON): string[] {
		this._world.pass(time);
		return this.news().map(inShort);
	}
}

function inShort({ cmd, messageId, reasonCode, returnCode, topic, payload, qos, retain, dup, granted }: Heard): string {
	const code = (reasonCode ?? returnCode ?? 0) as number;
	const id = messageId === undefined ? "" : ` ${messageId}`;
	if (cmd === "publish") return `${topic} ${payload} QoS ${qos}${id}${retain ? " retain" : ""}${dup ? " dup" : ""}`;
	const codes = granted ? ` [${granted}]` : "";
	return `${cmd}${id}${codes}${code === 0 ? "" : ` 0x${code.toString(16)}`}`;
}
