/** A real mosquitto_sub: what everyone else sees of the station. */
import type { Arrival } from "../scenarios/stories.ts";
import type { Mosquitto } from "./mosquitto.ts";
import { findProgram, Program } from "./program.ts";
import { isReadingTopic } from "./topics.ts";
import { pause, until } from "./wait.ts";

export interface Message {
	readonly topic: string;
	readonly payload: string;
	readonly qos: number;
	readonly retain: boolean;
}

export interface Report {
	readonly temperature: number;
	readonly humidity?: number;
	readonly pressure?: number;
	readonly time?: string;
	readonly seq: number;
}

/** A message as mosquitto_sub prints it. */
interface Told extends Omit<Message, "retain"> {
	readonly retain: 0 | 1;
	readonly tst: string;
}

export interface SubscriberOptions {
	readonly filters: readonly string[];
	/** The broker keeps messages for it while it is away. */
	readonly durable?: boolean;
	/** By default 1. */
	readonly qos?: 1 | 2;
	readonly username?: string;
	readonly password?: string;
	/** Its client id, for one that comes back; by default no other's. */
	readonly id?: string;
}

/** The broker that it asks. */
export interface Subscribed extends Pick<Mosquitto, "port" | "publish"> {
	/** How many subscriptions of a client it has answered, where it tells. */
	readonly subscriptions?: (clientId: string) => number;
}

/** Between attempts to reach a subscriber, in ms. */
const BARRIERS_MS = 100;

let count = 0;

export class MosquittoSub {
	private readonly _broker: Subscribed;
	private readonly _program: Program;
	readonly id: string;
	/** A topic of its own: what arrives there arrives behind everything that the broker had before. */
	private readonly _barrier: string;
	private readonly _qos: string;
	private readonly _account: readonly string[];
	private _barriers = 0;
	/** Of the program's lines, those that have been looked at. */
	private _looked = 0;
	private readonly _received: Told[] = [];

	private constructor(broker: Subscribed, folder: string, options: SubscriberOptions) {
		this._broker = broker;
		const { filters, durable, qos = 1, username, password, id = `subscriber-${process.pid}-${++count}` } = options;
		this.id = id;
		this._barrier = `barrier/${id}`;
		this._qos = String(qos);
		this._account = [
			...(username === undefined ? [] : ["-u", username]),
			...(password === undefined ? [] : ["-P", password]),
		];
		this._program = new Program(
			this.id,
			findProgram("mosquitto_sub"),
			[
				...["-h", "127.0.0.1", "-p", String(broker.port), "-i", this.id, "-q", this._qos, "-F", "%j"],
				...(durable ? ["-c"] : []),
				...this._account,
				...[...filters, this._barrier].flatMap((filter) => ["-t", filter]),
			],
			folder,
		);
	}

	/** Subscribes; resolves when the subscription stands. */
	static async start(broker: Subscribed, folder: string, options: SubscriberOptions): Promise<MosquittoSub> {
		const subscriber = new MosquittoSub(broker, folder, options);
		await subscriber.subscribed(1);
		return subscriber;
	}

	/** Resolves when the broker has answered its `times`th subscription: it comes back by itself, and subscribes again. */
	async subscribed(times: number): Promise<void> {
		const { subscriptions } = this._broker;
		if (!subscriptions) return this._hears();
		await until(`subscription ${times} of ${this.id}`, () => subscriptions(this.id) >= times);
	}

	/** Resolves when something arrives that was published from now on: a broker may keep none of it for who is not there yet. */
	private async _hears(): Promise<void> {
		const from = this._barriers;
		await until(`subscription of ${this.id}`, async () => {
			await this._passBarrier();
			await pause(BARRIERS_MS);
			return this._told().some(({ topic, payload }) => topic === this._barrier && Number(payload) > from);
		});
	}

	/** Everything received, in order. */
	get messages(): Message[] {
		return this._told()
			.filter(({ topic }) => topic !== this._barrier)
			.map(({ topic, payload, qos, retain }) => ({ topic, payload, qos, retain: retain === 1 }));
	}

	/** The readings among the messages, with their times since 1970; without the retained one, which comes with each subscription. */
	get arrivals(): Arrival[] {
		return this._told()
			.filter(({ topic, retain }) => isReadingTopic(topic) && retain === 0)
			.map(({ topic, tst, payload }) => {
				return { seq: JSON.parse(payload).seq, isLate: topic.endsWith("/late"), payload, time: timeOf(tst) };
			});
	}

	private _told(): readonly Told[] {
		const { lines } = this._program;
		for (; this._looked < lines.length; this._looked++) {
			const line = lines[this._looked]!;
			if (line.startsWith("{")) this._received.push(JSON.parse(line));
		}
		return this._received;
	}

	/** Resolves when everything has arrived that the broker has for it now. */
	async caughtUp(): Promise<void> {
		const number = await this._passBarrier();
		const isBehind = ({ topic, payload }: Told) => topic === this._barrier && payload === String(number);
		await until(`what the broker has for ${this.id}`, () => this._told().some(isBehind));
	}

	private async _passBarrier(): Promise<number> {
		const number = ++this._barriers;
		// Of its own QoS: at QoS 1 it would overtake what is in flight at QoS 2.
		await this._broker.publish(this._barrier, "-m", String(number), "-q", this._qos, ...this._account);
		return number;
	}

	/** The readings among the messages that were not retained: of all topics, or of one. */
	reports(topic?: string): Report[] {
		return this.messages
			.filter(({ retain }) => !retain)
			.filter((message) => (topic === undefined ? isReadingTopic(message.topic) : message.topic === topic))
			.map(({ payload }) => JSON.parse(payload));
	}

	/** The highest `seq` so far, or 0. */
	highest(topic?: string): number {
		return Math.max(0, ...this.reports(topic).map(({ seq }) => seq));
	}

	/** How many numbers below the highest have not arrived: after an outage the newest comes first. */
	get missing(): number {
		return this.highest() - new Set(this.reports().map(({ seq }) => seq)).size;
	}

	/** Whether every number up to the highest has arrived. */
	get isWhole(): boolean {
		return this.missing === 0;
	}

	/** Resolves with the first message that is as wanted. */
	message(what: string, wanted: (message: Message) => boolean): Promise<Message> {
		return until(`${what} at ${this.id}`, () => this.messages.find(wanted));
	}

	/** Resolves when a reading with this number or a higher one has arrived. */
	async reaches(seq: number, topic?: string): Promise<void> {
		await until(
			`reading ${seq} at ${this.id}`,
			() => this.highest(topic) >= seq,
			() => this.highest(topic),
		);
	}

	/** What it printed, for a failure. */
	get lines(): readonly string[] {
		return this._program.lines;
	}

	kill(): Promise<void> {
		return this._program.kill();
	}
}

/** mosquitto_sub writes `2026-11-21T18:12:33.878867Z+0100`; some versions leave the Z out. */
function timeOf(tst: string): number {
	const [, dateAndTime, zone, minutes] = /^(.*\.\d{3})\d*Z?([+-]\d\d)(\d\d)/.exec(tst) ?? [];
	return Date.parse(`${dateAndTime}${zone}:${minutes}`);
}
