/**
 * One dialogue: a session, driven as the link drives it, against a broker that
 * is conforming, broken or malicious by turns. A seed decides all of it. Throws
 * a `FuzzFailure` at whatever the session must not do.
 */
import type { Bytes } from "../../src/host.ts";
import { ConnectionError, SessionDiscardedError } from "../../src/net/mqtt/errors.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { type Properties, ProtocolError, type QoS } from "../../src/net/mqtt/packet.ts";
import { Session } from "../../src/net/mqtt/session.ts";
import { BIRTH, Broker, FuzzFailure, failed, type Segment } from "./broker.ts";
import { connack, labelOf, payloadOf, randomTerms } from "./broker-packets.ts";
import type { ClientPacket } from "./client-packets.ts";
import { mutate } from "./mutations.ts";
import { Random } from "./random.ts";
import type { Tally } from "./tally.ts";
import { RECEIVED, Trace } from "./trace.ts";
import { isOversized, violation } from "./violations.ts";
import { PINGRESP, packet, REASON_CODES } from "./wire.ts";

interface Labelled extends Message {
	readonly label: number;
}

/** Most bytes that the link reads before it lets the session answer. */
const READ_BYTES = 256;
/** Packets that may leave, or deadlines pass, at one go: more is without end. */
const WITHOUT_END = 5_000;
/** Rounds of a broker that answers everything after which nothing may be open any more. */
const ROUNDS_TO_REST = 2_000;
/** The session gives a broker up that owes an acknowledgement for longer, in ms. */
const ACKNOWLEDGEMENT_TIMEOUT_MS = 20_000;
/** And one that is silent for so long after a PINGREQ, in ms. */
const PINGRESP_TIMEOUT_MS = 10_000;
/** Subscriptions wanted at a time, and changes to them until all is at rest again: the session takes 32. */
const WANTED_MAXIMUM = 8;
const CHANGES_MAXIMUM = 20;
const CLIENT_TOPICS = ["t", "t/1", "né", "s/2", "u", "v", "w", "x", "y", "z", "l".repeat(100)] as const;
/** Packets of a flood: more than the session remembers or may owe. */
const FLOOD = 200;
export class Dialogue {
	readonly #random: Random;
	readonly #broker: Broker;
	readonly #session: Session<Labelled>;
	readonly #tally: Tally;
	readonly #cleanSession: boolean;
	#hasBirth: boolean;
	/** Whether the session ends what the broker has of it, for which it needs a connection before MQTT 5.0. */
	#discards = false;
	/** Whether the broker's session has something that goes with it only. */
	#leaves = false;
	readonly #queue: Labelled[] = [];
	/** What the session told its owner since the last look. */
	readonly #told: string[] = [];
	/** Messages that the session took and has not given back, with their QoS. */
	readonly #taken = new Map<number, QoS>();
	readonly #wanted = new Set<string>();
	readonly #inbox: Segment[] = [];
	/** How much of the inbox's first segment was received. */
	#offset = 0;
	/** Whether the rest of the connection is not to be answered for. */
	#spoiled = false;
	#open = false;
	#now = 0;
	#lastReceived = 0;
	/** When a part of a packet that is too large was last received. */
	#passedAt = Number.NEGATIVE_INFINITY;
	#leaving: { readonly bytes: Bytes; readonly packet: ClientPacket; left: number } | undefined;
	#writable = true;
	#pieces = READ_BYTES;
	#changes = 0;
	#nextFilter = 0;
	#nextLabel = 1;
	#closesOnMessage = false;
	readonly #trace = new Trace();
	step = 0;

