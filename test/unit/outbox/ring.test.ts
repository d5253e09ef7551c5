import { Ring } from "../../../src/outbox/ring.ts";
import { deepEqual, equal, test, throws } from "../../harness/harness.ts";

/** Room for three records. */
const ring = () => new Ring(3 * 24 + 23);
const record = (seq: number) => ({ kind: 7, seq, body: new Uint8Array(15).fill(seq) });
const push = (into: Ring, ...seqs: number[]) => {
	for (const seq of seqs) into.push(record(seq));
	return into;
};

/** The numbers of all records that can be taken now. */
function takeAll(from: Ring): number[] {
	const numbers: number[] = [];
	for (let taken = from.take(); taken; taken = from.take()) numbers.push(taken.record.seq);
	return numbers;
}

test("records come out whole, in the order they went in, and leave when acknowledged", () => {
	const records = push(ring(), 1, 2, 3);
	const first = records.take()!;
	const second = records.take()!;
	deepEqual([first.record, second.record], [record(1), record(2)]);
	equal(records.length, 3);
	records.acknowledge(first.handle);
	records.acknowledge(second.handle);
	equal(records.length, 1);
	deepEqual(takeAll(records), [3]);
});

test("acknowledgements may come in another order", () => {
	const records = push(ring(), 1, 2, 3);
	const [first, second, third] = [records.take()!, records.take()!, records.take()!];
	records.acknowledge(second.handle);
	records.acknowledge(third.handle);
	equal(records.length, 3, "the room behind a record that is on its way is not free yet");
	records.acknowledge(first.handle);
	equal(records.length, 0);
});

test("the oldest record makes room when the ring is full, and is counted", () => {
	const records = push(ring(), 1, 2, 3, 4, 5);
	equal(records.length, 3);
	equal(records.dropped, 2);
	deepEqual(takeAll(records), [3, 4, 5]);
});

test("a record that is on its way makes no room: the new one is dropped, and counted", () => {
	const records = push(ring(), 1, 2, 3);
	const { handle } = records.take()!;
	push(records, 4);
	equal(records.dropped, 1);
	records.acknowledge(handle);
	push(records, 5);
	deepEqual(takeAll(records), [2, 3, 5]);
});

test("the ring goes round and round", () => {
	const records = ring();
	for (let seq = 1; seq <= 20; seq++) {
		push(records, seq);
		const taken = records.take()!;
		equal(taken.record.seq, seq);
		records.acknowledge(taken.handle);
	}
	equal(records.length, 0);
	equal(records.take(), undefined);
});

test("what was not taken cannot be acknowledged, and nothing twice", () => {
	const records = push(ring(), 1, 2);
	throws(() => records.acknowledge(0), /nothing was taken as 0/);
	const { handle } = records.take()!;
	records.take();
	for (const wrong of [-1, 2, Number.NaN]) throws(() => records.acknowledge(wrong), /nothing was taken/);
	records.acknowledge(handle);
	throws(() => records.acknowledge(handle), /nothing was taken as 0/);
});

test("a record that is put back is taken again in its old place, and once", () => {
	const records = push(ring(), 1, 2, 3);
	const [first, second] = [records.take()!, records.take()!];
	records.putBack(second.handle);
	records.putBack(first.handle);
	deepEqual(takeAll(records), [1, 2, 3]);
	equal(records.length, 3);
	records.putBack(second.handle);
	records.acknowledge(first.handle);
	deepEqual(takeAll(records), [2]);
	throws(() => records.putBack(first.handle), /nothing was taken/);
	throws(() => records.putBack(7), /nothing was taken/);
});

test("a record that is put back makes room again, and what left behind it stays gone", () => {
	const records = push(ring(), 1, 2, 3);
	const [first, second] = [records.take()!, records.take()!];
	records.acknowledge(second.handle);
	records.putBack(first.handle);
	push(records, 4, 5);
	equal(records.dropped, 1);
	deepEqual(takeAll(records), [3, 4, 5]);
});
