/**
 * The sender's part of an update: chooses the next message, reads the station's
 * answers, and decides the result. No I/O: its owner hands it messages and times.
 */
import type { Bytes } from "../../src/host.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import { bytesOf } from "../../src/text.ts";

/** Bytes of firmware in a message: the station holds one such message in its RAM at a time. */
export const CHUNK_BYTES = 1_024;
/** Chunks under way: they fit into the station's TCP window, and their answers among its replies that may wait. */
const WINDOW_CHUNKS = 4;
/** Time for the retained diagnostics, in ms, which tell whether the image runs already. */
const LOOK_MS = 500;
/** Time without an answer, in ms, after which the update begins again, from the bytes that the station has. */
const REPLY_TIMEOUT_MS = 10_000;
/** Time without any answer, in ms, after which the station counts as absent. */
const PATIENCE_MS = 120_000;
/** From the last byte to the judgement, in ms: the station gives new firmware ten minutes, and starts again. */
const JUDGEMENT_MS = 720_000;
/** Time for newer diagnostics after a reconnect, in ms: the last ones may be from before the station's restart. */
const NEWS_MS = 30_000;
/** Times that the station may begin anew before the sender gives up. */
const SETBACKS_MAXIMUM = 5;
/** Longest JSON that is looked at. */
const REPLY_MAXIMUM = 1_024;

export interface UpdateSenderOptions {
	/** The beginning of the station's topics. */
	readonly topic: string;
	readonly image: Bytes;
	/** The image's id, as in the diagnostics. */
	readonly id: string;
	/** DER. */
	readonly signature: Bytes;
}

export interface Outcome {
	readonly ok: boolean;
	/** For a person. */
	readonly text: string;
}

/** A received message of the station. */
export interface Received {
	readonly topic: string;
	readonly payload: Bytes;
	readonly retain: boolean;
}

type Phase = "away" | "looking" | "beginning" | "sending" | "restarting" | "over";

export class UpdateSender {
	private readonly _options: UpdateSenderOptions;
	private _phase: Phase = "away";
	/** Whether the message that begins the update is to be sent. */
	private _beginWanted = false;
	/** Bytes that the station has, and bytes that were sent. */
	private _acknowledged = 0;
	private _sent = 0;
	private _setbacks = 0;
	/** When the station last answered, or got the first message. */
	private _heardAt = 0;
	private _replyDue = Number.POSITIVE_INFINITY;
	private _restartingSince = 0;
	private _status = "";
	/** The last diagnostics, and the image in those from before the update. */
	private _diagnostics = "";
	private _imageBefore: string | undefined;
	private _imageNow: string | undefined;
	/** The last diagnostics' uptime, in s, and whether the station has said `online` since its restart. */
	private _uptime = Number.NEGATIVE_INFINITY;
	private _isBack = false;
	/** When old diagnostics are taken for new ones. */
	private _newsDue = Number.POSITIVE_INFINITY;
	private _outcome: Outcome | undefined;

	constructor(options: UpdateSenderOptions) {
		this._options = options;
	}

	/** The update's result, once it has ended. */
	get outcome(): Outcome | undefined {
		return this._outcome;
	}

	/** Bytes that the station has. */
	get acknowledged(): number {
		return this._acknowledged;
	}

	/** Whether the station has everything, and restarts. */
	get restarting(): boolean {
		return this._phase === "restarting";
	}

	/** Whether the station has an update to be cancelled. */
	get cancellable(): boolean {
		return this._phase === "beginning" || this._phase === "sending";
	}

	/** The subscriptions stand, for the first time or again. */
	subscribed(now: number): void {
		if (this._phase === "away") {
			this._phase = "looking";
			this._heardAt = now;
			this._replyDue = now + LOOK_MS;
		} else if (this.cancellable) {
			this._begin(now);
		} else if (this._phase === "restarting") {
			this._newsDue = now + NEWS_MS;
		}
	}

	/** When `tick` is to be called next, in ms. */
	get deadline(): number {
		switch (this._phase) {
			case "away":
			case "over":
				return Number.POSITIVE_INFINITY;
			case "looking":
				return this._replyDue;
			case "restarting":
				return Math.min(this._restartingSince + JUDGEMENT_MS, this._newsDue);
			default:
				return Math.min(this._replyDue, this._asleep ? Number.POSITIVE_INFINITY : this._heardAt + PATIENCE_MS);
		}
	}

	tick(now: number): void {
		if (now < this.deadline) return;
		if (this._phase === "looking") return this._begin(now);
		if (this._phase === "restarting") {
			if (now >= this._newsDue && this._imageNow !== undefined && this._status === "online") return this._judge();
			this._newsDue = Number.POSITIVE_INFINITY;
			if (now >= this._restartingSince + JUDGEMENT_MS) this._end(false, "it has not come back");
			return;
		}
		if (!this._asleep && now >= this._heardAt + PATIENCE_MS) {
			const status = this._status === "" ? "" : `; its status is ${this._status}`;
			return this._end(false, `it does not answer${status}`);
		}
		this._begin(now);
	}

	/** A message from one of the station's topics. */
	receive({ topic, payload, retain }: Received, now: number): void {
		if (this._phase === "over") return;
		if (payload.length > REPLY_MAXIMUM) return;
		const text = String.fromCharCode(...payload);
		switch (topic.slice(this._options.topic.length)) {
			case "/status":
				return this._heardStatus(text, now);
			case "/diagnostics":
				return this._heardDiagnostics(text, retain, now);
			case "/reply":
				if (!retain) this._heardReply(text, now);
		}
	}

