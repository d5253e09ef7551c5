import { deepEqual, equal, ok, throws } from "node:assert/strict";
import test from "node:test";
import { Random } from "../../../hosts/sim/world/random.ts";
import { Scheduler } from "../../../hosts/sim/world/scheduler.ts";

test("events happen in the order of their times, and of their making where those are equal", () => {
	const scheduler = new Scheduler();
	const happened: string[] = [];
	for (const [name, time] of [
		["c", 20],
		["a", 10],
		["d", 20],
		["b", 10.5],
	] as const) {
		scheduler.at(time, () => happened.push(`${name} ${scheduler.now}`));
	}
	scheduler.run(100);
	deepEqual(happened, ["a 10", "b 10.5", "c 20", "d 20"]);
	equal(scheduler.now, 100);
});

test("ten thousand events at random happen in the order of their times, but for the cancelled ones", () => {
	const random = new Random(1);
	const scheduler = new Scheduler();
	const expected: { time: number; index: number }[] = [];
	const happened: number[] = [];
	const events = Array.from({ length: 10_000 }, (_, index) => {
		const time = random.integer(0, 2_000);
		return { time, index, event: scheduler.at(time, () => happened.push(index)) };
	});
	for (const { time, index, event } of events) {
		if (random.chance(0.4)) scheduler.cancel(event);
		else expected.push({ time, index });
	}
	equal(scheduler.pending, expected.length);
	scheduler.run(1_000);
	scheduler.run(2_000);
	expected.sort((a, b) => a.time - b.time || a.index - b.index);
	deepEqual(
		happened,
		expected.map(({ index }) => index),
	);
	equal(scheduler.pending, 0);
});

test("what is due later does not happen yet", () => {
	const scheduler = new Scheduler();
	let happened = 0;
	const event = scheduler.after(50, () => happened++);
	scheduler.run(49.999);
	equal(happened, 0);
	ok(event.pending);
	equal(scheduler.next, 50);
	scheduler.run(50);
	equal(happened, 1);
	ok(!event.pending);
	equal(scheduler.next, Number.POSITIVE_INFINITY);
});

test("an event may make and cancel others, those of the same moment, too", () => {
	const scheduler = new Scheduler();
	const happened: string[] = [];
	scheduler.at(5, () => {
		happened.push("first");
		scheduler.cancel(doomed);
		scheduler.after(0, () => happened.push("third"));
		scheduler.at(1, () => happened.push("not in the past"));
	});
	const doomed = scheduler.at(5, () => happened.push("doomed"));
	scheduler.at(5, () => happened.push("second"));
	scheduler.run(5);
	deepEqual(happened, ["first", "second", "third", "not in the past"]);
});

test("cancelling what has happened, or nothing, does nothing", () => {
	const scheduler = new Scheduler();
	let happened = 0;
	const event = scheduler.after(1, () => happened++);
	scheduler.after(2, () => happened++);
	scheduler.run(1);
	scheduler.cancel(event);
	scheduler.cancel(undefined);
	scheduler.run(2);
	equal(happened, 2);
});

test("events without end at one moment are an error that names the moment", () => {
	const scheduler = new Scheduler();
	const again = () => void scheduler.after(0, again);
	scheduler.at(7, again);
	throws(() => scheduler.run(8), /events without end at 7 ms/);
});

test("many events at many moments are no error", () => {
	const scheduler = new Scheduler();
	let happened = 0;
	const again = () => {
		if (++happened < 300_000) scheduler.after(happened % 2, again);
	};
	again();
	scheduler.run(1_000_000);
	equal(happened, 300_000);
});

test("what a callback throws comes out, and time goes on from there", () => {
	const scheduler = new Scheduler();
	let happened = 0;
	scheduler.at(3, () => {
		throw new Error("no power");
	});
	scheduler.at(4, () => happened++);
	throws(() => scheduler.run(10), /no power/);
	equal(scheduler.now, 3);
	scheduler.run(10);
	equal(happened, 1);
});

test("a callback stops time where it is, and what was due then or later happens when it goes on", () => {
	const scheduler = new Scheduler();
	const happened: number[] = [];
	for (const number of [1, 2, 3]) {
		scheduler.at(Math.min(2, number) * 10, () => {
			happened.push(number);
			if (number === 2) scheduler.stop();
		});
	}
	scheduler.run(100);
	equal(scheduler.now, 20);
	deepEqual(happened, [1, 2]);
	scheduler.run(100);
	equal(scheduler.now, 100);
	deepEqual(happened, [1, 2, 3]);
});

test("time does not pass within an event", () => {
	const scheduler = new Scheduler();
	scheduler.at(1, () => scheduler.run(2));
	throws(() => scheduler.run(3), /passing already/);
});

test("there is no event at no time", () => {
	throws(() => new Scheduler().after(Number.NaN, () => {}), RangeError);
});

test("one seed gives the same numbers again, another one others", () => {
	const numbers = (random: Random) => Array.from({ length: 5 }, () => random.next());
	deepEqual(numbers(new Random(42)), numbers(new Random(42)));
	ok(numbers(new Random(42))[0] !== numbers(new Random(43))[0]);
});

test("a stream does not depend on what was drawn from others", () => {
	const plain = new Random(1).fork("network").next();
	const parent = new Random(1);
	for (let draws = 0; draws < 100; draws++) parent.next();
	parent.fork("broker").next();
	equal(parent.fork("network").next(), plain);
	ok(parent.fork("broker").next() !== plain);
	ok(new Random(2).fork("network").next() !== plain);
	ok(new Random(1).fork("a").fork("b").next() !== new Random(1).fork("b").fork("a").next());
});

test("numbers are uniform, and the others follow from them", () => {
	const random = new Random(5);
	const counts = new Array<number>(10).fill(0);
	let sum = 0;
	let chances = 0;
	for (let draws = 0; draws < 100_000; draws++) {
		counts[random.integer(0, 9)]!++;
		sum += random.exponential(250);
		if (random.chance(0.3)) chances++;
	}
	for (const count of counts) ok(Math.abs(count - 10_000) < 500, `${count} of 10,000`);
	ok(Math.abs(sum / 100_000 - 250) < 5, `a mean of ${sum / 100_000}`);
	ok(Math.abs(chances - 30_000) < 1_000, `${chances} of 30,000`);
	for (let draws = 0; draws < 1_000; draws++) {
		ok(!random.chance(0));
		ok(random.chance(1));
		ok(["a", "b"].includes(random.pick(["a", "b"])));
	}
});
