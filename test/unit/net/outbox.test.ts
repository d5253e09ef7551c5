import type { Bytes } from "../../../src/host.ts";
import { Outbox } from "../../../src/net/outbox.ts";
import { deepEqual, equal, ok, test, throws } from "../../harness/harness.ts";

/** A record that can be told from others: its number, `length` times. */
const record = (number: number, length = 9): Bytes => new Uint8Array(length).fill(number);

/** The numbers of all records that can be taken now. */
function takeAll(outbox: Outbox): number[] {
	const numbers: number[] = [];
	for (let taken = outbox.take(); taken; taken = outbox.take()) numbers.push(taken.record[0]!);
	return numbers;
}

test("records come out in the order they went in, and leave when acknowledged", () => {
	const outbox = new Outbox(200);
	for (const number of [1, 2, 3]) outbox.push(record(number));
	const first = outbox.take()!;
	const second = outbox.take()!;
	deepEqual([first.record, second.record], [record(1), record(2)]);
	equal(outbox.length, 3);
	outbox.acknowledge(first.handle);
	outbox.acknowledge(second.handle);
	equal(outbox.length, 1);
	equal(outbox.byteLength, 10);
	deepEqual(takeAll(outbox), [3]);
});

test("acknowledgements may come in another order", () => {
	const outbox = new Outbox(200);
	for (const number of [1, 2, 3]) outbox.push(record(number));
	const [first, second, third] = [outbox.take()!, outbox.take()!, outbox.take()!];
	outbox.acknowledge(second.handle);
	outbox.acknowledge(third.handle);
	equal(outbox.length, 1);
	equal(outbox.byteLength, 30, "the space behind an unacknowledged record waits for it");
	outbox.acknowledge(first.handle);
	equal(outbox.length, 0);
	equal(outbox.byteLength, 0);
});

test("a full outbox drops the oldest records and counts them", () => {
	const outbox = new Outbox(200);
	for (let number = 1; number <= 25; number++) outbox.push(record(number));
	equal(outbox.dropped, 5);
	equal(outbox.length, 20);
	deepEqual(
		takeAll(outbox),
		Array.from({ length: 20 }, (_, index) => index + 6),
	);
});

test("what has been taken is never dropped: a redelivery may need it", () => {
	const outbox = new Outbox(200);
	for (let number = 1; number <= 20; number++) outbox.push(record(number));
	const taken = [outbox.take()!, outbox.take()!, outbox.take()!];
	for (let number = 21; number <= 30; number++) outbox.push(record(number));
	equal(outbox.dropped, 10);
	for (const { handle } of taken) outbox.acknowledge(handle);
	deepEqual(takeAll(outbox), [14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
	equal(outbox.length, 17);
});

test("a record that makes room may be longer or shorter than the taken ones that move over it", () => {
	const outbox = new Outbox(200);
	outbox.push(record(1, 20));
	outbox.push(record(2, 50));
	outbox.push(record(3, 5));
	outbox.push(record(4, 100));
	const [first, second] = [outbox.take()!, outbox.take()!];
	outbox.push(record(5, 40));
	outbox.acknowledge(first.handle);
	outbox.acknowledge(second.handle);
	deepEqual(takeAll(outbox), [5]);
	equal(outbox.dropped, 2);
});

test("when all of it has been taken, the new record is the one that is dropped", () => {
	const outbox = new Outbox(200);
	for (let number = 1; number <= 20; number++) outbox.push(record(number));
	equal(takeAll(outbox).length, 20);
	outbox.push(record(21));
	equal(outbox.dropped, 1);
	equal(outbox.length, 20);
});

test("a thousand records pass through a small ring, at every position of its seam", () => {
	const outbox = new Outbox(131);
	let expected = 0;
	for (let number = 0; number < 1_000; number++) {
		outbox.push(record(number % 251, 1 + (number % 40)));
		if (number % 3 !== 2) continue;
		for (let taken = outbox.take(); taken; taken = outbox.take()) {
			deepEqual(taken.record, record(expected % 251, 1 + (expected % 40)));
			outbox.acknowledge(taken.handle);
			expected++;
		}
	}
	equal(expected, 999);
	equal(outbox.dropped, 0);
});

test("a handle that was not taken, or is acknowledged twice, is refused", () => {
	const outbox = new Outbox(200);
	outbox.push(record(1));
	outbox.push(record(2));
	throws(() => outbox.acknowledge(0), /nothing was taken as 0/);
	const first = outbox.take()!;
	const second = outbox.take()!;
	outbox.acknowledge(second.handle);
	throws(() => outbox.acknowledge(second.handle), /acknowledged before/);
	outbox.acknowledge(first.handle);
	throws(() => outbox.acknowledge(first.handle), /nothing was taken/);
});

test("a record that is empty or too long is refused, and so is a ring that could not hold one", () => {
	const outbox = new Outbox(200);
	throws(() => outbox.push(record(1, 0)), /1 to 127 bytes, not 0/);
	throws(() => outbox.push(record(1, 128)), /not 128/);
	throws(() => new Outbox(127), /more than 127 bytes/);
	outbox.push(record(1, 127));
	ok(outbox.take());
});
