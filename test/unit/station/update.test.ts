import type { Bytes, Host, UpdatePort } from "../../../src/host.ts";
import { Updater } from "../../../src/station/update.ts";
import { bytesOf } from "../../../src/text.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";
import { World } from "../../harness/world.ts";

const KEY: Bytes = new Uint8Array(65).fill(4);
const SIGNATURE = "3006020101020101";
const SECOND = 1_000;
const MINUTE = 60_000;

/** An update port that keeps what it is told, a line for each call. */
class Slots implements UpdatePort {
	private readonly _calls: string[] = [];
	unconfirmed = false;
	/** The next call of this name throws an Error. */
	refuses = "";

	judge(works: boolean): void {
		this._call(works ? "confirm" : "roll back");
		if (works) this.unconfirmed = false;
	}

	open(byteLength: number): void {
		this._call("open", String(byteLength));
		if (!(byteLength > 0)) throw new Error("no room");
	}

	write(bytes: Bytes): void {
		this._call("write", Array.from(bytes).join(","));
	}

	complete(signature: string, publicKey: Bytes): void {
		this._call("complete", `${signature} with a key of ${publicKey.length}`);
	}

	close(): void {
		this._call("close");
	}

	/** What was called since the last time. */
	take(): string[] {
		return this._calls.splice(0);
	}

	private _call(name: string, text = ""): void {
		this._calls.push(`${name}${text && ` ${text}`}`);
		if (name !== this.refuses) return;
		this.refuses = "";
		throw new Error("worn out");
	}
}

function start({ slots = new Slots(), hasKey = true, hasPort = true } = {}) {
	const world = new World();
	const log: string[] = [];
	const host: Host = {
		clock: world.clock,
		timer: world.timer,
		random: () => 0,
		network: world.network,
		log: (level, text) => log.push(`${level}: ${text}`),
		...(hasPort && { update: slots }),
	};
	const updater = new Updater(host, hasKey ? KEY : undefined);
	return {
		world,
		slots,
		updater,
		/** What was logged since the last time. */
		logged: () => log.splice(0),
		begin: (size: unknown = 6, signature: unknown = SIGNATURE) =>
			updater.receive("update", bytesOf(JSON.stringify({ size, signature }))),
		data: (offset: number | string, ...bytes: number[]) => updater.receive(`update/${offset}`, Uint8Array.from(bytes)),
		cancel: () => updater.receive("update", new Uint8Array(0)),
	};
}

test("an update is written piece by piece, and complete with its last byte", () => {
	const { begin, data, slots, updater, logged } = start();
	equal(updater.busy, false);
	deepEqual(begin(), { ok: true, offset: 0 });
	deepEqual(slots.take(), ["open 6"]);
	ok(updater.busy, "no time to sleep");
	deepEqual(data(0, 0xe9, 1, 2, 3), { ok: true, offset: 4 });
	deepEqual(slots.take(), ["write 233,1,2,3"]);
	ok(!updater.complete);
	deepEqual(data(4, 4, 5), { ok: true, offset: 6 });
	deepEqual(slots.take(), ["write 4,5", `complete ${SIGNATURE} with a key of 65`]);
	ok(updater.complete);
	equal(updater.busy, false);
	deepEqual(logged(), []);
});

test("what comes behind the end is no more written than before it", () => {
	const { begin, data, slots } = start();
	begin(1);
	data(0, 0xe9);
	slots.take();
	deepEqual(data(0, 0xe9), { ok: false, error: "bytes before these are missing", offset: 0 });
	deepEqual(data(1, 7), { ok: false, error: "bytes before these are missing", offset: 0 });
	deepEqual(slots.take(), []);
});

test("bytes that come again are answered with the offset and not written", () => {
	const { begin, data, slots } = start();
	begin(300);
	data(0, ...new Array(256).fill(7));
	slots.take();
	deepEqual(data(0, 7, 7), { ok: true, offset: 256 });
	deepEqual(data(255, 8, 8), { ok: true, offset: 256 });
	deepEqual(slots.take(), []);
	deepEqual(data(256, 9), { ok: true, offset: 257 });
	deepEqual(slots.take(), ["write 9"]);
});

test("bytes behind a gap are told what is missing, and the update goes on from there", () => {
	const { begin, data, slots, logged } = start();
	begin();
	data(0, 1);
	deepEqual(data(2, 3), { ok: false, error: "bytes before these are missing", offset: 1 });
	deepEqual(data(1, 2, 3, 4, 5, 6), { ok: true, offset: 6 });
	deepEqual(slots.take().slice(0, 3), ["open 6", "write 1", "write 2,3,4,5,6"]);
	deepEqual(logged(), []);
});

test("what is no offset changes nothing", () => {
	const { begin, data, slots } = start();
	begin();
	data(0, 1);
	slots.take();
	for (const offset of ["x", "0.5", "-1", "", "NaN", "1/2"]) {
		deepEqual(data(offset, 9), { ok: true, offset: 1 }, offset);
	}
	deepEqual(slots.take(), []);
	equal(data("Infinity", 9).ok, false);
	deepEqual(slots.take(), []);
});

test("bytes without an update are told to begin", () => {
	const { data, slots, updater } = start();
	for (const offset of [0, 5]) {
		deepEqual(data(offset, 1), { ok: false, error: "bytes before these are missing", offset: 0 });
	}
	deepEqual(slots.take(), []);
	equal(updater.busy, false);
});

