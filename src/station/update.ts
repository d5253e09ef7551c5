/**
 * Firmware over the air: a signed manifest, and behind it the firmware in pieces that come as MQTT messages, each tied to
 * the manifest; and the judgement of new firmware after the restart. Whoever has no key changes nothing: neither the flash,
 * nor an update under way, nor how long the machine is awake.
 */
import { Alarm } from "../alarm.js";
import type { Bytes, Host, UpdatePort } from "../host.js";
import type { Settings } from "../settings.js";
import { bytesOf, jsonOf, messageOf, textOf } from "../text.js";
import { STOPS } from "./commands.js";

/** Without a piece for so long, in ms, an update is left for later: it keeps a machine awake that could sleep. */
const SILENCE_MS = 60_000;
/** A machine is awake for an update for so long, in ms, however many pieces come: twice what 2 kbit/s take. */
const UPDATE_MS = 10_800_000;
/** New firmware is confirmed after so long, in ms: whatever makes it restart has had its time. */
const TRIAL_MS = 180_000;
/** From one look at new firmware that does not work yet to the next, in ms. */
const LOOK_MS = 5_000;
/**
 * Time in ms for new firmware to work, before it is given up. An access point or a broker that starts anew is back in
 * less; and until then somebody waits beside a station that may be lost.
 */
const JUDGEMENT_MS = 600_000;
/** After a wrong signature the next one is looked at no sooner, in ms: each costs as much time as a reading. */
const WRONG_MS = 10_000;
/** Beginnings of one update, over restarts: each may write what was written last once more. */
const BEGINNINGS_MAXIMUM = 32;
/** Bytes after which is kept how far an update is. A restart begins there again. */
const CHECKPOINT_BYTES = 65_536;
/** What stands before the offset in the name of a command that brings a piece. */
const PREFIX = "update/";
/** Between the manifest and its signature. */
const LINE_FEED = 10;
/** Hexadecimal digits of a hash; each piece begins with that of the next one. */
const HASH_DIGITS = 64;
/** Digits of a manifest's hash by which a sender knows its reply. */
const NAME_DIGITS = 8;

/**
 * Goes to the sender as JSON. `manifest`: the first digits of the hash of the one that was sent; in replies to pieces, of the
 * one under way. With `offset`, also beside an error, the sender is to go on from there; with `wait`, in s, it is to come
 * again later.
 */
export type UpdateReply = {
	readonly ok: boolean;
	readonly manifest?: string;
	readonly offset?: number;
	readonly wait?: number;
	readonly error?: string;
};

/** What an update is. */
interface Manifest {
	/** Only rises: a higher one was not signed before. */
	readonly number: number;
	/** Bytes of the firmware, and its hash. */
	readonly size: number;
	readonly sha256: string;
	/** The hash of the first piece. */
	readonly next: string;
}

/** What is signed beside it, as JSON: whom it is for. */
interface Addressed extends Manifest {
	readonly board: string;
	/** A station's topic. Without it the update is for every station of the key's owner. */
	readonly station?: string;
}

/** What outlives a restart. */
interface Kept {
	/** Of the last update that was begun. */
	readonly number: number;
	/** Its manifest's hash. */
	readonly manifest: string;
	readonly offset: number;
	/** The hash of the piece at this offset. */
	readonly next: string;
	readonly begun: number;
	/** Whether this firmware was started. */
	readonly tried: boolean;
}

/** What tells whether firmware works. */
export interface Judged {
	/** What it lacks to be a station that works, and that its owner reaches; `undefined`: nothing. */
	readonly missing: string | undefined;
	/** New firmware is here to stay. */
	confirmed(): void;
}

export class Updater {
	private readonly _host: Host;
	private readonly _settings: Pick<Settings, "updateKeys" | "topic" | "commands">;
	private readonly _judged: Judged;
	/** Of the update that is under way; 0 bytes: none is. */
	private _size = 0;
	private _sha256 = "";
	/** Read when it is needed: most stations run for months without an update. */
	private _known: Kept | undefined;
	/** The offset that was kept last. */
	private _checkpoint = 0;
	/** When the machine may sleep, whether the update is complete or not, in ms. */
	private _until = 0;
	/** No signature is looked at before, in ms. */
	private _earliest = Number.NEGATIVE_INFINITY;
	/** For the end of an update under way, or of the judgement of new firmware. */
	private readonly _alarm: Alarm;
	private _complete = false;

