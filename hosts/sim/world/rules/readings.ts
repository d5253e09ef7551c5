/**
 * What the world knows of every reading, and the rules for them: none is lost
 * that is not counted, none is changed, none has another's number, and none
 * comes twice without a reason.
 */

import { type Truth, untruth } from "../board/probe.ts";
import { type Entry, isMissing } from "./entry.ts";
import { Labels } from "./labels.ts";
import { Numbers } from "./numbers.ts";

/** For how long a reading is set aside, in ms, whatever the board's clock makes of six hours. */
const ASIDE_MS = 23_000_000;

export interface ReadingsOptions {
	readonly qos: 0 | 1 | 2;
	readonly order: "newest" | "oldest";
	readonly full: "newest" | "oldest";
	/** Whether somebody has asked for the reading with this number again. */
	readonly isAskedFor: (seq: number) => boolean;
	readonly violate: (kind: string, text: string) => void;
}

/** A delivery, as the broker saw it. */
export interface Delivery {
	/** At `state`, or at `late`. */
	readonly isState: boolean;
	readonly payload: string;
	readonly qos: number;
	readonly dup: boolean;
	readonly retain: boolean;
	readonly time: number;
	readonly refused: boolean;
	/** The flash was failing, or has done so not long ago. */
	readonly hindered: boolean;
	/** Since when the flash has done what it was asked, in ms. */
	readonly flashWellSince: number;
}

type EntrySample = Pick<Entry, "ticks" | "at" | "offset" | "truth" | "volatile" | "hindered" | "uncertain">;

/** A reading that a power cut may have left in the flash, with one of several numbers. */
interface Left {
	readonly sample: EntrySample;
	readonly boot: number;
	readonly mayHave: (seq: number) => boolean;
}

export class Readings {
	/** The latest with each number. */
	readonly entries = new Map<number, Entry>();
	readonly counts = { accepted: 0, deliveries: 0, redeliveries: 0, rejected: 0, forgotten: 0 };
	private readonly _options: ReadingsOptions;
	private readonly _labels: Labels;
	private readonly _numbers: Numbers;
	private _boot = 0;
	private readonly _left: Left[] = [];
	/** Readings of this power-on period that the flash refused. */
	private _inRam: Entry[] = [];
	/** Since when the broker's session and the station's are the same, in the world's ms, and counted by connections. */
	private _sessionSince = 0;
	private _connection = 0;
	private _resumed = false;
	private _sender = 0;
	private _version = 5;
	private _highestDelivered = 0;
	private _outOfOrder = false;
	private _asideAt = Number.NEGATIVE_INFINITY;
	/** The newest reading that the station has accepted, and the newest that the broker has taken at `state`. */
	private _newest: Entry | undefined;
	private _onState: Entry | undefined;

	constructor(options: ReadingsOptions) {
		this._options = options;
		this._labels = new Labels(options.violate);
		this._numbers = new Numbers(options);
	}

	/** Readings that have not arrived. */
	get missing(): readonly Entry[] {
		const missing: Entry[] = [];
		for (const latest of this.entries.values()) {
			for (let entry: Entry | undefined = latest; entry; entry = entry.earlier)
				if (isMissing(entry)) missing.push(entry);
		}
		return missing;
	}

	poweredOn(boot: number): void {
		this._boot = boot;
		this._labels.poweredOn(boot);
	}

	clockSet(offset: number): void {
		this._labels.clockSet(offset);
	}

	/** The flash could not be read at the start, or bits of it have changed: numbers may come again. */
	numbersLost(): void {
		this._numbers.lost();
		this._outOfOrder = true;
	}

	/** `pending`: what the station would have accepted next, had the power been there a moment longer. */
	powerCut(
		time: number,
		pending:
			| { readonly ticks: number; readonly truth: Truth | undefined; readonly offset: number | undefined }
			| undefined,
	): void {
		this._sessionSince = time;
		for (const entry of this._inRam) {
			if (!isMissing(entry)) continue;
			entry.forgotten = true;
			this.counts.forgotten++;
		}
		this._inRam = [];
		this._numbers.powerCut(pending !== undefined);
		if (!pending) return;
		const sample = { ...pending, at: time, volatile: false, hindered: true, uncertain: true };
		this._left.push({ sample, boot: this._boot, mayHave: this._numbers.possible });
	}

