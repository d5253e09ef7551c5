/**
 * One dialogue: a session, driven as the link drives it, against a broker that
 * is conforming, broken or malicious by turns. A seed decides all of it. Throws
 * a `FuzzFailure` at whatever the session must not do.
 */
import type { Bytes } from "../../src/host.ts";
import { ConnectionError, ProtocolError, SessionDiscardedError } from "../../src/net/mqtt/errors.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import type { Properties, QoS } from "../../src/net/mqtt/packet.ts";
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
/** No silence that lasts less, in ms, is a reason to give up. */
const SILENCE_MINIMUM_MS = 6_000;
/** Bytes of a message from which on each may take so long to leave, in ms. */
const LARGE_BYTES = 1_024;
const BYTE_MS = 4;
/** Subscriptions wanted at a time, and changes to them until all is at rest again: the session takes 32. */
const WANTED_MAXIMUM = 8;
const CHANGES_MAXIMUM = 20;
const CLIENT_TOPICS = ["t", "t/1", "né", "s/2", "u", "v", "w", "x", "y", "z", "l".repeat(100)] as const;
/** Packets of a flood: more than the session remembers or may owe. */
const FLOOD = 200;
export class Dialogue {
	private readonly _random: Random;
	private readonly _broker: Broker;
	private readonly _session: Session<Labelled>;
	private readonly _tally: Tally;
	private readonly _cleanSession: boolean;
	private _hasBirth: boolean;
	/** Whether the session ends what the broker has of it, for which it needs a connection before MQTT 5.0. */
	private _discards = false;
	/** Whether the broker's session has something that goes with it only. */
	private _leaves = false;
	private readonly _queue: Labelled[] = [];
	/** What the session told its owner since the last look. */
	private readonly _told: string[] = [];
	/** Messages that the session took and has not given back, with their QoS. */
	private readonly _taken = new Map<number, QoS>();
	private readonly _wanted = new Set<string>();
	private readonly _inbox: Segment[] = [];
	/** How much of the inbox's first segment was received. */
	private _offset = 0;
	/** Whether the rest of the connection is not to be answered for. */
	private _spoiled = false;
	private _open = false;
	private _now = 0;
	private _lastReceived = 0;
	/** When a part of a packet that is too large was last received. */
	private _passedAt = Number.NEGATIVE_INFINITY;
	private _leaving: { readonly bytes: Bytes; readonly packet: ClientPacket; left: number } | undefined;
	private _writable = true;
	private _pieces = READ_BYTES;
	private _changes = 0;
	private _nextFilter = 0;
	private _nextLabel = 1;
	private _closesOnMessage = false;
	private readonly _trace = new Trace();
	step = 0;

	constructor(seed: number, number: number, tally: Tally) {
		const random = new Random(seed, number);
		this._random = random;
		this._tally = tally;
		this._broker = new Broker(random);
		const protocolVersion = random.pick([3, 4, 5, 5] as const);
		this._cleanSession = random.oneIn(6);
		this._hasBirth = random.oneIn(3);
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
		const tell = (text: string) => void this._told.push(text);
		this._session = new Session<Labelled>({
			protocolVersion,
			clientId: protocolVersion > 3 && random.oneIn(8) ? "" : "veleta",
			cleanSession: this._cleanSession,
			keepAlive: random.pick([0, 1, 5, 60, 0xffff]),
			pipelining: random.oneIn(2),
			...(random.oneIn(3) ? { username: "né", password: "p" } : {}),
			...(random.oneIn(3) ? { will } : {}),
			...(this._hasBirth ? { birth } : {}),
			...(random.oneIn(4) ? { sessionExpiryInterval: random.pick([0, 1, 0xffff_ffff]) } : {}),
			nextMessage: () => {
				const message = this._queue.shift();
				if (message) this._taken.set(message.label, message.qos);
				return message;
			},
			onConnect: (present, version) => tell(`connect ${present} ${version}`),
			onPublish: ({ label }, redelivered) => tell(`publish ${label} ${redelivered}`),
			onAcknowledge: ({ label }) => {
				tell(`acknowledge ${label}`);
				this._done(label, true);
			},
			onReject: (what, reasonCode) => {
				if (typeof what === "string") return tell(`reject ${what} ${reasonCode}`);
				tell(`reject ${what.label} ${reasonCode}`);
				this._done(what.label, false);
			},
			onMessage: ({ topic, payload, qos, retain, dup }) => {
				tell(`message ${topic} ${labelOf(payload)} ${payload.length} ${qos} ${retain} ${dup}`);
				if (this._closesOnMessage) this._close();
			},
			onUnexpected: (what) => tell(`unexpected ${what}`),
			onLowerQoS: () => {
				this._broker.lowered = true;
				this._tally.ends.set("lowered", (this._tally.ends.get("lowered") ?? 0) + 1);
			},
			onOversized: (size) => tell(`oversized ${size}`),
			onGiveUp: (what) => this._givenUp(what),
			onSubscribe: (filter, code) => tell(`subscribe ${filter} ${code}`),
			onUnsubscribe: (filter, code) => tell(`unsubscribe ${filter} ${code}`),
		});
	}

