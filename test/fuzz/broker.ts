/**
 * A broker to the letter of the standard, and what it makes of its client: it
 * keeps account of every packet id, acknowledgement, delivery and limit, and
 * fails at the first thing that a conforming client would not have done.
 *
 * What it sends takes effect in two steps: it is queued as a `Segment`, and
 * `effect` is called when the client has received all of it.
 */
import type { Bytes } from "../../src/host.ts";
import * as make from "./broker-packets.ts";
import { type ClientPacket, readClientPacket } from "./client-packets.ts";
import type { Random } from "./random.ts";
import { isOversized, type Situation } from "./violations.ts";
import {
	CONNECT,
	DISCONNECT,
	PINGREQ,
	PINGRESP,
	PUBACK,
	PUBCOMP,
	PUBLISH,
	PUBREC,
	PUBREL,
	packet,
	REASON_CODES,
	SUBACK,
	SUBSCRIBE,
	UNSUBACK,
	UNSUBSCRIBE,
	type Version,
} from "./wire.ts";

export interface Segment {
	readonly bytes: Bytes;
	/** "valid" must be taken, "violation" must end the connection, "unknown" may do either. */
	readonly verdict: "valid" | "violation" | "unknown";
	readonly kind: string;
	readonly effect?: () => void;
}

/** What a run found out. */
export class FuzzFailure extends Error {
	override name = "FuzzFailure";
}

export function failed(what: string): never {
	throw new FuzzFailure(what);
}

/** The label of the birth message. */
export const BIRTH = 99_999_999;
/** Messages that a client may have in flight: eight, and the birth message beside them. */
const WINDOW = 9;
/** Messages that this broker has in flight; the client takes 64. */
const OUTGOING_MAXIMUM = 40;

/** A message of the client that it has to keep. */
interface InFlight {
	readonly label: number;
	readonly qos: number;
	released: boolean;
	/** The connection on which its PUBLISH or PUBREL last left. */
	connection: number;
	readonly order: number;
	sentAt: number;
}

interface Owed {
	readonly type: number;
	readonly id: number;
	readonly codes: readonly number[];
	readonly filters: readonly string[];
	readonly since: number;
}

interface Out extends make.Published {
	released: boolean;
}

export class Broker {
	/** What the client has to tell its owner next. */
	readonly expected: string[] = [];
	readonly owed: Owed[] = [];
	readonly inFlight = new Map<number, InFlight>();
	readonly subscriptions = new Map<string, number>();
	/** Deliveries of messages of the client that are not done with, by label. */
	readonly deliveries = new Map<number, number>();
	version: Version | undefined;
	phase: "closed" | "open" | "connecting" | "accepted" | "ended" = "closed";
	/** Whether the client has seen the CONNACK. */
	told = false;
	cleanSession = false;
	clientId = "";
	/** Messages that may be delivered twice, as a session was lost while they were in flight. */
	readonly restarted = new Set<number>();
	/** Messages of the client that have left at least once and are not done with. */
	private readonly _published = new Set<number>();
	birthDelivered = false;
	/** When the first PINGREQ that is not answered came, in ms. */
	pingedSince = Number.POSITIVE_INFINITY;
	/** Packets of the client. */
	packets = 0;
	/** Whether the client sends nothing above QoS 1 before MQTT 5.0, as connections ended on QoS 2. */
	lowered = false;
	/** Whether what the client received leaves its state open: then only a new session is certain. */
	tainted = false;
	private readonly _random: Random;
	private readonly _requests = new Map<number, { readonly type: number; readonly filters: readonly string[] }>();
	/** QoS 2 messages of the client between PUBLISH and PUBREL. */
	private readonly _incoming = new Map<number, number>();
	/** Messages to the client that it has not acknowledged, in order. */
	private readonly _outgoing = new Map<number, Out>();
	/** Ids of QoS 2 messages that the client must not hand on again. */
	private readonly _clientReceived = new Set<number>();
	/** Acknowledgements that the client has to send, by type. */
	private readonly _replies = new Map<number, { readonly id: number; readonly reasonCode: number }[]>();
	private readonly _aliases = new Map<number, string>();
	private _connection = 0;
	private _hasSession = false;
	private _present = false;
	/** Whether the client sent a QoS or a size that the broker does not take, before it could know. */
	private _refusing = false;
	private _tooLarge = false;
	private _terms: make.Terms = {};
	private _order = 0;
	/** Of each message. */
	private readonly _orders = new Map<number, number>();
	private _redelivered = -1;
	private _nextId = 0;
	private _nextLabel = 1;
	private _releasedAgain = -1;

