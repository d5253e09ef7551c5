/**
 * The subscriptions that the client wants (wishes), and which of them the broker
 * has granted. Wishes outlive a connection; a grant lasts as long as the broker's
 * session.
 */
import type { Bytes } from "../../host.js";
import type { Connection } from "./connection.js";
import { ProtocolError } from "./errors.js";
import { oldestOf } from "./in-flight.js";
import type { Message } from "./message.js";
import {
	SUBSCRIPTIONS_MAXIMUM,
	type Suback,
	type Subscribe,
	type Subscription,
	type Unsuback,
	type Unsubscribe,
} from "./packet.js";
import type { PacketIds } from "./packet-ids.js";
import { PACKET_TOO_LARGE } from "./reason-codes.js";
import type { SessionOptions } from "./session-options.js";
import { topicFilterFault } from "./topic.js";

/** Connections in a row that ended with a request unanswered. The request is the likely cause, so the next one comes last. */
const FAILURES_MAXIMUM = 2;
/** Pause before the next request, in ms, from the second end without another cause on; it doubles with each, up to an hour. */
const PAUSE_MS = 60_000;
const PAUSE_MAXIMUM_MS = 3_600_000;

interface Wish {
	/** `undefined`: to be unsubscribed from. */
	subscription: Subscription | undefined;
	state: "wanted" | "asked" | "answered";
	/** The last request with this topic filter: an answer to an earlier one does not settle the wish. */
	packetId?: number;
}

/** A SUBSCRIBE or UNSUBSCRIBE that is not answered. */
interface Request {
	readonly packet: Subscribe | Unsubscribe;
	sentAt: number | undefined;
}

export class Subscriptions<M extends Message> {
	private readonly _options: SessionOptions<M>;
	private readonly _ids: PacketIds;
	private readonly _wishes = new Map<string, Wish>();
	private readonly _requests = new Map<number, Request>();
	/** When the oldest unanswered request left, in ms; `Infinity`: none did. Asked for at every turn. */
	oldestSentAt = Number.POSITIVE_INFINITY;
	/** Whether some of the wishes may be wanted: they are looked at only then. */
	mayWant = false;
	/** Topic filters in one request: fewer on a connection to a broker that takes small packets only. */
	private _atOnce = SUBSCRIPTIONS_MAXIMUM;
	/** Connections in a row that ended with a request unanswered, those of them with nothing else unanswered, and when the next request may leave. */
	private _failures = 0;
	private _ends = 0;
	private _due = Number.NEGATIVE_INFINITY;

	constructor(options: SessionOptions<M>, ids: PacketIds) {
		this._options = options;
		this._ids = ids;
		ids.share(this._requests);
	}

	/** Throws a RangeError for too many subscriptions, or a wrong topic filter. */
	subscribe(subscription: Subscription): void {
		this._wish(subscription.topicFilter, subscription);
	}

	/** Takes any topic filter: the broker may remember a subscription from before a restart. */
	unsubscribe(topicFilter: string): void {
		this._wish(topicFilter, undefined);
	}

	private _wish(topicFilter: string, subscription: Subscription | undefined): void {
		const fault = topicFilterFault(topicFilter);
		if (fault) throw new RangeError(fault);
		if (!this._wishes.has(topicFilter) && this._wishes.size >= SUBSCRIPTIONS_MAXIMUM) {
			throw new RangeError(`more than ${SUBSCRIPTIONS_MAXIMUM} subscriptions`);
		}
		this._wishes.set(topicFilter, { subscription, state: "wanted" });
		this.mayWant = true;
	}

	/** Whether requests come after messages and their acknowledgements. */
	get comeLast(): boolean {
		return this._failures >= FAILURES_MAXIMUM;
	}

	/**
	 * When the next request may leave, in ms, if it comes last: after messages and
	 * their acknowledgements. `undefined`: requests come first. `Infinity`: there is none.
	 */
	get dueLast(): number | undefined {
		if (!this.comeLast) return undefined;
		for (const { state } of this._wishes.values()) if (state === "wanted") return this._due;
		return Number.POSITIVE_INFINITY;
	}

	/** Whether an answer is due. */
	get awaiting(): boolean {
		return this._requests.size > 0;
	}

	/** The next SUBSCRIBE or UNSUBSCRIBE, within the broker's Maximum Packet Size [5.0: MQTT-3.2.2-15]. */
	transmit(connection: Connection<M>, now: number): Bytes | undefined {
		for (let request = this._next(); request; request = this._next()) {
			const bytes = connection.leave(request, now);
			if (bytes.length <= connection.maximumPacketSize) return bytes;
			connection.leaving = undefined;
			this._tooLarge(request);
		}
		return undefined;
	}

	/** One request for all topic filters to subscribe to, or to unsubscribe from. */
	private _next(): Subscribe | Unsubscribe | undefined {
		const request = this._request(true) ?? this._request(false);
		this.mayWant = request !== undefined;
		return request;
	}

