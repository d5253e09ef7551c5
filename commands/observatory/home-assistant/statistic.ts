/**
 * An external statistic of Home Assistant's for each quantity of a station, by the rules of its recorder
 * (homeassistant/components/recorder in home-assistant/core: statistics.py, websocket_api.py, db_schema.py).
 */
import { createHash } from "node:crypto";
import type { QuantityName } from "../../../src/net/quantities.ts";
import { cut, printable } from "../../../src/text.ts";

/** What all ids begin with; also the `source`, which has to be the same. */
const SOURCE = "veleta";
/** Characters of a topic and of a quantity in an id, and their bytes in a name, at the most: both columns have 255 characters. */
const PART_MAXIMUM = 100;
/** Hexadecimal digits that tell apart what looks alike in an id. */
const HASH_DIGITS = 10;

/** Those of a report. */
const QUANTITIES: Readonly<Record<QuantityName, true>> = {
	temperature: true,
	humidity: true,
	pressure: true,
	seaLevelPressure: true,
	dewPoint: true,
	absoluteHumidity: true,
	heatIndex: true,
};
/** Topics that an id can have as they are: those of a station that nobody has given another `topic`. */
const PLAIN_TOPIC = /^veleta\/([a-z0-9]+(?:_[a-z0-9]+)*)$/;

/**
 * The recorder's converters. `null`, which every version takes, leaves the unit as it is; so has g/m³, whose converter not
 * every version has.
 */
const UNIT_CLASSES: Readonly<Record<string, string>> = { "°C": "temperature", "%": "unitless", hPa: "pressure" };

/** The first version whose `recorder/import_statistics` takes `mean_type` and `unit_class`. 2026.11 asks for them. */
const MEAN_TYPE_SINCE = [2025, 11] as const;
/** `StatisticMeanType.ARITHMETIC`. */
const ARITHMETIC = 1;

/** What a statistic is of. */
export interface Subject {
	/** What the station's topics begin with. */
	readonly topic: string;
	readonly quantity: string;
}

/** Metadata with `mean_type` and `unit_class`, or with `has_mean`, as older versions ask for. They refuse what they do not know. */
export type MetadataForm = "mean_type" | "has_mean";

/** The form for a version such as `2026.11.1`. One that is no such text is taken for a new one. */
export function metadataForm(version: string | undefined): MetadataForm {
	const [, year, month] = /^(\d{4})\.(\d{1,2})\b/.exec(version ?? "") ?? [];
	if (year === undefined) return "mean_type";
	const [sinceYear, sinceMonth] = MEAN_TYPE_SINCE;
	return Number(year) * 12 + Number(month) >= sinceYear * 12 + sinceMonth ? "mean_type" : "has_mean";
}

/**
 * The statistic's id: `veleta:terrace_dew_point` for `dewPoint` of `veleta/terrace`. Two subjects never have the same one: where
 * an id does not have all of them, as of `Casa/Azotea`, a hash is appended.
 */
export function statisticId({ topic, quantity }: Subject): string {
	const [, station] = PLAIN_TOPIC.exec(topic) ?? [];
	const isPlain = station !== undefined && station.length <= PART_MAXIMUM && Object.hasOwn(QUANTITIES, quantity);
	const parts = [slugOf(shortTopic(topic)), slugOf(wordsOf(quantity))];
	if (!isPlain || isOfAnother(parts.join("_"), quantity))
		parts.push(
			createHash("sha256")
				.update(JSON.stringify([topic, quantity]))
				.digest("hex")
				.slice(0, HASH_DIGITS),
		);
	return `${SOURCE}:${parts.filter((part) => part !== "").join("_")}`;
}

/** Whether it ends as the id of another quantity does: `pressure` of `veleta/a_sea_level`, and `seaLevelPressure` of `veleta/a`. */
function isOfAnother(slug: string, quantity: string): boolean {
	const own = slugOf(wordsOf(quantity));
	return Object.keys(QUANTITIES)
		.map((name) => slugOf(wordsOf(name)))
		.some((other) => other.length > own.length && slug.endsWith(`_${other}`));
}

/** How Home Assistant shows it: `terrace dew point`. */
export function statisticName({ topic, quantity }: Subject): string {
	return [shortTopic(topic), wordsOf(quantity)].map((part) => cut(printable(part), PART_MAXIMUM)).join(" ");
}

/** All that `recorder/import_statistics` asks for. */
export function metadataOf(subject: Subject, unit: string | null, form: MetadataForm): object {
	return {
		source: SOURCE,
		statistic_id: statisticId(subject),
		name: statisticName(subject),
		unit_of_measurement: unit,
		has_sum: false,
		...(form === "has_mean"
			? { has_mean: true }
			: { mean_type: ARITHMETIC, unit_class: UNIT_CLASSES[unit ?? ""] ?? null }),
	};
}

function shortTopic(topic: string): string {
	return topic.replace(/^veleta\//, "");
}

/** `dewPoint` as `dew point`. */
function wordsOf(quantity: string): string {
	return quantity.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Small letters and digits, joined by single underscores: the recorder takes no other ids. Accents are left out. */
function slugOf(text: string): string {
	const letters = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
	return letters
		.replace(/[^a-z0-9]+/g, "_")
		.replace(/^_/, "")
		.slice(0, PART_MAXIMUM)
		.replace(/_$/, "");
}
