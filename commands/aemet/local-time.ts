/** Spain's official time, in which forecasts are. */

export type Zone = "Europe/Madrid" | "Atlantic/Canary";

/** The first two digits of a municipality are its province: 35 and 38 are the Canary Islands. */
export function zoneOf(municipality: string): Zone {
	return /^(35|38)/.test(municipality) ? "Atlantic/Canary" : "Europe/Madrid";
}

const formats = new Map<Zone, Intl.DateTimeFormat>();

/**
 * The ms since 1970 of a local date and time, given as if they were UTC's. `isSecond`: of an hour that comes twice when
 * summer time ends, the second. An hour that is left out when it begins is the hour behind it.
 */
export function utcOf(local: number, zone: Zone, isSecond = false): number {
	const before = local - offsetAt(local - 86_400_000, zone);
	const behind = local - offsetAt(local + 86_400_000, zone);
	// Of two hours with one name both are right; of the hour that is left out neither is.
	const right = [before, behind].filter((time) => time + offsetAt(time, zone) === local);
	return (isSecond ? right.at(-1) : right[0]) ?? before;
}

/** What is added to UTC, in ms. */
function offsetAt(time: number, zone: Zone): number {
	let format = formats.get(zone);
	if (!format) {
		format = new Intl.DateTimeFormat("en-GB", {
			...{ timeZone: zone, hourCycle: "h23", era: "short" },
			...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
		});
		formats.set(zone, format);
	}
	const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
	const { year, month, day, hour, minute, second } = parts as Record<string, number>;
	return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - Math.floor(time / 1_000) * 1_000;
}
