/**
 * Deliberate bugs, to see whether the simulated worlds notice them. Each changes what the other parts of
 * the station use of one of them, a class or a function; how that one does it is not asked.
 */

import type { Bytes, Flash, SocketOptions } from "../../../src/host.ts";
import { Backoff } from "../../../src/net/backoff.ts";
import { Connection } from "../../../src/net/mqtt/connection.ts";
import { Handshake } from "../../../src/net/mqtt/handshake.ts";
import { InFlight, type InFlightMessage } from "../../../src/net/mqtt/in-flight.ts";
import { KeepAlive } from "../../../src/net/mqtt/keep-alive.ts";
import type { Message, ReceivedMessage } from "../../../src/net/mqtt/message.ts";
import { Outbound } from "../../../src/net/mqtt/outbound.ts";
import type { Connack, Packet } from "../../../src/net/mqtt/packet.ts";
import { PacketIds } from "../../../src/net/mqtt/packet-ids.ts";
import { DISCONNECT_WITH_WILL } from "../../../src/net/mqtt/reason-codes.ts";
import { Session, type SessionOptions } from "../../../src/net/mqtt/session.ts";
import { Suspicion } from "../../../src/net/mqtt/suspicion.ts";
import { isAnswer } from "../../../src/net/sntp.ts";
import { isJump } from "../../../src/net/time-sync.ts";
import { WebSocket, type WebSocketUrl } from "../../../src/net/websocket.ts";
import { crc16 } from "../../../src/outbox/crc16.ts";
import { Log } from "../../../src/outbox/log.ts";
import { Outbox, type OutboxHost, type OutboxSettings } from "../../../src/outbox/outbox.ts";
import { decodeClockNote, decodeReading, encodeReading } from "../../../src/outbox/record.ts";
import { COMMITTED, encodeSlot, type LogRecord, NOTE } from "../../../src/outbox/slot.ts";
import { Sampler } from "../../../src/sensors/sampler.ts";
import { Commands } from "../../../src/station/commands.ts";
import { SleepCycle } from "../../../src/station/sleep-cycle.ts";
import { canBeNow } from "../../../src/wall-clock.ts";
import type { Part } from "./seams.ts";

export interface Mutant {
	readonly name: string;
	/** Of a world that notices it in half a day. It is tried first. */
	readonly seed: number;
	readonly original: Part;
	readonly changed: Part;
}

/** As it is without a bug. */
const encoded = encodeSlot;

function mutant<Original extends Part>(
	name: string,
	seed: number,
	original: Original,
	changed: NoInfer<Original>,
): Mutant {
	return { name, seed, original, changed };
}

