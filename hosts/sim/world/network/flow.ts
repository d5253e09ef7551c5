/**
 * One direction of a simulated TCP connection: bytes that wait for their
 * segment, segments on their way, and bytes that arrived and that nobody has
 * read. They arrive in order and complete, or not at all.
 */
import type { Bytes } from "../../../../src/host.ts";
import type { Event } from "../scheduler.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { Medium } from "./conditions.ts";

/** Bytes that the receiver holds unread, and bytes that the sender may have unacknowledged: lwIP's default, four segments. */
export const WINDOW = 5_744;
/** Bytes of a segment at most. */
const SEGMENT_MAXIMUM = 1_436;
/** How long written bytes may wait for more to share their segment, where segments are random, in ms. */
const COALESCING_MS = 20;
/** Bytes of a small random segment at most; every second one is small. */
const SMALL_SEGMENT = 16;

/** Whom a flow tells; each of them as the last thing that it does. */
export interface FlowListener {
	/** To the receiver: there are more bytes to read. */
	arrived(): void;
	/** To the receiver: the sender has closed, and everything was delivered. */
	finished(): void;
	/** To the sender: there is room again. */
	acknowledged(): void;
	/** To the sender: it has not been acknowledged for too long. */
	gaveUp(): void;
	/** Something arrived where nobody is, and there is an answer to that. */
	unwanted(): void;
}

interface Segment {
	readonly bytes: Bytes;
	/** Whether it is the FIN. */
	readonly last: boolean;
	readonly event: Event;
}

const NOTHING: Bytes = new Uint8Array(0);

export class Flow {
	private readonly _medium: Medium;
	private readonly _listener: FlowListener;
	private readonly _waiting = new ByteQueue();
	private readonly _arrived = new ByteQueue();
	private _flying: Segment[] = [];
	private _flyingBytes = 0;
	/** Bytes delivered whose acknowledgement has not reached the sender. */
	private _delivered = 0;
	private _close: "no" | "waiting" | "sent" = "no";
	private _senderGone = false;
	private _latestArrival = 0;
	/** When the last byte that was sent has left. */
	private _lineFree = 0;
	/** The moment to go on sending, the acknowledgement under way, and the sender's patience. */
	private _resumption: Event | undefined;
	private _acknowledgement: Event | undefined;
	private _patience: Event | undefined;
	/**
	 * What becomes of what arrives: "reset" answers it, "silence" loses it, which the
	 * sender notices, "discard" loses it, which the sender does not notice.
	 */
	sink: "deliver" | "reset" | "silence" | "discard" = "deliver";

	constructor(medium: Medium, listener: FlowListener) {
		this._medium = medium;
		this._listener = listener;
	}

	/** When something was sent last, or is to arrive, in ms. */
	get activeAt(): number {
		return this._latestArrival;
	}

	/** Bytes written that have not arrived. */
	get outstanding(): number {
		return this._waiting.length + this._flyingBytes;
	}

	/** Bytes written that the sender has to keep. */
	get unacknowledged(): number {
		return this.outstanding + this._delivered;
	}

	/** Bytes that may be read. */
	get unread(): number {
		return this._arrived.length;
	}

	/** Whether the sender is waiting for an acknowledgement that cannot come. */
	get unanswered(): boolean {
		return this._patience !== undefined;
	}

	/** Nothing arrives before `time`. */
	notBefore(time: number): void {
		this._latestArrival = time;
	}

	write(bytes: Bytes): void {
		this._waiting.push(bytes);
		if (this._medium.conditions.segmentation === "random") {
			this._resumeAfter(this._medium.random.next() * COALESCING_MS);
		} else this._send();
	}

	/** Closes: the FIN follows what was written. */
	close(): void {
		if (this._close !== "no") return;
		this._close = "waiting";
		this._send();
	}

	/** At most `byteLength` of the bytes that arrived together. */
	read(byteLength: number): Bytes | undefined {
		if (this._arrived.length === 0) return undefined;
		const bytes = this._arrived.takeOfFirst(byteLength);
		if (this._waiting.length > 0) this._resumeAfter(this._medium.delay());
		return bytes;
	}

	/** The sender is gone without a word: what has left still arrives. */
	senderLost(): void {
		this._senderGone = true;
		this._waiting.clear();
		this._close = "no";
		this._stop();
	}

