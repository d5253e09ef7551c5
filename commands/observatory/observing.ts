/** Collector, store and page at work, until they are stopped. */
import { hostname } from "node:os";
import { messageOf } from "../../src/text.ts";
import type { News, Source } from "./api.ts";
import { Collector, type CollectorOptions } from "./collecting/collector.ts";
import { CLOCK } from "./home-assistant/connection.ts";
import { History } from "./home-assistant/history.ts";
import { isLoopback } from "./options.ts";
import { startPage } from "./page/server.ts";
import { chartOf } from "./store/chart.ts";
import { Hours } from "./store/hours.ts";
import { prune } from "./store/retention.ts";
import type { Saved, Store } from "./store/store.ts";
import { sumUp } from "./store/summaries.ts";
import { HOUR_MS } from "./store/times.ts";

/** Time between two rounds of summing up, and of removing what is old, in ms. */
const SUM_UP_MS = 30_000;
const PRUNE_MS = HOUR_MS;
/** Stations that are read at once; then others have their turn. */
const STATIONS_AT_ONCE = 500;

export interface ObservingOptions {
	readonly collecting: Omit<CollectorOptions, "store" | "tell" | "onSaved">;
	readonly store: Store;
	/** How long readings are kept, in ms; `undefined`: for ever. */
	readonly keep: number | undefined;
	readonly page: { readonly host: string; readonly port: number; readonly password: string | undefined } | undefined;
	/** Whether stations may be commanded from the page. */
	readonly commands: boolean;
	readonly homeAssistant: { readonly url: string; readonly token: string } | undefined;
	/** A line of a part: `broker`, `store`, `page` or `history`. */
	readonly tell: (who: string, text: string) => void;
}

export interface Observing {
	/** Of the page. */
	readonly url: string | undefined;
	/** Readings and values that were stored in this run. */
	readonly stored: number;
	/** In good order: what has come is stored. */
	stop(): Promise<void>;
}

/** Throws an Error for a person. */
export async function startObserving(options: ObservingOptions): Promise<Observing> {
	const { store, tell, homeAssistant } = options;
	const live = new Live();
	const collector = new Collector({
		...options.collecting,
		store,
		tell,
		onSaved: (saved) => live.saved(saved),
	});
	const page =
		options.page &&
		(await startPage({
			...options.page,
			source: sourceOf(options, collector, live),
			onError: (problem) => tell("page", problem),
		}));
	if (page && options.page)
		tell("page", `${page.url}${isLoopback(options.page.host) ? "" : reachable(options.page.host)}`);
	await collector.start();
	const upkeep = new Upkeep(options);
	const history =
		homeAssistant &&
		new History({
			...homeAssistant,
			...{ source: new Hours(store.driver), clock: CLOCK, onLine: (line) => tell("history", line) },
		});
	history?.start();
	return {
		url: page?.url,
		get stored() {
			return collector.stored;
		},
		stop: async () => {
			history?.close();
			upkeep.stop();
			await collector.stop();
			await page?.close();
		},
	};
}

/** How others get to the page. */
function reachable(host: string): string {
	const name = host === "0.0.0.0" || host === "::" ? hostname() : host;
	return `; from elsewhere by the name ${name}, with any user name and the password`;
}

/** Hands on what has been stored to whoever looks. */
class Live {
	private readonly _listeners = new Set<(news: News) => void>();

	listen(listener: (news: News) => void): () => void {
		this._listeners.add(listener);
		return () => this._listeners.delete(listener);
	}

	saved({ fresh, altered }: Saved): void {
		for (const listener of this._listeners) listener({ readings: fresh, altered });
	}
}

function sourceOf({ store, commands }: ObservingOptions, collector: Collector, live: Live): Source {
	return {
		summaries: (topics) => store.summaries(topics),
		stations: (topics) => store.stations(topics),
		allStations: (count) => store.allStations(count),
		chart: (...question) => chartOf(store.driver, ...question),
		losses: (topic) => store.losses(topic),
		listen: (listener) => live.listen(listener),
		command: commands ? (request) => collector.command(request) : undefined,
		counters: () => collector.counters(),
		problem: () => collector.problem,
	};
}

/** Sums up hours that are over, and removes what is old. */
class Upkeep {
	private readonly _options: ObservingOptions;
	private _timer: NodeJS.Timeout | undefined;
	private _pruneAt = 0;
	/** Why something failed last. */
	private readonly _told = new Map<string, string>();
	private _stopped = false;

	constructor(options: ObservingOptions) {
		this._options = options;
		void this._round();
	}

	stop(): void {
		this._stopped = true;
		clearTimeout(this._timer);
	}

	private async _round(): Promise<void> {
		const { store, keep } = this._options;
		const now = Date.now();
		await this._try("hours cannot be summed up", async () => {
			while (!this._stopped && (await sumUp(store.driver, now)));
		});
		if (keep !== undefined && now >= this._pruneAt) {
			await this._try("old readings cannot be removed", async () => {
				const horizon = Math.min(now, await this._newest(now)) - keep;
				while (!this._stopped && (await prune(store.driver, horizon)));
				this._pruneAt = now + PRUNE_MS;
			});
		}
		if (!this._stopped) this._timer = setTimeout(() => void this._round(), SUM_UP_MS);
	}

	/** When the newest reading was taken, by its station's clock: this computer's may be far ahead. */
	private async _newest(now: number): Promise<number> {
		let newest: number | undefined;
		for await (const stations of this._options.store.allStations(STATIONS_AT_ONCE)) {
			for (const { last } of stations) {
				if (last?.isTimed && last.time <= now) newest = Math.max(newest ?? 0, last.time);
			}
		}
		return newest ?? now;
	}

	/** What fails is done later, and told once. */
	private async _try(failure: string, work: () => Promise<void>): Promise<void> {
		try {
			await work();
			this._told.delete(failure);
		} catch (error) {
			const problem = messageOf(error);
			if (!this._stopped && this._told.get(failure) !== problem) {
				this._options.tell("store", `${failure}: ${problem}`);
				this._told.set(failure, problem);
			}
		}
	}
}
