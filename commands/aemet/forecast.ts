/**
 * AEMET's forecasts of a municipality as lists by time, with the words and units of observations: km/h become m/s, points of
 * the compass degrees, local time UTC.
 */
import { isoTime } from "../../src/text.ts";
import { listOf, membersOf } from "./answers.ts";
import { utcOf, type Zone, zoneOf } from "./local-time.ts";
import { numberIn, type Range, rounded, textIn, withoutGaps } from "./numbers.ts";

const SOURCE = "AEMET";
/** What AEMET asks of who hands its data on. */
export const NOTICE =
	"© AEMET. Autorizado el uso de la información y su reproducción citando a AEMET como autora de la misma.";
/** Days of an answer, and values of a kind in a day, that are looked at. */
const DAYS_MAXIMUM = 14;
const VALUES_MAXIMUM = 100;
const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const KMH_IN_MS = 3.6;

const TEMPERATURES: Range = [-60, 60];
const PERCENT: Range = [0, 100];
/** km/h. */
const SPEEDS: Range = [0, 500];
/** m above sea level. */
const LEVELS: Range = [0, 5_000];
const MILLIMETRES: Range = [0, 500];

/** AEMET's points of the compass, in degrees; `C` is calm, and has none. */
const POINTS: Readonly<Record<string, number>> = { N: 0, NE: 45, E: 90, SE: 135, S: 180, SO: 225, O: 270, NO: 315 };

type Members = Readonly<Record<string, unknown>>;
/** From one hour of a day to another, which may be of the next day. */
interface Period {
	readonly from: number;
	readonly to: number;
}
interface InPeriod extends Period {
	readonly members: Members;
}

/** With its date, as if that were UTC's, in ms since 1970. */
interface Day {
	readonly day: Members;
	readonly start: number;
}
/** Of the list. */
interface Entry {
	readonly time: string;
	readonly [name: string]: unknown;
}

export interface Forecast {
	readonly source: typeof SOURCE;
	readonly notice: typeof NOTICE;
	readonly municipality: string;
	readonly name?: string | undefined;
	readonly province?: string | undefined;
	/** When AEMET made it. */
	readonly issued?: string | undefined;
	readonly forecast: readonly Entry[];
}

/** Of days; `undefined` where there is none of this municipality. */
export function dailyIn(data: readonly unknown[], municipality: string): Forecast | undefined {
	return forecastIn(data, municipality, (days, zone) => days.map(({ day, start }) => dayOf(day, start, zone)));
}

/** Of hours; `undefined` where there is none of this municipality. */
export function hourlyIn(data: readonly unknown[], municipality: string): Forecast | undefined {
	return forecastIn(data, municipality, hoursOf);
}

function forecastIn(
	data: readonly unknown[],
	municipality: string,
	entriesOf: (days: readonly Day[], zone: Zone) => readonly Entry[],
): Forecast | undefined {
	const members = membersOf(data[0]);
	if (!members) return undefined;
	// A number loses the zero with which eleven provinces begin.
	const { id } = members;
	if (id !== undefined && String(id).padStart(5, "0") !== municipality) return undefined;
	const zone = zoneOf(municipality);
	const days = listOf(membersOf(members.prediccion)?.dia).slice(0, DAYS_MAXIMUM);
	const forecast = byTime(
		entriesOf(
			days.flatMap((value) => {
				const day = membersOf(value);
				const start = day && localOf(day.fecha);
				return day && start !== undefined ? [{ day, start }] : [];
			}),
			zone,
		),
	);
	if (forecast.length === 0) return undefined;
	const issued = localOf(members.elaborado, true);
	return withoutGaps<Forecast>({
		source: SOURCE,
		notice: NOTICE,
		municipality,
		name: textIn(members.nombre),
		province: textIn(members.provincia),
		issued: issued === undefined ? undefined : isoTime(utcOf(issued, zone)),
		forecast,
	});
}

