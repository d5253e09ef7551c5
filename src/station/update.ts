/**
 * Firmware over the air, in pieces that come as MQTT messages, and the
 * judgement of new firmware after the restart.
 */
import { Alarm } from "../alarm.js";
import type { Bytes, Host } from "../host.js";
import { jsonOf, messageOf } from "../text.js";
import { STOPS } from "./commands.js";

/** Silence of the sender, in ms, after which an update is given up: it keeps a machine awake that could sleep. */
const SILENCE_MS = 60_000;
/**
 * Time in ms for new firmware to reach the broker, before it is given up.
 * An access point or a broker that starts anew is back in less; and until then
 * somebody waits beside a station that may be lost.
 */
const JUDGEMENT_MS = 600_000;
/** What stands before the offset in the name of a command that brings a piece. */
const PREFIX = "update/";

/**
 * Goes to the sender as JSON. With `offset`, also beside an error, the sender is
 * to go on from there; with an error alone the update is over.
 */
export type UpdateReply = {
	readonly ok: boolean;
	readonly offset?: number;
	readonly error?: string;
};

export class Updater {
	private readonly _host: Host;
	/** Of the key that signs updates; without it there are no updates. */
	private readonly _publicKey: Bytes | undefined;
	/** What began the update that is under way; 0 bytes: none is. */
	private _size = 0;
	private _signature = "";
	/** Bytes written. */
	private _offset = 0;
	/** For the end of an update under way, or of the judgement of new firmware. */
	private readonly _alarm: Alarm;
	private _complete = false;

	constructor(host: Host, publicKey: Bytes | undefined) {
		this._host = host;
		this._publicKey = publicKey;
		this._alarm = new Alarm(host.timer);
		if (host.update?.unconfirmed) this._wait(JUDGEMENT_MS);
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
	 * `update` begins one with `{"size":1061760,"signature":"3045…"}`, or goes on
	 * with the same one; anything else as its payload gives up the one under way.
	 * `update/4096` brings bytes from the offset 4096 on. What goes wrong is told in
	 * the reply.
	 */
	receive(name: string, payload: Bytes): UpdateReply {
		const { update } = this._host;
		try {
			if (!update || !this._publicKey) throw new Error("no updates without updateKey");
			if (name === "update") {
				const begun = Object(jsonOf(payload));
				const size = typeof begun.size === "number" ? begun.size : 0;
				const signature = String(begun.signature);
				if (size !== this._size || signature !== this._signature) {
					this._giveUp("by the sender");
					update.open(size);
					this._size = size;
					this._signature = signature;
				}
			} else {
				const at = Number(name.slice(PREFIX.length));
				if (this._size === 0 || at > this._offset)
					return { ok: false, error: "bytes before these are missing", offset: this._offset };
				// What was written comes again where an acknowledgement was lost.
				if (at === this._offset) {
					update.write(payload);
					this._offset += payload.length;
				}
			}
			const reply = { ok: true, offset: this._offset };
			if (this._offset < this._size) this._wait(SILENCE_MS);
			else {
				update.complete(this._signature, this._publicKey);
				this._complete = true;
				this._forget();
			}
			return reply;
		} catch (error) {
			this._giveUp(messageOf(error));
			return { ok: false, error: messageOf(error) };
		}
	}

	/** The broker has accepted the connection: new firmware works. */
	connected(): void {
		const { update, log } = this._host;
		if (!update?.unconfirmed) return;
		this._alarm.clear();
		update.judge(true);
		log("info", "update: confirmed");
	}

	/** The program ends: what is under way is given up, and nothing is judged any more. */
	close(): void {
		this._giveUp(STOPS);
		this._alarm.clear();
	}

	/** If there is one. */
	private _giveUp(reason: string): void {
		const { update, log } = this._host;
		if (this._size === 0) return;
		log("warning", `update: given up at ${this._offset} of ${this._size} bytes: ${reason}`);
		this._forget();
		update?.close();
	}

	private _forget(): void {
		this._size = this._offset = 0;
		this._alarm.clear();
	}

	private _wait(delay: number): void {
		this._alarm.set(() => {
			if (this._size > 0) return this._giveUp("silence");
			const { update, log } = this._host;
			log("error", "update: no broker; back to the firmware before");
			update?.judge(false);
		}, delay);
	}
}
