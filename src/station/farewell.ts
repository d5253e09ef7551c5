/**
 * The end in good order: the last status goes when nothing else waits, and when
 * the broker has everything, the DISCONNECT. There is no waiting for longer than
 * `FAREWELL_MS`: then the broker says `offline`, by the will.
 */
import { Alarm } from "../alarm.js";
import type { TimerPort } from "../host.js";
import { DISCONNECT_WITH_WILL } from "../net/mqtt/reason-codes.js";
import type { Outgoing, Source } from "./outgoing.js";
import { type LastStatus, statusMessage } from "./status.js";

/** From the stop to the end of the connection at the latest, in ms. */
const FAREWELL_MS = 2_000;

export interface FarewellOptions {
	readonly timer: TimerPort;
	readonly topic: string;
	readonly status: LastStatus;
	/** Of the DISCONNECT after the last status. */
	readonly reasonCode: number;
	/** Ends the connection, with a DISCONNECT of this reason code if it can be sent. */
	readonly onEnd: (reasonCode: number) => void;
}

export class Farewell implements Source {
	readonly noun = "the status";
	private readonly _options: FarewellOptions;
	private readonly _alarm: Alarm;
	private _sent = false;
	private _settled = false;

	constructor(options: FarewellOptions) {
		const { status, reasonCode, timer } = options;
		this._options = options;
		this._alarm = new Alarm(timer);
		// A broker that gets the DISCONNECT has got the status before it.
		this._alarm.set(() => this.end(status === "asleep" && this._sent ? reasonCode : DISCONNECT_WITH_WILL), FAREWELL_MS);
	}

	next(): Outgoing | undefined {
		if (this._sent) return undefined;
		this._sent = true;
		const { topic, status } = this._options;
		return { ...statusMessage(topic, status), source: this, tag: 0 };
	}

	settled(): void {
		this._settled = true;
	}

	/** Nothing is in flight. A reading of QoS 2 takes one answer more than the status. */
	nothingInFlight(): void {
		if (this._settled) this.end(this._options.reasonCode);
	}

	end(reasonCode = 0): void {
		this._alarm.clear();
		this._options.onEnd(reasonCode);
	}
}
