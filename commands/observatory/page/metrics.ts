/** What Prometheus reads: text format 0.0.4. */
import { type Counter, STATUSES, type StationView } from "../api.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Prometheus has units in names, in words and without prefixes where that is usual. */
const UNITS: Readonly<Record<string, string>> = {
	"°C": "celsius",
	"°F": "fahrenheit",
	K: "kelvin",
	"%": "percent",
	hPa: "hectopascals",
	Pa: "pascals",
	mbar: "millibars",
	"g/m³": "grams_per_cubic_meter",
	"µg/m³": "micrograms_per_cubic_meter",
	ppm: "parts_per_million",
	"m/s": "meters_per_second",
	"km/h": "kilometers_per_hour",
	mm: "millimeters",
	lx: "lux",
	V: "volts",
	W: "watts",
	dBm: "decibel_milliwatts",
	"°": "degrees",
};
/** Characters of a quantity's name that go into that of a metric. */
const NAME_MAXIMUM = 80;

/** Characters of a part of the text: what is written at once. */
const PART = 65_536;

/** Samples of a name, which have to stand together. */
interface Family {
	readonly head: string;
	readonly parts: string[];
	/** The one that grows. */
	part: string;
}

class Families {
	private readonly _families = new Map<string, Family>();

	has(name: string): boolean {
		return this._families.has(name);
	}

	open(name: string, type: Counter["type"], help: string): void {
		const head = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
		this._families.set(name, { head, parts: [], part: "" });
	}

	/** `labels` is empty, or as it is written: `{station="…"}`. */
	add(name: string, labels: string, value: number): void {
		const family = this._families.get(name)!;
		family.part += `${name}${labels} ${numberText(value)}\n`;
		if (family.part.length < PART) return;
		family.parts.push(family.part);
		family.part = "";
	}

	get parts(): string[] {
		const written = [...this._families.values()].filter(({ parts, part }) => parts.length > 0 || part !== "");
		return written.flatMap(({ head, parts, part }) => [head, ...parts, part]);
	}
}

/** The text in parts. `stations` come some at a time, so that thousands do not keep others waiting. */
export async function metricsOf(
	stations: AsyncIterable<readonly StationView[]>,
	counters: readonly Counter[],
): Promise<readonly string[]> {
	const families = new Families();
	for (const { name, type, help, value } of counters) {
		if (families.has(name)) continue;
		families.open(name, type, help);
		families.add(name, "", value);
	}
	families.open("veleta_status", "gauge", "Whether a station is in this state.");
	families.open("veleta_last_reading_timestamp_seconds", "gauge", "When the last reading of a station was taken.");
	families.open("veleta_missing_readings", "gauge", "Readings that have not come yet.");
	families.open("veleta_lost_readings", "gauge", "Readings that a station has no more.");
	const reserved = new Set(["veleta_status", "veleta_missing_readings", "veleta_lost_readings"]);
	for (const { name } of counters) reserved.add(name);
	for await (const some of stations) for (const station of some) addStation(families, station, reserved);
	return families.parts;
}

function addStation(
	families: Families,
	{ topic, status, last, missing, lost, quantities }: StationView,
	reserved: ReadonlySet<string>,
): void {
	const label = `station="${escaped(topic).replaceAll('"', '\\"')}"`;
	const own = `{${label}}`;
	for (const state of [...STATUSES, "unknown"])
		families.add("veleta_status", `{${label},state="${state}"}`, Number(state === status));
	families.add("veleta_missing_readings", own, missing);
	families.add("veleta_lost_readings", own, lost);
	if (!last) return;
	families.add("veleta_last_reading_timestamp_seconds", own, last.time / 1_000);
	const taken = new Set(["veleta_last_reading_timestamp_seconds"]);
	for (const [quantity, value] of Object.entries(last.quantities)) {
		const unit = quantities.find(({ name }) => name === quantity)?.unit ?? null;
		const name = metricName(quantity, unit);
		// Two quantities may get the same name; the second one gets a number. Prometheus refuses a sample that comes twice.
		for (let number = 1; ; number++) {
			const numbered = number === 1 ? name : `${name}_${number}`;
			if (reserved.has(numbered) || taken.has(numbered)) continue;
			if (!families.has(numbered)) families.open(numbered, "gauge", `The last value that a station has told.`);
			families.add(numbered, own, value);
			taken.add(numbered);
			break;
		}
	}
}

/** `seaLevelPressure` in hPa is `veleta_sea_level_pressure_hectopascals`. */
export function metricName(quantity: string, unit: string | null): string {
	const snake = quantity
		.slice(0, NAME_MAXIMUM)
		.replace(/([a-z0-9])([A-Z])/g, "$1_$2")
		.toLowerCase()
		.replace(/[^a-z0-9]+/g, "_")
		.replace(/^_+|_+$/g, "");
	const unitName = unit === null ? undefined : UNITS[unit];
	const name = `veleta_${snake || "value"}`;
	return unitName === undefined || name.endsWith(`_${unitName}`) ? name : `${name}_${unitName}`;
}

function escaped(text: string): string {
	return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** As Go reads it. */
function numberText(value: number): string {
	if (Number.isFinite(value)) return String(value);
	return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
