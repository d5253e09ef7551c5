/** AEMET's stations and municipalities by name, from lists of some megabytes that are fetched once and kept in short. */
import { join } from "node:path";
import { readKept, writeKept } from "../data-folder.ts";
import { membersOf } from "./answers.ts";
import { numberIn, textIn } from "./numbers.ts";
import { ALL_MUNICIPALITIES, ALL_OBSERVATIONS, type Data } from "./opendata.ts";

const FILE = "inventory.json";
/** There are some 900 stations and 8,100 municipalities. */
const PLACES_MAXIMUM = 50_000;
/** m above sea level. */
const ALTITUDES = [-50, 4_000] as const;

export interface KnownPlace {
	readonly kind: "station" | "municipality";
	readonly id: string;
	readonly name: string;
	/** In m above sea level. */
	readonly altitude?: number | undefined;
}

/** The places whose names or ids have all words, whatever their case and accents, by name. */
export function found(places: readonly KnownPlace[], words: string): KnownPlace[] {
	const wanted = plain(words)
		.split(/\s+/)
		.filter((word) => word !== "");
	return places
		.filter(({ id, name }) => wanted.every((word) => plain(`${id} ${name}`).includes(word)))
		.sort((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name, "es") || a.id.localeCompare(b.id));
}

function plain(text: string): string {
	return text
		.normalize("NFD")
		.replace(/\p{Mn}/gu, "")
		.toLowerCase();
}

/** The lists of the stations and the municipalities; `undefined`: they have not been fetched yet. Throws an Error for a person. */
export function keptInventory(folder: string): readonly KnownPlace[] | undefined {
	return readKept(join(folder, FILE), placesIn);
}

/** Fetches them, and keeps them. `ask`: for one of AEMET's paths. Throws an Error for a person. */
export async function fetchInventory(
	folder: string,
	ask: (path: string) => Promise<Data>,
): Promise<readonly KnownPlace[]> {
	const stations = stationsIn(listIn(await ask(ALL_OBSERVATIONS), "stations"));
	const municipalities = municipalitiesIn(listIn(await ask(ALL_MUNICIPALITIES), "municipalities"));
	const places = [...stations, ...municipalities];
	writeKept(join(folder, FILE), places);
	return places;
}

function listIn(data: Data, what: string): readonly unknown[] {
	if (data.outcome === "data") return data.data.slice(0, PLACES_MAXIMUM);
	throw new Error(`AEMET's list of ${what}: ${data.outcome === "nothing" ? "there is none" : data.reason}`);
}

/** Those that have sent an observation in the last hours; each is there once for each hour. */
export function stationsIn(records: readonly unknown[]): KnownPlace[] {
	const places = new Map<string, KnownPlace>();
	for (const members of records.map(membersOf)) {
		const id = textIn(members?.idema)?.toUpperCase();
		const name = textIn(members?.ubi);
		if (id === undefined || !/^[0-9A-Z]{3,8}$/.test(id) || name === undefined) continue;
		places.set(id, { kind: "station", id, name, altitude: numberIn(members?.alt, ALTITUDES) });
	}
	return [...places.values()];
}

export function municipalitiesIn(records: readonly unknown[]): KnownPlace[] {
	const places = new Map<string, KnownPlace>();
	for (const members of records.map(membersOf)) {
		const [, id] = /^id(\d{5})$/.exec(String(members?.id)) ?? [];
		const name = textIn(members?.nombre);
		if (id !== undefined && name !== undefined) places.set(id, { kind: "municipality", id, name });
	}
	return [...places.values()];
}

function placesIn(json: unknown): readonly KnownPlace[] | undefined {
	return Array.isArray(json) && json.every(isPlace) ? json : undefined;
}

function isPlace(place: unknown): place is KnownPlace {
	const { kind, id, name } = Object(place) as Partial<Record<keyof KnownPlace, unknown>>;
	return (kind === "station" || kind === "municipality") && typeof id === "string" && typeof name === "string";
}