	constructor(random: Random) {
		this._random = random;
	}

	/** The TCP connection is there. */
	open(): void {
		this.phase = "open";
		this.told = false;
		this.version = undefined;
		this.birthDelivered = false;
		this._connection++;
		this._redelivered = -1;
		this._aliases.clear();
		this.pingedSince = Number.POSITIVE_INFINITY;
		this._releasedAgain = -1;
		// A client whose state is open gets a new session: whatever it had in flight is over.
		if (!this.tainted) return;
		for (const { label } of this.inFlight.values()) this.restarted.add(label);
		this.inFlight.clear();
	}

	close(): void {
		this.phase = "closed";
		this.owed.length = 0;
		this._requests.clear();
		this._replies.clear();
	}

	/** Whether everything that was asked for is done, as far as the broker can tell. */
	get atRest(): boolean {
		if (this.owed.length > 0 || this._requests.size > 0 || this.inFlight.size > 0 || this._outgoing.size > 0)
			return false;
		for (const replies of this._replies.values()) if (replies.length > 0) return false;
		return this._incoming.size === 0;
	}

	/** What is open, for people. */
	get pending(): object {
		return {
			incoming: [...this._incoming],
			outgoing: [...this._outgoing.keys()],
			replies: [...this._replies],
			requests: [...this._requests.keys()],
		};
	}

	/** Since when the client waits for the oldest acknowledgement, in ms. */
	get waitingSince(): number {
		let oldest = Number.POSITIVE_INFINITY;
		for (const { connection, sentAt } of this.inFlight.values()) {
			if (connection === this._connection && sentAt < oldest) oldest = sentAt;
		}
		return oldest;
	}

	situation(accepted: boolean): Situation {
		const ids = (qos: number) =>
			[...this.inFlight]
				.filter(([, entry]) => entry.qos === qos && !entry.released && entry.connection === this._connection)
				.map(([id]) => id);
		return {
			random: this._random,
			version: this.version!,
			accepted,
			cleanSession: this.cleanSession,
			atQoS1: ids(1),
			atQoS2: ids(2),
			requests: [...this._requests].map(([id, { type, filters }]) => ({ id, type, filters: filters.length })),
		};
	}

	/** The client hands a packet out: whether it may is judged now, not when the network has taken it. */
	handedOut(bytes: Bytes): ClientPacket {
		const sent = readClientPacket(bytes, this.version);
		if (sent.type === CONNECT) {
			if (this.phase !== "open") failed("a second CONNECT");
		} else if (this.phase !== "connecting" && this.phase !== "accepted") {
			failed(`packet type ${sent.type} while ${this.phase}`);
		}
		this._tooLarge =
			sent.type !== CONNECT && bytes.length > (this._terms.maximumPacketSize ?? Number.POSITIVE_INFINITY);
		if (!this.told || this.tainted) return sent;
		const { maximumQoS, retainAvailable, topicAliasMaximum, receiveMaximum } = this._terms;
		if (this._tooLarge) failed(`a packet of ${bytes.length} bytes, more than ${this._terms.maximumPacketSize}`);
		if (sent.type !== PUBLISH) return sent;
		if (sent.qos > (maximumQoS ?? 2)) failed(`QoS ${sent.qos}, more than the maximum ${maximumQoS}`);
		if (sent.retain && retainAvailable === 0) failed("retain although it is not available");
		if ((sent.alias ?? 0) > (topicAliasMaximum ?? 0)) failed(`topic alias ${sent.alias}`);
		if (sent.qos === 0) return sent;
		let onConnection = 0;
		for (const { connection } of this.inFlight.values()) if (connection === this._connection) onConnection++;
		if (onConnection >= (receiveMaximum ?? 0xffff)) {
			failed(`PUBLISH number ${onConnection + 1} in flight, of ${receiveMaximum}`);
		}
		return sent;
	}