export const MUTANTS: readonly Mutant[] = [
	mutant(
		"a session that is present is taken for the one with the subscriptions",
		9,
		Handshake,
		class<M extends Message> extends Handshake<M> {
			override accept(connection: Connection<M>, packet: Connack, now: number) {
				return { ...super.accept(connection, packet, now), keepsSubscriptions: packet.sessionPresent };
			}
		},
	),
	mutant(
		"a redelivery without DUP",
		6,
		Connection,
		class<M> extends Connection<M> {
			override leave(packet: Packet, now: number, entry?: InFlightMessage<M>, message?: M) {
				return super.leave(packet.cmd === "publish" ? { ...packet, dup: false } : packet, now, entry, message);
			}
		},
	),
	mutant(
		"a packet id used again while in flight",
		4,
		PacketIds,
		class extends PacketIds {
			override take() {
				return ((super.take() - 1) % 4) + 1;
			}
		},
	),
	mutant(
		"PUBLISH again in place of PUBREL",
		28,
		InFlight,
		class<M extends Message> extends InFlight<M> {
			override disconnected() {
				super.disconnected();
				for (const entry of this.entries()) entry.released = false;
			}
		},
	),
	mutant(
		"the session kept that the broker has lost",
		11,
		Outbound,
		class<M extends Message> extends Outbound<M> {
			override resume(connection: Connection<M>, _isResumed: boolean, now: number) {
				super.resume(connection, true, now);
			}
		},
	),
	mutant(
		"no acknowledgement timeout",
		1,
		Connection,
		class<M> extends Connection<M> {
			override deadline(_sentAt: number, lastDue: number) {
				return super.deadline(Number.POSITIVE_INFINITY, lastDue);
			}

			override check(_sentAt: number, now: number) {
				super.check(Number.POSITIVE_INFINITY, now);
			}
		},
	),
	mutant(
		"no birth message in a resumed session",
		1,
		Outbound,
		class<M extends Message> extends Outbound<M> {
			private _resumed: Connection<M> | undefined;

			override resume(connection: Connection<M>, isResumed: boolean, now: number) {
				if (isResumed) this._resumed = connection;
				super.resume(connection, isResumed, now);
			}

			override giveBirth(connection: Connection<M>, now: number) {
				if (connection !== this._resumed) super.giveBirth(connection, now);
			}
		},
	),
	mutant(
		"no PINGREQ",
		9,
		KeepAlive,
		class extends KeepAlive {
			override pingDue() {
				return Number.POSITIVE_INFINITY;
			}
		},
	),
	mutant(
		"a backoff that does not grow",
		16,
		Backoff,
		class extends Backoff {
			override next() {
				this.reset();
				return super.next();
			}
		},
	),
	mutant(
		"a backoff that does not start over",
		2,
		Backoff,
		class extends Backoff {
			override lived() {
				return false;
			}
		},
	),
	mutant(
		"a network that is gone taken for a broker that refuses",
		1,
		Backoff,
		class extends Backoff {
			override away(now: number) {
				return super.away(now, true);
			}
		},
	),
	mutant(
		"a broker that refuses taken for a network that is gone",
		1,
		Backoff,
		class extends Backoff {
			override away(now: number) {
				return super.away(now, false);
			}
		},
	),
	mutant(
		"an attempt as patient in an outage as ever",
		1,
		Backoff,
		class extends Backoff {
			override patience() {
				return 15_000;
			}
		},
	),
	mutant(
		"silence that only the keep-alive asks about",
		1,
		KeepAlive,
		class extends KeepAlive {
			override pingDue() {
				return super.pingDue(Number.POSITIVE_INFINITY);
			}
		},
	),
	mutant(
		"round trips that are never believed to be short again",
		1,
		KeepAlive,
		class extends KeepAlive {
			constructor(seconds: number, now: number) {
				super(seconds, now, Number.POSITIVE_INFINITY);
			}
		},
	),
	mutant(
		"life that is taken for silence",
		2,
		KeepAlive,
		class extends KeepAlive {
			override received(sentAt: number, now: number) {
				const { aliveAt } = this;
				super.received(sentAt, now);
				this.aliveAt = aliveAt;
			}
		},
	),
	mutant(
		"acknowledged when it is sent",
		1,
		Outbox,
		class extends Outbox {
			override take(now: number, hurried?: boolean) {
				const taken = super.take(now, hurried);
				if (taken && taken.handle >= 0) this.acknowledge(taken.handle);
				return taken;
			}
		},
	),
	mutant(
		"lost when the broker refuses it",
		7,
		Outbox,
		class extends Outbox {
			override putBack(handle: number) {
				this.acknowledge(handle);
			}
		},
	),
	mutant(
		"lost when the broker does not bear it",
		11,
		Outbox,
		class extends Outbox {
			override setAside(handle: number) {
				this.acknowledge(handle);
			}
		},
	),
	mutant(
		"sent again for ever to a broker that does not bear it",
		11,
		Suspicion,
		class<M> extends Suspicion<M> {
			override convict() {
				return undefined;
			}
		},
	),
	mutant(
		"numbers that begin anew after a power cut",
		1,
		Log,
		class extends Log {
			override get lastSeq() {
				return this.waiting;
			}
		},
	),
	mutant(
		"a time of another run",
		15,
		Log,
		class extends Log {
			/** The last one whose readings, or time, were written. */
			private _run: number | undefined;

			override append(record: LogRecord) {
				this._run = (decodeClockNote(record) ?? decodeReading(record)).run ?? this._run;
				return super.append(record);
			}

			override read(position: number) {
				const record = super.read(position);
				const reading = record && decodeReading(record);
				return reading?.run === undefined ? record : encodeReading({ ...reading, run: this._run ?? reading.run });
			}
		},
	),
	mutant(
		"a reading that is asked for again is passed over",
		4,
		Outbox,
		class extends Outbox {
			override search(place: number, seq: number) {
				const found = super.search(place, seq);
				return found && { ...found, isWaiting: found.isWaiting || found.place % 7 === 0 };
			}
		},
	),
	mutant(
		"a reading that is there is said to be gone",
		4,
		Log,
		class extends Log {
			override recall(position: number) {
				return position % 11 === 0 ? undefined : super.recall(position);
			}
		},
	),
	mutant(
		"a reading that is asked for again begins too late",
		11,
		Log,
		class extends Log {
			override before(seq: number) {
				return super.before(seq + 40);
			}
		},
	),
	mutant(
		"a fresh reading behind the backlog",
		25,
		Outbox,
		class extends Outbox {
			constructor(host: OutboxHost, settings: OutboxSettings) {
				super(host, { ...settings, order: "oldest" });
			}
		},
	),
	mutant(
		"late readings at state",
		2,
		Outbox,
		class extends Outbox {
			override take(now: number, hurried?: boolean) {
				const taken = super.take(now, hurried);
				return taken && { ...taken, isNewest: true };
			}
		},
	),
	mutant(
		"two readings on their way to state",
		4,
		Outbox,
		class extends Outbox {
			override take(now: number, hurried?: boolean) {
				this.holdsNewest = false;
				return super.take(now, hurried);
			}
		},
	),
	mutant(
		"a backlog without a pace",
		11,
		Outbox,
		class extends Outbox {
			constructor(host: OutboxHost, settings: OutboxSettings) {
				super(host, { ...settings, backlogRate: Number.POSITIVE_INFINITY });
			}
		},
	),
	mutant("a slot's checksum that finds nothing", 979, crc16, () => 0),
	mutant(
		"evicted readings not counted",
		11,
		Log,
		class extends Log {
			override append(record: LogRecord) {
				// What is acknowledged is not evicted.
				for (let at = this.next(0); this.full && at !== undefined; at = this.next(at + 1)) this.acknowledge(at);
				return super.append(record);
			}
		},
	),
	mutant(
		"a block opened without an erase",
		11,
		Log,
		class extends Log {
			constructor(flash: Flash, onRecord?: (record: LogRecord, position: number) => void) {
				super({ ...flash, eraseBlock: () => {} }, onRecord);
			}
		},
	),
	mutant(
		"acknowledged in RAM only",
		1,
		Log,
		class extends Log {
			private readonly _acknowledged = new Set<number>();

			override get waiting() {
				return super.waiting - this._acknowledged.size;
			}

			override read(position: number) {
				return this._acknowledged.has(position) ? undefined : super.read(position);
			}

			override acknowledge(position: number) {
				this._acknowledged.add(position);
				return true;
			}
		},
	),
	mutant("committed before it is written", 31, encodeSlot, (record: LogRecord) => {
		const slot = encoded(record);
		if (record.kind < NOTE) slot[0] = COMMITTED;
		return slot;
	}),
	mutant("a start that reads the newest block alone", 6, encodeSlot, (record: LogRecord) => {
		if (record.kind !== 0xff) return encoded(record);
		const body = record.body.slice();
		// A header's number of the blocks before it that have to be read, plus 1.
		body[12] = 1;
		return encoded({ ...record, body });
	}),
	mutant(
		"no more samples after a failed one",
		1,
		Sampler,
		class extends Sampler {
			private _failed = false;

			override get deadline() {
				return this._failed ? Number.POSITIVE_INFINITY : super.deadline;
			}

			override tick(now: number) {
				super.tick(now);
				this._failed ||= this.retrying;
			}
		},
	),
	mutant(
		"a restart carried out again",
		772,
		Commands,
		class extends Commands {
			override receive(name: string, message: ReceivedMessage) {
				super.receive(name, name === "restart" ? { ...message, dup: false } : message);
			}
		},
	),
	mutant(
		"asleep with a plain DISCONNECT",
		41,
		Session,
		class<M extends Message> extends Session<M> {
			override disconnect(reasonCode?: number) {
				return super.disconnect(reasonCode === DISCONNECT_WITH_WILL ? 0 : reasonCode);
			}
		},
	),
	mutant(
		"a will that does not wait for the next wake",
		41,
		Session,
		class<M extends Message> extends Session<M> {
			constructor(options: SessionOptions<M>) {
				super(Object.create(options, { will: { value: options.will && { ...options.will, properties: {} } } }));
			}
		},
	),
	mutant(
		"awake for as long as the broker is away",
		3,
		SleepCycle,
		class extends SleepCycle {
			override start() {}
		},
	),
	mutant(
		"awake until its time is over",
		25,
		SleepCycle,
		class extends SleepCycle {
			override nothingInFlight() {}
		},
	),
	mutant(
		"asleep before it has a reading",
		25,
		SleepCycle,
		class extends SleepCycle {
			override start() {
				super.start();
				this.sampled();
			}
		},
	),
	mutant("any datagram taken for the time server's", 101, isAnswer, (datagram) => datagram.byteLength >= 48),
	mutant("a time that cannot be", 17, canBeNow, () => true),
	mutant("a jump on the word of one answer", 344, isJump, () => false),
	mutant(
		"a long frame of a WebSocket without its last byte",
		3,
		WebSocket,
		class extends WebSocket {
			override write(bytes: Bytes) {
				return super.write(bytes.length > 125 ? bytes.subarray(0, -1) : bytes);
			}
		},
	),
	mutant(
		"a WebSocket that keeps its end to itself",
		17,
		WebSocket,
		class extends WebSocket {
			constructor(options: SocketOptions, url: WebSocketUrl) {
				super({ ...options, onError: () => {} }, url);
			}
		},
	),
	mutant(
		"what the flash refused taken for kept",
		3,
		Log,
		class extends Log {
			constructor(flash: Flash, onRecord?: (record: LogRecord, position: number) => void) {
				super(believing(flash), onRecord);
			}
		},
	),
];

/** Flash that shows what was written to it, whether it took that or not. */
function believing(flash: Flash): Flash {
	const { blockLength, blocks } = flash.status();
	const shown = new Uint8Array(flash.read(blocks * blockLength, 0).slice(0));
	return {
		status: () => flash.status(),
		read: (byteLength, byteOffset) => shown.slice(byteOffset, byteOffset + byteLength).buffer,
		write: (bytes, byteOffset) => {
			bytes.forEach((byte, index) => {
				shown[byteOffset + index]! &= byte;
			});
			flash.write(bytes, byteOffset);
		},
		eraseBlock: (block) => {
			shown.fill(0xff, block * blockLength, (block + 1) * blockLength);
			flash.eraseBlock(block);
		},
	};
}
