/** What the page knows of the observatory: the stations that it shows, kept up by the stream of events, and its answers. */
import type {
	Chart,
	CommandReply,
	CommandRequest,
	LastReading,
	ListQuestion,
	LiveEvent,
	Loss,
	Question,
	StationList,
	StationsAnswer,
	StationView,
} from "../../api.ts";
import { MINUTE_MS, SECOND_MS } from "./format.ts";
import { wellFormed } from "./route.ts";

/** Between two attempts to get the stream again where the browser makes none, in ms: rising. */
const RETRY_FIRST_MS = SECOND_MS;
const RETRY_HIGHEST_MS = 10 * SECOND_MS;
/** A connection may be dead without a sign: one that says nothing for so many ms is, as the server says that it lives. */
const SILENT_MS = 40 * SECOND_MS;
/** A page that nobody has seen for so many ms lets its stream go: a browser has six connections to a server, for all its tabs. */
const HIDDEN_MS = 10 * SECOND_MS;
/** For an answer, in ms; a station's reply takes longer. */
const ANSWER_MS = 20 * SECOND_MS;
const REPLY_MS = MINUTE_MS;

export interface Listener {
	/** Anything but a reading has changed. */
	changed(): void;
	reading(topic: string, reading: LastReading, isLate: boolean): void;
	/** There may have been readings that nobody told of. */
	missed(): void;
	/** The connection came, or went. */
	connection(isLive: boolean): void;
}

/** What was shown for a question: who comes back to it sees it at once. */
interface Shown {
	readonly query: string;
	readonly list: StationList;
	readonly stations: ReadonlyMap<string, StationView>;
}

export class Observatory {
	isLive = false;
	/** Of the question; `undefined` before its first answer. */
	list: StationList | undefined;
	private readonly _listener: Listener;
	private _stations = new Map<string, StationView>();
	private _query: string | undefined;
	private _isOfList = false;
	private _lastList: Shown | undefined;
	private _hasStarted = false;
	private _stream: EventSource | undefined;
	/** Whether the stream has told its list. */
	private _isTold = false;
	private _retry = RETRY_FIRST_MS;
	private _retryTimer: number | undefined;
	private _silenceTimer: number | undefined;
	private _hideTimer: number | undefined;

	constructor(listener: Listener) {
		this._listener = listener;
	}

	start(): void {
		this._hasStarted = true;
		this._open();
		document.addEventListener("visibilitychange", () => this._seen(document.visibilityState === "visible"));
	}

	/** What is shown from now on. */
	show(question: Question): void {
		const query = queryOf(question);
		if (query === this._query) return;
		this._remember();
		this._query = query;
		this._isOfList = !("topics" in question);
		const known = this._lastList?.query === query ? this._lastList : undefined;
		this.list = known?.list;
		if (known) this._stations = new Map([...known.stations]);
		if (this._hasStarted) this._open();
	}

	/** Those of the list, in its order. */
	get stations(): StationView[] {
		return (this.list?.topics ?? []).flatMap((topic) => this._stations.get(topic) ?? []);
	}

	/** One that is shown, or was before. */
	station(topic: string): StationView | undefined {
		return this._stations.get(topic);
	}

	/** A list that is not kept up. */
	find(question: ListQuestion): Promise<StationsAnswer> {
		return ask<StationsAnswer>(`api/stations?${queryOf(question)}`);
	}

	chart(
		topic: string,
		quantity: string,
		from: number,
		to: number,
		points: number,
		signal?: AbortSignal,
	): Promise<Chart> {
		const query = { topic, quantity, from: Math.floor(from), to: Math.ceil(to), points };
		return ask<Chart>(`api/chart?${paramsOf(query)}`, signal);
	}

	losses(topic: string): Promise<Loss[]> {
		return ask<Loss[]>(`api/losses?${paramsOf({ topic })}`);
	}

	async command(request: CommandRequest): Promise<CommandReply> {
		const response = await fetch("api/command", {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify(request),
			signal: AbortSignal.timeout(REPLY_MS),
		});
		return response.ok ? response.json() : { ok: false, error: (await response.text()).trim() };
	}

