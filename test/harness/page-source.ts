/** An observatory without a broker and a store, for the tests of its page: what it knows is in memory. */
import type {
	Chart,
	CommandReply,
	CommandRequest,
	Counter,
	LastReading,
	Loss,
	News,
	QuantityView,
	Source,
	StationView,
	Summary,
} from "../../commands/observatory/api.ts";

/** So many intervals without a reading break the line. */
const BREAK_INTERVALS = 3;

export const QUANTITIES: readonly QuantityView[] = [
	{ name: "temperature", unit: "°C", decimals: 2 },
	{ name: "humidity", unit: "%", decimals: 1 },
	{ name: "pressure", unit: "hPa", decimals: 2 },
];

interface Reading {
	readonly time: number;
	readonly quantities: Readonly<Record<string, number>>;
}

interface Kept {
	view: StationView;
	/** Rising in time. */
	readonly readings: Reading[];
	/** Of its readings, in ms. */
	readonly interval: number;
	losses: readonly Loss[];
}

export class PageSource implements Source {
	/** What was commanded, and what is replied to it. */
	readonly commanded: CommandRequest[] = [];
	reply: (request: CommandRequest) => CommandReply | Promise<CommandReply> = () => ({ ok: true });
	command: Source["command"] = async (request) => {
		this.commanded.push(request);
		return this.reply(request);
	};
	counted: Counter[] = [];
	trouble: string | undefined;
	/** Throws it at every question. */
	failure: Error | undefined;
	/** Of how many stations was asked, each time. */
	readonly asked: number[] = [];
	/** How many charts were asked for. */
	charts = 0;
	private readonly _stations = new Map<string, Kept>();
	private readonly _listeners = new Set<(news: News) => void>();

	/** `interval`: of its readings, in ms. */
	add(topic: string, view: Partial<StationView> = {}, interval = 60_000): void {
		const whole: StationView = {
			...{ topic, status: "online", since: null, last: null, quantities: QUANTITIES, diagnostics: null },
			...{ missing: 0, lost: 0, takesCommands: true },
			...view,
		};
		this._stations.set(topic, { view: whole, readings: [], interval, losses: [] });
		this.emit({ altered: [topic] });
	}

	/** Whatever of it is another now. */
	change(topic: string, view: Partial<StationView>): void {
		const kept = this._kept(topic);
		kept.view = { ...kept.view, ...view };
		this.emit({ altered: [topic] });
	}

	/** Readings of the past, which nobody is told of; `valuesAt` gives those of a time. */
	fill(topic: string, from: number, to: number, valuesAt: (time: number) => Reading["quantities"]): void {
		const { readings, interval } = this._kept(topic);
		for (let time = from; time <= to; time += interval) readings.push({ time, quantities: valuesAt(time) });
		const { time, quantities } = readings.at(-1)!;
		this._setLast(topic, { time, isTimed: true, seq: readings.length, quantities });
	}

	/** A reading that comes now. */
	publish(topic: string, time: number, quantities: Reading["quantities"], isLate = false): void {
		const { readings } = this._kept(topic);
		readings.push({ time, quantities });
		readings.sort((a, b) => a.time - b.time);
		const reading = { time, isTimed: true, seq: readings.length, quantities };
		if (!isLate) this._setLast(topic, reading);
		this.emit({ readings: [{ topic, reading, isLate }] });
	}

	setLosses(topic: string, losses: readonly Loss[]): void {
		this._kept(topic).losses = losses;
	}

	emit(news: Partial<News>): void {
		for (const listener of this._listeners) listener({ readings: [], altered: [], ...news });
	}

	/** How many listen. */
	get listeners(): number {
		return this._listeners.size;
	}

	async summaries(topics: readonly string[] = [...this._stations.keys()]): Promise<Summary[]> {
		this._fail();
		this.asked.push(topics.length);
		return topics.flatMap((topic) => this._stations.get(topic)?.view ?? []);
	}

	async stations(topics: readonly string[]): Promise<StationView[]> {
		this._fail();
		this.asked.push(topics.length);
		return topics.flatMap((topic) => this._stations.get(topic)?.view ?? []);
	}

	async *allStations(count: number): AsyncGenerator<StationView[]> {
		const topics = [...this._stations.keys()];
		for (let from = 0; from === 0 || from < topics.length; from += count)
			yield await this.stations(topics.slice(from, from + count));
	}

	async chart(topic: string, quantity: string, from: number, to: number, points: number): Promise<Chart> {
		this._fail();
		this.charts++;
		const { view, readings, interval } = this._kept(topic);
		if (!view.quantities.some(({ name }) => name === quantity)) throw new Error(`no quantity ${quantity}`);
		const values: [number, number][] = [];
		for (const { time, quantities } of readings) {
			const value = quantities[quantity];
			if (value !== undefined && time >= from && time <= to) values.push([time, value]);
		}
		const step = values.length > points ? Math.ceil((to - from) / points) : 0;
		const head = { topic, quantity, from, to, step };
		return { ...head, ...columnsOf(values, from, step, BREAK_INTERVALS * interval) };
	}

	async losses(topic: string): Promise<readonly Loss[]> {
		this._fail();
		return this._kept(topic).losses;
	}

	listen(listener: (news: News) => void): () => void {
		this._listeners.add(listener);
		return () => this._listeners.delete(listener);
	}

	counters(): readonly Counter[] {
		return this.counted;
	}

	problem(): string | undefined {
		return this.trouble;
	}

	private _fail(): void {
		if (this.failure) throw this.failure;
	}

	private _kept(topic: string): Kept {
		const kept = this._stations.get(topic);
		if (!kept) throw new Error(`no station ${topic}`);
		return kept;
	}

	private _setLast(topic: string, last: LastReading): void {
		const kept = this._kept(topic);
		kept.view = { ...kept.view, last };
	}
}

function columnsOf(values: readonly (readonly [number, number])[], from: number, step: number, longest: number) {
	const times: number[] = [];
	const means: (number | null)[] = [];
	const minima: (number | null)[] = [];
	const maxima: (number | null)[] = [];
	const push = (time: number, mean: number | null, low: number | null, high: number | null) => {
		times.push(time);
		means.push(mean);
		minima.push(low);
		maxima.push(high);
	};
	let bucket: number[] = [];
	let last: number | undefined;
	for (const [index, [time, value]] of values.entries()) {
		const begin = step === 0 ? time : from + Math.floor((time - from) / step) * step;
		if (last !== undefined && time - last > Math.max(longest, step)) push((last + time) / 2, null, null, null);
		last = time;
		bucket.push(value);
		const next = values[index + 1];
		if (next && step > 0 && from + Math.floor((next[0] - from) / step) * step === begin) continue;
		const sum = bucket.reduce((total, one) => total + one, 0);
		push(begin, sum / bucket.length, Math.min(...bucket), Math.max(...bucket));
		bucket = [];
	}
	return { times, means, minima, maxima };
}