	/** Lets it take `steps` steps, and come to rest at the end. */
	run(steps: number): void {
		try {
			for (; this.step < steps && !this._beyondRepair; this.step++) this._act();
			this._comeToRest();
		} catch (error) {
			const text = error instanceof FuzzFailure ? error.message : `${error}\n${(error as Error).stack}`;
			throw new FuzzFailure(`${text}\nat step ${this.step}, after:\n${this._trace}`);
		}
		this._tally.dialogues++;
		this._tally.sent += this._broker.packets;
	}

	/** The session gives up on what the broker has closed connections on: this broker closes them on nothing in particular. */
	private _givenUp(what: Labelled | string): void {
		this._tally.ends.set("given up", (this._tally.ends.get("given up") ?? 0) + 1);
		if (what === "will message") return;
		const given = typeof what === "string" ? BIRTH : what.label;
		for (const [id, { label }] of this._broker.inFlight) if (label === given) this._broker.inFlight.delete(id);
		if (typeof what === "string") {
			this._hasBirth = false;
			return;
		}
		if (this._taken.get(what.label) === 2) {
			this._leaves = true;
			this._discards = !this._cleanSession;
		}
		this._done(what.label, false);
	}

	/** A message of the owner is done with: acknowledged, or rejected. */
	private _done(label: number, acknowledged: boolean): void {
		const qos = this._taken.get(label);
		if (qos === undefined) failed(`message ${label} is done with twice, or was never taken`);
		this._taken.delete(label);
		const delivered = this._broker.finished(label);
		// A message of QoS 0 is told of before the broker has seen it, and a spoiled packet may acknowledge anything.
		if (!acknowledged || delivered === undefined || delivered === 1 || this._spoiled) return;
		failed(`message ${label} of QoS ${qos} delivered ${delivered} times`);
	}

	private _act(): void {
		const random = this._random;
		const { phase } = this._broker;
		if (!this._open) {
			this._advance(this._now + random.below(1_000));
			return this._connect();
		}
		if (this._spoiled) {
			// Whatever the session made of it, it must bear what follows; then the connection ends.
			this._advance(this._now + random.pick([0, 1, 30_000]));
			this._pump();
			if (this._open && random.oneIn(3)) this._end("after a mutated packet");
			return;
		}
		if (phase === "connecting") return this._greet();
		switch (random.below(24)) {
			case 0:
			case 1:
			case 2:
				for (let count = random.between(1, 6); count > 0; count--) this._offer();
				break;
			case 3:
			case 4:
			case 5:
			case 6:
				for (let count = random.between(1, 5); count > 0; count--) this._publish();
				break;
			case 7:
			case 8:
			case 9:
				for (let count = random.between(1, 4); count > 0; count--) this._answer();
				break;
			case 10:
			case 11:
			case 12:
				while (this._broker.owed.length > 0) this._answer();
				break;
			case 13:
			case 14:
				this._want();
				break;
			case 15:
				this._advance(this._now + random.pick([0, 1, 100, 5_000, 20_000, 61_000]));
				break;
			case 16:
				this._writable = random.oneIn(3);
				this._trace.note(this._now, this._writable ? "unblocked" : "blocked");
				break;
			case 17:
				this._pieces = random.pick([1, 2, 7, 100, READ_BYTES]);
				break;
			case 18:
				switch (random.below(12)) {
					case 0:
						return this._persecute();
					case 1:
					case 2:
						return this._end("closed by the broker", true);
					case 3:
						return this._end("closed");
				}
				break;
			case 19:
				this._violate();
				break;
			case 20:
				this._mutate();
				break;
			case 21:
				if (random.oneIn(6)) return this._comeToRest();
				break;
			case 22:
				if (random.oneIn(12)) this._closesOnMessage = true;
				break;
			case 23:
				if (random.oneIn(10) && phase === "accepted" && this._broker.version === 5) {
					const bytes = packet(0xe0, random.pick([[], [random.pick(REASON_CODES[14]!)], [0x8b, 0]]));
					this._inbox.push({ bytes, verdict: "violation", kind: "DISCONNECT, which is no violation" });
				}
		}
		if (!random.oneIn(4)) this._pump();
	}

