/** The roll of all stations, from which lists are answered: by the words of a topic, a status, and what is missing. */
import type { Filter, ListQuestion, QuantityView, Source, StationList, Summary } from "../api.ts";

/** A list of all, of which only the counts are wanted. */
export const EVERYTHING: ListQuestion = { text: "", show: "all", quantity: undefined, from: 0, count: 0 };
/** Quantities that are told, the commonest: strangers may make up any number of names. */
const QUANTITIES_MAXIMUM = 64;
/** Of more stations that have changed at a time than this, all are read anew, which costs less. */
const CHANGED_MAXIMUM = 2_000;
/**
 * For how many ms it holds: while somebody tells it what has changed, for other programs may write to the same store; and
 * while nobody does.
 */
const VALID_MS = 60_000;
const VALID_UNTOLD_MS = 2_000;
/** Topics that are made ready at once; then others have their turn. */
const TOPICS_AT_ONCE = 1_000;

interface Entry {
	summary: Summary;
	/** The topic as it is searched. */
	readonly folded: string;
	/** And as it is sorted. */
	readonly key: string;
}

export class Roster {
	/** Counts what was read, of some stations or of all; lists are the same as long as it is. */
	version = 0;
	/** Counts how often all were read. */
	wholes = 0;
	private readonly _source: Pick<Source, "summaries">;
	private readonly _now: () => number;
	private readonly _byTopic = new Map<string, Entry>();
	/** By topic, as people sort. */
	private _entries: readonly Entry[] = [];
	private _quantities: readonly QuantityView[] | undefined;
	private _changed = new Set<string>();
	private _isTold = false;
	/** Counts how often that has changed. */
	private _turns = 0;
	/** When all were read, in ms of `now`. */
	private _readAt = Number.NEGATIVE_INFINITY;
	private _reading: Promise<void> | undefined;

	/** `now` is a monotonic time in ms. */
	constructor(source: Pick<Source, "summaries">, now: () => number) {
		this._source = source;
		this._now = now;
	}

	/** Whether it is told from now on what has changed. */
	setTold(isTold: boolean): void {
		this._isTold = isTold;
		this._turns++;
		this._changed.clear();
		this._readAt = Number.NEGATIVE_INFINITY;
	}

	changed(topic: string): void {
		this._changed.add(topic);
	}

	/** Whether a list may be another one now. */
	get isStale(): boolean {
		return this._changed.size > 0 || this._now() - this._readAt >= (this._isTold ? VALID_MS : VALID_UNTOLD_MS);
	}

	/** Brings it up to date. Throws what the source throws. */
	async refresh(): Promise<void> {
		// One at a time. What changes meanwhile is in the next one.
		await this._reading?.catch(() => {});
		if (!this.isStale) return;
		this._reading ??= this._read().finally(() => {
			this._reading = undefined;
		});
		await this._reading;
	}

	list({ text, show, quantity, from, count }: ListQuestion): StationList {
		const words = fold(text)
			.split(/\s+/)
			.filter((word) => word !== "");
		const counts: Record<Filter, number> = {
			...{ all: 0, online: 0, stale: 0, asleep: 0, offline: 0, unknown: 0, incomplete: 0 },
		};
		const topics: string[] = [];
		for (const { summary, folded } of this._entries) {
			if (!words.every((word) => folded.includes(word))) continue;
			if (quantity !== undefined && !summary.quantities.some(({ name }) => name === quantity)) continue;
			const isIncomplete = summary.missing > 0 || summary.lost > 0;
			counts.all++;
			counts[summary.status]++;
			if (isIncomplete) counts.incomplete++;
			if (show === "incomplete" ? !isIncomplete : show !== "all" && show !== summary.status) continue;
			if (counts[show] > from && topics.length < count) topics.push(summary.topic);
		}
		return { total: this._entries.length, counts, topics };
	}

	/** What stations have, commonest first. */
	get quantities(): readonly QuantityView[] {
		if (!this._quantities) {
			const found = new Map<string, { readonly view: QuantityView; count: number }>();
			for (const { summary } of this._entries) {
				for (const view of summary.quantities) {
					const one = found.get(view.name);
					if (one) one.count++;
					else found.set(view.name, { view, count: 1 });
				}
			}
			const ordered = [...found.values()].sort((a, b) => b.count - a.count);
			this._quantities = ordered.slice(0, QUANTITIES_MAXIMUM).map(({ view }) => view);
		}
		return this._quantities;
	}

	private async _read(): Promise<void> {
		const now = this._now();
		const turns = this._turns;
		const changed = this._changed;
		this._changed = new Set();
		try {
			if (!this._isTold || changed.size > CHANGED_MAXIMUM || now - this._readAt >= VALID_MS) {
				const all = await this._source.summaries();
				await this._take(all);
				// Those that are no more.
				if (all.length < this._byTopic.size) this._keep(new Set(all.map(({ topic }) => topic)));
				// What changed before anybody told of it may not be in it.
				if (turns === this._turns) this._readAt = now;
				this.wholes++;
			} else await this._take(await this._source.summaries([...changed]));
			this.version++;
		} catch (error) {
			for (const topic of changed) this._changed.add(topic);
			throw error;
		}
	}

	private async _take(summaries: readonly Summary[]): Promise<void> {
		const added: Entry[] = [];
		for (const [index, summary] of summaries.entries()) {
			const entry = this._byTopic.get(summary.topic);
			if (entry) entry.summary = summary;
			else added.push({ summary, ...named(summary.topic) });
			if (index % TOPICS_AT_ONCE === TOPICS_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
		}
		this._quantities = undefined;
		if (added.length === 0) return;
		for (const entry of added) this._byTopic.set(entry.summary.topic, entry);
		this._entries = [...this._entries, ...added].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
	}

	private _keep(topics: ReadonlySet<string>): void {
		for (const topic of this._byTopic.keys()) if (!topics.has(topic)) this._byTopic.delete(topic);
		this._entries = this._entries.filter(({ summary: { topic } }) => topics.has(topic));
	}
}

function named(topic: string): { folded: string; key: string } {
	const folded = fold(topic);
	// As people sort: 2 before 10. A longer number is a larger one.
	const key = folded.replace(/\d+/g, (digits) => {
		const number = digits.replace(/^0+(?=\d)/, "");
		return `${String.fromCharCode(0x30 + Math.min(number.length, 9))}${number}`;
	});
	return { folded, key: `${key}\n${topic}` };
}

/** As one searches, whatever the case and the accents. */
function fold(text: string): string {
	return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