	/** What a power cut may have left in the flash with this number, the newest first. */
	private _leftWith(seq: number): Left[] {
		return this._left.filter(({ mayHave }) => mayHave(seq)).reverse();
	}

	/** The station tells that it has accepted a reading. */
	accepted(
		seq: number,
		sample: {
			readonly ticks: number;
			readonly at: number;
			readonly offset: number | undefined;
			readonly truth: Truth | undefined;
			readonly volatile: boolean;
			readonly hindered: boolean;
		},
	): void {
		this.counts.accepted++;
		let before = this.entries.get(seq);
		while (before?.uncertain) before = before.earlier;
		this._numbers.given(seq, sample.volatile, before);
		const entry = this._enter(seq, { ...sample, uncertain: false }, this._boot);
		this._newest = entry;
		if (entry.volatile) this._inRam.push(entry);
	}

	/** Of the newest reading that the station has accepted; 0 before the first. */
	get newestSeq(): number {
		return this._newest?.seq ?? 0;
	}

	/** Numbers given twice, and left out. */
	get numbers(): Readonly<Pick<Numbers, "reused" | "skipped">> {
		return this._numbers;
	}

	private _enter(seq: number, sample: EntrySample, boot: number): Entry {
		const entry: Entry = {
			...sample,
			seq,
			boot,
			earlier: this.entries.get(seq),
			deliveries: 0,
			deliveredAt: 0,
			connection: 0,
			qos: 0,
			sender: 0,
			values: undefined,
			rejected: false,
			refusedLast: false,
			forgotten: false,
		};
		this.entries.set(seq, entry);
		return entry;
	}

	/** `sender`: the power-on period of the station that connected, if that is certain. */
	connected(version: number, sessionPresent: boolean, time: number, sender: number | undefined): void {
		this._connection++;
		this._sender = sender ?? -this._connection;
		this._version = version;
		this._resumed = sessionPresent;
		if (!sessionPresent) this._sessionSince = time;
	}

	/** A message to the station's topic of readings has arrived; returns whether it is a first delivery, and the entry. */
	delivered(delivery: Delivery): Entry | undefined {
		const { violate } = this._options;
		let report: Record<string, unknown>;
		try {
			report = JSON.parse(delivery.payload);
		} catch {
			return void violate("content", `a report that is no JSON: ${delivery.payload}`);
		}
		const { seq } = report;
		const entry = typeof seq === "number" ? this._find(seq, report) : undefined;
		if (!entry) return void violate("content", `a reading that was never taken: ${delivery.payload}`);
		const { time, ...values } = report;
		const text = JSON.stringify(values);
		const wrong = entry.truth && untruth(report, entry.truth);
		if (wrong) violate("content", `reading ${seq} was falsified: ${wrong}`);
		else if (entry.values !== undefined && entry.values !== text) {
			violate("content", `reading ${seq} came as ${entry.values} and then as ${text}`);
		}
		entry.values ??= text;
		this._labels.judge(entry, time);
		this._judgeTopic(entry, delivery);
		this._judgeRepetition(entry, delivery);
		if (delivery.refused) {
			this.counts.rejected++;
			entry.rejected = true;
		} else {
			if (entry.deliveries > 0) this.counts.redeliveries++;
			else if (!entry.rejected) this._judgeOrder(entry, delivery);
			this.counts.deliveries++;
			entry.deliveries++;
		}
		Object.assign(entry, {
			refusedLast: delivery.refused,
			deliveredAt: delivery.time,
			connection: this._connection,
			qos: delivery.qos,
			sender: this._sender,
		});
		return entry;
	}

	/** When the last reading that was set aside is tried again, with the first of the next readings. */
	get asideUntil(): number {
		return this._asideAt + ASIDE_MS;
	}

	/** The station has given up a reading for now: its broker ended connections when it had it. */
	setAside(now: number): void {
		this._asideAt = now;
		this._outOfOrder = true;
	}