	private _connect(): void {
		this._tally.connections++;
		this._open = true;
		this._spoiled = false;
		this._closesOnMessage = false;
		this._writable = true;
		this._pieces = this._random.pick([1, 3, 50, READ_BYTES, READ_BYTES]);
		this._broker.open();
		this._trace.note(this._now, "opened");
		this._call(() => this._session.open(this._now));
		this._pump();
	}

	/** What the broker answers to the CONNECT: mostly that it accepts. */
	private _greet(): void {
		const random = this._random;
		const version = this._broker.version!;
		switch (random.below(16)) {
			case 0:
				return this._violate();
			case 1: {
				const older = version === 5 && random.oneIn(3);
				const code = version === 5 && !older ? random.pick(REASON_CODES[2]!.slice(1)) : random.between(1, 5);
				const bytes = connack(random, older ? 4 : version, false, code);
				this._inbox.push({ bytes, verdict: "violation", kind: "refusal, which is no violation" });
				break;
			}
			case 2:
				return this._end("closed before the CONNACK", random.oneIn(2));
			case 3:
				this._advance(this._now + random.pick([10, 5_000, 11_000]));
				return;
			case 4:
				return this._mutate();
			default:
				this._accept();
		}
		this._pump();
	}

	private _accept(): void {
		this._inbox.push(...this._broker.accept());
	}

	private _offer(): void {
		const random = this._random;
		const label = this._nextLabel++;
		const payload = random.oneIn(100)
			? [...payloadOf(random, label), ...new Array<number>(random.pick([16_383 - 40, 16_384])).fill(0x2e)]
			: payloadOf(random, label);
		this._queue.push({
			label,
			topic: random.pick(CLIENT_TOPICS),
			payload: Uint8Array.from(payload),
			qos: random.pick([0, 1, 1, 2, 2]),
			retain: random.oneIn(4),
			properties: random.oneIn(4) ? randomProperties(random) : undefined,
		});
	}

	private _publish(): void {
		if (this._broker.phase !== "accepted") return;
		const segment = this._broker.publish();
		if (segment) this._inbox.push(segment);
	}

	/** Answers one of the packets that wait; of each type the oldest first. */
	private _answer(): void {
		const { owed, phase } = this._broker;
		if (owed.length === 0 || phase !== "accepted") return void (owed.length = phase === "accepted" ? 0 : owed.length);
		const { type } = this._random.pick(owed);
		this._inbox.push(this._broker.answer(owed.findIndex((one) => one.type === type)));
	}

	/** Subscribes or unsubscribes. */
	private _want(): void {
		const random = this._random;
		if (this._changes >= CHANGES_MAXIMUM) return;
		this._changes++;
		const [first] = this._wanted;
		if (first !== undefined && (this._wanted.size >= WANTED_MAXIMUM || random.oneIn(3))) {
			this._wanted.delete(first);
			this._call(() => this._session.unsubscribe(first));
		} else {
			const topicFilter =
				random.oneIn(3) && first !== undefined
					? first
					: `f/${random.oneIn(2) ? this._nextFilter++ : random.below(3)}/#`;
			this._wanted.add(topicFilter);
			this._call(() => this._session.subscribe({ topicFilter, qos: random.below(3) as QoS, noLocal: random.oneIn(3) }));
		}
	}

	private _violate(): void {
		const accepted = this._broker.phase === "accepted";
		// Nothing of what a violation refers to may change before it is received.
		this._unblock();
		this._pump();
		if (!this._open || this._inbox.length > 0 || this._broker.tainted || (accepted && !this._broker.told)) return;
		if (accepted && this._random.oneIn(4)) {
			this._inbox.push(this._broker.stray());
			return this._pump();
		}
		const { kind, bytes } = violation(this._broker.situation(accepted));
		this._inbox.push({ bytes, verdict: "violation", kind });
		this._pump();
	}

