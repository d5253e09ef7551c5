/** When AEMET is asked. Times are minutes since midnight, unless a test says otherwise. */
import assert from "node:assert/strict";
import test from "node:test";
import { type KeptSchedule, type Outcome, Schedule, type Task } from "../../../commands/aemet/schedule.ts";

const MIDNIGHT = Date.UTC(2026, 5, 1);
const MINUTE_MS = 60_000;
const DAY = 1_440;
const RETIRO: Task = { kind: "observation", id: "3195" };
const GETAFE: Task = { kind: "daily", id: "28065" };
const GETAFE_HOURS: Task = { kind: "hourly", id: "28065" };

const at = (minutes: number) => MIDNIGHT + minutes * MINUTE_MS;

/** What is asked for when, up to a time, where each request ends as `outcomes` says, in turn; what follows is done. */
function transcript(schedule: Schedule, from: number, to: number, ...outcomes: Outcome[]): [number, string][] {
	const asked: [number, string][] = [];
	for (let now = at(from); ; ) {
		const next = schedule.next(now);
		if (!next || next.at >= at(to)) return asked;
		now = Math.max(now, next.at);
		asked.push([(now - MIDNIGHT) / MINUTE_MS, next.task.kind]);
		schedule.settled(next.task, outcomes.shift() ?? "done", now);
	}
}

const minutes = (asked: readonly [number, string][]) => asked.map(([minute]) => minute);
const started = (tasks: readonly Task[], minute = 0, kept?: KeptSchedule, seed = "key") =>
	new Schedule(tasks, seed, at(minute), kept);

test("a day: observations once an hour, forecasts four times; and all at the start", () => {
	const asked = transcript(started([RETIRO, GETAFE, GETAFE_HOURS], 1), 1, 1 + DAY);
	const of = (kind: string) => asked.filter(([, asked]) => asked === kind);
	assert.deepEqual(asked.slice(0, 3), [
		[1, "observation"],
		[1, "daily"],
		[1, "hourly"],
	]);
	assert.equal(of("observation").length, 25);
	for (const kind of ["daily", "hourly"]) assert.equal(of(kind).length, 5);
	for (const minute of minutes(of("observation")).slice(1)) {
		assert.ok(minute % 60 >= 15 && minute % 60 < 45, `${minute}`);
	}
});

test("who has another key asks at another minute", () => {
	const found = new Set<number>();
	for (let key = 0; key < 50; key++) {
		const asked = transcript(started([RETIRO], 1, undefined, `key ${key}`), 1, 61);
		assert.equal(asked.length, 2);
		found.add(Math.floor(asked[1]![0]));
	}
	assert.ok(found.size > 15, `${found.size} minutes`);
});

test("a restart asks for nothing that was asked for", () => {
	const first = started([RETIRO, GETAFE], 1);
	transcript(first, 1, 2);
	for (let minute = 2; minute < 14; minute++) {
		const again = started([RETIRO, GETAFE], minute, JSON.parse(JSON.stringify(first.kept)));
		assert.deepEqual(transcript(again, minute, 14), []);
	}
	// But for what was not wanted before.
	const more = started([RETIRO, GETAFE, GETAFE_HOURS], 5, first.kept);
	assert.deepEqual(transcript(more, 5, 14), [[5, "hourly"]]);
});

test("a failure: after 1, 2, 4 … minutes, at most an hour; then as before", () => {
	const asked = transcript(started([RETIRO]), 0, 300, ...Array<Outcome>(8).fill("failed"));
	assert.deepEqual(minutes(asked).slice(0, 9), [0, 1, 3, 7, 15, 31, 63, 123, 183]);
	assert.equal(asked.length, 11);
});

test("one that fails does not keep others waiting, nor comes before them", () => {
	const schedule = started([RETIRO, GETAFE]);
	schedule.settled(RETIRO, "failed", at(0));
	assert.deepEqual(schedule.next(at(0)), { task: GETAFE, at: at(0) });
	assert.deepEqual(schedule.next(at(5))?.task, GETAFE);
	schedule.settled(GETAFE, "done", at(5));
	assert.deepEqual(schedule.next(at(5)), { task: RETIRO, at: at(1) });
});

test("too many requests: all wait, twice as long each time, at most an hour; an answer ends that", () => {
	const asked = transcript(
		started([RETIRO, GETAFE]),
		0,
		250,
		...Array<Outcome>(8).fill("limited"),
		...(["done", "limited", "done"] as const),
	);
	assert.deepEqual(minutes(asked).slice(0, 9), [0, 1, 3, 7, 15, 31, 63, 123, 183]);
	assert.deepEqual(minutes(asked).slice(9, 11), [183, 184]);
});

test("that wait outlives a restart", () => {
	const schedule = started([RETIRO]);
	transcript(schedule, 0, 7, "limited", "limited", "limited");
	const again = started([RETIRO], 4, schedule.kept);
	assert.deepEqual(minutes(transcript(again, 4, 16, "limited", "done")), [7, 15]);
});

test("no request left: the next one waits a minute", () => {
	const schedule = started([RETIRO, GETAFE]);
	schedule.settled(RETIRO, "done", at(0), 0);
	assert.deepEqual(schedule.next(at(0)), { task: GETAFE, at: at(1) });
	schedule.settled(GETAFE, "done", at(1), 7);
	assert.notEqual(schedule.next(at(1))?.at, at(2));
});

test("a key that is refused is tried once an hour, also over restarts", () => {
	let kept: KeptSchedule | undefined;
	const asked: number[] = [];
	for (let minute = 0; minute < 294; minute += 7) {
		const schedule = started([RETIRO, GETAFE, GETAFE_HOURS], minute, kept);
		asked.push(...minutes(transcript(schedule, minute, minute + 7, ...Array<Outcome>(9).fill("refused"))));
		kept = schedule.kept;
	}
	assert.deepEqual(asked, [0, 60, 120, 180, 240]);
});

test("a clock that was set back, and a file that is wrong, hold nothing up for longer than usual", () => {
	const kept = { due: { "observation 3195": at(99_999) }, pausedUntil: at(99_999), limitedWait: 1e12 };
	const asked = transcript(started([RETIRO], 0, kept), 0, 61, "limited");
	assert.deepEqual(minutes(asked), [60]);
});

test("nothing wanted is nothing asked for", () => {
	assert.equal(started([]).next(at(0)), undefined);
});

test("a key that takes the place of a refused one is not held up by the refusal; too many requests hold up any", () => {
	const mistyped = started([RETIRO], 0, undefined, "mistyped");
	mistyped.asked(RETIRO, at(0));
	mistyped.settled(RETIRO, "refused", at(0));
	assert.equal(started([RETIRO], 2, mistyped.kept, "mistyped").next(at(2))?.at, at(60));
	assert.ok(started([RETIRO], 2, mistyped.kept, "right").next(at(2))!.at <= at(2));
	const limited = started([RETIRO], 0, undefined, "one");
	limited.asked(RETIRO, at(0));
	limited.settled(RETIRO, "limited", at(0));
	assert.equal(started([RETIRO], 0, limited.kept, "other").next(at(0))?.at, at(1));
});

test("a clock that is set back while it runs holds nothing up for longer than usual", () => {
	const schedule = started([RETIRO], 30 * 24 * 60);
	const ahead = at(30 * 24 * 60);
	schedule.asked(RETIRO, ahead);
	schedule.settled(RETIRO, "done", ahead);
	assert.ok(schedule.next(at(0))!.at <= at(60));
	schedule.settled(RETIRO, "refused", ahead);
	assert.ok(schedule.next(at(0))!.at <= at(60));
});
