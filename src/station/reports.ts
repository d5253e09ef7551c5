/** Readings on their way: into the outbox, out of it as reports, and what the broker made of them. */
import { Alarm } from "../alarm.js";
import type { Host, Observer } from "../host.js";
import type { Link } from "../net/link.js";
import { reasonText } from "../net/mqtt/reason-codes.js";
import { REFUSAL_PAUSE_MAXIMUM_MS, REFUSAL_PAUSE_MS } from "../net/mqtt/suspicion.js";
import { quantitiesOf } from "../net/quantities.js";
import { reportPayload } from "../net/report.js";
import { Outbox, type Taken } from "../outbox/outbox.js";
import type { Sample } from "../sensors/sensor.js";
import type { Settings } from "../settings.js";
import type { BrokerLog } from "./broker-log.js";
import type { Outcome, Outgoing, Source } from "./outgoing.js";
import { Values } from "./values.js";

/** From this pause on, in ms, the end of refusals is logged. */
const TOLD_MS = 8_000;
/** Refusals of one reading, with others taken in between, after which it is set aside. */
const REFUSALS_MAXIMUM = 3;
/** In the broker's traits, above those of the session: the log has told that the broker seems not to retain the will. */
export const WILL_TOLD = 16;

/** From the refusal of a reading until the broker takes one. */
interface Refusal {
	/** For people. */
	readonly reason: string;
	readonly pause: number;
	/** When the next reading is tried, in ms. */
	readonly until: number;
	/** The reading that is tried. */
	trial: number | undefined;
}

export class Reports implements Source {
	readonly noun = "a reading";
	readonly fate = "it is tried again in six hours, or after a restart";
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _link: Link<Outgoing>;
	private readonly _brokerLog: BrokerLog;
	private readonly _observer: Observer;
	readonly outbox: Outbox;
	private readonly _counters = { readings: 0, published: 0, redelivered: 0, acknowledged: 0, rejected: 0 };
	/** For the next reading of the backlog. */
	private readonly _alarm: Alarm;
	/** From when on no more readings are sent, in ms; `undefined` until the station stops. */
	private _endsAt: number | undefined;
	private _refusal: Refusal | undefined;
	/** The reading that was refused last, its refusals, and whether others were taken since. */
	private _refused: { readonly handle: number; count: number; othersTaken: boolean } | undefined;
	private _dropsTold = false;
	/** The reading on its way to `state`. */
	private _onState: Taken | undefined;
	private readonly _values: Values | undefined;
	/** The number of the last one that left for it. */
	private _stateSeq = 0;

	constructor(host: Host, settings: Settings, link: Link<Outgoing>, brokerLog: BrokerLog, observer: Observer) {
		this._host = host;
		this._settings = settings;
		this._link = link;
		this._brokerLog = brokerLog;
		this._observer = observer;
		this._alarm = new Alarm(host.timer);
		if (settings.values !== false) this._values = new Values(host, settings);
		this.outbox = new Outbox(host, settings);
	}

	/** See `Counters`. */
	get counters() {
		return this._counters;
	}

	/** Readings lost since the flash was first used. */
	get dropped(): number {
		return this.outbox.dropped;
	}

	/** Readings that the broker does not have. */
	get queued(): number {
		return this.outbox.length;
	}

	/** Of the flash: block erases since it was first used, records written since the start. */
	get wear() {
		return this.outbox.wear;
	}

	/** What is known of the broker: the session's `traits` and `WILL_TOLD`, or the version alone. */
	get brokerTraits(): number {
		return this._host.brokerVersion ?? this.outbox.brokerTraits ?? 5;
	}

	/** Is kept through restarts and sleep: to find it out may take longer than a wake. */
	set brokerTraits(traits: number) {
		if (traits !== this.brokerTraits) this.outbox.keepBrokerTraits(traits);
	}

	/** The text that outlives restarts, where there is flash; a `memo` takes its place. */
	memo(memo?: string): string {
		const outbox = this.outbox;
		if (memo !== undefined && memo !== outbox.memo) outbox.keepMemo(memo);
		return outbox.memo ?? "";
	}

	/** Why the broker does not take readings, for people; `undefined` while it does. */
	get refusal(): string | undefined {
		return this._refusal?.reason;
	}

	/** Whether the broker has all readings, but for those that it does not bear. */
	get delivered(): boolean {
		return this.outbox.length === this.outbox.aside && !this._values?.pending;
	}

	/**
	 * Keeps a reading, taken at the monotonic time `now` in ms, and returns its
	 * number, or `undefined` where there is no room for it. Throws an Error for a
	 * sample that cannot be kept.
	 */
	push(sample: Sample, now: number): number | undefined {
		const { dropped } = this.outbox;
		const seq = this.outbox.push(sample, now);
		if (this.outbox.dropped > dropped) this._tellOfDrops();
		if (seq !== undefined) this._counters.readings++;
		return seq;
	}