	/** A packet that would be right, changed, and more packets after it. */
	private _mutate(): void {
		const random = this._random;
		const version = this._broker.version!;
		if (this._broker.phase === "accepted" && random.oneIn(10)) return this._flood();
		let whole: Bytes;
		if (this._broker.phase === "connecting") whole = connack(random, version, random.oneIn(2), 0, randomTerms(random));
		else if (random.oneIn(3)) whole = violation(this._broker.situation(true)).bytes;
		else if (this._broker.owed.length > 0 && random.oneIn(2)) {
			whole = this._broker.answer(random.below(this._broker.owed.length)).bytes;
		} else whole = this._broker.publish()?.bytes ?? packet(0xd0, []);
		this._inbox.push({ bytes: mutate(random, whole), verdict: "unknown", kind: "mutated" });
		for (let count = random.below(4); count > 0; count--) {
			const bytes = random.oneIn(2) ? packet(0xd0, []) : mutate(random, whole);
			this._inbox.push({ bytes, verdict: "unknown", kind: "mutated" });
		}
	}

	/** Hundreds of packets that all ask for a reply, or to be remembered; sometimes to a client that cannot send. */
	private _flood(): void {
		const random = this._random;
		const first = random.pick([0x34, 0x50, 0x62]);
		this._writable = random.oneIn(2);
		for (let id = 1; id <= FLOOD; id++) {
			const body = first === 0x34 ? [0, 1, 0x61, 0, id, ...(this._broker.version === 5 ? [0] : [])] : [0x80, id];
			this._inbox.push({ bytes: packet(first, body), verdict: "unknown", kind: "flood" });
		}
	}

	/** A broker that answers nothing but PINGREQs, and ends connection after connection. */
	private _persecute(): void {
		for (let count = this._random.between(3, 6); count > 0; count--) {
			if (!this._open) this._connect();
			this._unblock();
			if (this._broker.phase === "connecting") this._accept();
			this._pump();
			for (let index = this._pings(); index >= 0; index = this._pings()) this._inbox.push(this._broker.answer(index));
			this._pump();
			if (this._open) this._end("persecuted", true);
			this._advance(this._now + 1_000);
		}
	}

	private _pings(): number {
		return this._broker.phase === "accepted" ? this._broker.owed.findIndex(({ type }) => type === PINGRESP) : -1;
	}

	/** Moves bytes both ways until nothing moves any more. */
	private _pump(): void {
		// One by one, perhaps.
		const bytes = this._inbox.reduce((sum, segment) => sum + segment.bytes.length, 0);
		for (let turns = 0; this._open; turns++) {
			if (turns > bytes + WITHOUT_END) failed("bytes without end");
			this._transmit();
			if (!this._open || this._inbox.length === 0 || !this._session.receptive) return;
			this._receive();
		}
	}

	private _transmit(): void {
		for (let count = 0; this._open; count++) {
			if (count > WITHOUT_END) failed("packets without end");
			if (!this._leaving) {
				const bytes = this._call(() => this._session.transmit(this._now), true);
				if (!bytes) return;
				this._trace.note(this._now, "hands out", bytes);
				this._leaving = { bytes, packet: this._broker.handedOut(bytes), left: bytes.length };
			}
			if (!this._writable) return;
			const { packet, bytes } = this._leaving;
			this._leaving = undefined;
			const { length } = bytes;
			if (length > LARGE_BYTES) this._passedAt = Math.max(this._passedAt, this._now + BYTE_MS * length);
			this._broker.arrived(packet, this._now);
			this._call(() => this._session.transmitted(this._now));
		}
	}