	/** A packet of the client has arrived. */
	arrived(sent: ClientPacket, now: number): void {
		this.packets++;
		if (this._tooLarge && sent.type !== CONNECT) this._refusing = true;
		switch (sent.type) {
			case CONNECT:
				this.version = sent.version;
				this.cleanSession = sent.cleanSession;
				this.clientId = sent.clientId;
				this.phase = "connecting";
				this._refusing = false;
				this._beginSession();
				this._settleTerms();
				return;
			case PUBLISH:
				return this._arrivedPublish(sent, now);
			case PUBACK:
			case PUBREC:
			case PUBCOMP:
				return this._acknowledged(sent.type, sent.id, sent.reasonCode);
			case PUBREL:
				return this._released(sent.id, sent.reasonCode, now);
			case SUBSCRIBE:
			case UNSUBSCRIBE: {
				const { type, id, filters } = sent;
				if (this._requests.has(id) || this.inFlight.has(id)) failed(`packet id ${id} is in use`);
				if (this._refusing) return;
				this._requests.set(id, { type, filters });
				const codes = filters.map(() => this._random.pick(this._answerCodes(type)));
				for (const [index, filter] of filters.entries()) {
					if (type === SUBSCRIBE) this.subscriptions.set(filter, codes[index]!);
					else this.subscriptions.delete(filter);
				}
				this._owe(type === SUBSCRIBE ? SUBACK : UNSUBACK, id, now, codes, filters);
				return;
			}
			case PINGREQ:
				this.pingedSince = Math.min(this.pingedSince, now);
				this._owe(PINGRESP, 0, now);
				return;
			case DISCONNECT:
				this.phase = "ended";
		}
	}

	private _answerCodes(type: number): readonly number[] {
		if (this.version === 5) return REASON_CODES[type + 1]!;
		if (type === UNSUBSCRIBE) return [0];
		return this.version === 4 ? [0, 1, 2, 0x80] : [0, 1, 2];
	}

	private _owe(
		type: number,
		id: number,
		since: number,
		codes: readonly number[] = [0],
		filters: readonly string[] = [],
	): void {
		this.owed.push({ type, id, codes, filters, since });
	}

	private _arrivedPublish(sent: ClientPacket & { type: typeof PUBLISH }, now: number): void {
		const { id, qos, dup, alias } = sent;
		let { topic } = sent;
		if (alias !== undefined) {
			if (topic === "") topic = this._aliases.get(alias) ?? failed(`topic alias ${alias} stands for nothing`);
			this._aliases.set(alias, topic);
		}
		const label = make.labelOf(sent.payload);
		const birth = label === BIRTH;
		const entry = qos > 0 ? this.inFlight.get(id) : undefined;
		if (entry && !this.tainted) {
			if (entry.label !== label) failed(`packet id ${id} for message ${label}, while it is message ${entry.label}'s`);
			if (!dup) failed("a redelivery without DUP");
			if (entry.released) failed("a PUBLISH after its PUBREC");
			if (entry.connection === this._connection) failed("a redelivery on the same connection");
			if (!birth && entry.order < this._redelivered) failed("redeliveries out of order");
		} else if (!this.tainted) {
			if (dup) failed("DUP on the first delivery");
			if (this._requests.has(id)) failed(`packet id ${id} is in use`);
			for (const other of qos > 0 ? this.inFlight.values() : []) {
				if (other.label === label) failed(`message ${label} under a second packet id`);
			}
		}
		// Also under a new id, because its QoS was lowered, a message keeps its place.
		const order = entry?.order ?? this._orders.get(label) ?? ++this._order;
		this._orders.set(label, order);
		if (!birth) {
			this._redelivered = order;
			this.expected.push(`publish ${label} ${this._published.has(label)}`);
			this._published.add(label);
			if (qos < 2) this.restarted.add(label);
		}
		if (qos > (this._terms.maximumQoS ?? 2)) this._refusing = true;
		if (qos === 0) {
			this._deliver(label);
			if (!birth) this.expected.push(`acknowledge ${label}`);
			return;
		}
		this.inFlight.set(id, { label, qos, released: false, connection: this._connection, order, sentAt: now });
		if (this.inFlight.size > WINDOW && !this.tainted) failed(`${this.inFlight.size} messages in flight`);
		if (this._refusing) return;
		const refuses = this.version === 5 && !birth && this._random.oneIn(12);
		const code = refuses ? this._random.pick([0x80, 0x83, 0x87, 0x90, 0x97]) : 0;
		if (qos === 1 || !this._incoming.has(id)) {
			if (!refuses) this._deliver(label);
			if (!refuses && qos === 2) this._incoming.set(id, label);
			return this._owe(qos === 1 ? PUBACK : PUBREC, id, now, [code]);
		}
		if (this._incoming.get(id) !== label && !this.tainted)
			failed(`packet id ${id} before its PUBREL for another message`);
		this._owe(PUBREC, id, now);
	}

