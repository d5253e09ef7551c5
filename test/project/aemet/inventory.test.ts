/** Stations and municipalities by name. */
import assert from "node:assert/strict";
import test from "node:test";
import { found, municipalitiesIn, stationsIn } from "../../../commands/aemet/inventory.ts";
import { recorded } from "../../harness/aemet-records.ts";

const places = [
	...stationsIn([...recorded("observation-3195"), ...recorded("observation-5906X")]),
	...municipalitiesIn([
		{ id: "id28065", nombre: "Getafe" },
		{ id: "id28079", nombre: "Madrid" },
		{ id: "id26036", nombre: "Calahorra" },
		{ id: "id15030", nombre: "A Coruña" },
	]),
];
const ids = (words: string) => found(places, words).map(({ kind, id }) => `${kind} ${id}`);

test("a station is there once, however many hours it has", () => {
	assert.deepEqual(places[0], { kind: "station", id: "3195", name: "MADRID RETIRO", altitude: 667 });
	assert.equal(places.length, 6);
});

test("by words, whatever their case, accents and order; by ids", () => {
	assert.deepEqual(ids("madrid"), ["municipality 28079", "station 3195"]);
	assert.deepEqual(ids("Retiro MADRID"), ["station 3195"]);
	assert.deepEqual(ids("coruna"), ["municipality 15030"]);
	assert.deepEqual(ids("CORUÑA"), ["municipality 15030"]);
	assert.deepEqual(ids("5906x"), ["station 5906X"]);
	assert.deepEqual(ids("atlantis"), []);
});

test("what is no place is left out", () => {
	const wrong = [null, 7, "x", [], {}, { idema: "../x", ubi: "y" }, { idema: "3195" }, { id: "28065", nombre: "x" }];
	assert.deepEqual(stationsIn(wrong), []);
	assert.deepEqual(municipalitiesIn(wrong), []);
});
