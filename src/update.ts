/**
 * Firmware over the air, in pieces that come as MQTT messages, and the
 * judgement of new firmware after the restart.
 */
import type { Bytes, Host } from "./host.js";
import { jsonOf, messageOf } from "./text.js";

/** An update to which nobody adds for so long, in ms, is given up: it keeps a machine awake that could sleep. */
const SILENCE_MS = 60_000;
/**
 * New firmware that has not reached the broker for so long, in ms, is given up.
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
	readonly #host: Host;
	/** Of whoever signs updates; without it there are none. */
	readonly #publicKey: Bytes | undefined;
	/** What began the update that is under way; 0 bytes: none is. */
	#size = 0;
	#signature = "";
	/** Bytes written. */
	#offset = 0;
	#timer: unknown;
	#complete = false;

	constructor(host: Host, publicKey: Bytes | undefined) {
		this.#host = host;
		this.#publicKey = publicKey;
		if (host.update?.unconfirmed) this.#wait(JUDGEMENT_MS);
	}

	/** Of an update under way, or of new firmware to be judged: while there is a timer, the machine must not sleep. */
	get timer(): unknown {
		return this.#timer;
	}

	/** Whether new firmware waits for a restart. */
	get complete(): boolean {
		return this.#complete;
	}

	/**
	 * `update` begins one with `{"size":1061760,"signature":"3045…"}`, or goes on
	 * with the same one; anything else as its payload gives up the one under way.
	 * `update/4096` brings bytes from the offset 4096 on. What goes wrong is told in
	 * the reply.
	 */
	receive(name: string, payload: Bytes): UpdateReply {
		const { update } = this.#host;
		try {
			if (!update || !this.#publicKey) throw new Error("no updates without updateKey");
			if (name === "update") {
				const begun = Object(jsonOf(payload));
				const size = typeof begun.size === "number" ? begun.size : 0;
				const signature = String(begun.signature);
				if (size !== this.#size || signature !== this.#signature) {
					this.#giveUp("by the sender");
					update.open(size);
					this.#size = size;
					this.#signature = signature;
				}
			} else {
				const at = Number(name.slice(PREFIX.length));
				if (this.#size === 0 || at > this.#offset)
					return { ok: false, error: "bytes before these are missing", offset: this.#offset };
				// What was written comes again where an acknowledgement was lost.
				if (at === this.#offset) {
					update.write(payload);
					this.#offset += payload.length;
				}
			}
			const reply = { ok: true, offset: this.#offset };
			if (this.#offset < this.#size) this.#wait(SILENCE_MS);
			else {
				update.complete(this.#signature, this.#publicKey);
				this.#complete = true;
				this.#forget();
			}
			return reply;
		} catch (error) {
			this.#giveUp(messageOf(error));
			return { ok: false, error: messageOf(error) };
		}
	}

	/** The broker has accepted the connection: new firmware works. */
	connected(): void {
		const { update, log } = this.#host;
		if (!update?.unconfirmed) return;
		this.#wait(0);
		update.judge(true);
		log("info", "update: confirmed");
	}

	/** The program ends: what is under way is given up, and nothing is judged any more. */
	close(): void {
		this.#giveUp("the station stops");
		this.#wait(0);
	}

	/** If there is one. */
	#giveUp(reason: string): void {
		const { update, log } = this.#host;
		if (this.#size === 0) return;
		log("warning", `update: given up at ${this.#offset} of ${this.#size} bytes: ${reason}`);
		this.#forget();
		update?.close();
	}

	#forget(): void {
		this.#size = this.#offset = 0;
		this.#wait(0);
	}

	/** 0: for nothing any more. */
	#wait(delay: number): void {
		const { update, timer, log } = this.#host;
		if (this.#timer !== undefined) timer.clear(this.#timer);
		this.#timer = undefined;
		if (delay === 0) return;
		this.#timer = timer.set(() => {
			if (this.#size > 0) return this.#giveUp("silence");
			this.#timer = undefined;
			log("error", "update: no broker; back to the firmware before");
			update?.judge(false);
		}, delay);
	}
}
