/** A client of the simulated world made of what a station is made of: link, session and backoff. */
import { Backoff } from "../../../src/net/backoff.ts";
import { Link } from "../../../src/net/link.ts";
import type { Message } from "../../../src/net/mqtt/message.ts";
import { Session, type SessionOptions } from "../../../src/net/mqtt/session.ts";
import type { BrokerWorld } from "./broker/mqtt-client.ts";
import { bytesOf } from "./network/wired.ts";

export interface Reading extends Message {
	readonly number: number;
}

/** A client made of what a station is made of; it publishes numbers to "state". */
export class Publisher {
	readonly waiting: Reading[] = [];
	readonly acknowledged: number[] = [];
	readonly rejected: number[] = [];
	readonly ends: string[] = [];
	readonly commands: string[] = [];
	readonly link: Link<Reading>;
	private readonly _qos: 0 | 1 | 2;
	private _number = 0;

	constructor(world: BrokerWorld, qos: 0 | 1 | 2 = 1, options: Partial<SessionOptions<Reading>> = {}) {
		this._qos = qos;
		const { scheduler, network, random } = world.wired;
		const status = (payload: string) => ({ topic: "status", payload: bytesOf(payload), qos: 1 as const, retain: true });
		const session = new Session<Reading>({
			clientId: "station",
			keepAlive: 60,
			will: status("offline"),
			birth: status("online"),
			nextMessage: () => this.waiting.shift(),
			onAcknowledge: ({ number }) => this.acknowledged.push(number),
			onReject: (what) => typeof what === "string" || this.rejected.push(what.number),
			onMessage: ({ payload }) => this.commands.push(new TextDecoder().decode(payload)),
			...options,
		});
		session.subscribe({ topicFilter: "commands/#", qos: 2 });
		this.link = new Link({
			network: network.ports(() => true),
			clock: { now: () => scheduler.now, time: () => undefined },
			timer: {
				set: (callback, delay) => scheduler.after(delay, callback),
				clear: (timer) => scheduler.cancel(timer as never),
			},
			broker: { host: "broker.test", port: 1883 },
			session,
			random: () => random.next(),
			backoff: new Backoff({ random: () => random.next() }),
			onDisconnect: (reason) => this.ends.push(reason),
		});
	}

	/** Publishes the next number, with `size` bytes in all. */
	publish(size = 0): void {
		const number = ++this._number;
		const payload = bytesOf(String(number).padEnd(size));
		this.waiting.push({ number, topic: "state", payload, qos: this._qos, retain: false });
		this.link.wake();
	}
}