	constructor(seed: number, number: number, tally: Tally) {
		const random = new Random(seed, number);
		this.#random = random;
		this.#tally = tally;
		this.#broker = new Broker(random);
		const protocolVersion = random.pick([3, 4, 5, 5] as const);
		this.#cleanSession = random.oneIn(6);
		this.#hasBirth = random.oneIn(3);
		const birthPayload = payloadOf(random, BIRTH).slice(0, 8);
		const birth: Message = {
			topic: "status",
			payload: Uint8Array.from(birthPayload),
			qos: random.pick([1, 2]),
			retain: true,
		};
		const will = {
			topic: "status",
			payload: Uint8Array.of(0x2d),
			qos: random.below(3) as QoS,
			retain: random.oneIn(2),
		};
		const tell = (text: string) => void this.#told.push(text);
		this.#session = new Session<Labelled>({
			protocolVersion,
			clientId: protocolVersion > 3 && random.oneIn(8) ? "" : "veleta",
			cleanSession: this.#cleanSession,
			keepAlive: random.pick([0, 1, 5, 60, 0xffff]),
			pipelining: random.oneIn(2),
			...(random.oneIn(3) ? { username: "né", password: "p" } : {}),
			...(random.oneIn(3) ? { will } : {}),
			...(this.#hasBirth ? { birth } : {}),
			...(random.oneIn(4) ? { sessionExpiryInterval: random.pick([0, 1, 0xffff_ffff]) } : {}),
			nextMessage: () => {
				const message = this.#queue.shift();
				if (message) this.#taken.set(message.label, message.qos);
				return message;
			},
			onConnect: (present, version) => tell(`connect ${present} ${version}`),
			onPublish: ({ label }, redelivered) => tell(`publish ${label} ${redelivered}`),
			onAcknowledge: ({ label }) => {
				tell(`acknowledge ${label}`);
				this.#done(label, true);
			},
			onReject: ({ label }, reasonCode) => {
				tell(`reject ${label} ${reasonCode}`);
				this.#done(label, false);
			},
			onMessage: ({ topic, payload, qos, retain, dup }) => {
				tell(`message ${topic} ${labelOf(payload)} ${payload.length} ${qos} ${retain} ${dup}`);
				if (this.#closesOnMessage) this.#close();
			},
			onOversized: (size) => tell(`oversized ${size}`),
			onGiveUp: (what) => this.#givenUp(what),
			onSubscribe: (filter, code) => tell(`subscribe ${filter} ${code}`),
			onUnsubscribe: (filter, code) => tell(`unsubscribe ${filter} ${code}`),
		});
	}

