/** The two steps against a server that plays AEMET's answers, and its misbehaviour, on the loopback. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { get } from "../../../commands/aemet/http.ts";
import { OpenData, type OpenDataOptions } from "../../../commands/aemet/opendata.ts";
import type { Task } from "../../../commands/aemet/schedule.ts";
import { KEY, type Misbehaviour } from "../../harness/aemet-answers.ts";
import { AemetServer } from "../../harness/aemet-server.ts";
import { patience } from "../../harness/wait.ts";

const server = await AemetServer.start();
after(() => server.close());
const RETIRO: Task = { kind: "observation", id: "3195" };
/** In ms. */
const SHORT = 300;

/** With a clock that only pauses move. */
function openData(more: Partial<OpenDataOptions> = {}): { readonly api: OpenData; readonly pauses: number[] } {
	const pauses: number[] = [];
	let now = 0;
	const pause = async (duration: number) => {
		pauses.push(duration);
		now += duration;
	};
	const { origin } = server;
	return { api: new OpenData({ key: KEY, get, now: () => now, pause, origin, timeout: patience(), ...more }), pauses };
}

test("both steps; the key goes with the first one only, in its header; 5 s between any two requests", async () => {
	const { api, pauses } = openData();
	const from = server.answers.requests.length;
	for (const task of [RETIRO, { kind: "daily", id: "28065" }, { kind: "hourly", id: "32054" }] as const) {
		const { outcome } = await api.ask(task);
		assert.equal(outcome, "data");
	}
	const requests = server.answers.requests.slice(from);
	assert.deepEqual(
		requests.map(({ step, path }) => `${step} ${path}`),
		[
			"/opendata/api/observacion/convencional/datos/estacion/3195",
			"/opendata/api/prediccion/especifica/municipio/diaria/28065",
			"/opendata/api/prediccion/especifica/municipio/horaria/32054",
		].flatMap((path) => [`1 ${path}`, `2 ${path}`]),
	);
	assert.deepEqual(pauses, Array(6).fill(5_000));
});

test("the headers tell how many requests are left", async () => {
	server.answers.remaining = 7;
	assert.equal((await openData().api.ask(RETIRO)).remaining, 7);
	server.answers.remaining = undefined;
});

for (const [misbehaviour, first, second] of [
	["no data", "nothing", /the data are no list/],
	["empty body", /^an empty answer$/, /^an empty answer$/],
	[401, "refused", "refused"],
	[429, "limited", "limited"],
	["estado 429", "limited", "limited"],
	[500, /^status 500$/, /^status 500$/],
	[503, /^status 503$/, /^status 503$/],
	["HTML", /^HTML in place of JSON$/, /^HTML in place of JSON$/],
	["half a body", /a part of it$/, /a part of it$/],
	["half a body, and the length of all", /^cannot be reached \(UND_ERR_SOCKET\)|connection ended$/, /./],
	["data elsewhere", /lie elsewhere: refused$/, /no list$/],
	["a redirection", /^a redirection: refused$/, /^a redirection: refused$/],
	["too large", /^an answer of more than 16,384 bytes$/, /^an answer of more than 1,048,576 bytes$/],
] as const) {
	for (const [step, expected] of [
		[1, first],
		[2, second],
	] as const) {
		test(`${misbehaviour} at step ${step}`, async () => {
			server.answers.misbehave(step, misbehaviour as Misbehaviour);
			const from = server.answers.requests.length;
			const answer = await openData().api.ask(RETIRO);
			if (typeof expected === "string") assert.equal(answer.outcome, expected);
			else if (answer.outcome === "failed") assert.match(answer.reason, expected);
			else assert.fail(answer.outcome);
			assert.doesNotMatch(JSON.stringify(answer), /127\.0\.0\.1|eyJ/);
			assert.equal(server.answers.requests.length - from, step);
		});
	}
}

for (const step of [1, 2] as const) {
	test(`a server that hangs at step ${step}`, async () => {
		server.answers.misbehave(step, "hangs");
		const answer = await openData({ timeout: SHORT }).api.ask(RETIRO);
		assert.deepEqual(answer, { outcome: "failed", reason: "no whole answer within 0.3 s" });
	});
}

test("a key that is not taken", async () => {
	const { outcome } = await openData({ key: "another-key" }).api.ask(RETIRO);
	assert.equal(outcome, "refused");
});

test("nobody there, and an end from our side", async () => {
	const gone = await openData({ origin: "http://127.0.0.1:1" }).api.ask(RETIRO);
	assert.equal(gone.outcome, "failed");
	assert.doesNotMatch(JSON.stringify(gone), /127\.0\.0\.1|eyJ/);
	const ended = await openData({ signal: AbortSignal.abort() }).api.ask(RETIRO);
	assert.equal(ended.outcome, "failed");
});