	private _request(subscribe: boolean): Subscribe | Unsubscribe | undefined {
		const wishes = [...this._wishes].filter(
			([, { state, subscription }]) => state === "wanted" && (subscription !== undefined) === subscribe,
		);
		if (wishes.length === 0) return undefined;
		wishes.length = Math.min(wishes.length, this._atOnce);
		const packetId = this._ids.take();
		for (const [, wish] of wishes) {
			wish.state = "asked";
			wish.packetId = packetId;
		}
		const packet: Subscribe | Unsubscribe = subscribe
			? { cmd: "subscribe", packetId, subscriptions: wishes.map(([, { subscription }]) => subscription!) }
			: { cmd: "unsubscribe", packetId, topicFilters: wishes.map(([topicFilter]) => topicFilter) };
		this._requests.set(packetId, { packet, sentAt: undefined });
		return packet;
	}

	/** The request is too large for the broker: halves the next ones, or gives up a single topic filter. */
	private _tooLarge(packet: Subscribe | Unsubscribe): void {
		this._requests.delete(packet.packetId);
		const filters = filtersOf(packet);
		if (filters.length === 1) {
			this._settle(filters[0]!, packet.packetId);
			return this._tell(packet.cmd === "subscribe", filters[0]!, PACKET_TOO_LARGE);
		}
		this._atOnce = Math.ceil(filters.length / 2);
		for (const filter of filters) this._wishes.get(filter)!.state = "wanted";
		this.mayWant = true;
	}

	/** The request has left. */
	sent(packetId: number, now: number): void {
		const request = this._requests.get(packetId);
		if (!request) return;
		request.sentAt = now;
		this.oldestSentAt = oldestOf(this._requests);
	}

	/**
	 * The broker's answer. Throws a `ProtocolError` for another number of reason codes
	 * than of topic filters [MQTT-3.8.4-5].
	 */
	answered({ cmd, packetId, reasonCodes }: Suback | Unsuback): void {
		const packet = this._requests.get(packetId)?.packet;
		if (packet?.cmd !== (cmd === "suback" ? "subscribe" : "unsubscribe")) {
			return this._options.onUnexpected?.(
				`${cmd === "suback" ? "a SUBACK" : "an UNSUBACK"} for the packet id ${packetId}, which does not wait for it`,
			);
		}
		this._requests.delete(packetId);
		this.oldestSentAt = oldestOf(this._requests);
		this._failures = this._ends = 0;
		const filters = filtersOf(packet);
		// An UNSUBACK has no reason codes before MQTT 5.0.
		const codes = cmd === "unsuback" && reasonCodes.length === 0 ? filters.map(() => 0) : reasonCodes;
		if (codes.length !== filters.length) {
			throw new ProtocolError(
				`a ${cmd.toUpperCase()} with ${codes.length} reason codes for ${filters.length} topic filters`,
			);
		}
		for (const filter of filters) this._settle(filter, packetId);
		for (const [index, filter] of filters.entries()) this._tell(cmd === "suback", filter, codes[index]!);
	}

	private _tell(isSubscribed: boolean, topicFilter: string, reasonCode: number): void {
		if (isSubscribed) this._options.onSubscribe?.(topicFilter, reasonCode);
		else this._options.onUnsubscribe?.(topicFilter, reasonCode);
	}

	/** A wish that changed since the request stays open. */
	private _settle(topicFilter: string, packetId: number): void {
		const wish = this._wishes.get(topicFilter);
		if (wish?.state !== "asked" || wish.packetId !== packetId) return;
		if (wish.subscription) wish.state = "answered";
		else this._wishes.delete(topicFilter);
	}

	/**
	 * The connection has ended: unanswered requests are to be sent again.
	 * `failedAt`: when the broker ended it, or owed an answer for too long, in ms;
	 * `isAlone`: whether the broker had answered everything else.
	 */
	disconnected(failedAt: number | undefined, isAlone: boolean): void {
		if (failedAt !== undefined && this._requests.size > 0) {
			this._failures++;
			const pause = isAlone && ++this._ends > 1 ? Math.min(PAUSE_MAXIMUM_MS, PAUSE_MS * 2 ** (this._ends - 2)) : 0;
			this._due = failedAt + pause;
		}
		this._atOnce = SUBSCRIPTIONS_MAXIMUM;
		this._requests.clear();
		this.oldestSentAt = Number.POSITIVE_INFINITY;
		this.mayWant = true;
		for (const wish of this._wishes.values()) if (wish.state === "asked") wish.state = "wanted";
	}

	/**
	 * The broker has no session, and so no subscriptions. Or (3.1) it does not tell
	 * whether it has one: then it may still have unwanted subscriptions.
	 */
	startOver(isSure: boolean): void {
		this.mayWant = true;
		for (const [topicFilter, wish] of this._wishes) {
			if (!wish.subscription && isSure) this._wishes.delete(topicFilter);
			else if (wish.state === "answered") wish.state = "wanted";
		}
	}
}

function filtersOf(packet: Subscribe | Unsubscribe): readonly string[] {
	return packet.cmd === "subscribe" ? packet.subscriptions.map(({ topicFilter }) => topicFilter) : packet.topicFilters;
}