/** A local date, or with its time, as if it were UTC's. */
function localOf(text: unknown, withTime = false): number | undefined {
	const parts = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?))?/.exec(String(text));
	if (typeof text !== "string" || !parts) return undefined;
	const local = Date.parse(`${parts[1]}T${(withTime && parts[2]) || "00:00"}Z`);
	return Number.isNaN(local) ? undefined : local;
}

/**
 * A day. What is over of it is blank, or 0, also in the value of the whole day: all values are those of the longest
 * period whose sky is told, which of a day to come is all of it.
 */
function dayOf(day: Members, start: number, zone: Zone): Entry {
	const skies = inPeriods(day.estadoCielo).filter(({ members }) => isSky(members));
	const longest = skies.toSorted((a, b) => lengthOf(b) - lengthOf(a) || a.from - b.from)[0];
	const whole = longest ?? { from: 0, to: DAY_HOURS };
	const parts = skies.filter((sky) => sky !== longest && lengthOf(sky) < lengthOf(whole));
	const shortest = Math.min(...parts.map(lengthOf));
	return withoutGaps({
		time: isoTime(utcOf(start, zone))!,
		temperatureMinimum: extremeOf(day.temperatura, "minima", TEMPERATURES),
		temperatureMaximum: extremeOf(day.temperatura, "maxima", TEMPERATURES),
		feelsLikeMinimum: extremeOf(day.sensTermica, "minima", TEMPERATURES),
		feelsLikeMaximum: extremeOf(day.sensTermica, "maxima", TEMPERATURES),
		humidityMinimum: extremeOf(day.humedadRelativa, "minima", PERCENT),
		humidityMaximum: extremeOf(day.humedadRelativa, "maxima", PERCENT),
		uv: numberIn(day.uvMax, [0, 30]),
		...valuesOf(day, whole),
		parts:
			parts.length === 0
				? undefined
				: parts
						.filter((part) => lengthOf(part) === shortest)
						.toSorted((a, b) => a.from - b.from)
						.map((part) => ({
							time: isoTime(utcOf(start + part.from * HOUR_MS, zone)),
							until: isoTime(utcOf(start + part.to * HOUR_MS, zone)),
							...valuesOf(day, part),
						})),
	});
}

/** What a day has of a period. */
function valuesOf(day: Members, period: Period): object {
	const at = (list: unknown) =>
		inPeriods(list).find(({ from, to }) => from === period.from && to === period.to)?.members;
	const wind = at(day.viento);
	return withoutGaps({
		...skyOf(at(day.estadoCielo)),
		precipitationProbability: numberIn(at(day.probPrecipitacion)?.value, PERCENT),
		snowLevel: numberIn(at(day.cotaNieveProv)?.value, LEVELS),
		...windOf(wind?.velocidad, wind?.direccion),
		gust: speedOf(at(day.rachaMax)?.value),
	});
}

/** Kinds of values of an hour, and how each is read; wind and gust come by turns, each with the hour. */
const OF_HOURS: Readonly<Record<string, (members: Members) => object>> = {
	estadoCielo: skyOf,
	temperatura: ({ value }) => ({ temperature: numberIn(value, TEMPERATURES) }),
	sensTermica: ({ value }) => ({ feelsLike: numberIn(value, TEMPERATURES) }),
	humedadRelativa: ({ value }) => ({ humidity: numberIn(value, PERCENT) }),
	precipitacion: ({ value }) => ({ precipitation: numberIn(value, MILLIMETRES) }),
	nieve: ({ value }) => ({ snowfall: numberIn(value, MILLIMETRES) }),
	vientoAndRachaMax: ({ velocidad, direccion, value }) =>
		velocidad === undefined ? { gust: speedOf(value) } : windOf(listOf(velocidad)[0], listOf(direccion)[0]),
};
/** Of some six hours, which may reach into the next day. */
const PROBABILITIES = {
	probPrecipitacion: "precipitationProbability",
	probTormenta: "stormProbability",
	probNieve: "snowProbability",
} as const;

