/** Which stations and municipalities are published, and at which topics: of options, and of the file of settings. */
import { topicNameFault } from "../../src/net/mqtt/topic.ts";
import { hasControls, printable } from "../../src/text.ts";
import { UsageError } from "../frame.ts";
import { membersOf } from "./answers.ts";
import { FIELD_NAMES } from "./observations.ts";
import type { MunicipalitySettings, StationSettings } from "./places.ts";
import { forecastTopics } from "./spool.ts";

/** Each has a connection of its own, and AEMET's limits leave room for some 40 requests a minute. */
const PLACES_MAXIMUM = 32;
/** Bytes of a topic that others are below. */
const TOPIC_MAXIMUM = 256;

interface PlaceKind {
	readonly option: string;
	/** In the file, a list of it. */
	readonly setting: string;
	readonly wanted: string;
	readonly idOf: (text: string) => string | undefined;
	/** What a place has in the file of settings. */
	readonly members: readonly string[];
}

const STATIONS: PlaceKind = {
	option: "--station",
	setting: "stations",
	wanted: "must look like 3195 or 5906X: AEMET's idema, which --find NAME finds",
	// Digits and capital letters.
	idOf: (text) => (/^(?=.*\d)[0-9A-Z]{3,8}$/i.test(text) ? text.toUpperCase() : undefined),
	members: ["id", "topic", "values"],
};
const MUNICIPALITIES: PlaceKind = {
	option: "--municipality",
	setting: "municipalities",
	wanted: "must have five digits, such as 28065",
	// As INE has it; as AEMET's list has it, with `id` before it.
	idOf: (text) => /^(?:id)?(\d{5})$/.exec(text)?.[1],
	members: ["id", "topic"],
};

interface Place {
	readonly id: string;
	readonly topic: string;
	/** As it was given. */
	readonly values: unknown;
	/** For messages about it. */
	readonly name: string;
}

export interface GivenPlaces {
	/** Of the command line; they take the place of those in the file. */
	readonly station?: readonly string[] | undefined;
	readonly municipality?: readonly string[] | undefined;
	/** In the file of settings. */
	readonly stations?: unknown;
	readonly municipalities?: unknown;
	/** What topics begin with that are not given. */
	readonly base: string;
	/** Whether stations have values that do not say so. */
	readonly values: boolean;
}

/** Throws a `UsageError`. */
export function placesOf(given: GivenPlaces): {
	readonly stations: readonly StationSettings[];
	readonly municipalities: readonly MunicipalitySettings[];
} {
	const { base } = given;
	const stations = listOf(given.station, given.stations, STATIONS, base).map((place) => ({
		...place,
		valueTopics: valueTopicsOf(place, given.values),
	}));
	const municipalities = listOf(given.municipality, given.municipalities, MUNICIPALITIES, base);
	const places = stations.length + municipalities.length;
	if (places === 0) throw new UsageError("--station or --municipality: one at the least; --find NAME finds their ids");
	if (places > PLACES_MAXIMUM) throw new UsageError(`at most ${PLACES_MAXIMUM} stations and municipalities`);
	const owners = new Map<string, string>();
	const claim = (topic: string, owner: string) => {
		const other = owners.get(topic);
		if (other !== undefined) throw new UsageError(`${owner}: ${printable(topic)} is the topic of ${other}, too`);
		owners.set(topic, owner);
	};
	for (const { topic, name } of stations)
		for (const level of ["state", "late", "status"]) claim(`${topic}/${level}`, name);
	for (const { topic, name } of municipalities) for (const one of forecastTopics(topic)) claim(one, name);
	for (const { name, valueTopics } of stations)
		for (const [quantity, topic] of Object.entries(valueTopics)) claim(topic, `${name}.values.${quantity}`);
	return {
		stations: stations.map(({ id, topic, valueTopics }) => ({ id, topic, valueTopics })),
		municipalities: municipalities.map(({ id, topic }) => ({ id, topic })),
	};
}

/** Each once. */
function listOf(given: readonly string[] | undefined, filed: unknown, kind: PlaceKind, base: string): Place[] {
	const { option, setting } = kind;
	const list = given ?? filed ?? [];
	if (!Array.isArray(list)) throw new UsageError(`${setting}: must be a list`);
	const places = new Map<string, Place>();
	for (const one of list) {
		const about = given ? `${option} ${printable(String(one))}` : setting;
		const place = placeOf(one, about, kind, base);
		const before = places.get(place.id);
		if (before && !given && typeof one !== "string") throw new UsageError(`${place.name}: is there twice`);
		if (!before) places.set(place.id, place);
	}
	return [...places.values()];
}

function placeOf(given: unknown, about: string, { wanted, idOf, members, setting }: PlaceKind, base: string): Place {
	const object = typeof given === "string" ? { id: given } : membersOf(given);
	const id = typeof object?.id === "string" ? idOf(object.id) : undefined;
	if (!object || id === undefined)
		throw new UsageError(`${about}: ${wanted}${Number.isInteger(given) ? ", in quotes" : ""}`);
	const name = `${setting}.${id}`;
	const unknown = Object.keys(object).find((member) => !members.includes(member));
	if (unknown !== undefined) throw new UsageError(`${name}.${printable(unknown)}: there is no such setting`);
	const { topic = `${base}/${id}`, values } = object as Readonly<Record<string, unknown>>;
	if (typeof topic !== "string") throw new UsageError(`${name}.topic: must be a text`);
	checkTopic(topic, `${name}.topic`);
	return { id, topic, values, name };
}

function valueTopicsOf({ topic, values, name }: Place, isUsual: boolean): Readonly<Record<string, string>> {
	const wanted = values ?? isUsual;
	if (wanted === false) return {};
	if (wanted === true) return Object.fromEntries(FIELD_NAMES.map((quantity) => [quantity, `${topic}/${quantity}`]));
	const topics = membersOf(wanted);
	if (!topics) throw new UsageError(`${name}.values: must be true, false or topics by quantity`);
	for (const [quantity, text] of Object.entries(topics)) {
		if (!(FIELD_NAMES as readonly string[]).includes(quantity))
			throw new UsageError(`${name}.values.${printable(quantity)}: there is no such quantity`);
		if (typeof text !== "string") throw new UsageError(`${name}.values.${quantity}: must be a text`);
		checkTopic(text, `${name}.values.${quantity}`);
	}
	return topics as Readonly<Record<string, string>>;
}

/** Of a topic, or of what topics begin with. `name`: the setting or option. Throws a `UsageError`. */
export function checkTopic(topic: string, name: string): void {
	const fault = topicNameFault(topic);
	if (fault !== undefined) throw new UsageError(`${name}: ${fault}`);
	if (
		hasControls(topic) ||
		topic.startsWith("$") ||
		/^\/|\/$|\/\//.test(topic) ||
		Buffer.byteLength(topic) > TOPIC_MAXIMUM
	)
		throw new UsageError(`${name}: must be levels of a topic, such as aemet or casa/aemet`);
}