	/** Lets it take `steps` steps, and come to rest at the end. */
	run(steps: number): void {
		try {
			for (; this.step < steps && !this.#beyondRepair; this.step++) this.#act();
			this.#comeToRest();
		} catch (error) {
			const text = error instanceof FuzzFailure ? error.message : `${error}\n${(error as Error).stack}`;
			throw new FuzzFailure(`${text}\nat step ${this.step}, after:\n${this.#trace}`);
		}
		this.#tally.dialogues++;
		this.#tally.sent += this.#broker.packets;
	}

	/** The session gives up on what the broker has closed connections on: this broker closes them on nothing in particular. */
	#givenUp(what: Labelled | string): void {
		this.#tally.ends.set("given up", (this.#tally.ends.get("given up") ?? 0) + 1);
		if (what === "will message") return;
		const given = typeof what === "string" ? BIRTH : what.label;
		for (const [id, { label }] of this.#broker.inFlight) if (label === given) this.#broker.inFlight.delete(id);
		if (typeof what === "string") {
			this.#hasBirth = false;
			return;
		}
		if (this.#taken.get(what.label) === 2) {
			this.#leaves = true;
			this.#discards = !this.#cleanSession;
		}
		this.#done(what.label, false);
	}

	/** A message of the owner is done with: acknowledged, or rejected. */
	#done(label: number, acknowledged: boolean): void {
		const qos = this.#taken.get(label);
		if (qos === undefined) failed(`message ${label} is done with twice, or was never taken`);
		this.#taken.delete(label);
		const delivered = this.#broker.finished(label);
		// A message of QoS 0 is told of before the broker has seen it, and a spoiled packet may acknowledge anything.
		if (!acknowledged || delivered === undefined || delivered === 1 || this.#spoiled) return;
		failed(`message ${label} of QoS ${qos} delivered ${delivered} times`);
	}

	#act(): void {
		const random = this.#random;
		const { phase } = this.#broker;
		if (!this.#open) {
			this.#advance(this.#now + random.below(1_000));
			return this.#connect();
		}
		if (this.#spoiled) {
			// Whatever the session made of it, it must bear what follows; then the connection ends.
			this.#advance(this.#now + random.pick([0, 1, 30_000]));
			this.#pump();
			if (this.#open && random.oneIn(3)) this.#end("after a mutated packet");
			return;
		}
		if (phase === "connecting") return this.#greet();
		switch (random.below(24)) {
			case 0:
			case 1:
			case 2:
				for (let count = random.between(1, 6); count > 0; count--) this.#offer();
				break;
			case 3:
			case 4:
			case 5:
			case 6:
				for (let count = random.between(1, 5); count > 0; count--) this.#publish();
				break;
			case 7:
			case 8:
			case 9:
				for (let count = random.between(1, 4); count > 0; count--) this.#answer();
				break;
			case 10:
			case 11:
			case 12:
				while (this.#broker.owed.length > 0) this.#answer();
				break;
			case 13:
			case 14:
				this.#want();
				break;
			case 15:
				this.#advance(this.#now + random.pick([0, 1, 100, 5_000, 20_000, 61_000]));
				break;
			case 16:
				this.#writable = random.oneIn(3);
				this.#trace.note(this.#now, this.#writable ? "unblocked" : "blocked");
				break;
			case 17:
				this.#pieces = random.pick([1, 2, 7, 100, READ_BYTES]);
				break;
			case 18:
				switch (random.below(12)) {
					case 0:
						return this.#persecute();
					case 1:
					case 2:
						return this.#end("closed by the broker", true);
					case 3:
						return this.#end("closed");
				}
				break;
			case 19:
				this.#violate();
				break;
			case 20:
				this.#mutate();
				break;
			case 21:
				if (random.oneIn(6)) return this.#comeToRest();
				break;
			case 22:
				if (random.oneIn(12)) this.#closesOnMessage = true;
				break;
			case 23:
				if (random.oneIn(10) && phase === "accepted" && this.#broker.version === 5) {
					const bytes = packet(0xe0, random.pick([[], [random.pick(REASON_CODES[14]!)], [0x8b, 0]]));
					this.#inbox.push({ bytes, verdict: "violation", kind: "DISCONNECT, which is no violation" });
				}
		}
		if (!random.oneIn(4)) this.#pump();
	}

	#connect(): void {
		this.#tally.connections++;
		this.#open = true;
		this.#spoiled = false;
		this.#closesOnMessage = false;
		this.#writable = true;
		this.#pieces = this.#random.pick([1, 3, 50, READ_BYTES, READ_BYTES]);
		this.#broker.open();
		this.#trace.note(this.#now, "opened");
		this.#call(() => this.#session.open(this.#now));
		this.#pump();
	}

	/** What the broker answers to the CONNECT: mostly that it accepts. */
	#greet(): void {
		const random = this.#random;
		const version = this.#broker.version!;
		switch (random.below(16)) {
			case 0:
				return this.#violate();
			case 1: {
				const older = version === 5 && random.oneIn(3);
				const code = version === 5 && !older ? random.pick(REASON_CODES[2]!.slice(1)) : random.between(1, 5);
				const bytes = connack(random, older ? 4 : version, false, code);
				this.#inbox.push({ bytes, verdict: "violation", kind: "refusal, which is no violation" });
				break;
			}
			case 2:
				return this.#end("closed before the CONNACK", random.oneIn(2));
			case 3:
				this.#advance(this.#now + random.pick([10, 5_000, 11_000]));
				return;
			case 4:
				return this.#mutate();
			default:
				this.#accept();
		}
		this.#pump();
	}