	/** Where a number was given twice, the content tells which of the two it is. */
	private _find(seq: number, report: Record<string, unknown>): Entry | undefined {
		const latest = this.entries.get(seq);
		const matches = ({ truth }: { readonly truth: Truth | undefined }) => !truth || !untruth(report, truth);
		for (let entry = latest; entry; entry = entry.earlier) {
			if (matches(entry)) return entry;
		}
		const left = this._leftWith(seq);
		const found = left.find(({ sample }) => matches(sample)) ?? (latest ? undefined : left[0]);
		return found ? this._enter(seq, found.sample, found.boot) : latest;
	}

	/** What is retained at `state` never goes back in time; what comes behind newer readings is at `late`, and is not retained. */
	private _judgeTopic(entry: Entry, { isState, retain, refused, hindered, flashWellSince }: Delivery): void {
		const { violate, order } = this._options;
		const { seq, at } = entry;
		if (retain !== isState) violate("topic", `reading ${seq} is${retain ? "" : " not"} retained`);
		// Numbers may have begun anew; or the flash had it, and would not show it when it was its turn.
		const isUsual = !entry.uncertain && !entry.hindered && !hindered && flashWellSince <= at && !this._outOfOrder;
		const isCertain = isUsual && !this._options.isAskedFor(seq);
		if (isState) {
			const before = this._onState;
			if (isCertain && before && at < before.at) violate("topic", `reading ${seq} is retained after ${before.seq}`);
			if (!refused) this._onState = entry;
		} else if (isCertain && order === "newest" && entry === this._newest && !this._mayFollow(seq)) {
			// One more may be in the flash, of which the station knows since its start.
			violate("topic", `reading ${seq} is the newest, and comes late`);
		} else if (isCertain && order === "oldest") violate("topic", `reading ${seq} comes late`);
	}

	/** Whether the next number may be in flash, and the station has not told of it. */
	private _mayFollow(seq: number): boolean {
		const [newest] = this._leftWith(seq + 1);
		const next = this.entries.get(seq + 1);
		return newest !== undefined && (!next || next.uncertain || next.at < newest.sample.at);
	}

	private _judgeRepetition(entry: Entry, { qos, dup, refused, hindered }: Delivery): void {
		const { violate } = this._options;
		const { seq } = entry;
		// After a refusal it is a new message to MQTT.
		const before = entry.deliveries > 0 && !entry.refusedLast;
		if (qos > 0 && dup && !this._resumed && entry.connection !== this._connection && this._version !== 3) {
			violate("duplicate flag", `reading ${seq} says it is a redelivery in a new session`);
		}
		// Flash that would not say whether it kept a reading may have it twice.
		if (!before || entry.hindered || hindered || this._options.isAskedFor(seq)) return;
		if (entry.connection === this._connection) {
			violate("repetition", `reading ${seq} came twice on one connection`);
		}
		// What follows needs both ends to know of the first delivery.
		if (entry.deliveredAt < this._sessionSince || entry.sender !== this._sender || entry.qos !== qos || qos === 0)
			return;
		// One that was set aside was given up before, and is a new message to MQTT.
		if (entry.deliveredAt <= this._asideAt) return;
		if (!dup) violate("duplicate flag", `reading ${seq} came again in the same session without DUP`);
		if (qos === 2 && !refused) {
			violate("exactly once", `reading ${seq} came twice at QoS 2, although both ends had the session`);
		}
	}

	private _judgeOrder({ seq, at, hindered, rejected }: Entry, delivery: Delivery): void {
		// What the broker refused at first and then took has lost its place, and what could not be read when its turn was.
		if (hindered || delivery.hindered || rejected || delivery.flashWellSince > at || this._options.isAskedFor(seq))
			return;
		if (this._options.order === "oldest" && !this._outOfOrder && seq < this._highestDelivered) {
			this._options.violate("order", `reading ${seq} came after ${this._highestDelivered}`);
		}
		this._highestDelivered = Math.max(seq, this._highestDelivered);
	}
}