	/** Nothing happens any more; what arrived may still be read. */
	abort(): void {
		this.senderLost();
		for (const { event } of this._flying) this._medium.scheduler.cancel(event);
		this._flying = [];
		this._flyingBytes = 0;
	}

	linkLost(): void {
		const lost = this._flying;
		for (const { event } of lost) this._medium.scheduler.cancel(event);
		this._flying = [];
		this._flyingBytes = 0;
		this._stop({ butPatience: true });
		if (this._senderGone) return;
		this._waiting.unshift(lost.filter(({ last }) => !last).map(({ bytes }) => bytes));
		if (this._close === "sent") this._close = "waiting";
		if (this.unacknowledged > 0 || this._close === "waiting") this._expectAcknowledgement();
	}

	/** What was lost is repeated `delay` ms from now. */
	linkReturned(delay: number): void {
		if (!this._patience || this.sink === "silence") return;
		this._medium.scheduler.cancel(this._patience);
		this._patience = undefined;
		if (this._waiting.length > 0 || this._close === "waiting") {
			this._medium.count("network: repeated segments");
			this._resumeAfter(delay);
		}
		if (this._delivered > 0) this._acknowledgeAfter(delay + 2 * this._medium.delay());
	}

	private _stop({ butPatience = false } = {}): void {
		const { scheduler } = this._medium;
		scheduler.cancel(this._resumption);
		scheduler.cancel(this._acknowledgement);
		this._resumption = this._acknowledgement = undefined;
		if (butPatience) return;
		scheduler.cancel(this._patience);
		this._patience = undefined;
	}

	private _resumeAfter(delay: number): void {
		this._resumption ??= this._medium.scheduler.after(delay, () => {
			this._resumption = undefined;
			this._send();
		});
	}

	/** Sends as much as the receiver's window takes. */
	private _send(): void {
		if (this._resumption || this._senderGone) return;
		if (!this._medium.conditions.linkUp) return this._expectAcknowledgement();
		while (this._waiting.length > 0) {
			const room = WINDOW - this._flyingBytes - this._arrived.length;
			if (room <= 0) return;
			this._fly(this._waiting.take(this._segmentSize(Math.min(room, SEGMENT_MAXIMUM))), false);
		}
		if (this._close !== "waiting") return;
		this._close = "sent";
		this._fly(NOTHING, true);
	}

	private _segmentSize(most: number): number {
		const { random, conditions } = this._medium;
		if (conditions.segmentation === "bytes") return 1;
		if (conditions.segmentation === "whole") return Math.min(most, this._waiting.first);
		return Math.min(most, this._waiting.length, random.integer(1, random.chance(0.5) ? SMALL_SEGMENT : most));
	}

	private _fly(bytes: Bytes, last: boolean): void {
		const { scheduler, conditions } = this._medium;
		this._lineFree = Math.max(this._lineFree, scheduler.now) + conditions.byteTime * bytes.length;
		this._latestArrival = Math.max(this._latestArrival, this._lineFree + this._medium.delay());
		const event = scheduler.at(this._latestArrival, () => this._arrive());
		this._flying.push({ bytes, last, event });
		this._flyingBytes += bytes.length;
	}

	private _arrive(): void {
		const { bytes, last } = this._flying.shift()!;
		this._flyingBytes -= bytes.length;
		if (this.sink === "reset") return this._listener.unwanted();
		if (this.sink === "silence") {
			this._delivered += bytes.length;
			if (!this._senderGone) this._expectAcknowledgement();
			return;
		}
		if (bytes.length > 0 && !this._senderGone) {
			this._delivered += bytes.length;
			this._acknowledgeAfter(this._medium.delay());
		}
		if (this.sink === "discard") return;
		if (last) return this._listener.finished();
		this._arrived.push(bytes);
		this._listener.arrived();
	}

	/** One acknowledgement serves for all that arrives until it is there. */
	private _acknowledgeAfter(delay: number): void {
		this._acknowledgement ??= this._medium.scheduler.after(delay, () => {
			this._acknowledgement = undefined;
			this._delivered = 0;
			this._listener.acknowledged();
		});
	}

	private _expectAcknowledgement(): void {
		const { scheduler, conditions } = this._medium;
		this._patience ??= scheduler.after(conditions.giveUpAfter, () => {
			this._patience = undefined;
			this._medium.count("network: connection given up");
			this._listener.gaveUp();
		});
	}
}
