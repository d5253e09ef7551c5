/**
 * The sender's part of an update: which message is next, what the station's
 * answers mean, and how it ends. No I/O: its owner hands it messages and times.
 */
import type { Bytes } from "../../src/host.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { bytesOf } from "../../src/text.ts";

/** Bytes of firmware in a message: the station holds one such message in its RAM at a time. */
export const CHUNK_BYTES = 1_024;
/** Chunks under way: they fit into the station's TCP window, and their answers among its replies that may wait. */
const WINDOW_CHUNKS = 4;
/** Whether the image runs already is known from retained diagnostics, for which this is time enough, in ms. */
const LOOK_MS = 500;
/** Without an answer for so long, in ms, the update is begun again: that goes on where the station is. */
const REPLY_TIMEOUT_MS = 10_000;
/** Without any answer for so long, in ms, the station is not there. */
const PATIENCE_MS = 120_000;
/** From the last byte to the judgement, in ms: the station gives new firmware ten minutes, and starts again. */
const JUDGEMENT_MS = 720_000;
/** After a reconnect, what the station told last may be from before its restart: so long, in ms, for something newer. */
const NEWS_MS = 30_000;
/** How often the station may begin anew before it is plain that it will not get to the end. */
const SETBACKS_MAXIMUM = 5;
/** Longest JSON that is looked at. */
const REPLY_MAXIMUM = 1_024;

export interface UpdateSenderOptions {
	/** What the station's topics begin with. */
	readonly topic: string;
	readonly image: Bytes;
	/** What identifies it, as the diagnostics tell it. */
	readonly id: string;
	/** DER. */
	readonly signature: Bytes;
}

export interface Outcome {
	readonly ok: boolean;
	/** For a person. */
	readonly text: string;
}

/** What a message of the station's that was received has. */
export interface Received {
	readonly topic: string;
	readonly payload: Bytes;
	readonly retain: boolean;
}

type Phase = "away" | "looking" | "beginning" | "sending" | "restarting" | "over";

export class UpdateSender {
	readonly #options: UpdateSenderOptions;
	#phase: Phase = "away";
	/** Whether the message that begins is to be sent. */
	#beginWanted = false;
	/** Bytes that the station has, and bytes that were sent. */
	#acknowledged = 0;
	#sent = 0;
	#setbacks = 0;
	/** When the station last answered, or was first spoken to. */
	#heardAt = 0;
	#replyDue = Number.POSITIVE_INFINITY;
	#restartingSince = 0;
	#status = "";
	/** The last diagnostics, and the image in those from before the update. */
	#diagnostics = "";
	#imageBefore: string | undefined;
	#imageNow: string | undefined;
	/** When old diagnostics are taken for new ones. */
	#newsDue = Number.POSITIVE_INFINITY;
	#outcome: Outcome | undefined;

	constructor(options: UpdateSenderOptions) {
		this.#options = options;
	}

	/** How it ended, once it has. */
	get outcome(): Outcome | undefined {
		return this.#outcome;
	}

	/** Bytes that the station has. */
	get acknowledged(): number {
		return this.#acknowledged;
	}

	/** Whether the station has everything, and restarts. */
	get restarting(): boolean {
		return this.#phase === "restarting";
	}

	/** Whether there is anything at the station to be cancelled. */
	get cancellable(): boolean {
		return this.#phase === "beginning" || this.#phase === "sending";
	}

	/** The subscriptions stand, for the first time or again. */
	subscribed(now: number): void {
		if (this.#phase === "away") {
			this.#phase = "looking";
			this.#heardAt = now;
			this.#replyDue = now + LOOK_MS;
		} else if (this.cancellable) {
			this.#begin(now);
		} else if (this.#phase === "restarting") {
			this.#newsDue = now + NEWS_MS;
		}
	}