	private _deliver(label: number): void {
		if (label === BIRTH) this.birthDelivered = true;
		else this.deliveries.set(label, (this.deliveries.get(label) ?? 0) + 1);
	}

	private _released(id: number, reasonCode: number, now: number): void {
		const entry = this.inFlight.get(id);
		const reply = this._replies.get(PUBREL)?.[0];
		if (reply?.id === id) {
			this._replies.get(PUBREL)!.shift();
			if (reasonCode !== reply.reasonCode && this.version === 5) failed(`a PUBREL with reason code ${reasonCode}`);
		} else if (!this.tainted) {
			if (!entry?.released || entry.connection === this._connection)
				failed(`a PUBREL for ${id} that nothing asked for`);
			if (entry.label !== BIRTH && entry.order < this._releasedAgain) failed("PUBRELs out of order");
		}
		if (entry) {
			if (entry.connection !== this._connection && entry.label !== BIRTH) this._releasedAgain = entry.order;
			entry.connection = this._connection;
			entry.sentAt = now;
		}
		const known = this._incoming.delete(id);
		this._owe(PUBCOMP, id, now, [known ? 0 : 0x92]);
	}

	/** The client acknowledges something of the broker's. */
	private _acknowledged(type: number, id: number, reasonCode: number): void {
		const reply = this._replies.get(type)?.shift();
		if (!this.tainted && reply?.id !== id) failed(`acknowledgement ${type} of ${id} instead of ${reply?.id}`);
		if (reply && this.version === 5 && reasonCode !== reply.reasonCode) failed(`reason code ${reasonCode} for ${id}`);
		const out = this._outgoing.get(id);
		if (!out) return;
		if (type !== PUBREC) this._outgoing.delete(id);
		else if (!out.released) {
			out.released = true;
			this._owe(PUBREL, id, 0);
		}
	}

	/** Whether there is a session to go on with. */
	private _beginSession(): void {
		const { cleanSession, tainted } = this;
		this._present = this._hasSession && !cleanSession && !tainted && !this._random.oneIn(4);
		if (this._present) return;
		// Until the client knows, nothing else can be told to it.
		this._hasSession = false;
		this._incoming.clear();
		this._outgoing.clear();
		this.subscriptions.clear();
		for (const { label } of this.inFlight.values()) this.restarted.add(label);
	}

	/** What the broker takes is settled when it sees the CONNECT; in a session that goes on, most of it stays as it was. */
	private _settleTerms(): void {
		const before = this._terms;
		this._terms = this.version === 5 ? make.randomTerms(this._random) : {};
		if (this._present && this.version === 5) {
			const { maximumQoS, maximumPacketSize } = before;
			delete this._terms.maximumQoS;
			delete this._terms.maximumPacketSize;
			if (maximumQoS !== undefined) this._terms.maximumQoS = maximumQoS;
			if (maximumPacketSize !== undefined) this._terms.maximumPacketSize = maximumPacketSize;
		}
		if (this.version === 5 && this.clientId === "") this._terms.assignedClientIdentifier = "assigned";
	}