	/** Hands the session one piece of what the broker sent. */
	private _receive(): void {
		const size = this._random.between(1, this._pieces);
		const piece: number[] = [];
		const ended: Segment[] = [];
		let odd: Segment | undefined;
		while (piece.length < size && this._inbox.length > 0) {
			const segment = this._inbox[0]!;
			if (segment.verdict !== "valid") odd ??= segment;
			if (isOversized(segment.bytes)) this._passedAt = Math.max(this._passedAt, this._now);
			const end = Math.min(segment.bytes.length, this._offset + size - piece.length);
			for (; this._offset < end; this._offset++) piece.push(segment.bytes[this._offset]!);
			if (end < segment.bytes.length) break;
			this._inbox.shift();
			this._offset = 0;
			ended.push(segment);
		}
		if (piece.length === 0) return;
		this._trace.note(this._now, RECEIVED, piece);
		this._lastReceived = this._now;
		this._tally.received += ended.length;
		this._told.length = this._broker.expected.length = 0;
		if (odd?.verdict === "unknown" || this._spoiled) this._spoil();
		let error: unknown;
		try {
			this._session.receive(Uint8Array.from(piece), this._now);
		} catch (thrown) {
			error = thrown;
		}
		if (error instanceof FuzzFailure) throw error;
		if (error !== undefined) this._trace.note(this._now, `gave up: ${error}`);
		for (const segment of ended) {
			if (segment.verdict !== "valid" || this._spoiled) break;
			// The owner may have closed the connection in the middle.
			if (!this._open && error === undefined && this._broker.expected.length >= this._told.length) break;
			segment.effect?.();
		}
		if (this._spoiled) {
			this._broker.taint();
			this._told.length = 0;
		}
		if (error === undefined && this._open && !this._spoiled && odd?.verdict === "violation" && ended.includes(odd)) {
			failed(`left open after: ${odd.kind}`);
		}
		if (error instanceof SessionDiscardedError) this._broker.expected.length = 0;
		this._compare();
		if (error !== undefined) this._thrown(error, odd);
		else if (!this._open) this._broker.close();
		else if (this._spoiled && ended.length > 0) this._tally.taken++;
	}

	/** Whether no new session will make the state of the client certain again. */
	private get _beyondRepair(): boolean {
		return this._broker.tainted && this._session.protocolVersion === 3;
	}

	private _spoil(): void {
		this._spoiled = true;
		this._broker.taint();
	}

	/** The session gave the connection up, for the reason that it was given or for none. */
	private _thrown(error: unknown, odd: Segment | undefined): void {
		if (!(error instanceof ProtocolError) && !(error instanceof ConnectionError)) throw error;
		if (this._spoiled) {
			this._tally.refused++;
		} else if (error instanceof SessionDiscardedError && this._discards) {
			this._discards = false;
		} else if (!odd) {
			failed(`false alarm: ${error.message}`);
		} else {
			this._tally.ends.set(odd.kind, (this._tally.ends.get(odd.kind) ?? 0) + 1);
		}
		const code = error instanceof ProtocolError ? error.reasonCode : 0x80;
		const goodbye = this._leaving ? undefined : this._session.disconnect(code);
		if (goodbye) this._broker.arrived(this._broker.handedOut(goodbye), this._now);
		const violated = !this._spoiled;
		this._end();
		if (violated && this._random.oneIn(2)) this._comeToRest();
	}

	private _end(kind?: string, byBroker = false): void {
		if (kind) this._tally.ends.set(kind, (this._tally.ends.get(kind) ?? 0) + 1);
		this._close(byBroker ? this._now : undefined);
		this._broker.close();
	}

	/** The connection ends, also from within a call of the session's owner. */
	private _close(brokerEndedAt?: number): void {
		this._trace.note(this._now, brokerEndedAt === undefined ? "closed" : "closed by the broker");
		this._session.close(brokerEndedAt);
		this._open = false;
		this._closesOnMessage = false;
		this._inbox.length = 0;
		this._offset = 0;
		this._leaving = undefined;
	}

	/** Lets time pass, as far as `time`, with a tick at each deadline. */
	private _advance(time: number): void {
		for (let turns = 0; this._open && this._session.deadline <= time; turns++) {
			if (turns > WITHOUT_END) failed("deadlines without end");
			const { deadline } = this._session;
			this._now = Math.max(this._now, deadline);
			if (!this._tick()) return;
			this._transmit();
			if (this._open && this._session.deadline <= deadline) failed(`the deadline stays at ${deadline} ms`);
		}
		this._now = Math.max(this._now, time);
		if (
			this._open &&
			!this._spoiled &&
			this._broker.told &&
			Math.max(this._broker.waitingSince, this._passedAt) + ACKNOWLEDGEMENT_TIMEOUT_MS < this._now
		) {
			failed("a broker that owes an acknowledgement for 20 s is not given up");
		}
		const silentSince = Math.max(this._broker.pingedSince, this._lastReceived, this._passedAt);
		if (this._open && !this._spoiled && silentSince + PINGRESP_TIMEOUT_MS < this._now) {
			failed("a broker that is silent for 10 s after a PINGREQ is not given up");
		}
	}

