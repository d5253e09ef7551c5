/** Lists of stations: what is found, in which order, how many there are, and how often the store is asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListQuestion } from "../../../commands/observatory/api.ts";
import { EVERYTHING, Roster } from "../../../commands/observatory/page/roster.ts";
import { PageSource } from "../../harness/page-source.ts";

const MINUTE = 60_000;

async function rosterOf(source: PageSource) {
	const clock = { now: 0 };
	const roster = new Roster(source, () => clock.now);
	roster.setTold(true);
	await roster.refresh();
	source.asked.length = 0;
	const find = (question: Partial<ListQuestion>) => roster.list({ ...EVERYTHING, count: 48, ...question });
	return { clock, roster, find };
}

test("stations are in the order that people expect", async () => {
	const source = new PageSource();
	const ordered = [
		"casa/Ático",
		"casa/balcón 2",
		"casa/Balcón 010",
		"casa/balcón 99999999999",
		"veleta/9",
		"veleta/10",
	];
	for (const topic of [...ordered].reverse()) source.add(topic);
	const { find } = await rosterOf(source);
	assert.deepEqual(find({}).topics, ordered);
});

test("words are found anywhere in a topic, whatever their order, case and accents", async () => {
	const source = new PageSource();
	for (const topic of ["veleta/jardín-norte", "veleta/JARDIN-sur", "casa/norte", "casa/a.b*c"]) source.add(topic);
	const { find } = await rosterOf(source);
	const topics = (text: string) => find({ text }).topics;
	assert.deepEqual(topics("jardin"), ["veleta/jardín-norte", "veleta/JARDIN-sur"]);
	assert.deepEqual(topics(" NORTE  jardín "), ["veleta/jardín-norte"]);
	assert.deepEqual(topics("a.b*"), ["casa/a.b*c"]);
	assert.deepEqual(topics("a.*c"), []);
	assert.equal(topics("").length, 4);
});

test("each filter shows what it counts, and a list is a part of it", async () => {
	const source = new PageSource();
	for (let number = 0; number < 100; number++) {
		const status = number % 10 === 0 ? "offline" : number % 10 === 2 ? "stale" : number % 4 === 1 ? "asleep" : "online";
		const quantities = number < 5 ? [{ name: "wind", unit: "m/s", decimals: 1 }] : undefined;
		const view = { status, missing: number % 50 === 7 ? 3 : 0, lost: number === 8 ? 1 : 0 } as const;
		source.add(`veleta/${number}`, quantities ? { ...view, quantities } : view);
	}
	const { roster, find } = await rosterOf(source);
	const counts = { all: 100, online: 55, stale: 10, asleep: 25, offline: 10, unknown: 0, incomplete: 3 };
	for (const [show, count] of Object.entries(counts) as [ListQuestion["show"], number][]) {
		const list = find({ show });
		assert.deepEqual(list.counts, counts);
		assert.equal(list.total, 100);
		assert.equal(list.topics.length, Math.min(48, count), show);
		const rest = [48, 96].flatMap((from) => [...find({ show, from }).topics]);
		assert.equal(new Set([...list.topics, ...rest]).size, count, show);
	}
	assert.deepEqual(find({ show: "incomplete" }).topics, ["veleta/7", "veleta/8", "veleta/57"]);
	assert.deepEqual(find({ text: "5", show: "offline" }).topics, ["veleta/50"]);
	assert.equal(find({ text: "5", show: "offline" }).counts.all, 19);
	assert.equal(find({ quantity: "wind" }).counts.all, 5);
	assert.deepEqual(find({ from: 1_000 }).topics, []);
	assert.deepEqual(
		roster.quantities.map(({ name }) => name),
		["temperature", "humidity", "pressure", "wind"],
	);
});

test("what has changed is asked for, and nothing else; all once a minute, as others may write to the store", async () => {
	const source = new PageSource();
	for (let number = 0; number < 3_000; number++) source.add(`veleta/${number}`);
	const { clock, roster, find } = await rosterOf(source);
	assert.equal(roster.isStale, false);
	source.change("veleta/7", { status: "offline" });
	source.add("veleta/new");
	for (const topic of ["veleta/7", "veleta/new", "veleta/7"]) roster.changed(topic);
	assert.equal(roster.isStale, true);
	await roster.refresh();
	assert.equal(roster.wholes, 1);
	assert.deepEqual(source.asked.splice(0), [2]);
	assert.deepEqual(find({ show: "offline" }).topics, ["veleta/7"]);
	assert.equal(find({}).total, 3_001);
	clock.now = MINUTE - 1;
	assert.equal(roster.isStale, false);
	clock.now = MINUTE;
	await roster.refresh();
	assert.equal(roster.wholes, 2);
	assert.deepEqual(source.asked.splice(0), [3_001]);
	for (let number = 0; number < 2_500; number++) roster.changed(`veleta/${number}`);
	await roster.refresh();
	assert.equal(roster.wholes, 3, "so many at once are more work than all");
	assert.deepEqual(source.asked.splice(0), [3_001]);
	// Whom nobody tells knows for two seconds.
	roster.setTold(false);
	await roster.refresh();
	clock.now += 1_999;
	assert.equal(roster.isStale, false);
	clock.now += 1;
	assert.equal(roster.isStale, true);
});

test("what changes while the store is asked is asked for behind it, and a store that fails loses nothing", async () => {
	const source = new PageSource();
	source.add("veleta/a");
	const { roster, find } = await rosterOf(source);
	source.change("veleta/a", { status: "asleep" });
	roster.changed("veleta/a");
	const refreshed = roster.refresh();
	source.change("veleta/a", { status: "offline" });
	roster.changed("veleta/a");
	await refreshed;
	await roster.refresh();
	assert.equal(find({}).counts.offline, 1);
	source.change("veleta/a", { status: "online" });
	roster.changed("veleta/a");
	source.failure = new Error("the disk is full");
	await assert.rejects(roster.refresh(), { message: "the disk is full" });
	source.failure = undefined;
	await roster.refresh();
	assert.equal(find({}).counts.online, 1);
});

test("what changes before anybody tells of it, while all are being read, is read anew", async () => {
	const source = new PageSource();
	source.add("veleta/a");
	let goOn = () => {};
	const roster: Roster = await new Promise((begun) => {
		const slow: Pick<PageSource, "summaries"> = {
			summaries: async (topics) => {
				const found = await source.summaries(topics);
				await new Promise<void>((resolve) => {
					goOn = resolve;
					begun(asked);
				});
				return found;
			},
		};
		const asked = new Roster(slow, () => 0);
		void asked.refresh();
	});
	source.change("veleta/a", { status: "offline" });
	roster.setTold(true);
	const refreshed = roster.refresh();
	goOn();
	// The next question.
	setImmediate(() => goOn());
	await refreshed;
	assert.equal(roster.list(EVERYTHING).counts.offline, 1);
	assert.equal(roster.isStale, false);
});