function hoursOf(days: readonly Day[], zone: Zone): readonly Entry[] {
	const hours = new Map<number, object>();
	for (const { day, start } of days) {
		for (const [kind, read] of Object.entries(OF_HOURS)) {
			// The hour that comes twice when summer time ends is there twice.
			const seen = new Set<string>();
			for (const members of listOf(day[kind]).slice(0, VALUES_MAXIMUM).map(membersOf)) {
				const hour = members && hourOf(members.periodo);
				if (!members || hour === undefined) continue;
				const values = withoutGaps(read(members));
				const which = `${hour} ${"velocidad" in members}`;
				const time = utcOf(start + hour * HOUR_MS, zone, seen.has(which));
				seen.add(which);
				if (Object.keys(values).length > 0) hours.set(time, { ...hours.get(time), ...values });
			}
		}
	}
	for (const { day, start } of days) {
		for (const [kind, name] of Object.entries(PROBABILITIES)) {
			for (const { from, to, members } of inPeriods(day[kind])) {
				const value = numberIn(members.value, PERCENT);
				if (value === undefined) continue;
				const end = utcOf(start + to * HOUR_MS, zone);
				for (let time = utcOf(start + from * HOUR_MS, zone); time < end; time += HOUR_MS) {
					const hour = hours.get(time);
					if (hour) hours.set(time, { ...hour, [name]: value });
				}
			}
		}
	}
	return Array.from(hours, ([time, values]) => ({ time: isoTime(time)!, ...values }));
}

/** Each time once. */
function byTime(entries: readonly Entry[]): readonly Entry[] {
	const times = new Map(entries.map((entry) => [entry.time, entry]));
	return [...times.values()].sort((a, b) => (a.time < b.time ? -1 : 1));
}

/** What has hours from one to another: `00-24`, `0713`, or, in one over midnight, `2002`; nothing is the whole day. */
function inPeriods(list: unknown): InPeriod[] {
	return listOf(list)
		.slice(0, VALUES_MAXIMUM)
		.flatMap((entry) => {
			const members = membersOf(entry);
			if (!members) return [];
			if (members.periodo === undefined) return [{ from: 0, to: DAY_HOURS, members }];
			const [, first, last] = /^(\d\d)-?(\d\d)$/.exec(String(members.periodo)) ?? [];
			const [from, to] = [Number(first), Number(last)];
			if (!(from < DAY_HOURS && to <= DAY_HOURS)) return [];
			return [{ from, to: to > from ? to : to + DAY_HOURS, members }];
		});
}

function lengthOf({ from, to }: Period): number {
	return to - from;
}

function hourOf(periodo: unknown): number | undefined {
	const hour = /^\d\d?$/.test(String(periodo)) ? Number(periodo) : Number.NaN;
	return hour < DAY_HOURS ? hour : undefined;
}

function isSky(members: Members): boolean {
	return skyOf(members).skyCode !== undefined;
}

/** The code as AEMET has it: two digits, and an `n` at night. */
function skyOf(members: Members | undefined): { readonly skyCode?: string; readonly sky?: string } {
	const { value, descripcion } = members ?? {};
	const code = String(value).trim();
	if (!/^\d\dn?$/.test(code)) return {};
	const sky = textIn(descripcion);
	return { skyCode: code, ...(sky !== undefined && { sky }) };
}

function windOf(speed: unknown, direction: unknown): object {
	return { wind: speedOf(speed), windDirection: POINTS[String(direction).trim().toUpperCase()] };
}

/** km/h as m/s. */
function speedOf(value: unknown): number | undefined {
	const speed = numberIn(value, SPEEDS);
	return speed === undefined ? undefined : rounded(speed / KMH_IN_MS);
}

function extremeOf(of: unknown, which: "minima" | "maxima", range: Range): number | undefined {
	return numberIn(membersOf(of)?.[which], range);
}