	constructor(host: Host, settings: Pick<Settings, "updateKeys" | "topic" | "commands">, judged: Judged) {
		const { update } = host;
		this._host = host;
		this._settings = settings;
		this._judged = judged;
		this._alarm = new Alarm(host.timer);
		if (!update?.unconfirmed) return;
		// If it is given up, it must not come again.
		this._keep({ tried: true });
		this._judge(host.clock.now() + JUDGEMENT_MS, TRIAL_MS);
	}

	/** Whether an update is under way, or new firmware is to be judged: the machine must not sleep. */
	get busy(): boolean {
		return this._alarm.isSet;
	}

	/** Whether new firmware waits for a restart. */
	get complete(): boolean {
		return this._complete;
	}

	/**
	 * `update` brings a manifest in a line, and its signature behind it: begins an update, or goes on with it. `update/4096`
	 * brings a piece: the hash of the next one, and the firmware's bytes from the offset 4096 on. What goes wrong is told in
	 * the reply.
	 */
	receive(name: string, payload: Bytes): UpdateReply {
		const { update } = this._host;
		const { updateKeys } = this._settings;
		try {
			if (!update || updateKeys.length === 0) throw new Error("no updates without updateKeys");
			return name === "update" ? this._begin(update, payload) : this._piece(update, name.slice(PREFIX.length), payload);
		} catch (error) {
			return { ok: false, error: messageOf(error) };
		}
	}

	private get _kept(): Kept {
		this._known ??= {
			number: 0,
			manifest: "",
			offset: 0,
			next: "",
			begun: 0,
			tried: false,
			...Object(jsonOf(bytesOf(this._host.update!.kept()))),
		};
		return this._known as Kept;
	}

	/** The program ends: what is under way goes on after a restart, and nothing is judged any more. */
	close(): void {
		this._leave(STOPS);
		this._alarm.clear();
	}

	private _begin(update: UpdatePort, payload: Bytes): UpdateReply {
		const end = payload.indexOf(LINE_FEED);
		const line = payload.subarray(0, Math.max(0, end));
		const hash = update.hash(line);
		const reply = { ok: false, manifest: hash.slice(0, NAME_DIGITS) };
		const wait = Math.ceil((this._earliest - this._host.clock.now()) / 1_000);
		try {
			if (this._size === 0 || hash !== this._kept.manifest) {
				const manifest = this._checked(update, line, hash);
				if (wait > 0) return { ...reply, wait, error: `busy for ${wait} s` };
				this._verify(update, line, payload.slice(end + 1));
				this._open(update, manifest, hash);
			}
			return { ...reply, ok: true, offset: this._kept.offset };
		} catch (error) {
			return { ...reply, error: messageOf(error) };
		}
	}

	/** The manifest in a line, if it could begin an update here. */
	private _checked(update: UpdatePort, line: Bytes, hash: string): Manifest {
		const { number, size, sha256, next, board, station } = Object(jsonOf(line)) as Partial<Addressed>;
		const { topic } = this._settings;
		const { board: kind } = this._host;
		const before = this._kept;
		if (!isHash(hash)) throw new Error("no memory");
		if (!(isCount(number) && isCount(size) && isHash(sha256) && isHash(next))) throw new Error("this is no manifest");
		if (board !== kind) throw new Error(`this is a board of the kind ${kind}`);
		if ((station ?? topic) !== topic) throw new Error("it is for another station");
		if (this._complete) throw new Error("the new firmware waits for a restart");
		if (update.unconfirmed) throw new Error("the running firmware is not confirmed yet");
		const isKept = hash === before.manifest && !before.tried;
		if (number <= before.number && !isKept) throw new Error(`its number ${number} is not above ${before.number}`);
		if (isKept && before.begun >= BEGINNINGS_MAXIMUM)
			throw new Error("it was begun too often: it needs a higher number");
		update.reserve(size);
		return { number, size, sha256, next };
	}

	private _verify(update: UpdatePort, line: Bytes, signature: Bytes): void {
		let reason: unknown;
		for (const key of this._settings.updateKeys) {
			try {
				return update.verify(line, signature, key);
			} catch (error) {
				reason = error;
			}
		}
		this._earliest = this._host.clock.now() + WRONG_MS;
		throw reason;
	}