test("the same size and signature go on where the update is, others begin anew", () => {
	const { begin, data, slots, logged } = start();
	begin();
	data(0, 1, 2);
	deepEqual(begin(), { ok: true, offset: 2 });
	deepEqual(slots.take(), ["open 6", "write 1,2"]);
	deepEqual(begin(7), { ok: true, offset: 0 });
	deepEqual(slots.take(), ["close", "open 7"]);
	deepEqual(begin(7, "3006020101020102"), { ok: true, offset: 0 });
	deepEqual(slots.take(), ["close", "open 7"]);
	deepEqual(logged(), [
		"warning: update: given up at 2 of 6 bytes: by the sender",
		"warning: update: given up at 0 of 7 bytes: by the sender",
	]);
});

test("after an update was given up, the same one begins at 0", () => {
	const { begin, data, cancel } = start();
	begin();
	data(0, 1, 2);
	cancel();
	deepEqual(begin(), { ok: true, offset: 0 });
	deepEqual(data(2, 3), { ok: false, error: "bytes before these are missing", offset: 0 });
});

test("what begins nothing gives up the update that is under way", () => {
	for (const text of ["", "7", "null", "[]", "{}", "{", "\xff", '{"size":0}', " ".repeat(300)]) {
		const { begin, data, updater, slots, logged } = start();
		begin();
		data(0, 1);
		slots.take();
		deepEqual(updater.receive("update", bytesOf(text)), { ok: false, error: "no room" }, text);
		deepEqual(slots.take()[0], "close");
		equal(updater.busy, false);
		deepEqual(logged(), ["warning: update: given up at 1 of 6 bytes: by the sender"]);
		deepEqual(data(1, 2), { ok: false, error: "bytes before these are missing", offset: 0 });
	}
});

test("a minute of silence ends the update, and not a ms less", () => {
	const { world, begin, data, slots, updater, logged } = start();
	world.advanceTo(5 * SECOND);
	begin();
	world.advanceTo(65 * SECOND - 1);
	deepEqual(data(0, 1), { ok: true, offset: 1 });
	world.advanceTo(125 * SECOND - 2);
	deepEqual(data(0, 1), { ok: true, offset: 1 }, "bytes that come again are a sign of life");
	world.advanceTo(185 * SECOND - 3);
	begin();
	slots.take();
	world.advanceTo(245 * SECOND - 4);
	deepEqual(slots.take(), []);
	world.advanceTo(245 * SECOND - 3);
	deepEqual(slots.take(), ["close"]);
	equal(updater.busy, false);
	deepEqual(logged(), ["warning: update: given up at 1 of 6 bytes: silence"]);
	world.advanceTo(60 * MINUTE);
	deepEqual(slots.take(), []);
});

test("without a key, or without a second place for firmware, there is no update", () => {
	for (const options of [{ hasKey: false }, { hasPort: false }]) {
		const { begin, data, slots, updater } = start(options);
		const refusal = { ok: false, error: "no updates without updateKey" };
		deepEqual([begin(), data(0, 1)], [refusal, refusal]);
		deepEqual(slots.take(), []);
		equal(updater.busy, false);
	}
});

test("a flash that refuses ends the update, and its reason reaches the sender", () => {
	for (const name of ["open", "write", "complete"]) {
		const { begin, data, slots, updater, logged } = start();
		slots.refuses = name;
		const replies = [begin(1), data(0, 1)];
		deepEqual(replies[name === "open" ? 0 : 1], { ok: false, error: "worn out" }, name);
		equal(slots.take().at(-1), name === "open" ? "open 1" : "close");
		ok(!updater.complete, name);
		equal(updater.busy, false);
		const written = name === "write" ? 0 : 1;
		const told = `warning: update: given up at ${written} of 1 bytes: worn out`;
		deepEqual(logged(), name === "open" ? [] : [told]);
		deepEqual(begin(1), { ok: true, offset: 0 }, "another attempt is free");
	}
});

test("more bytes than were announced are not what was signed", () => {
	const { begin, data, slots } = start();
	begin(2);
	data(0, 1, 2, 3);
	deepEqual(slots.take().slice(1), ["write 1,2,3", `complete ${SIGNATURE} with a key of 65`]);
});

test("new firmware is confirmed by the first connection, once", () => {
	const slots = new Slots();
	slots.unconfirmed = true;
	const { world, updater, logged } = start({ slots });
	ok(updater.busy, "a machine that sleeps would never get to its judgement");
	world.advanceTo(10 * MINUTE - 1);
	deepEqual(slots.take(), []);
	updater.connected();
	deepEqual(slots.take(), ["confirm"]);
	equal(updater.busy, false);
	updater.connected();
	world.advanceTo(20 * MINUTE);
	deepEqual(slots.take(), []);
	deepEqual(logged(), ["info: update: confirmed"]);
});

test("new firmware that does not reach the broker gives place to the one before, once", () => {
	const slots = new Slots();
	slots.unconfirmed = true;
	const { world, updater, logged } = start({ slots });
	world.advanceTo(10 * MINUTE - 1);
	deepEqual(slots.take(), []);
	world.advanceTo(10 * MINUTE);
	deepEqual(slots.take(), ["roll back"]);
	equal(updater.busy, false);
	world.advanceTo(30 * MINUTE);
	deepEqual(slots.take(), []);
	deepEqual(logged(), ["error: update: no broker; back to the firmware before"]);
});

test("confirmed firmware is not judged", () => {
	const { world, updater, slots, logged } = start();
	updater.connected();
	world.advanceTo(60 * MINUTE);
	deepEqual(slots.take(), []);
	deepEqual(logged(), []);
});
