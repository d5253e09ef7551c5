/**
 * The sender's part of an update: chooses the next message, reads the station's
 * answers, and decides the result. No I/O: its owner hands it messages and times.
 */
import type { SignedUpdate } from "../../hosts/node/update-manifest.ts";
import type { Bytes } from "../../src/host.ts";
import type { Message } from "../../src/net/mqtt/message.ts";

/**
 * Pieces under way: they fit into the station's TCP window, and their answers among its replies that may wait. The first
 * one is alone: how long it takes tells how long others may.
 */
const WINDOW_PIECES = 4;
/** Time for the retained diagnostics, in ms, which tell whether the image runs already. */
const LOOK_MS = 500;
/** Time without an answer, in ms, after which the update begins again, from the bytes that the station has; on a slow link, so many times what an answer takes. */
const REPLY_TIMEOUT_MS = 10_000;
const SLOW_TIMES = 3;
/** The longest pause that a station may ask for, in ms, and the shortest between two beginnings that replies to pieces ask for. */
const WAIT_MAXIMUM_MS = 60_000;
const RESEND_MS = 1_000;
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
	readonly update: Pick<SignedUpdate, "begin" | "name" | "size" | "piece" | "isPiece">;
	/** The image's id, as in the diagnostics. */
	readonly id: string;
	/** Where replies go with MQTT 5.0, below the station's topic of replies: so none is another sender's. */
	readonly replyLevel: string;
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
	/** Pieces that may be under way, when each left that is, by the offset behind it, and how long the last answer took, in ms. */
	private _window = 1;
	private readonly _leftAt = new Map<number, number>();
	private _roundTrip = 0;
	/** When it was begun again for a reply to a piece. */
	private _begunAt = Number.NEGATIVE_INFINITY;
	/** Whether replies come to our own topic. */
	private _hasOwnReplies = false;
	/** When the station last answered, or got the first message. */
	private _heardAt = 0;
	private _replyDue = Number.POSITIVE_INFINITY;
	private _restartingSince = 0;
	private _isOnTrial = false;
	private _hasAnswered = false;
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

	/** Whether the station hears the update, as far as it has told; `undefined`: it is there, or has answered. */
	get notice(): string | undefined {
		if (this._phase !== "beginning" || this._hasAnswered) return undefined;
		if (this._asleep) return "it is asleep: the update begins when it wakes";
		if (this._gone) return "its status is offline: it has two minutes to come back";
		return this._status === "" ? "nothing is known of it here: it has two minutes to answer" : undefined;
	}

	/** Whether the station runs the new firmware, and has not confirmed it yet. */
	get onTrial(): boolean {
		return this._isOnTrial && this.restarting;
	}

	/** Whether the update is on its way. */
	private get _isUnderWay(): boolean {
		return this._phase === "beginning" || this._phase === "sending";
	}

	/** The subscriptions stand, for the first time or again. `hasProperties`: the connection is one of MQTT 5.0. */
	subscribed(now: number, hasProperties: boolean): void {
		this._hasOwnReplies = hasProperties;
		if (this._phase === "away") {
			this._phase = "looking";
			this._heardAt = now;
			this._replyDue = now + LOOK_MS;
		} else if (this._isUnderWay) {
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
			const isOther = this._imageNow !== undefined && this._imageNow !== this._options.id;
			if (now >= this._newsDue && isOther && this._status === "online") return this._judge();
			this._newsDue = Number.POSITIVE_INFINITY;
			if (now < this._restartingSince + JUDGEMENT_MS) return;
			this._end(false, this._isOnTrial ? "it has not confirmed the new firmware" : "it has not come back");
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
		const { topic: base, replyLevel } = this._options;
		const replies = this._hasOwnReplies ? `/reply/${replyLevel}` : "/reply";
		switch (topic.slice(base.length)) {
			case "/status":
				return this._heardStatus(text, now);
			case "/diagnostics":
				return this._heardDiagnostics(text, retain, now);
			case replies:
				if (!retain) this._heardReply(text, now);
		}
	}

	/** The next message to publish, if there is one now. */
	nextMessage(now: number): Message | undefined {
		const { topic, update, replyLevel } = this._options;
		const message = { qos: 1, retain: false } as const;
		const responseTopic = `${topic}/reply/${replyLevel}`;
		if (this._beginWanted) {
			this._beginWanted = false;
			// Expires (MQTT 5.0): no update should begin without its sender. A sleeping station gets it without a limit.
			const expiry = this._asleep ? undefined : { messageExpiryInterval: PATIENCE_MS / 1_000 };
			const properties = { ...expiry, responseTopic };
			return { ...message, topic: `${topic}/cmd/update`, payload: update.begin, properties };
		}
		if (this._phase !== "sending" || this._sent >= update.size || this._leftAt.size >= this._window) return undefined;
		const at = this._sent;
		const { payload, end } = update.piece(at);
		this._sent = end;
		this._leftAt.set(end, now);
		this._replyDue = now + this._timeout;
		return { ...message, topic: `${topic}/cmd/update/${at}`, payload, properties: { responseTopic } };
	}

	private get _timeout(): number {
		return Math.max(REPLY_TIMEOUT_MS, SLOW_TIMES * this._roundTrip);
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
		this._replyDue = this._gone ? Number.POSITIVE_INFINITY : now + this._timeout;
	}

	private _heardStatus(status: string, now: number): void {
		this._status = printable(status);
		if (status !== "online") return;
		this._heardAt = now;
		this._isBack = this._phase === "restarting";
		// The station may have lost the update's state.
		if (this._isUnderWay) this._begin(now);
	}

	private _heardDiagnostics(text: string, retain: boolean, now: number): void {
		const { image, uptime, unconfirmed } = parse(text);
		const repeated = retain && text === this._diagnostics;
		// The old firmware says goodbye with diagnostics, too.
		const isBack = this._isBack || Number(uptime) < this._uptime;
		this._uptime = Number(uptime);
		this._diagnostics = text;
		this._imageNow = image === undefined ? undefined : printable(image);
		if (this._imageNow === this._options.id) {
			if (unconfirmed === true) return this._triesIt(now);
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

	/** The station runs the new firmware, and may go back yet. */
	private _triesIt(now: number): void {
		if (this._phase !== "restarting") this._restartingSince = now;
		this._phase = "restarting";
		this._isOnTrial = true;
	}

	/** The station is back, and it does not run the new firmware. */
	private _judge(): void {
		if (this._imageNow === undefined) return this._end(false, "it is back, and does not say which firmware it runs");
		const before = this._imageNow === this._imageBefore ? " again" : "";
		this._end(false, `it went back: it runs ${this._imageNow}${before}, and not ${this._options.id}`);
	}

	private _heardReply(text: string, now: number): void {
		const { update } = this._options;
		const { command, ok, manifest, offset, wait, error } = parse(text);
		if (command === "update") {
			// Somebody else's, where replies are everybody's.
			if (!this._isUnderWay || (manifest !== undefined && manifest !== update.name)) return;
			this._heardAt = now;
			this._hasAnswered = true;
			if (ok === true) return update.isPiece(offset) ? this._goOn(offset, now) : undefined;
			if (typeof wait === "number" && wait > 0) return this._beginLater(1_000 * wait, now);
			if (offset === undefined) return this._end(false, `it refuses: ${printable(error)}${adviceOn(error)}`);
			// Delivered again after a restart.
			if (this._mayBeginAnew()) this._begin(now);
			return;
		}
		if (this._phase !== "sending" || !/^update\/\d+$/.test(String(command))) return;
		if (offset === undefined) return this._end(false, `it refuses: ${printable(error)}`);
		// Another update is under way there, or none: whether it may begin again is the station's.
		if (manifest !== update.name) return this._beginOnce(now);
		if (ok === true || Number(offset) > this._acknowledged) {
			this._heardAt = now;
			return update.isPiece(offset) ? this._advance(offset, now) : undefined;
		}
		// A piece that is none of ours costs nothing; but who has less than it had has started anew.
		if (offset !== this._acknowledged) this._beginOnce(now);
	}

	/** Several pieces may be under way, and each has a reply. */
	private _beginOnce(now: number): void {
		if (now < this._begunAt + RESEND_MS) return;
		this._begunAt = now;
		this._begin(now);
	}

	/** The station has begun, or told its offset. */
	private _goOn(offset: number, now: number): void {
		if (offset < this._acknowledged && !this._mayBeginAnew()) return;
		this._phase = "sending";
		this._acknowledged = offset;
		this._restartFrom(offset, now);
	}

	private _restartFrom(offset: number, now: number): void {
		this._sent = offset;
		this._leftAt.clear();
		this._replyDue = now + this._timeout;
	}

	private _mayBeginAnew(): boolean {
		if (++this._setbacks <= SETBACKS_MAXIMUM) return true;
		this._end(false, "it begins anew again and again: does another sender update it, too?");
		return false;
	}

	/** The station is not to be asked before. */
	private _beginLater(wait: number, now: number): void {
		this._phase = "beginning";
		this._beginWanted = false;
		this._replyDue = now + Math.min(wait, WAIT_MAXIMUM_MS);
	}

	private _advance(offset: number, now: number): void {
		// An answer to a piece that came twice can be old.
		if (offset <= this._acknowledged) return;
		const leftAt = this._leftAt.get(offset);
		if (leftAt !== undefined) this._roundTrip = now - leftAt;
		for (const end of this._leftAt.keys()) if (end <= offset) this._leftAt.delete(end);
		this._window = Math.min(WINDOW_PIECES, this._window + 1);
		this._acknowledged = offset;
		this._sent = Math.max(this._sent, offset);
		this._replyDue = now + this._timeout;
		if (offset < this._options.update.size) return;
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
	readonly manifest?: unknown;
	readonly offset?: unknown;
	readonly wait?: unknown;
	readonly error?: unknown;
	readonly image?: unknown;
	readonly unconfirmed?: unknown;
}

function parse(text: string): Said {
	try {
		return Object(JSON.parse(text));
	} catch {
		return {};
	}
}

function adviceOn(error: unknown): string {
	return /number/.test(String(error)) ? "; --number takes a higher one" : "";
}

/** A foreign text, for a terminal. */
function printable(value: unknown): string {
	return String(value).replaceAll(/[^ -~]/g, "?");
}
