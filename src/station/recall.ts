/**
 * Readings that somebody asks for again: what a broker has lost, or a subscriber missed, is in the flash until it is
 * overwritten.
 */
import { Alarm } from "../alarm.js";
import type { Bytes, Host } from "../host.js";
import type { Link } from "../net/link.js";
import { reportPayload } from "../net/report.js";
import { SEQ_MAXIMUM } from "../outbox/slot.js";
import type { Settings } from "../settings.js";
import { jsonOf } from "../text.js";
import { CommandError, type Result, STOPS } from "./commands.js";
import type { Outgoing, Source } from "./outgoing.js";
import type { Reports } from "./reports.js";

const REFUSED = "the broker does not take readings";
/** Gaps that an answer names; the numbers behind them are those of another request. */
const GAPS_MAXIMUM = 16;

interface Request {
	readonly from: number;
	/** Where the answer ends: at the newest reading in the flash at the most, and before one gap too many. */
	to: number;
	/** Where the search goes on. */
	place: number;
	/** The number that is looked for. */
	wanted: number;
	/** How many have left. */
	sent: number;
	/** First and last numbers of those that the station has no more. */
	readonly missing: (readonly [first: number, last: number])[];
	readonly onDone: (result: Result) => void;
}

export class Recall implements Source {
	readonly noun = "a reading that was asked for";
	private readonly _settings: Settings;
	private readonly _reports: Reports;
	private readonly _link: Link<Outgoing>;
	private readonly _alarm: Alarm;
	private _request: Request | undefined;
	private _due = 0;
	private _isClosed = false;

	constructor({ timer }: Host, settings: Settings, reports: Reports, link: Link<Outgoing>) {
		this._settings = settings;
		this._reports = reports;
		this._link = link;
		this._alarm = new Alarm(timer);
	}

	/** Whether somebody waits for readings. */
	get pending(): boolean {
		return this._request !== undefined;
	}

	/**
	 * `{"from":17,"to":42}`, or without `to` up to the newest. Calls back once all have left. Throws a `CommandError` for
	 * anything else, and while another request is carried out.
	 */
	begin(payload: Bytes, onDone: Request["onDone"]): void {
		const { from, to = SEQ_MAXIMUM } = Object(jsonOf(payload));
		if (!isNumber(from) || !isNumber(to) || from > to)
			throw new CommandError('needs numbers such as {"from":17,"to":42}');
		if (this._isClosed) throw new CommandError(STOPS);
		if (this._request) throw new CommandError("another request for readings is carried out");
		const { outbox } = this._reports;
		this._request = {
			...{ from, to: Math.min(to, outbox.lastKept), place: outbox.placeOf(from), wanted: from },
			...{ sent: 0, missing: [], onDone },
		};
		this._link.wake();
	}

	/** At the pace of the backlog, and behind it. */
	next(now: number): Outgoing | undefined {
		const request = this._request;
		if (!request) return undefined;
		const { backlogRate, topic, qos } = this._settings;
		if (now < this._due) {
			if (!this._alarm.isSet) this._alarm.set(() => this._link.wake(), this._due - now);
			return undefined;
		}
		this._due = now + 1_000 / backlogRate;
		this._alarm.set(() => this._link.wake(), this._due - now);
		const { outbox, refusal } = this._reports;
		if (refusal !== undefined) return this._end(request, { ok: false, error: REFUSED });
		const found = outbox.search(request.place, request.wanted);
		const { place, reading, isWaiting } = found ?? {};
		if (!place || (reading && reading.seq > request.to)) {
			skip(request, request.to + 1);
			return this._end(request);
		}
		request.place = place;
		if (!reading) return undefined;
		if (!skip(request, reading.seq)) return this._end(request);
		request.wanted++;
		// It is still to come.
		if (isWaiting) return undefined;
		request.sent++;
		const payload = reportPayload(reading, this._settings);
		return { topic: `${topic}/late`, payload, qos, retain: false, source: this, tag: 0 };
	}

	settled(): void {}

	/** The station stops: nothing more is sent. */
	close(): void {
		this._isClosed = true;
		if (this._request) this._end(this._request, { ok: false, error: STOPS });
	}

	private _end({ from, to, sent, missing, onDone }: Request, failure?: Result): undefined {
		this._alarm.clear();
		this._request = undefined;
		onDone(failure ?? { ok: true, from, to, sent, missing });
	}
}

/** The numbers before this one are gone. Returns whether there is room to say so; if not, the answer ends before them. */
function skip(request: Request, seq: number): boolean {
	const { missing, wanted } = request;
	if (seq > wanted && missing.length === GAPS_MAXIMUM) {
		request.to = wanted - 1;
		return false;
	}
	if (seq > wanted) missing.push([wanted, seq - 1]);
	request.wanted = seq;
	return true;
}

function isNumber(value: unknown): value is number {
	return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= SEQ_MAXIMUM;
}