	/** Returns whether the connection is still there. */
	private _tick(): boolean {
		const { owed, told } = this._broker;
		const waiting = this._restlessness();
		try {
			this._call(() => this._session.tick(this._now));
			return true;
		} catch (error) {
			if (!(error instanceof ConnectionError)) throw error;
			const due = owed.length > 0 || this._inbox.length > 0 || this._leaving !== undefined || !told;
			if (!due && !this._spoiled) failed(`false alarm: ${error.message}: ${waiting}`);
			if (error.message.includes("PINGRESP") && this._now < this._lastReceived + SILENCE_MINIMUM_MS) {
				failed(`${error.message}, and something arrived ${this._now - this._lastReceived} ms ago`);
			}
			this._end(error.message);
			return false;
		}
	}

	private _unblock(): void {
		if (!this._writable) this._trace.note(this._now, "unblocked");
		this._writable = true;
		this._closesOnMessage = false;
	}

	/** A broker that answers everything: in the end nothing may be open, and nothing may have been lost. */
	private _comeToRest(): void {
		this._unblock();
		for (let round = 0; ; round++) {
			if (round > ROUNDS_TO_REST) failed(`no rest: ${this._restlessness()}`);
			if (this._spoiled && this._open) this._end("after a mutated packet");
			if (this._leaves && this._open && this._broker.phase === "accepted") {
				// What the broker may have of the message that was given up goes with its session, on the next connection.
				this._leaves = false;
				this._end("to discard a session");
			}
			if (!this._open) this._connect();
			if (this._broker.phase === "connecting") this._accept();
			while (this._broker.owed.length > 0 && this._broker.phase === "accepted") this._answer();
			this._pump();
			const isAtRest = this._open && this._broker.told && this._inbox.length === 0 && this._broker.atRest;
			if (isAtRest && this._isSubscribed) break;
			// What connections have ended on may have to wait for an hour.
			this._advance(this._now + (isAtRest ? 5_000 : 100));
		}
		if (this._queue.length > 0) failed(`${this._queue.length} messages were not asked for`);
		if (this._taken.size > 0) failed(`lost: ${[...this._taken.keys()].join(", ")}`);
		if (this._session.inFlight !== 0) failed(`${this._session.inFlight} messages in flight at rest`);
		if (this._session.awaiting || !this._session.connected) failed("waiting at rest");
		this._changes = 0;
		if (this._broker.tainted) return;
		if (this._hasBirth && !this._broker.birthDelivered) failed("no birth message on this connection");
	}

	/** Whether the broker has the subscriptions that are wanted, and no others, as far as it can be known. */
	private get _isSubscribed(): boolean {
		const { subscriptions, tainted } = this._broker;
		if (tainted) return true;
		return this._wanted.size === subscriptions.size && [...this._wanted].every((filter) => subscriptions.has(filter));
	}

	private _restlessness(): string {
		const { owed, inFlight, told } = this._broker;
		return JSON.stringify({
			...this._broker.pending,
			wanted: [...this._wanted],
			subscriptions: [...this._broker.subscriptions.keys()],
			owed: owed.length,
			inFlight: [...inFlight],
			told,
			inbox: this._inbox.length,
			session: this._session.inFlight,
			receptive: this._session.receptive,
		});
	}

	/** Calls the session and compares what it tells its owner with what it has to. */
	private _call<T>(run: () => T, mayReject = false): T {
		this._told.length = 0;
		const result = run();
		if (mayReject) this._rejectedForSize();
		this._compare();
		return result;
	}

	/** What is larger than the broker's maximum packet size is given back when it would be sent: messages, and topic filters. */
	private _rejectedForSize(): void {
		for (const line of this._told) {
			const [what, label, code] = line.split(" ");
			if (code === "149" && (what === "subscribe" || what === "unsubscribe")) continue;
			if (what !== "reject" || code !== "149") failed(`told while sending: ${line}`);
			for (const [id, entry] of this._broker.inFlight)
				if (entry.label === Number(label)) this._broker.inFlight.delete(id);
		}
		this._told.length = 0;
	}

	private _compare(): void {
		const { expected } = this._broker;
		if (!this._spoiled && !this._broker.tainted && (expected.length > 0 || this._told.length > 0)) {
			const [wanted, told] = [expected.join("\n"), this._told.join("\n")];
			if (wanted !== told) failed(`told its owner:\n${told}\ninstead of:\n${wanted}`);
		}
		expected.length = this._told.length = 0;
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