	#accept(): void {
		this.#inbox.push(...this.#broker.accept());
	}

	#offer(): void {
		const random = this.#random;
		const label = this.#nextLabel++;
		const payload = random.oneIn(100)
			? [...payloadOf(random, label), ...new Array<number>(random.pick([16_383 - 40, 16_384])).fill(0x2e)]
			: payloadOf(random, label);
		this.#queue.push({
			label,
			topic: random.pick(CLIENT_TOPICS),
			payload: Uint8Array.from(payload),
			qos: random.pick([0, 1, 1, 2, 2]),
			retain: random.oneIn(4),
			properties: random.oneIn(4) ? randomProperties(random) : undefined,
		});
	}

	#publish(): void {
		if (this.#broker.phase !== "accepted") return;
		const segment = this.#broker.publish();
		if (segment) this.#inbox.push(segment);
	}

	/** Answers one of the packets that wait; of each type the oldest first. */
	#answer(): void {
		const { owed, phase } = this.#broker;
		if (owed.length === 0 || phase !== "accepted") return void (owed.length = phase === "accepted" ? 0 : owed.length);
		const { type } = this.#random.pick(owed);
		this.#inbox.push(this.#broker.answer(owed.findIndex((one) => one.type === type)));
	}

	/** Subscribes or unsubscribes. */
	#want(): void {
		const random = this.#random;
		if (this.#changes >= CHANGES_MAXIMUM) return;
		this.#changes++;
		const [first] = this.#wanted;
		if (first !== undefined && (this.#wanted.size >= WANTED_MAXIMUM || random.oneIn(3))) {
			this.#wanted.delete(first);
			this.#call(() => this.#session.unsubscribe(first));
		} else {
			const topicFilter =
				random.oneIn(3) && first !== undefined
					? first
					: `f/${random.oneIn(2) ? this.#nextFilter++ : random.below(3)}/#`;
			this.#wanted.add(topicFilter);
			this.#call(() => this.#session.subscribe({ topicFilter, qos: random.below(3) as QoS, noLocal: random.oneIn(3) }));
		}
	}

	#violate(): void {
		const accepted = this.#broker.phase === "accepted";
		// Nothing of what a violation refers to may change before it is received.
		this.#unblock();
		this.#pump();
		if (!this.#open || this.#inbox.length > 0 || this.#broker.tainted || (accepted && !this.#broker.told)) return;
		const { kind, bytes } = violation(this.#broker.situation(accepted));
		this.#inbox.push({ bytes, verdict: "violation", kind });
		this.#pump();
	}

	/** A packet that would be right, changed, and more packets after it. */
	#mutate(): void {
		const random = this.#random;
		const version = this.#broker.version!;
		if (this.#broker.phase === "accepted" && random.oneIn(10)) return this.#flood();
		let whole: Bytes;
		if (this.#broker.phase === "connecting") whole = connack(random, version, random.oneIn(2), 0, randomTerms(random));
		else if (random.oneIn(3)) whole = violation(this.#broker.situation(true)).bytes;
		else if (this.#broker.owed.length > 0 && random.oneIn(2)) {
			whole = this.#broker.answer(random.below(this.#broker.owed.length)).bytes;
		} else whole = this.#broker.publish()?.bytes ?? packet(0xd0, []);
		this.#inbox.push({ bytes: mutate(random, whole), verdict: "unknown", kind: "mutated" });
		for (let count = random.below(4); count > 0; count--) {
			const bytes = random.oneIn(2) ? packet(0xd0, []) : mutate(random, whole);
			this.#inbox.push({ bytes, verdict: "unknown", kind: "mutated" });
		}
	}

	/** Hundreds of packets that all ask for a reply, or to be remembered; sometimes to a client that cannot send. */
	#flood(): void {
		const random = this.#random;
		const first = random.pick([0x34, 0x50, 0x62]);
		this.#writable = random.oneIn(2);
		for (let id = 1; id <= FLOOD; id++) {
			const body = first === 0x34 ? [0, 1, 0x61, 0, id, ...(this.#broker.version === 5 ? [0] : [])] : [0x80, id];
			this.#inbox.push({ bytes: packet(first, body), verdict: "unknown", kind: "flood" });
		}
	}

	/** A broker that answers nothing but PINGREQs, and ends connection after connection. */
	#persecute(): void {
		for (let count = this.#random.between(3, 6); count > 0; count--) {
			if (!this.#open) this.#connect();
			this.#unblock();
			if (this.#broker.phase === "connecting") this.#accept();
			this.#pump();
			for (let index = this.#pings(); index >= 0; index = this.#pings()) this.#inbox.push(this.#broker.answer(index));
			this.#pump();
			if (this.#open) this.#end("persecuted", true);
			this.#advance(this.#now + 1_000);
		}
	}

	#pings(): number {
		return this.#broker.phase === "accepted" ? this.#broker.owed.findIndex(({ type }) => type === PINGRESP) : -1;
	}

	/** Moves bytes both ways until nothing moves any more. */
	#pump(): void {
		for (let turns = 0; this.#open; turns++) {
			if (turns > WITHOUT_END * 10) failed("bytes without end");
			this.#transmit();
			if (!this.#open || this.#inbox.length === 0 || !this.#session.receptive) return;
			this.#receive();
		}
	}

	#transmit(): void {
		for (let count = 0; this.#open; count++) {
			if (count > WITHOUT_END) failed("packets without end");
			if (!this.#leaving) {
				const bytes = this.#call(() => this.#session.transmit(this.#now), true);
				if (!bytes) return;
				this.#trace.note(this.#now, "hands out", bytes);
				this.#leaving = { bytes, packet: this.#broker.handedOut(bytes), left: bytes.length };
			}
			if (!this.#writable) return;
			const { packet } = this.#leaving;
			this.#leaving = undefined;
			this.#broker.arrived(packet, this.#now);
			this.#call(() => this.#session.transmitted(this.#now));
		}
	}

	/** Hands the session one piece of what the broker sent. */
	#receive(): void {
		const size = this.#random.between(1, this.#pieces);
		const piece: number[] = [];
		const ended: Segment[] = [];
		let odd: Segment | undefined;
		while (piece.length < size && this.#inbox.length > 0) {
			const segment = this.#inbox[0]!;
			if (segment.verdict !== "valid") odd ??= segment;
			if (isOversized(segment.bytes)) this.#passedAt = this.#now;
			const end = Math.min(segment.bytes.length, this.#offset + size - piece.length);
			for (; this.#offset < end; this.#offset++) piece.push(segment.bytes[this.#offset]!);
			if (end < segment.bytes.length) break;
			this.#inbox.shift();
			this.#offset = 0;
			ended.push(segment);
		}
		if (piece.length === 0) return;
		this.#trace.note(this.#now, RECEIVED, piece);
		this.#lastReceived = this.#now;
		this.#tally.received += ended.length;
		this.#told.length = this.#broker.expected.length = 0;
		if (odd?.verdict === "unknown" || this.#spoiled) this.#spoil();
		let error: unknown;
		try {
			this.#session.receive(Uint8Array.from(piece), this.#now);
		} catch (thrown) {
			error = thrown;
		}
		if (error instanceof FuzzFailure) throw error;
		if (error !== undefined) this.#trace.note(this.#now, `gave up: ${error}`);
		for (const segment of ended) {
			if (segment.verdict !== "valid" || this.#spoiled) break;
			// The owner may have closed the connection in the middle.
			if (!this.#open && error === undefined && this.#broker.expected.length >= this.#told.length) break;
			segment.effect?.();
		}
		if (this.#spoiled) {
			this.#broker.taint();
			this.#told.length = 0;
		}
		if (error === undefined && this.#open && !this.#spoiled && odd?.verdict === "violation" && ended.includes(odd)) {
			failed(`left open after: ${odd.kind}`);
		}
		if (error instanceof SessionDiscardedError) this.#broker.expected.length = 0;
		this.#compare();
		if (error !== undefined) this.#thrown(error, odd);
		else if (!this.#open) this.#broker.close();
		else if (this.#spoiled && ended.length > 0) this.#tally.taken++;
	}

	/** Whether no new session will make the state of the client certain again. */
	get #beyondRepair(): boolean {
		return this.#broker.tainted && this.#session.protocolVersion === 3;
	}

	#spoil(): void {
		this.#spoiled = true;
		this.#broker.taint();
	}

	/** The session gave the connection up, for the reason that it was given or for none. */
	#thrown(error: unknown, odd: Segment | undefined): void {
		if (!(error instanceof ProtocolError) && !(error instanceof ConnectionError)) throw error;
		if (this.#spoiled) {
			this.#tally.refused++;
		} else if (error instanceof SessionDiscardedError && this.#discards) {
			this.#discards = false;
		} else if (!odd) {
			failed(`false alarm: ${error.message}`);
		} else {
			this.#tally.ends.set(odd.kind, (this.#tally.ends.get(odd.kind) ?? 0) + 1);
		}
		const code = error instanceof ProtocolError ? error.reasonCode : 0x80;
		const goodbye = this.#leaving ? undefined : this.#session.disconnect(code);
		if (goodbye) this.#broker.arrived(this.#broker.handedOut(goodbye), this.#now);
		const violated = !this.#spoiled;
		this.#end();
		if (violated && this.#random.oneIn(2)) this.#comeToRest();
	}

	#end(kind?: string, byBroker = false): void {
		if (kind) this.#tally.ends.set(kind, (this.#tally.ends.get(kind) ?? 0) + 1);
		this.#close(byBroker ? this.#now : undefined);
		this.#broker.close();
	}

	/** The connection ends, also from within a call of the session's owner. */
	#close(brokerEndedAt?: number): void {
		this.#trace.note(this.#now, brokerEndedAt === undefined ? "closed" : "closed by the broker");
		this.#session.close(brokerEndedAt);
		this.#open = false;
		this.#closesOnMessage = false;
		this.#inbox.length = 0;
		this.#offset = 0;
		this.#leaving = undefined;
	}

	/** Lets time pass, as far as `time`, with a tick at each deadline. */
	#advance(time: number): void {
		for (let turns = 0; this.#open && this.#session.deadline <= time; turns++) {
			if (turns > WITHOUT_END) failed("deadlines without end");
			const { deadline } = this.#session;
			this.#now = Math.max(this.#now, deadline);
			if (!this.#tick()) return;
			this.#transmit();
			if (this.#open && this.#session.deadline <= deadline) failed(`the deadline stays at ${deadline} ms`);
		}
		this.#now = Math.max(this.#now, time);
		if (
			this.#open &&
			!this.#spoiled &&
			this.#broker.told &&
			Math.max(this.#broker.waitingSince, this.#passedAt) + ACKNOWLEDGEMENT_TIMEOUT_MS < this.#now
		) {
			failed("a broker that owes an acknowledgement for 20 s is not given up");
		}
		const silentSince = Math.max(this.#broker.pingedSince, this.#lastReceived);
		if (this.#open && !this.#spoiled && silentSince + PINGRESP_TIMEOUT_MS < this.#now) {
			failed("a broker that is silent for 10 s after a PINGREQ is not given up");
		}
	}

	/** Returns whether the connection is still there. */
	#tick(): boolean {
		const { owed, told } = this.#broker;
		const waiting = this.#restlessness();
		try {
			this.#call(() => this.#session.tick(this.#now));
			return true;
		} catch (error) {
			if (!(error instanceof ConnectionError)) throw error;
			const due = owed.length > 0 || this.#inbox.length > 0 || this.#leaving !== undefined || !told;
			if (!due && !this.#spoiled) failed(`false alarm: ${error.message}: ${waiting}`);
			this.#end(error.message);
			return false;
		}
	}

	#unblock(): void {
		if (!this.#writable) this.#trace.note(this.#now, "unblocked");
		this.#writable = true;
		this.#closesOnMessage = false;
	}

	/** A broker that answers everything: in the end nothing may be open, and nothing may have been lost. */
	#comeToRest(): void {
		this.#unblock();
		for (let round = 0; ; round++) {
			if (round > ROUNDS_TO_REST) failed(`no rest: ${this.#restlessness()}`);
			if (this.#spoiled && this.#open) this.#end("after a mutated packet");
			if (this.#leaves && this.#open && this.#broker.phase === "accepted") {
				// What the broker may have of the message that was given up goes with its session, on the next connection.
				this.#leaves = false;
				this.#end("to discard a session");
			}
			if (!this.#open) this.#connect();
			if (this.#broker.phase === "connecting") this.#accept();
			while (this.#broker.owed.length > 0 && this.#broker.phase === "accepted") this.#answer();
			this.#pump();
			const isAtRest = this.#open && this.#broker.told && this.#inbox.length === 0 && this.#broker.atRest;
			if (isAtRest && this.#isSubscribed) break;
			// What connections have ended on may have to wait for an hour.
			this.#advance(this.#now + (isAtRest ? 5_000 : 100));
		}
		if (this.#queue.length > 0) failed(`${this.#queue.length} messages were not asked for`);
		if (this.#taken.size > 0) failed(`lost: ${[...this.#taken.keys()].join(", ")}`);
		if (this.#session.inFlight !== 0) failed(`${this.#session.inFlight} messages in flight at rest`);
		if (this.#session.awaiting || !this.#session.connected) failed("waiting at rest");
		this.#changes = 0;
		if (this.#broker.tainted) return;
		if (this.#hasBirth && !this.#broker.birthDelivered) failed("no birth message on this connection");
	}

	/** Whether the broker has the subscriptions that are wanted, and no others, as far as it can be known. */
	get #isSubscribed(): boolean {
		const { subscriptions, tainted } = this.#broker;
		if (tainted) return true;
		return this.#wanted.size === subscriptions.size && [...this.#wanted].every((filter) => subscriptions.has(filter));
	}

	#restlessness(): string {
		const { owed, inFlight, told } = this.#broker;
		return JSON.stringify({
			...this.#broker.pending,
			wanted: [...this.#wanted],
			subscriptions: [...this.#broker.subscriptions.keys()],
			owed: owed.length,
			inFlight: [...inFlight],
			told,
			inbox: this.#inbox.length,
			session: this.#session.inFlight,
			receptive: this.#session.receptive,
		});
	}

	/** Calls the session and compares what it tells its owner with what it has to. */
	#call<T>(run: () => T, mayReject = false): T {
		this.#told.length = 0;
		const result = run();
		if (mayReject) this.#rejectedForSize();
		this.#compare();
		return result;
	}

	/** What is larger than the broker's maximum packet size is given back when it would be sent: messages, and topic filters. */
	#rejectedForSize(): void {
		for (const line of this.#told) {
			const [what, label, code] = line.split(" ");
			if (code === "149" && (what === "subscribe" || what === "unsubscribe")) continue;
			if (what !== "reject" || code !== "149") failed(`told while sending: ${line}`);
			for (const [id, entry] of this.#broker.inFlight)
				if (entry.label === Number(label)) this.#broker.inFlight.delete(id);
		}
		this.#told.length = 0;
	}

	#compare(): void {
		const { expected } = this.#broker;
		if (!this.#spoiled && !this.#broker.tainted && (expected.length > 0 || this.#told.length > 0)) {
			const [wanted, told] = [expected.join("\n"), this.#told.join("\n")];
			if (wanted !== told) failed(`told its owner:\n${told}\ninstead of:\n${wanted}`);
		}
		expected.length = this.#told.length = 0;
	}
}

function randomProperties(random: Random): Properties {
	const properties: { -readonly [name in keyof Properties]: Properties[name] } = {};
	if (random.oneIn(2)) properties.messageExpiryInterval = random.next();
	if (random.oneIn(2)) properties.contentType = random.pick(["", "né", "text/plain"]);
	if (random.oneIn(2)) properties.payloadFormatIndicator = random.oneIn(2);
	if (random.oneIn(2)) properties.responseTopic = "r/é";
	if (random.oneIn(2)) properties.correlationData = Uint8Array.of(random.below(256), 0);
	if (random.oneIn(2))
		properties.userProperties = [
			["a", "1"],
			["", ""],
			["a", "2"],
		].slice(random.below(3)) as [string, string][];
	return properties;
}

/** Steps of most dialogues, and of one in a hundred, which would show what grows within a session. */
const STEPS = 150;
const MANY_STEPS = 5_000;

/** Runs dialogue `number` of a run; with `steps`, of that length. */
export function runDialogue(seed: number, number: number, tally: Tally, steps?: number): void {
	new Dialogue(seed, number, tally).run(steps ?? (number % 100 === 99 ? MANY_STEPS : STEPS));
}