	/** When `tick` has something to do, in ms. */
	get deadline(): number {
		switch (this.#phase) {
			case "away":
			case "over":
				return Number.POSITIVE_INFINITY;
			case "looking":
				return this.#replyDue;
			case "restarting":
				return Math.min(this.#restartingSince + JUDGEMENT_MS, this.#newsDue);
			default:
				return Math.min(this.#replyDue, this.#asleep ? Number.POSITIVE_INFINITY : this.#heardAt + PATIENCE_MS);
		}
	}

	tick(now: number): void {
		if (now < this.deadline) return;
		if (this.#phase === "looking") return this.#begin(now);
		if (this.#phase === "restarting") {
			if (now >= this.#newsDue && this.#imageNow !== undefined && this.#status === "online") return this.#judge();
			this.#newsDue = Number.POSITIVE_INFINITY;
			if (now >= this.#restartingSince + JUDGEMENT_MS) this.#end(false, "it has not come back");
			return;
		}
		if (!this.#asleep && now >= this.#heardAt + PATIENCE_MS) {
			const status = this.#status === "" ? "" : `; its status is ${this.#status}`;
			return this.#end(false, `it does not answer${status}`);
		}
		this.#begin(now);
	}

	/** A message from one of the station's topics. */
	receive({ topic, payload, retain }: Received, now: number): void {
		if (this.#phase === "over") return;
		if (payload.length > REPLY_MAXIMUM) return;
		const text = String.fromCharCode(...payload);
		switch (topic.slice(this.#options.topic.length)) {
			case "/status":
				return this.#heardStatus(text, now);
			case "/diagnostics":
				return this.#heardDiagnostics(text, retain, now);
			case "/reply":
				if (!retain) this.#heardReply(text, now);
		}
	}

	/** The next message to publish, if there is one now. */
	nextMessage(now: number): Message | undefined {
		const { topic, image, signature } = this.#options;
		const message = { qos: 1, retain: false } as const;
		if (this.#beginWanted) {
			this.#beginWanted = false;
			const payload = bytesOf(JSON.stringify({ size: image.length, signature: hexOf(signature) }));
			// Nobody should begin when this sender has gone; but a station that sleeps is waited for (MQTT 5.0).
			const properties = this.#asleep ? undefined : { messageExpiryInterval: PATIENCE_MS / 1_000 };
			return { ...message, topic: `${topic}/cmd/update`, payload, properties };
		}
		const limit = Math.min(image.length, this.#acknowledged + WINDOW_CHUNKS * CHUNK_BYTES);
		if (this.#phase !== "sending" || this.#sent >= limit) return undefined;
		const at = this.#sent;
		const payload = image.slice(at, Math.min(at + CHUNK_BYTES, image.length));
		this.#sent += payload.length;
		this.#replyDue = now + REPLY_TIMEOUT_MS;
		return { ...message, topic: `${topic}/cmd/update/${at}`, payload };
	}

	/** Then there is no hurry: the broker keeps messages for it. */
	get #asleep(): boolean {
		return this.#status === "asleep";
	}

	/** Then it is no use to say anything again, before it says that it is back. */
	get #gone(): boolean {
		return this.#asleep || this.#status === "offline";
	}

	#begin(now: number): void {
		this.#phase = "beginning";
		this.#beginWanted = true;
		this.#replyDue = this.#gone ? Number.POSITIVE_INFINITY : now + REPLY_TIMEOUT_MS;
	}

	#heardStatus(status: string, now: number): void {
		this.#status = printable(status);
		if (status !== "online") return;
		this.#heardAt = now;
		// Whatever the station knew, it may have forgotten.
		if (this.cancellable) this.#begin(now);
	}

	#heardDiagnostics(text: string, retain: boolean, now: number): void {
		const { image } = parse(text);
		const repeated = retain && text === this.#diagnostics;
		this.#diagnostics = text;
		this.#imageNow = image === undefined ? undefined : printable(image);
		if (this.#imageNow === this.#options.id) {
			const what = this.#phase === "looking" ? "this firmware already" : "the new firmware";
			const away = this.#status === "offline" ? "; but its status is offline" : "";
			return this.#end(true, `it runs ${what}, ${this.#imageNow}${away}`);
		}
		if (this.#phase !== "restarting") {
			this.#imageBefore = this.#imageNow;
			if (this.#phase === "looking") this.#begin(now);
		} else if (!repeated) {
			this.#judge();
		}
	}

	/** The station is back, and it does not run the new firmware. */
	#judge(): void {
		if (this.#imageNow === undefined) return this.#end(false, "it is back, and does not say which firmware it runs");
		const before = this.#imageNow === this.#imageBefore ? " again" : "";
		this.#end(false, `it went back: it runs ${this.#imageNow}${before}, and not ${this.#options.id}`);
	}

	#heardReply(text: string, now: number): void {
		const { command, ok, offset, error } = parse(text);
		const begins = command === "update";
		if (!begins && !String(command).startsWith("update/")) return;
		if (this.#phase !== "sending" && !(begins && this.#phase === "beginning")) return;
		this.#heardAt = now;
		if (ok !== true && offset === undefined) return this.#end(false, `it refuses: ${printable(error)}`);
		if (typeof offset !== "number" || !(offset >= 0 && offset <= this.#options.image.length)) return;
		// The station has started anew, or did not get to what came before.
		if (ok !== true) {
			if (!begins || this.#mayBeginAnew()) this.#begin(now);
		} else if (begins) this.#goOn(offset, now);
		else this.#advance(offset, now);
	}

	/** The station has begun, or told where it is. */
	#goOn(offset: number, now: number): void {
		if (offset < this.#acknowledged && !this.#mayBeginAnew()) return;
		this.#phase = "sending";
		this.#acknowledged = this.#sent = offset;
		this.#replyDue = now + REPLY_TIMEOUT_MS;
	}

	#mayBeginAnew(): boolean {
		if (++this.#setbacks <= SETBACKS_MAXIMUM) return true;
		this.#end(false, "it begins anew again and again: does somebody else update it, too?");
		return false;
	}

	#advance(offset: number, now: number): void {
		// An answer to a chunk that came twice can be an old one.
		if (offset <= this.#acknowledged) return;
		this.#acknowledged = offset;
		this.#sent = Math.max(this.#sent, offset);
		this.#replyDue = now + REPLY_TIMEOUT_MS;
		if (offset < this.#options.image.length) return;
		this.#phase = "restarting";
		this.#restartingSince = now;
	}

	#end(ok: boolean, text: string): void {
		this.#phase = "over";
		this.#outcome = { ok, text };
	}
}

/** Of what a station says in JSON, that which matters. */
interface Said {
	readonly command?: unknown;
	readonly ok?: unknown;
	readonly offset?: unknown;
	readonly error?: unknown;
	readonly image?: unknown;
}

function parse(text: string): Said {
	try {
		return Object(JSON.parse(text));
	} catch {
		return {};
	}
}

/** What others wrote, for a terminal. */
function printable(value: unknown): string {
	return String(value).replaceAll(/[^ -~]/g, "?");
}

function hexOf(bytes: Bytes): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