	private _open(update: UpdatePort, { number, size, sha256, next }: Manifest, hash: string): void {
		this._leave("for another one");
		const { manifest, offset, begun } = this._kept;
		if (manifest !== hash) this._known = { number, manifest: hash, offset: 0, next, begun: 1, tried: false };
		else this._known = { ...this._kept, begun: begun + 1, ...(offset === 0 && { next }) };
		update.keep(JSON.stringify({ ...this._kept }));
		this._checkpoint = this._kept.offset;
		this._size = size;
		this._sha256 = sha256;
		this._until = this._host.clock.now() + UPDATE_MS;
		this._wait();
	}

	private _piece(update: UpdatePort, text: string, payload: Bytes): UpdateReply {
		const at = Number(text);
		if (`${at}` !== text || !(at >= 0)) throw new Error("no such command");
		const { next, manifest } = this._kept;
		const isOpen = this._size > 0;
		const offset = isOpen ? this._kept.offset : 0;
		const reply = { manifest: isOpen ? manifest.slice(0, NAME_DIGITS) : "", offset };
		if (!isOpen || at > offset) return { ok: false, error: "bytes before these are missing", ...reply };
		// What was written comes again where an acknowledgement was lost.
		if (at < offset) return { ok: true, ...reply };
		const bytes = payload.subarray(HASH_DIGITS);
		if (bytes.length === 0 || update.hash(payload) !== next)
			return { ok: false, error: "these bytes are not what was signed", ...reply };
		try {
			update.write(bytes, offset);
			const end = offset + bytes.length;
			this._known = { ...this._kept, offset: end, next: textOf(payload.subarray(0, HASH_DIGITS)) };
			if (end < this._size) {
				if (end >= this._checkpoint + CHECKPOINT_BYTES) this._keep({});
				this._wait();
			} else {
				update.complete(this._size, this._sha256);
				this._complete = true;
				this._size = 0;
				this._alarm.clear();
				this._keep({ tried: true });
			}
			return { ok: true, ...reply, offset: end };
		} catch (error) {
			// What the flash has is not what was sent: all of it is written again.
			this._known = { ...this._kept, offset: 0 };
			this._leave(messageOf(error));
			throw error;
		}
	}

	/** The update under way, if there is one, is left for later: until then nothing of it is waited for. */
	private _leave(reason: string): void {
		if (this._size === 0) return;
		this._host.log("warning", `update: left at ${this._kept.offset} of ${this._size} bytes: ${reason}`);
		this._size = 0;
		this._alarm.clear();
		this._keep({});
	}

	/** Where the flash refuses, a restart begins further back. */
	private _keep(more: Partial<Kept>): void {
		this._known = { ...this._kept, ...more };
		this._checkpoint = this._kept.offset;
		try {
			this._host.update!.keep(JSON.stringify({ ...this._kept }));
		} catch (error) {
			this._host.log("warning", `update: ${messageOf(error)}`);
		}
	}

	private _wait(): void {
		const rest = this._until - this._host.clock.now();
		this._alarm.set(() => this._leave(rest > SILENCE_MS ? "silence" : "it takes too long"), Math.min(SILENCE_MS, rest));
	}

	/** Looks at new firmware after `delay` ms, and gives it up when it does not work at the monotonic time `end`. */
	private _judge(end: number, delay: number): void {
		this._alarm.set(() => {
			const { update, clock, log } = this._host;
			const { updateKeys, commands } = this._settings;
			// No other update could put it right.
			const isLast = updateKeys.length === 0 || !commands.includes("update");
			let missing = isLast ? "it takes no updates" : this._judged.missing;
			if (missing === undefined) {
				update!.judge(true);
				// It would be given up at the next restart.
				if (update!.unconfirmed) missing = "the flash does not confirm it";
			}
			if (missing === undefined) {
				log("info", "update: confirmed");
				this._judged.confirmed();
			} else if (clock.now() < end) this._judge(end, LOOK_MS);
			else {
				log("error", `update: ${missing}; back to the firmware before`);
				update!.judge(false);
			}
		}, delay);
	}
}

function isCount(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) > 0;
}

function isHash(value: unknown): value is string {
	return typeof value === "string" && value.length === HASH_DIGITS;
}
