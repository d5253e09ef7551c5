/** Questions to the system's resolver: one at a time for each name, and what becomes of their answers. */
import assert from "node:assert/strict";
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, beforeEach, mock, test } from "node:test";
import { lookup } from "../../hosts/node/names.ts";

const LIFE_MS = 12_000;
type Answer = (error: NodeJS.ErrnoException | null, addresses: readonly dns.LookupAddress[]) => void;

/** Questions that are out. */
let out: Answer[] = [];
let told: string[] = [];

beforeEach(() => {
	out = [];
	told = [];
	mock.timers.enable({ apis: ["setTimeout"] });
	mock.method(dns, "lookup", (_name: string, _options: object, answer: Answer) => out.push(answer));
	syncBuiltinESMExports();
});
afterEach(() => {
	mock.timers.reset();
	mock.restoreAll();
	syncBuiltinESMExports();
});

function ask(name: string, who: string): void {
	lookup(name, { all: true }, (error, addresses) => {
		told.push(`${who}: ${error?.code ?? (addresses as dns.LookupAddress[]).map(({ address }) => address)}`);
	});
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const found = [{ address: "192.0.2.7", family: 4 }];

test("who asks while a question is out has its answer", () => {
	ask("a.test", "one");
	ask("a.test", "other");
	assert.equal(out.length, 1);
	out[0]!(null, found);
	assert.deepEqual(told, ["one: 192.0.2.7", "other: 192.0.2.7"]);
});

test("an answer that came too late is that of all who ask next, also in one turn", async () => {
	ask("b.test", "one");
	mock.timers.tick(LIFE_MS);
	assert.deepEqual(told.splice(0), ["one: EAI_AGAIN"]);
	out[0]!(null, found);
	ask("b.test", "two");
	ask("b.test", "three");
	await turn();
	await turn();
	assert.deepEqual(told, ["two: 192.0.2.7", "three: 192.0.2.7"]);
	assert.equal(out.length, 1);
	ask("b.test", "four");
	assert.equal(out.length, 2, "and then it is asked anew");
});

test("of addresses those that lead nowhere are left out; where there are no others, the first is told", () => {
	const nowhere = [
		{ address: "::", family: 6 },
		{ address: "0.0.0.0", family: 4 },
	];
	ask("c.test", "one");
	out[0]!(null, [...nowhere, ...found]);
	ask("d.test", "two");
	out[1]!(null, nowhere);
	assert.deepEqual(told, ["one: 192.0.2.7", "two: its address is ::: something blocks this name"]);
});