	private _open(): void {
		clearTimeout(this._retryTimer);
		this._stream?.close();
		const stream = new EventSource(`api/events?${this._query}`);
		this._stream = stream;
		this._isTold = false;
		stream.onopen = () => {
			this._isTold = false;
			this._retry = RETRY_FIRST_MS;
			this._hear();
		};
		stream.onmessage = ({ data }) => {
			this._hear();
			this._receive(JSON.parse(data));
		};
		stream.onerror = () => {
			clearTimeout(this._silenceTimer);
			this._setLive(false);
			// It comes again by itself, but not after an answer that is no stream.
			if (stream.readyState !== EventSource.CLOSED) return;
			this._retryTimer = setTimeout(() => this._open(), this._retry);
			this._retry = Math.min(2 * this._retry, RETRY_HIGHEST_MS);
		};
	}

	/** The connection lives. */
	private _hear(): void {
		clearTimeout(this._silenceTimer);
		this._silenceTimer = setTimeout(() => {
			this._setLive(false);
			this._open();
		}, SILENT_MS);
	}

	private _seen(isVisible: boolean): void {
		clearTimeout(this._hideTimer);
		if (isVisible) this._open();
		else this._hideTimer = setTimeout(() => this._pause(), HIDDEN_MS);
	}

	private _pause(): void {
		clearTimeout(this._retryTimer);
		clearTimeout(this._silenceTimer);
		this._stream?.close();
		this._stream = undefined;
	}

	private _receive(events: readonly LiveEvent[]): void {
		/** Then views may have asked before the stream began. */
		const isShown = this.list !== undefined || this._stations.size > 0;
		for (const event of events) this._apply(event);
		if (events.some(({ type }) => type === "list" || type === "station")) this._listener.changed();
		const isFirst = !this._isTold && events.some(({ type }) => type === "list");
		if (isFirst) this._isTold = true;
		if ((isFirst && isShown) || events.some(({ type }) => type === "missed")) this._listener.missed();
		for (const event of events)
			if (event.type === "reading") this._listener.reading(event.topic, event.reading, event.isLate);
	}

	private _apply(event: LiveEvent): void {
		switch (event.type) {
			case "station":
				this._stations.set(event.station.topic, event.station);
				return;
			case "list":
				this.list = event.list;
				this._keep(new Set(event.list.topics));
				this._setLive(true);
				return;
			case "reading":
				this._applyReading(event);
		}
	}

	private _applyReading({ topic, reading, isLate }: Extract<LiveEvent, { type: "reading" }>): void {
		const station = this._stations.get(topic);
		if (!station || isLate || (station.last && station.last.time > reading.time)) return;
		// Of plain numbers a reading may have one quantity alone.
		const before = reading.seq === null ? station.last?.quantities : undefined;
		const last = { ...reading, quantities: { ...before, ...reading.quantities } };
		this._stations.set(topic, { ...station, last });
	}

	private _keep(topics: ReadonlySet<string>): void {
		for (const topic of this._stations.keys()) if (!topics.has(topic)) this._stations.delete(topic);
	}

	private _remember(): void {
		const { list, _query: query, _stations: stations } = this;
		if (list && query !== undefined && this._isOfList)
			this._lastList = { query, list, stations: new Map([...stations]) };
	}

	private _setLive(isLive: boolean): void {
		if (this.isLive === isLive && isLive) return;
		this.isLive = isLive;
		this._listener.connection(isLive);
	}
}

/** What is `undefined` is left out. */
function paramsOf(members: Readonly<Record<string, string | number | undefined>>): string {
	const given = Object.entries(members).filter(([, value]) => value !== undefined);
	return new URLSearchParams(given.map(([name, value]) => [name, wellFormed(String(value))])).toString();
}

function queryOf(question: Question): string {
	if (!("topics" in question)) return paramsOf({ ...question });
	return new URLSearchParams(question.topics.map((topic) => ["topic", wellFormed(topic)])).toString();
}

async function ask<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
	const controller = new AbortController();
	const abort = () => controller.abort();
	const timer = setTimeout(abort, ANSWER_MS);
	signal?.addEventListener("abort", abort);
	try {
		const response = await fetch(path, { signal: controller.signal });
		if (!response.ok) throw new Error((await response.text()).trim());
		return await response.json();
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener("abort", abort);
	}
}