	/** The CONNACK that accepts, and what has to follow it. */
	accept(): Segment[] {
		const version = this.version!;
		const present = this._present;
		const terms = this._terms;
		this.phase = "accepted";
		const effect = () => {
			this.told = true;
			// MQTT 3.1 has no way to begin a new session that the client is sure of.
			this.tainted &&= version === 3 && !this.cleanSession;
			this._hasSession = !this.cleanSession;
			// MQTT 3.1 does not tell: its client goes on as if there was one, unless it asked for a clean one.
			if (!present && (version > 3 || this.cleanSession)) {
				this._clientReceived.clear();
				for (const [id, { connection }] of this.inFlight) if (connection !== this._connection) this.inFlight.delete(id);
			}
			// What is of a QoS that the broker does not take, the client has to send anew.
			const maximumQoS = this.lowered && version < 5 ? 1 : (terms.maximumQoS ?? 2);
			for (const [id, { qos, released, label, connection }] of this.inFlight) {
				if (qos <= maximumQoS || released || connection === this._connection) continue;
				this.inFlight.delete(id);
				this.restarted.add(label);
				// Nothing comes under its id any more.
				if (this.lowered) this._incoming.delete(id);
			}
			this.expected.push(`connect ${present && version > 3} ${version}`);
		};
		const bytes = make.connack(this._random, version, present && version > 3, 0, terms);
		const segments: Segment[] = [{ bytes, verdict: "valid", kind: "CONNACK", effect }];
		for (const [id, out] of this._outgoing) segments.push(out.released ? this._pubrel(id) : this._publishAgain(out));
		if (this._refusing) {
			const bytes = packet(0xe0, [this._tooLarge ? 0x95 : 0x9b, 0]);
			segments.push({
				bytes,
				verdict: "violation",
				kind: "DISCONNECT for what it does not take, which is no violation",
			});
		}
		return segments;
	}

	/** The client has done with a message; returns how often it was delivered, 1 for any number that is allowed, if that tells anything. */
	finished(label: number): number | undefined {
		const delivered = this.deliveries.get(label) ?? 0;
		this.deliveries.delete(label);
		this._published.delete(label);
		const again = this.restarted.delete(label);
		return this.tainted ? undefined : again ? Math.min(delivered, 1) : delivered;
	}

	/** Forgets whatever the client may have misunderstood; the next CONNACK begins a new session. */
	taint(): void {
		this.tainted = true;
		this.expected.length = 0;
	}

	/** The answer that is due at `index` of `owed`. */
	answer(index: number): Segment {
		const version = this.version!;
		const { type, id, codes, filters } = this.owed.splice(index, 1)[0]!;
		const code = codes[0] ?? 0;
		const random = this._random;
		switch (type) {
			case PINGRESP:
				return {
					bytes: packet(0xd0, []),
					verdict: "valid",
					kind: "PINGRESP",
					effect: () => {
						this.pingedSince = Number.POSITIVE_INFINITY;
					},
				};
			case PUBREL:
				return this._pubrel(id);
			case SUBACK:
			case UNSUBACK: {
				const bytes = make.answer(random, version, type, id, codes);
				const effect = () => {
					this._requests.delete(id);
					const what = type === SUBACK ? "subscribe" : "unsubscribe";
					for (const [index, filter] of filters.entries()) {
						this.expected.push(`${what} ${filter} ${type === UNSUBACK && version < 5 ? 0 : codes[index]}`);
					}
				};
				return { bytes, verdict: "valid", kind: type === SUBACK ? "SUBACK" : "UNSUBACK", effect };
			}
			default: {
				const sent = code < 0x80 && random.oneIn(40) ? this._ofOtherQoS(type, id) : type;
				const bytes = make.acknowledgement(random, version, sent, id, version === 5 ? code : 0);
				return {
					bytes,
					verdict: "valid",
					kind: `acknowledgement ${sent}`,
					effect: () => this._acknowledge(sent, id, code),
				};
			}
		}
	}

	/** The type of the answer that a broker which mistakes QoS 1 and 2 gives. */
	private _ofOtherQoS(type: number, id: number): number {
		const entry = this.inFlight.get(id);
		if (!entry || type === PUBCOMP) return type;
		if (type === PUBACK) return PUBREC;
		// It would take a redelivery for a new message.
		this._incoming.delete(id);
		this.restarted.add(entry.label);
		return PUBACK;
	}

