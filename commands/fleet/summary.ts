/** What a fleet's run came to, for people. */
import type { Absence } from "./absences.ts";
import type { Balance } from "./ledger.ts";

/** Of fewer stations the process itself takes more than they do. */
const COST_STATIONS = 100;
/** Reasons that are shown. */
const REASONS_SHOWN = 3;

export interface Summary extends Balance {
	readonly stations: number;
	/** `host:port`. */
	readonly broker: string;
	/** From one reading to the next, and of the run, in s. */
	readonly interval: number;
	readonly duration: number;
	/** From the start until all had been connected at the same time, in s; `undefined`: they never were. */
	readonly allConnected: number | undefined;
	/** In all, and the most in a second. */
	readonly connections: number;
	readonly connectsPeak: number;
	readonly outages: number;
	readonly powerCuts: number;
	/** Times are ms, since the start. */
	readonly absences: readonly Absence[];
	readonly readings: number;
	readonly acknowledged: number;
	/** Per second, on average and at the most. */
	readonly acknowledgedRate: number;
	readonly acknowledgedPeak: number;
	/** Readings for which a station's flash had no room. */
	readonly dropped: number;
	/** The store's name, and how many readings it has twice; `undefined`: a subscriber has looked. */
	readonly store: string | undefined;
	readonly twice: number;
	/** Readings that the subscriber got again, as QoS 1 may bring them. */
	readonly again: number;
	/** How often the broker has forgotten the subscriber's session. */
	readonly forgotten: number;
	/** Of this process: live memory in bytes for each station; and since all were started, processor time in ms for each reading. */
	readonly memory: number;
	readonly processor: number;
	/** Why stations lost their connections, and how often. */
	readonly reasons: readonly (readonly [reason: string, count: number])[];
}

export function linesOf(summary: Summary): string[] {
	const { stations, broker, interval, duration, allConnected, connections, connectsPeak } = summary;
	const { outages, powerCuts, absences, readings, acknowledged, acknowledgedRate, acknowledgedPeak, dropped } = summary;
	const { lost, undelivered, store, twice, again, forgotten, memory, processor, reasons } = summary;
	const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
	return [
		`stations ${number(stations)} at ${broker}, a reading every ${interval} s, for ${duration.toFixed(0)} s`,
		`connections ${number(connections)}, at most ${number(connectsPeak)} in a second; ${
			allConnected === undefined ? "never all at once" : `all after ${allConnected.toFixed(1)} s`
		}`,
		`outages of a station's network ${number(outages)}, power cuts ${number(powerCuts)}`,
		...absences.map(({ at, stations, firstBack, allBack, connects }) => {
			const first = firstBack === undefined ? "none is back" : `the first was back after ${seconds(firstBack)}`;
			const all = allBack === undefined ? "not all are back" : `all after ${seconds(allBack)}`;
			return `broker away at ${seconds(at)}: ${number(stations)} lost it; ${first}, ${all}, at most ${number(connects)} in a second`;
		}),
		...reasons.slice(0, REASONS_SHOWN).map(([reason, count]) => `  ${number(count)} × ${reason}`),
		`readings ${number(readings)}, acknowledged ${number(acknowledged)}: ${acknowledgedRate.toFixed(1)} a second, at most ${number(acknowledgedPeak)}`,
		store === undefined
			? `lost ${number(lost)}, not delivered ${number(undelivered)}, dropped ${number(dropped)}; came again ${number(again)}, as QoS 1 allows`
			: `lost ${number(lost)}, stored twice ${number(twice)}, not delivered ${number(undelivered)}, dropped ${number(dropped)}; looked for in ${store}`,
		...(lost > 0 && forgotten > 0
			? [
					"the broker has forgotten the subscriber's session, and what waited in it: an observatory asks the stations (--store)",
				]
			: []),
		...(stations < COST_STATIONS
			? []
			: [
					`here ${(memory / 1_024).toFixed(0)} KiB of live memory a station, ${processor.toFixed(2)} ms of processor time a reading`,
				]),
	];
}

function number(count: number): string {
	return count.toLocaleString("en");
}
