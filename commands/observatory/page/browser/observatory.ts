/** What the page knows of the observatory: its stations, kept up by the stream of events, and its answers. */
import type { Chart, CommandReply, CommandRequest, LastReading, LiveEvent, Loss, StationView } from "../../api.ts";
import { compareTexts, MINUTE_MS, SECOND_MS } from "./format.ts";
import { wellFormed } from "./route.ts";

/** Between two attempts to get the stream again where the browser makes none, in ms: rising. */
const RETRY_FIRST_MS = SECOND_MS;
const RETRY_HIGHEST_MS = 10 * SECOND_MS;
/** A connection may be dead without a sign: after so many ms the stations are asked for again, which tells. */
const CHECK_MS = MINUTE_MS;
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

export class Observatory {
	/** `false` before the first answer. */
	known = false;
	isLive = false;
	private readonly _listener: Listener;
	private readonly _stations = new Map<string, StationView>();
	private _stream: EventSource | undefined;
	private _retry = RETRY_FIRST_MS;
	private _retryTimer: number | undefined;
	private _hideTimer: number | undefined;
	/** Events that came while the stations were asked for: the answer may be older. */
	private _held: LiveEvent[] | undefined;

	constructor(listener: Listener) {
		this._listener = listener;
	}

	start(): void {
		this._open();
		setInterval(() => void this._check(), CHECK_MS);
		document.addEventListener("visibilitychange", () => this._seen(document.visibilityState === "visible"));
	}

	/** In the order of their topics. */
	get stations(): StationView[] {
		return [...this._stations.values()].sort((a, b) => compareTexts(a.topic, b.topic));
	}

	station(topic: string): StationView | undefined {
		return this._stations.get(topic);
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
		return ask<Chart>(`api/chart?${queryOf(query)}`, signal);
	}

	losses(topic: string): Promise<Loss[]> {
		return ask<Loss[]>(`api/losses?${queryOf({ topic })}`);
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
		const stream = new EventSource("api/events");
		this._stream = stream;
		stream.onopen = () => {
			this._retry = RETRY_FIRST_MS;
			void this._fetch();
		};
		stream.onmessage = ({ data }) => this._receive(JSON.parse(data));
		stream.onerror = () => {
			this._setLive(false);
			// It comes again by itself, but not after an answer that is no stream.
			if (stream.readyState !== EventSource.CLOSED) return;
			this._retryTimer = setTimeout(() => this._open(), this._retry);
			this._retry = Math.min(2 * this._retry, RETRY_HIGHEST_MS);
		};
	}

	private _seen(isVisible: boolean): void {
		clearTimeout(this._hideTimer);
		if (!isVisible) this._hideTimer = setTimeout(() => this._pause(), HIDDEN_MS);
		else if (this._stream) void this._check();
		else this._open();
	}

	private _pause(): void {
		clearTimeout(this._retryTimer);
		this._stream?.close();
		this._stream = undefined;
	}

	private async _check(): Promise<void> {
		if (!this._stream) return;
		if (!(await this._fetch()) && this._stream?.readyState === EventSource.OPEN) this._open();
	}

	/** Returns whether there was an answer. */
	private async _fetch(): Promise<boolean> {
		const held: LiveEvent[] = [];
		this._held = held;
		try {
			const stations = await ask<StationView[]>("api/stations");
			// A later question has its own answer.
			if (this._held !== held) return true;
			this._stations.clear();
			for (const station of stations) this._stations.set(station.topic, station);
			this.known = true;
			for (const event of held) this._apply(event);
			if (this._stream?.readyState === EventSource.OPEN) this._setLive(true);
			this._listener.changed();
			this._listener.missed();
			return true;
		} catch {
			this._setLive(false);
			return false;
		} finally {
			if (this._held === held) this._held = undefined;
		}
	}

	private _receive(event: LiveEvent): void {
		this._held?.push(event);
		this._apply(event);
		if (event.type === "reading") this._listener.reading(event.topic, event.reading, event.isLate);
		else this._listener.changed();
	}

	private _apply(event: LiveEvent): void {
		if (event.type === "station") {
			this._stations.set(event.station.topic, event.station);
			return;
		}
		const station = this._stations.get(event.topic);
		const { reading, isLate } = event;
		if (!station || isLate || (station.last && station.last.time > reading.time)) return;
		// Of plain numbers a reading may have one quantity alone.
		const before = reading.seq === null ? station.last?.quantities : undefined;
		const last = { ...reading, quantities: { ...before, ...reading.quantities } };
		this._stations.set(event.topic, { ...station, last });
	}

	private _setLive(isLive: boolean): void {
		if (this.isLive === isLive && isLive) return;
		this.isLive = isLive;
		this._listener.connection(isLive);
	}
}

function queryOf(members: Readonly<Record<string, string | number>>): string {
	return new URLSearchParams(
		Object.entries(members).map(([name, value]) => [name, wellFormed(String(value))]),
	).toString();
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