	/**
	 * An answer that nothing waits for, or that of another type: the client takes no
	 * notice of it. Nothing else may be on its way.
	 */
	stray(): Segment {
		const random = this._random;
		const version = this.version!;
		const type = random.pick([PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK]);
		const { atQoS1, atQoS2, requests } = this.situation(true);
		// Client ids count up from 1.
		let id = random.between(0xf000, 0xffff);
		if (type === PUBCOMP && random.oneIn(2)) id = [...atQoS1, ...atQoS2][0] ?? id;
		if (type === SUBACK || type === UNSUBACK) {
			if (random.oneIn(2)) id = requests.find((request) => request.type !== type - 1)?.id ?? id;
			const what = `${type === SUBACK ? "a SUBACK" : "an UNSUBACK"} for the packet id ${id}, which does not wait for it`;
			const bytes = make.answer(random, version, type, id, [0]);
			return { bytes, verdict: "valid", kind: "stray", effect: () => void this.expected.push(`unexpected ${what}`) };
		}
		const effect = () => {
			if (type === PUBREC) this._reply(PUBREL, id, 0x92);
			if (type === PUBACK) this.expected.push(`unexpected a PUBACK for the packet id ${id}, which is not in flight`);
		};
		return { bytes: make.acknowledgement(random, version, type, id), verdict: "valid", kind: "stray", effect };
	}

	/** The client has an acknowledgement of one of its messages. */
	private _acknowledge(type: number, id: number, code: number): void {
		const entry = this.inFlight.get(id);
		if (!entry) return;
		if ((type === PUBACK) !== (entry.qos === 1)) {
			this.expected.push(`unexpected a ${type === PUBACK ? "PUBACK" : "PUBREC"} for a message of QoS ${entry.qos}`);
		}
		if (type === PUBREC && code < 0x80) {
			this._reply(PUBREL, id, 0);
			if (entry.qos === 2) {
				entry.released = true;
				return;
			}
		}
		this.inFlight.delete(id);
		if (entry.label === BIRTH) return;
		if (code >= 0x80 && type !== PUBCOMP) this.expected.push(`reject ${entry.label} ${code}`);
		else this.expected.push(`acknowledge ${entry.label}`);
	}

	private _reply(type: number, id: number, reasonCode: number): void {
		const replies = this._replies.get(type);
		if (replies) replies.push({ id, reasonCode });
		else this._replies.set(type, [{ id, reasonCode }]);
	}

	private _pubrel(id: number): Segment {
		const bytes = make.acknowledgement(this._random, this.version!, PUBREL, id);
		const effect = () => this._reply(PUBCOMP, id, this._clientReceived.delete(id) ? 0 : 0x92);
		return { bytes, verdict: "valid", kind: "PUBREL", effect };
	}

	/** A new message to the client, or `undefined` while it has enough of them. */
	publish(): Segment | undefined {
		const random = this._random;
		if (this._outgoing.size >= OUTGOING_MAXIMUM) return undefined;
		const qos = random.below(3);
		let id = 0;
		if (qos > 0) {
			do this._nextId = random.oneIn(20) ? random.between(1, 0xffff) : (this._nextId % 0xffff) + 1;
			while (this._outgoing.has(this._nextId) || this._clientReceived.has(this._nextId));
			id = this._nextId;
		}
		const payload = make.payloadOf(random, this._nextLabel++);
		// Some are larger than the client takes, or just not.
		if (random.oneIn(40)) for (let more = random.pick([4_040, 4_096, 9_000]); more > 0; more--) payload.push(0x2e);
		const out = {
			qos,
			retain: random.oneIn(4),
			dup: false,
			topic: random.pick(make.TOPICS),
			id,
			payload,
			released: false,
		};
		if (qos > 0) this._outgoing.set(id, out);
		return this._publishSegment(out);
	}

	private _publishAgain(out: Out): Segment {
		return this._publishSegment({ ...out, dup: true });
	}

	private _publishSegment(out: make.Published): Segment {
		const { id, qos, topic, payload, retain, dup } = out;
		const effect = () => {
			if (qos < 2 || !this._clientReceived.has(id)) {
				if (isOversized(bytes)) this.expected.push(`oversized ${bytes.length}`);
				else this.expected.push(`message ${topic} ${make.labelOf(payload)} ${payload.length} ${qos} ${retain} ${dup}`);
			}
			if (qos === 2) this._clientReceived.add(id);
			if (qos > 0) this._reply(qos === 1 ? PUBACK : PUBREC, id, 0);
		};
		const bytes = make.publish(this._random, this.version!, out);
		return { bytes, verdict: "valid", kind: `PUBLISH at QoS ${qos}`, effect };
	}
}
