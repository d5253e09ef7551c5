/** Acknowledgements of a simulated broker: how they leave, and what goes wrong with them. */

import type { Event, Scheduler } from "../scheduler.ts";
import { type FaultSource, happens } from "./faults.ts";
import { encodePacket, type Version } from "./packets.ts";

/** How far a wrong packet id is from the right one: no client has that many in use. */
const FAR_AWAY = 0x8000;
/** Bytes of garbage at most. */
const GARBAGE_MAXIMUM = 64;
/** By how many bytes a packet is too large, at least and at most. */
const TOO_LARGE_BY = [1, 60_000] as const;
/** What a client takes that does not say it, in bytes. */
const ASSUMED_PACKET_SIZE = 4_096;

export interface Acknowledgement {
	readonly cmd: "puback" | "pubrec" | "pubcomp";
	readonly packetId: number;
	readonly reasonCode: number;
}

export interface AcknowledgementOptions extends FaultSource {
	readonly scheduler: Scheduler;
	readonly version: Version;
	readonly maximumPacketSize: number | undefined;
	readonly write: (bytes: Uint8Array<ArrayBuffer>) => void;
	/** An acknowledgement of this message has left. */
	readonly onSent: (acknowledgement: Acknowledgement) => void;
}

export class Acknowledgements {
	private readonly _options: AcknowledgementOptions;
	private readonly _delayed = new Set<Event>();
	private _latestDue = 0;

	constructor(options: AcknowledgementOptions) {
		this._options = options;
	}

	/** Sends it at once, or later, but behind those before it; or does something else in its place. */
	send(acknowledgement: Acknowledgement): void {
		const { scheduler, random, tally, faults } = this._options;
		if (faults.acknowledgementDelay <= 0 && this._delayed.size === 0) return this._leave(acknowledgement);
		if (faults.acknowledgementDelay > 0) tally.count("broker: delayed acknowledgement");
		const due = scheduler.now + random.next() * faults.acknowledgementDelay;
		this._latestDue = Math.max(this._latestDue, due);
		const event = scheduler.at(this._latestDue, () => {
			this._delayed.delete(event);
			this._leave(acknowledgement);
		});
		this._delayed.add(event);
	}

	/** Those that wait will not leave any more. */
	stop(): void {
		for (const event of this._delayed) this._options.scheduler.cancel(event);
		this._delayed.clear();
	}

	private _leave(acknowledgement: Acknowledgement): void {
		const { faults, write, onSent } = this._options;
		if (happens(this._options, "garbage", faults.garbage)) write(this._garbage());
		if (happens(this._options, "oversized packet", faults.oversizedPacket)) write(this._oversized());
		if (happens(this._options, "lost acknowledgement", faults.lostAcknowledgement)) return;
		if (happens(this._options, "wrong acknowledgement", faults.wrongAcknowledgement)) {
			const wrong = this._wrong(acknowledgement);
			this._write(wrong);
			// To its broker the message is acknowledged.
			if (wrong.packetId === acknowledgement.packetId) onSent(wrong);
			return;
		}
		this._write(acknowledgement);
		if (happens(this._options, "duplicate acknowledgement", faults.duplicateAcknowledgement))
			this._write(acknowledgement);
		onSent(acknowledgement);
	}

	private _write({ cmd, packetId, reasonCode }: Acknowledgement): void {
		const { write, version } = this._options;
		write(encodePacket({ cmd, messageId: packetId, reasonCode }, version));
	}

	private _wrong({ cmd, packetId, reasonCode }: Acknowledgement): Acknowledgement {
		const far = ((packetId + FAR_AWAY) % 0xffff) + 1;
		const other = cmd === "puback" ? "pubrec" : "puback";
		// A PUBACK in place of a PUBCOMP would be right for nobody, and wrong for no message that counts. In place of a
		// refusal it would end a message that the broker has not taken: no client could know.
		if (cmd === "pubcomp" || reasonCode >= 0x80 || this._options.random.chance(0.5))
			return { cmd, packetId: far, reasonCode: 0 };
		return { cmd: other, packetId, reasonCode: 0 };
	}

	/** Its first byte is no packet type, so that it cannot be taken for an acknowledgement by chance. */
	private _garbage(): Uint8Array<ArrayBuffer> {
		const { random } = this._options;
		const bytes = Uint8Array.from({ length: random.integer(1, GARBAGE_MAXIMUM) }, () => random.integer(0, 0xff));
		bytes[0] = random.integer(0, 0x0f);
		return bytes;
	}

	private _oversized(): Uint8Array<ArrayBuffer> {
		const { random, version, maximumPacketSize = ASSUMED_PACKET_SIZE } = this._options;
		const payload = new Uint8Array(maximumPacketSize + random.integer(...TOO_LARGE_BY));
		return encodePacket({ cmd: "publish", topic: "oversized", payload, qos: 0, retain: false, dup: false }, version);
	}
}