	next(now: number): Outgoing | undefined {
		if (this._endsAt !== undefined && now >= this._endsAt) return undefined;
		const value = this._values?.next();
		if (value) return value;
		const refusal = this._refusal;
		const inOrder = this._settings.order === "oldest";
		if (refusal?.trial !== undefined || (inOrder && this._onState !== undefined)) return undefined;
		if (refusal && now < refusal.until) {
			this._waitUntil(refusal.until);
			return undefined;
		}
		const taken = this.outbox.take(now, this._endsAt !== undefined);
		if (!taken) {
			this._waitUntil(this.outbox.deadline);
			return undefined;
		}
		const { handle, reading, isNewest } = taken;
		const { topic, qos, state } = this._settings;
		this._observer.onSent?.(reading.seq, handle);
		if (refusal) refusal.trial = handle;
		// One that was set aside comes back late.
		const isFirst = inOrder ? reading.seq >= this._stateSeq : isNewest;
		// Without `state` a reading that has no values, as a formula may not hold, is nowhere else than at `late`.
		const isState = isFirst && (state || this._publishValues(taken));
		if (isState) {
			this._goesToState(taken);
			this._stateSeq = reading.seq;
			if (!state) {
				this.sent(false);
				return this._values?.next();
			}
		}
		return {
			topic: `${topic}/${isState ? "state" : "late"}`,
			payload: reportPayload(reading, this._settings),
			qos,
			retain: isState,
			source: this,
			tag: handle,
		};
	}

	sent(redelivered: boolean): void {
		this._counters[redelivered ? "redelivered" : "published"]++;
	}

	settled(handle: number, outcome: Outcome, reasonCode = 0): void {
		const now = this._host.clock.now();
		// What the alarm was set for may change now.
		this._alarm.clear();
		const taken = this._onState;
		if (taken?.handle === handle) {
			this._goesToState(undefined);
			if (outcome === "acknowledged" && this._settings.state) this._publishValues(taken);
		}
		if (this._refusal?.trial === handle) this._refusal.trial = undefined;
		if (outcome === "acknowledged") this._accepted(handle);
		else if (outcome === "given up") this.outbox.setAside(handle, now);
		else this._rejected(handle, reasonText(reasonCode), now);
	}

	private _accepted(handle: number): void {
		this._counters.acknowledged++;
		this.outbox.acknowledge(handle);
		this._observer.onDelivered?.(handle);
		if (this._refused) this._refused.othersTaken = true;
		if (!this._refusal) return;
		if (this._refusal.pause >= TOLD_MS) this._brokerLog.acceptsAgain(this);
		this._refusal = undefined;
	}

	/**
	 * A broker that refuses one reading mostly refuses all: a full quota, a wrong
	 * access list. So they wait, and one is tried now and then.
	 */
	private _rejected(handle: number, reason: string, now: number): void {
		this._counters.rejected++;
		const { pause = REFUSAL_PAUSE_MS / 2, until = now } = this._refusal ?? {};
		// Before that time come the refusals of those that had left with the first one.
		if (now >= until) {
			const longer = Math.min(REFUSAL_PAUSE_MAXIMUM_MS, 2 * pause);
			this._refusal = { reason, pause: longer, until: now + longer, trial: undefined };
		}
		if (this._refused?.handle !== handle) this._refused = { handle, count: 0, othersTaken: true };
		if (this._refused.othersTaken) this._refused.count++;
		this._refused.othersTaken = false;
		if (this._refused.count < REFUSALS_MAXIMUM) return this.outbox.putBack(handle);
		this._brokerLog.refusesOne(this);
		this._refusal = this._refused = undefined;
		this.outbox.setAside(handle, now);
	}

	/** The station stops: until the monotonic time `endsAt` in ms readings are sent as fast as they can be, then none. */
	finish(endsAt: number): void {
		this._endsAt = endsAt;
	}

	close(): void {
		this._alarm.clear();
	}

	/**
	 * What is retained never goes back: a newer reading leaves for `state` only when nothing can make the one
	 * before it leave again.
	 */
	private _goesToState(taken: Taken | undefined): void {
		this._onState = taken;
		this.outbox.holdsNewest = taken !== undefined;
	}

	/** Returns whether there are any. Where there is no `state`, their acknowledgement is the reading's. */
	private _publishValues({ handle, reading }: Taken): boolean {
		if (!this._values) return false;
		const quantities = quantitiesOf(reading.sample, this._settings);
		if (this._settings.state) return this._values.publish(quantities);
		return this._values.publish(quantities, (outcome, reasonCode) => this.settled(handle, outcome, reasonCode));
	}

	/** When the next reading may go, in ms; `Infinity`: that is not known yet. */
	private _waitUntil(due: number): void {
		if (due === Number.POSITIVE_INFINITY || this._alarm.isSet) return;
		this._alarm.set(() => this._link.wake(), due - this._host.clock.now());
	}

	private _tellOfDrops(): void {
		if (this._dropsTold) return;
		this._dropsTold = true;
		this._host.log("warning", `no more readings can be kept: the ${this._settings.full} are dropped`);
	}
}