	/** The next message to publish, if there is one now. */
	nextMessage(now: number): Message | undefined {
		const { topic, image, signature } = this._options;
		const message = { qos: 1, retain: false } as const;
		if (this._beginWanted) {
			this._beginWanted = false;
			const payload = bytesOf(JSON.stringify({ size: image.length, signature: hexOf(signature) }));
			// Expires (MQTT 5.0): no update should begin without its sender. A sleeping station gets it without a limit.
			const properties = this._asleep ? undefined : { messageExpiryInterval: PATIENCE_MS / 1_000 };
			return { ...message, topic: `${topic}/cmd/update`, payload, properties };
		}
		const limit = Math.min(image.length, this._acknowledged + WINDOW_CHUNKS * CHUNK_BYTES);
		if (this._phase !== "sending" || this._sent >= limit) return undefined;
		const at = this._sent;
		const payload = image.slice(at, Math.min(at + CHUNK_BYTES, image.length));
		this._sent += payload.length;
		this._replyDue = now + REPLY_TIMEOUT_MS;
		return { ...message, topic: `${topic}/cmd/update/${at}`, payload };
	}

	/** A sleeping station has no timeout: the broker keeps messages for it. */
	private get _asleep(): boolean {
		return this._status === "asleep";
	}

	/** Sending again is of no use until the station is back. */
	private get _gone(): boolean {
		return this._asleep || this._status === "offline";
	}

	private _begin(now: number): void {
		this._phase = "beginning";
		this._beginWanted = true;
		this._replyDue = this._gone ? Number.POSITIVE_INFINITY : now + REPLY_TIMEOUT_MS;
	}

	private _heardStatus(status: string, now: number): void {
		this._status = printable(status);
		if (status !== "online") return;
		this._heardAt = now;
		this._isBack = this._phase === "restarting";
		// The station may have lost the update's state.
		if (this.cancellable) this._begin(now);
	}

	private _heardDiagnostics(text: string, retain: boolean, now: number): void {
		const { image, uptime } = parse(text);
		const repeated = retain && text === this._diagnostics;
		// The old firmware says goodbye with diagnostics, too.
		const isBack = this._isBack || Number(uptime) < this._uptime;
		this._uptime = Number(uptime);
		this._diagnostics = text;
		this._imageNow = image === undefined ? undefined : printable(image);
		if (this._imageNow === this._options.id) {
			const what = this._phase === "looking" ? "this firmware already" : "the new firmware";
			const away = this._status === "offline" ? "; but its status is offline" : "";
			return this._end(true, `it runs ${what}, ${this._imageNow}${away}`);
		}
		if (this._phase !== "restarting") {
			this._imageBefore = this._imageNow;
			if (this._phase === "looking") this._begin(now);
		} else if (!repeated && isBack) {
			this._judge();
		}
	}

	/** The station is back, and it does not run the new firmware. */
	private _judge(): void {
		if (this._imageNow === undefined) return this._end(false, "it is back, and does not say which firmware it runs");
		const before = this._imageNow === this._imageBefore ? " again" : "";
		this._end(false, `it went back: it runs ${this._imageNow}${before}, and not ${this._options.id}`);
	}

	private _heardReply(text: string, now: number): void {
		const { command, ok, offset, error } = parse(text);
		const begins = command === "update";
		if (!begins && !String(command).startsWith("update/")) return;
		if (this._phase !== "sending" && !(begins && this._phase === "beginning")) return;
		this._heardAt = now;
		if (ok !== true && offset === undefined) return this._end(false, `it refuses: ${printable(error)}`);
		if (typeof offset !== "number" || !(offset >= 0 && offset <= this._options.image.length)) return;
		// The station has started anew, or lacks an earlier chunk.
		if (ok !== true) {
			if (!begins || this._mayBeginAnew()) this._begin(now);
		} else if (begins) this._goOn(offset, now);
		else this._advance(offset, now);
	}

	/** The station has begun, or told its offset. */
	private _goOn(offset: number, now: number): void {
		if (offset < this._acknowledged && !this._mayBeginAnew()) return;
		this._phase = "sending";
		this._acknowledged = this._sent = offset;
		this._replyDue = now + REPLY_TIMEOUT_MS;
	}

	private _mayBeginAnew(): boolean {
		if (++this._setbacks <= SETBACKS_MAXIMUM) return true;
		this._end(false, "it begins anew again and again: does another sender update it, too?");
		return false;
	}

	private _advance(offset: number, now: number): void {
		// An answer to a chunk that came twice can be old.
		if (offset <= this._acknowledged) return;
		this._acknowledged = offset;
		this._sent = Math.max(this._sent, offset);
		this._replyDue = now + REPLY_TIMEOUT_MS;
		if (offset < this._options.image.length) return;
		this._phase = "restarting";
		this._restartingSince = now;
	}

	private _end(ok: boolean, text: string): void {
		this._phase = "over";
		this._outcome = { ok, text };
	}
}

/** The members of the station's JSON that matter here. */
interface Said {
	readonly uptime?: unknown;
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

/** A foreign text, for a terminal. */
function printable(value: unknown): string {
	return String(value).replaceAll(/[^ -~]/g, "?");
}

function hexOf(bytes: Bytes): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
