/** AEMET's hourly observations as reports with a station's words and units. */
import { isoTime } from "../../src/text.ts";
import { listOf, membersOf } from "./answers.ts";
import { numberIn, type Range, textIn, withoutGaps } from "./numbers.ts";

/** Records of an answer that are looked at; AEMET has those of 12 to 24 hours. */
const RECORDS_MAXIMUM = 200;
/** How far ahead of our clock an observation may be, in ms: clocks differ. */
const AHEAD_MAXIMUM_MS = 3_600_000;
/** Years in which there is an observation to fetch. */
const EARLIEST = Date.UTC(2000, 0);

interface Field {
	/** AEMET's name. */
	readonly from: string;
	readonly unit: "°C" | "%" | "hPa" | "m/s" | "°" | "mm" | "km" | "cm";
	readonly range: Range;
}

const TEMPERATURES: Range = [-60, 60];
const SOIL: Range = [-60, 90];
const DIRECTIONS: Range = [0, 360];
/** m/s. */
const WINDS: Range = [0, 150];

/**
 * By our names, in the order of a report. Units are AEMET's own, and those of a station where it has the same name. What
 * falls, or blows most, does so in the hour up to `time`. Beyond a range, which records of the world leave room in, a
 * value is a fault of the sensor. Left out: `inso` and `rviento`, whose units the API does not tell, and what concerns the upper air.
 */
export const FIELDS = {
	temperature: { from: "ta", unit: "°C", range: TEMPERATURES },
	humidity: { from: "hr", unit: "%", range: [0, 100] },
	pressure: { from: "pres", unit: "hPa", range: [500, 1_100] },
	seaLevelPressure: { from: "pres_nmar", unit: "hPa", range: [850, 1_100] },
	dewPoint: { from: "tpr", unit: "°C", range: TEMPERATURES },
	temperatureMinimum: { from: "tamin", unit: "°C", range: TEMPERATURES },
	temperatureMaximum: { from: "tamax", unit: "°C", range: TEMPERATURES },
	wind: { from: "vv", unit: "m/s", range: WINDS },
	windDirection: { from: "dv", unit: "°", range: DIRECTIONS },
	gust: { from: "vmax", unit: "m/s", range: WINDS },
	gustDirection: { from: "dmax", unit: "°", range: DIRECTIONS },
	precipitation: { from: "prec", unit: "mm", range: [0, 500] },
	visibility: { from: "vis", unit: "km", range: [0, 300] },
	snow: { from: "nieve", unit: "cm", range: [0, 2_000] },
	groundTemperature: { from: "ts", unit: "°C", range: SOIL },
	soilTemperature5cm: { from: "tss5cm", unit: "°C", range: SOIL },
	soilTemperature20cm: { from: "tss20cm", unit: "°C", range: SOIL },
} as const satisfies Readonly<Record<string, Field>>;

export type FieldName = keyof typeof FIELDS;
export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];

export interface Observation {
	/** The end of its hour, in ms since 1970. */
	readonly time: number;
	readonly quantities: { readonly [name in FieldName]?: number };
}

export interface Observations {
	/** The station's name, if one record has it. */
	readonly place: string | undefined;
	/** By time, each time once. */
	readonly observations: readonly Observation[];
	/** Records that are of another station, have no time that can be true, or no value. */
	readonly refused: number;
}

/** The records of a station. `now`: in ms since 1970. */
export function observationsIn(data: readonly unknown[], station: string, now: number): Observations {
	const byTime = new Map<number, Observation>();
	let refused = 0;
	let place: string | undefined;
	for (const record of listOf(data).slice(-RECORDS_MAXIMUM)) {
		const members = membersOf(record);
		const time = members && timeOf(members.fint);
		const isOurs = String(members?.idema).trim().toUpperCase() === station;
		const quantities = members && quantitiesOf(members);
		const isTrue = time !== undefined && time >= EARLIEST && time <= now + AHEAD_MAXIMUM_MS;
		if (!isOurs || !isTrue || !quantities || Object.keys(quantities).length === 0) {
			refused++;
			continue;
		}
		place ??= textIn(members.ubi);
		byTime.set(time, { time, quantities });
	}
	return { place, observations: [...byTime.values()].sort((a, b) => a.time - b.time), refused };
}

function quantitiesOf(members: Readonly<Record<string, unknown>>): Observation["quantities"] {
	return withoutGaps(
		Object.fromEntries(FIELD_NAMES.map((name) => [name, numberIn(members[FIELDS[name].from], FIELDS[name].range)])),
	);
}

/** `fint` is in UTC, and says so (`+0000`) or not. */
export function timeOf(fint: unknown): number | undefined {
	const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?$/.exec(String(fint));
	if (typeof fint !== "string" || !parts) return undefined;
	const zone = (parts[2] ?? "Z").replace(/^([+-]\d\d):?(\d\d)$/, "$1:$2");
	const time = Date.parse(`${parts[1]}${zone}`);
	return Number.isNaN(time) ? undefined : time;
}

/** As JSON: without `seq`, as AEMET numbers nothing. */
export function reportOf({ time, quantities }: Observation): string {
	return JSON.stringify({ ...quantities, time: isoTime(time) });
}
