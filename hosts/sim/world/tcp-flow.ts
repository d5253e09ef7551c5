/**
 * One direction of a simulated TCP connection: bytes that wait for their
 * segment, segments on their way, and bytes that arrived and that nobody has
 * read. They arrive in order and complete, or not at all.
 */
import type { Bytes } from "../../../src/host.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { Medium } from "./conditions.ts";
import type { Event } from "./scheduler.ts";

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
	readonly #medium: Medium;
	readonly #listener: FlowListener;
	readonly #waiting = new ByteQueue();
	readonly #arrived = new ByteQueue();
	#flying: Segment[] = [];
	#flyingBytes = 0;
	/** Bytes delivered whose acknowledgement has not reached the sender. */
	#delivered = 0;
	#close: "no" | "waiting" | "sent" = "no";
	#senderGone = false;
	#latestArrival = 0;
	/** The moment to go on sending, the acknowledgement under way, and the sender's patience. */
	#resumption: Event | undefined;
	#acknowledgement: Event | undefined;
	#patience: Event | undefined;
	/**
	 * What becomes of what arrives: "reset" answers it, "silence" loses it, which the
	 * sender notices, "discard" loses it, which the sender does not notice.
	 */
	sink: "deliver" | "reset" | "silence" | "discard" = "deliver";

	constructor(medium: Medium, listener: FlowListener) {
		this.#medium = medium;
		this.#listener = listener;
	}

	/** Bytes written that have not arrived. */
	get outstanding(): number {
		return this.#waiting.length + this.#flyingBytes;
	}

	/** Bytes written that the sender has to keep. */
	get unacknowledged(): number {
		return this.outstanding + this.#delivered;
	}

	/** Bytes that may be read. */
	get unread(): number {
		return this.#arrived.length;
	}

	/** Whether the sender is waiting for an acknowledgement that cannot come. */
	get unanswered(): boolean {
		return this.#patience !== undefined;
	}

	/** Nothing arrives before `time`. */
	notBefore(time: number): void {
		this.#latestArrival = time;
	}

	write(bytes: Bytes): void {
		this.#waiting.push(bytes);
		if (this.#medium.conditions.segmentation === "random") {
			this.#resumeAfter(this.#medium.random.next() * COALESCING_MS);
		} else this.#send();
	}

	/** Closes: the FIN follows what was written. */
	close(): void {
		if (this.#close !== "no") return;
		this.#close = "waiting";
		this.#send();
	}

	/** At most `byteLength` of the bytes that arrived together. */
	read(byteLength: number): Bytes | undefined {
		if (this.#arrived.length === 0) return undefined;
		const bytes = this.#arrived.takeOfFirst(byteLength);
		if (this.#waiting.length > 0) this.#resumeAfter(this.#medium.delay());
		return bytes;
	}

	/** The sender is gone without a word: what has left still arrives. */
	senderLost(): void {
		this.#senderGone = true;
		this.#waiting.clear();
		this.#close = "no";
		this.#stop();
	}

	/** Nothing happens any more; what arrived may still be read. */
	abort(): void {
		this.senderLost();
		for (const { event } of this.#flying) this.#medium.scheduler.cancel(event);
		this.#flying = [];
		this.#flyingBytes = 0;
	}

	linkLost(): void {
		const lost = this.#flying;
		for (const { event } of lost) this.#medium.scheduler.cancel(event);
		this.#flying = [];
		this.#flyingBytes = 0;
		this.#stop({ butPatience: true });
		if (this.#senderGone) return;
		this.#waiting.unshift(lost.filter(({ last }) => !last).map(({ bytes }) => bytes));
		if (this.#close === "sent") this.#close = "waiting";
		if (this.unacknowledged > 0 || this.#close === "waiting") this.#expectAcknowledgement();
	}

	/** What was lost is repeated `delay` ms from now. */
	linkReturned(delay: number): void {
		if (!this.#patience || this.sink === "silence") return;
		this.#medium.scheduler.cancel(this.#patience);
		this.#patience = undefined;
		if (this.#waiting.length > 0 || this.#close === "waiting") {
			this.#medium.count("network: repeated segments");
			this.#resumeAfter(delay);
		}
		if (this.#delivered > 0) this.#acknowledgeAfter(delay + 2 * this.#medium.delay());
	}

	#stop({ butPatience = false } = {}): void {
		const { scheduler } = this.#medium;
		scheduler.cancel(this.#resumption);
		scheduler.cancel(this.#acknowledgement);
		this.#resumption = this.#acknowledgement = undefined;
		if (butPatience) return;
		scheduler.cancel(this.#patience);
		this.#patience = undefined;
	}

	#resumeAfter(delay: number): void {
		this.#resumption ??= this.#medium.scheduler.after(delay, () => {
			this.#resumption = undefined;
			this.#send();
		});
	}

	/** Sends as much as the receiver's window takes. */
	#send(): void {
		if (this.#resumption || this.#senderGone) return;
		if (!this.#medium.conditions.linkUp) return this.#expectAcknowledgement();
		while (this.#waiting.length > 0) {
			const room = WINDOW - this.#flyingBytes - this.#arrived.length;
			if (room <= 0) return;
			this.#fly(this.#waiting.take(this.#segmentSize(Math.min(room, SEGMENT_MAXIMUM))), false);
		}
		if (this.#close !== "waiting") return;
		this.#close = "sent";
		this.#fly(NOTHING, true);
	}

	#segmentSize(most: number): number {
		const { random, conditions } = this.#medium;
		if (conditions.segmentation === "bytes") return 1;
		if (conditions.segmentation === "whole") return Math.min(most, this.#waiting.first);
		return Math.min(most, this.#waiting.length, random.integer(1, random.chance(0.5) ? SMALL_SEGMENT : most));
	}

	#fly(bytes: Bytes, last: boolean): void {
		const { scheduler } = this.#medium;
		this.#latestArrival = Math.max(this.#latestArrival, scheduler.now + this.#medium.delay());
		const event = scheduler.at(this.#latestArrival, () => this.#arrive());
		this.#flying.push({ bytes, last, event });
		this.#flyingBytes += bytes.length;
	}

	#arrive(): void {
		const { bytes, last } = this.#flying.shift()!;
		this.#flyingBytes -= bytes.length;
		if (this.sink === "reset") return this.#listener.unwanted();
		if (this.sink === "silence") {
			this.#delivered += bytes.length;
			if (!this.#senderGone) this.#expectAcknowledgement();
			return;
		}
		if (bytes.length > 0 && !this.#senderGone) {
			this.#delivered += bytes.length;
			this.#acknowledgeAfter(this.#medium.delay());
		}
		if (this.sink === "discard") return;
		if (last) return this.#listener.finished();
		this.#arrived.push(bytes);
		this.#listener.arrived();
	}

	/** One acknowledgement serves for all that arrives until it is there. */
	#acknowledgeAfter(delay: number): void {
		this.#acknowledgement ??= this.#medium.scheduler.after(delay, () => {
			this.#acknowledgement = undefined;
			this.#delivered = 0;
			this.#listener.acknowledged();
		});
	}

	#expectAcknowledgement(): void {
		const { scheduler, conditions } = this.#medium;
		this.#patience ??= scheduler.after(conditions.giveUpAfter, () => {
			this.#patience = undefined;
			this.#medium.count("network: connection given up");
			this.#listener.gaveUp();
		});
	}
}
