/** What AEMET answers, recorded and misbehaving, and what is made of it. */
import assert from "node:assert/strict";
import test from "node:test";
import { decoded, firstStep, secondStep } from "../../../commands/aemet/answers.ts";
import { answerOf, LATIN, latin, recorded } from "../../harness/aemet-records.ts";

const first = (json: unknown) => firstStep(answerOf(json));

test("the first answer says where the data lie", () => {
	assert.deepEqual(first(recorded("step-1")), {
		outcome: "data",
		url: "https://opendata.aemet.es/opendata/sh/208c3ca3",
	});
});

test("HTTP 200 with estado 404: there are no data; so does HTTP 404 with it", () => {
	assert.deepEqual(first(recorded("step-1-no-data")), { outcome: "nothing" });
	assert.deepEqual(firstStep(answerOf(recorded("step-1-no-data"), { status: 404 })), { outcome: "nothing" });
});

for (const datos of [
	"http://opendata.aemet.es/opendata/sh/208c3ca3",
	"https://opendata.aemet.es.example/opendata/sh/208c3ca3",
	"https://opendata.aemet.es@example.com/opendata/sh/208c3ca3",
	"https://opendata.aemet.es:444/opendata/sh/208c3ca3",
	"https://opendata.aemet.es/opendata/sh/../api/x",
	"https://opendata.aemet.es/opendata/sh/%2e%2e/api",
	"https://opendata.aemet.es/opendata/sh/208c3ca3?next=1",
	"https://opendata.aemet.es/opendata/sh/",
	"https://opendata.aemet.es/opendata/api/x",
	"file:///etc/passwd",
	"//opendata.aemet.es/opendata/sh/208c3ca3",
	"",
	7,
	null,
]) {
	test(`data at ${datos} are refused`, () => {
		const { outcome, ...more } = first({ ...recorded("step-1"), datos });
		assert.equal(outcome, "failed");
		// A stranger's URL is not shown.
		assert.doesNotMatch(JSON.stringify(more), /passwd|208c3ca3/);
	});
}

for (const [what, answer, expected] of [
	["401", answerOf({ descripcion: "API key invalido", estado: 401 }, { status: 401 }), "refused"],
	["200 with estado 401", answerOf({ descripcion: "API key invalido", estado: 401 }), "refused"],
	["429", answerOf({ descripcion: "Se ha alcanzado uno de los límites de uso", estado: 429 }), "limited"],
	["429 by HTTP", answerOf({ estado: 429 }, { status: 429 }), "limited"],
	["estado as text", answerOf({ estado: "429" }), "limited"],
	["500", answerOf({}, { status: 500 }), "failed"],
	["503", { status: 503, contentType: "text/html", body: latin("<html>") }, "failed"],
	["estado 500", answerOf({ estado: 500, descripcion: "Error" }), "failed"],
	["an estado that is none", answerOf({ estado: {} }), "failed"],
	["an unknown route", { status: 404, contentType: "text/html", body: latin("<!doctype html><p>") }, "failed"],
	["nothing at all", { status: 200, contentType: "text/plain", body: latin("") }, "failed"],
	["HTML in place of JSON", { status: 200, contentType: "text/html", body: latin("\n<HTML><body>") }, "failed"],
	["half a body", { status: 200, contentType: LATIN, body: latin('{"estado":200,"datos":"https') }, "failed"],
	["a list", answerOf([]), "failed"],
	["null", answerOf(null), "failed"],
	["a redirection", answerOf({}, { status: 302 }), "failed"],
] as const) {
	test(`${what}: ${expected}`, () => assert.equal(firstStep(answer).outcome, expected));
	test(`${what}, as the second answer`, () => {
		const second = secondStep(answer).outcome;
		assert.equal(second, what === "a list" ? "data" : expected);
	});
}

test("data that are gone are asked for anew, and are not taken for none", () => {
	assert.equal(secondStep(answerOf({ estado: 404, descripcion: "datos expirados" })).outcome, "failed");
});

test("a text of a stranger has no control characters", () => {
	const answer = first({ estado: 500, descripcion: "a\u001b[2Jb" });
	assert.deepEqual(answer, { outcome: "failed", reason: "status 500: a?[2Jb" });
});

test("ISO-8859-15 and UTF-8, by the Content-Type, by what it is where that is not true", () => {
	const text = "predicción 3 €";
	const utf8 = new TextEncoder().encode(text);
	for (const type of [LATIN, "text/plain; charset=iso-8859-15", 'text/plain;charset="ISO-8859-1"'])
		assert.equal(decoded(latin(text), type), text);
	for (const type of ["application/json;charset=UTF-8", "text/plain;charset=utf-8", "text/plain", ""])
		assert.equal(decoded(utf8, type), text);
	assert.equal(decoded(latin(text), "text/plain;charset=UTF-8"), text);
	assert.equal(decoded(latin(text), ""), text);
});
