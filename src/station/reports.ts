/** Readings on their way: into the outbox, out of it as reports, and what the broker made of them. */
import { Alarm } from "../alarm.js";
import type { Host } from "../host.js";
import type { Link } from "../net/link.js";
import { reportPayload } from "../net/report.js";
import { Outbox } from "../outbox/outbox.js";
import type { Sample } from "../sensors/sensor.js";
import type { Settings } from "../settings.js";
import { bytesOf, messageOf } from "../text.js";
import type { Outcome, Outgoing, Source } from "./outgoing.js";

export class Reports implements Source {
	readonly noun = "a reading";
	readonly fate = "it is tried again in six hours, or after a restart";
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _link: Link<Outgoing>;
	private readonly _outbox: Outbox;
	private readonly _counters = { readings: 0, published: 0, redelivered: 0, acknowledged: 0, rejected: 0 };
	/** For the next reading of the backlog. */
	private readonly _alarm: Alarm;
	/** From when on no more readings are sent, in ms; `undefined` until the station stops. */
	private _endsAt: number | undefined;
	private _dropsTold = false;

	constructor(host: Host, settings: Settings, link: Link<Outgoing>) {
		const { clock, flash } = host;
		const { outbox: ringBytes, order, full, backlogRate } = settings;
		this._host = host;
		this._settings = settings;
		this._link = link;
		this._alarm = new Alarm(host.timer);
		this._outbox = new Outbox({
			flash,
			ringBytes,
			order,
			full,
			backlogRate,
			clock,
			onFlash: (problem) => {
				if (problem === undefined) host.log("info", "flash: works again");
				else host.log("error", `flash: ${messageOf(problem)}; readings wait in RAM`);
			},
		});
	}

	/** See `Counters`. */
	get counters() {
		return this._counters;
	}

	/** Readings lost since the flash was first used. */
	get dropped(): number {
		return this._outbox.dropped;
	}

	/** Readings that the broker does not have. */
	get queued(): number {
		return this._outbox.length;
	}

	/** Of the flash: block erases since it was first used, records written since the start. */
	get wear() {
		return this._outbox.wear;
	}

	/** Whether the broker has all readings, but for those that it does not bear. */
	get delivered(): boolean {
		return this._outbox.length === this._outbox.aside;
	}

	/**
	 * Keeps a reading, taken at the monotonic time `now` in ms, and returns its
	 * number, or `undefined` where there is no room for it. Throws an Error for a
	 * sample that cannot be kept.
	 */
	push(sample: Sample, now: number): number | undefined {
		const { dropped } = this._outbox;
		const seq = this._outbox.push(sample, now);
		if (this._outbox.dropped > dropped) this._tellOfDrops();
		if (seq !== undefined) this._counters.readings++;
		return seq;
	}

	next(now: number): Outgoing | undefined {
		if (this._endsAt !== undefined && now >= this._endsAt) return undefined;
		const taken = this._outbox.take(now, this._endsAt !== undefined);
		if (!taken) {
			this._waitForBacklog(now);
			return undefined;
		}
		const { topic, qos } = this._settings;
		const payload = bytesOf(reportPayload(taken.reading));
		return { topic: `${topic}/state`, payload, qos, retain: false, source: this, tag: taken.handle };
	}

	sent(redelivered: boolean): void {
		this._counters[redelivered ? "redelivered" : "published"]++;
	}

	settled(handle: number, outcome: Outcome): void {
		if (outcome === "given up") return this._outbox.setAside(handle, this._host.clock.now());
		this._counters[outcome]++;
		this._outbox.acknowledge(handle);
	}

	/** The station stops: until the monotonic time `endsAt` in ms readings are sent as fast as they can be, then none. */
	finish(endsAt: number): void {
		this._endsAt = endsAt;
	}

	close(): void {
		this._alarm.clear();
	}

	private _waitForBacklog(now: number): void {
		const { deadline } = this._outbox;
		if (deadline === Number.POSITIVE_INFINITY || this._alarm.isSet) return;
		this._alarm.set(() => this._link.wake(), deadline - now);
	}

	private _tellOfDrops(): void {
		if (this._dropsTold) return;
		this._dropsTold = true;
		this._host.log("warning", `no more readings can be kept: the ${this._settings.full} are dropped`);
	}
}
