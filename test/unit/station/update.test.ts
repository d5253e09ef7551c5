/** Firmware over the air, as the station takes it: who may begin an update, what a piece has to be, and what becomes of new firmware. */
import type { Bytes, Host } from "../../../src/host.ts";
import { COMMANDS, type CommandName } from "../../../src/settings.ts";
import { Updater } from "../../../src/station/update.ts";
import { bytesOf } from "../../../src/text.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";
import { BOARD, SimpleSlots, type SimpleTerms, simpleSignature, simpleUpdate } from "../../harness/simple-slots.ts";
import { World } from "../../harness/world.ts";

const KEY: Bytes = new Uint8Array(65).fill(4);
const SECOND_KEY: Bytes = new Uint8Array(65).fill(5);
const STRANGERS_KEY: Bytes = new Uint8Array(65).fill(6);
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PIECE = 100;
/** Three pieces. */
const LENGTH = 250;

interface Options {
	readonly slots?: SimpleSlots;
	readonly updateKeys?: readonly Bytes[];
	readonly hasPort?: boolean;
	readonly commands?: readonly CommandName[];
	readonly world?: World;
}

function start({ slots = new SimpleSlots(), updateKeys = [KEY], hasPort = true, ...options }: Options = {}) {
	const { commands = COMMANDS, world = new World() } = options;
	const log: string[] = [];
	const host: Host = {
		clock: world.clock,
		timer: world.timer,
		random: () => 0,
		network: world.network,
		log: (level, text) => log.push(`${level}: ${text}`),
		...(hasPort && { update: slots, board: BOARD }),
	};
	const station: { missing: string | undefined; confirmations: number; confirmed(): void } = {
		missing: undefined,
		confirmations: 0,
		confirmed() {
			this.confirmations++;
		},
	};
	const updater = new Updater(host, { updateKeys, topic: "veleta/roof", commands }, station);
	let update = simpleUpdate(LENGTH, PIECE, KEY);
	return {
		world,
		slots,
		updater,
		station,
		/** What was logged since the last time. */
		logged: () => log.splice(0),
		/** Another update from now on. */
		signs: (terms: SimpleTerms, { key = KEY, length = LENGTH } = {}) => {
			update = simpleUpdate(length, PIECE, key, terms);
		},
		get name() {
			return update.name;
		},
		get image() {
			return Array.from(update.image);
		},
		begin: () => updater.receive("update", update.begin),
		piece: (offset: number) => updater.receive(`update/${offset}`, update.pieces.get(offset)!),
		sends: (name: string, payload: Bytes | string) =>
			updater.receive(name, typeof payload === "string" ? bytesOf(payload) : payload),
	};
}

type Started = ReturnType<typeof start>;
const begun = ({ name }: Started, offset = 0) => ({ ok: true, manifest: name, offset });
/** The reply to a piece. */
const taken = ({ name }: Started, offset: number) => ({ ok: true, manifest: name, offset });
const notTaken = ({ name }: Started, error: string, offset: number) => ({ ok: false, error, manifest: name, offset });
const MISSING = "bytes before these are missing";
const NOT_SIGNED = "these bytes are not what was signed";
const NOTHING_OPEN = { ok: false, error: MISSING, manifest: "", offset: 0 };
const refused = ({ name }: Started, error: string) => ({ ok: false, manifest: name, error });

test("an update is written piece by piece, and tried at the next start", () => {
	const all = start();
	const { begin, piece, slots, updater, logged } = all;
	equal(updater.busy, false);
	deepEqual(begin(), begun(all));
	deepEqual(slots.take(), ["keep 0"]);
	ok(updater.busy, "no time to sleep");
	deepEqual(piece(0), taken(all, 100));
	deepEqual(piece(100), taken(all, 200));
	deepEqual(slots.take(), ["write 100 at 0", "write 100 at 100"]);
	ok(!updater.complete);
	deepEqual(piece(200), taken(all, 250));
	deepEqual(slots.take(), ["write 50 at 200", "complete 250", "keep 250"]);
	deepEqual(slots.written, all.image);
	ok(updater.complete);
	equal(updater.busy, false);
	deepEqual(logged(), []);
	deepEqual(begin(), refused(all, "the new firmware waits for a restart"));
});

test("what comes behind the end is no more written than before it", () => {
	const { begin, piece, slots } = start();
	for (const _ of [0, 1]) deepEqual(piece(0), NOTHING_OPEN);
	begin();
	for (const at of [0, 100, 200]) piece(at);
	slots.take();
	for (const at of [0, 200]) deepEqual(piece(at), NOTHING_OPEN);
	deepEqual(slots.take(), []);
});

test("a piece that comes again is answered with the offset, one behind a gap with what is missing; neither is written", () => {
	const all = start();
	const { begin, piece, slots } = all;
	begin();
	piece(0);
	slots.take();
	deepEqual(piece(0), taken(all, 100));
	deepEqual(piece(200), notTaken(all, MISSING, 100));
	deepEqual(slots.take(), []);
	deepEqual(piece(100), taken(all, 200));
});

test("what is no offset changes nothing, and keeps nothing awake", () => {
	const { begin, piece, sends, slots, updater, world } = start();
	begin();
	piece(0);
	slots.take();
	for (let second = 1; second <= 60; second++) {
		world.advanceTo(second * SECOND - 1);
		for (const offset of ["x", "0.5", "-1", "", "NaN", "1/2", "0x64", "1e2", "+100", " 100", "0100", "Infinity"])
			equal(sends(`update/${offset}`, "bytes").ok, offset === "0.5", offset);
	}
	deepEqual(slots.take(), []);
	ok(updater.busy);
	world.advanceTo(60 * SECOND);
	equal(updater.busy, false);
});

test("a piece that is not what was signed costs nothing: the update goes on with the right one", () => {
	const all = start();
	const { begin, piece, sends, slots, updater } = all;
	begin();
	piece(0);
	slots.take();
	const right = simpleUpdate(LENGTH, PIECE, KEY).pieces.get(100)!;
	const others = [
		...Array.from({ length: right.length }, (_, at) => right.map((byte, index) => (index === at ? byte ^ 1 : byte))),
		...[0, 1, 63, 64, 65, right.length - 1].map((length) => right.slice(0, length)),
		Uint8Array.from([...right, 0]),
		new Uint8Array(0),
	];
	for (const other of others) deepEqual(sends("update/100", other), notTaken(all, NOT_SIGNED, 100));
	deepEqual(slots.take(), []);
	piece(100);
	piece(200);
	ok(updater.complete);
	deepEqual(slots.written, all.image);
});

test("whoever has no key begins nothing, ends nothing, and has a signature looked at once in ten seconds", () => {
	const all = start();
	const { begin, piece, signs, slots, world, name } = all;
	begin();
	piece(0);
	slots.take();
	const own = slots.verified;
	for (let second = 1; second <= 50; second++) {
		world.advanceTo(second * SECOND);
		signs({ number: 8 }, { key: STRANGERS_KEY });
		const reply = begin();
		const wait = (11 - (second % 10 === 0 ? 10 : second % 10)) % 10;
		const busy = { ok: false, manifest: all.name, wait, error: `busy for ${wait} s` };
		deepEqual(reply, wait === 0 ? refused(all, "the signature is wrong") : busy, String(second));
	}
	equal(slots.verified - own, 5);
	deepEqual(slots.take(), []);
	signs({});
	equal(all.name, name);
	deepEqual(piece(100), taken(all, 200));
});

test("what is no manifest for here is refused before its signature is looked at", () => {
	for (const [terms, error] of [
		[{ number: 0 }, "this is no manifest"],
		[{ number: -1 }, "this is no manifest"],
		[{ number: 7.5 }, "this is no manifest"],
		[{ number: "7" }, "this is no manifest"],
		[{ number: null }, "this is no manifest"],
		[{ size: 0 }, "this is no manifest"],
		[{ size: 0.5 }, "this is no manifest"],
		[{ size: 1e-300 }, "this is no manifest"],
		[{ size: "250" }, "this is no manifest"],
		[{ size: [250] }, "this is no manifest"],
		[{ sha256: "" }, "this is no manifest"],
		[{ next: 7 }, "this is no manifest"],
		[{ board: "another" }, "this is a board of the kind test"],
		[{ board: undefined }, "this is a board of the kind test"],
		[{ station: "veleta/cellar" }, "it is for another station"],
		[{ station: 7 }, "it is for another station"],
		[{ size: 1_000_001 }, "no room"],
	] as const) {
		const all = start();
		all.signs(terms);
		deepEqual(all.begin(), refused(all, error), JSON.stringify(terms));
		equal(all.slots.verified, 0);
		deepEqual(all.slots.take(), []);
		equal(all.updater.busy, false);
	}
});

test("what is no message that begins an update ends none", () => {
	for (const text of ["", "7", "null", "[]", "{}", "{", "\n", "{}\n", "7\n30", "\xff\n", `${" ".repeat(2_000)}\n`]) {
		const all = start();
		const { begin, piece, sends, slots, updater } = all;
		begin();
		piece(0);
		slots.take();
		equal(sends("update", text).ok, false, text);
		deepEqual(slots.take(), []);
		ok(updater.busy);
		deepEqual(piece(100), taken(all, 200));
	}
});

test("the same manifest goes on where the update is; another one needs a higher number", () => {
	const all = start();
	const { begin, piece, signs, slots, logged } = all;
	begin();
	piece(0);
	slots.take();
	deepEqual(begin(), begun(all, 100));
	for (const number of [6, 7]) {
		signs({ number }, { length: 300 });
		deepEqual(begin(), refused(all, `its number ${number} is not above 7`));
	}
	deepEqual(slots.take(), []);
	signs({ number: 8 }, { length: 300 });
	deepEqual(begin(), begun(all));
	deepEqual(slots.take(), ["keep 100", "keep 0"]);
	deepEqual(logged(), ["warning: update: left at 100 of 250 bytes: for another one"]);
	for (const at of [0, 100, 200]) piece(at);
	deepEqual(slots.written, all.image);
});

test("any of several keys may have signed it", () => {
	const all = start({ updateKeys: [KEY, SECOND_KEY] });
	all.signs({}, { key: SECOND_KEY });
	deepEqual(all.begin(), begun(all));
	all.signs({ number: 8 }, { key: STRANGERS_KEY });
	deepEqual(all.begin(), refused(all, "the signature is wrong"));
});

test("a minute without a new piece, and the machine may sleep; the same update goes on later", () => {
	const all = start();
	const { world, begin, piece, slots, updater, logged } = all;
	world.advanceTo(5 * SECOND);
	begin();
	world.advanceTo(65 * SECOND - 1);
	deepEqual(piece(0), taken(all, 100));
	slots.take();
	// Neither the same beginning nor an old piece is a new one.
	world.advanceTo(124 * SECOND);
	begin();
	piece(0);
	world.advanceTo(125 * SECOND - 2);
	ok(updater.busy);
	world.advanceTo(125 * SECOND - 1);
	equal(updater.busy, false);
	deepEqual(slots.take(), ["keep 100"]);
	deepEqual(logged(), ["warning: update: left at 100 of 250 bytes: silence"]);
	world.advanceTo(HOUR);
	deepEqual(piece(100), NOTHING_OPEN);
	deepEqual(begin(), begun(all, 100));
	deepEqual(piece(100), taken(all, 200));
});

test("an update keeps a machine awake for three hours, however many pieces come; 2 kbit/s suffice", () => {
	const { world, updater, logged, sends } = start();
	// A tenth of a firmware's pieces, each of which takes ten times as long.
	const length = 106_176;
	const size = 992;
	const update = simpleUpdate(length, size, KEY);
	sends("update", update.begin);
	// Beside the piece, some bytes of MQTT and TCP.
	const time = (10 * (size + 64 + 100) * 8) / 2;
	let now = 0;
	for (const at of [...update.pieces.keys()].sort((a, b) => a - b)) {
		now += time;
		world.advanceTo(now);
		equal(sends(`update/${at}`, update.pieces.get(at)!).ok, true);
	}
	ok(updater.complete);
	ok(now > 75 * MINUTE);
	deepEqual(logged(), []);

	const endless = simpleUpdate(length, 500, KEY);
	const slow = start();
	slow.sends("update", endless.begin);
	let last = 0;
	for (const at of [...endless.pieces.keys()].sort((a, b) => a - b)) {
		last += 59 * SECOND;
		slow.world.advanceTo(last);
		if (!slow.updater.busy) break;
		slow.sends(`update/${at}`, endless.pieces.get(at)!);
	}
	slow.world.advanceTo(3 * HOUR);
	equal(slow.updater.busy, false);
	ok(/: it takes too long$/.test(slow.logged()[0]!));
});

test("a restart goes on at what was kept last, within 64 KB of where it was; 32 times", () => {
	const length = 140_000;
	const update = simpleUpdate(length, 1_000, KEY);
	const slots = new SimpleSlots();
	const first = start({ slots });
	first.sends("update", update.begin);
	for (let at = 0; at < 139_000; at += 1_000) first.sends(`update/${at}`, update.pieces.get(at)!);
	deepEqual(
		slots.take().filter((call) => call.startsWith("keep")),
		["keep 0", "keep 66000", "keep 132000"],
	);
	for (let life = 2; life <= 32; life++) {
		const reply = start({ slots }).sends("update", update.begin);
		deepEqual([reply.ok, reply.offset], [true, 132_000], `life ${life}`);
	}
	const last = start({ slots });
	deepEqual(last.sends("update", update.begin).error, "it was begun too often: it needs a higher number");
	const other = simpleUpdate(length, 1_000, KEY, { number: 8 });
	deepEqual(last.sends("update", other.begin).offset, 0);
});

test("the end of the program keeps how far the update is", () => {
	const slots = new SimpleSlots();
	const { begin, piece, updater } = start({ slots });
	begin();
	piece(0);
	updater.close();
	const next = start({ slots });
	deepEqual(next.begin(), begun(next, 100));
	for (const at of [100, 200]) next.piece(at);
	ok(next.updater.complete);
	deepEqual(slots.written, next.image);
});

test("firmware that was tried does not come again, whether it went back or not, nor what is older", () => {
	const slots = new SimpleSlots();
	const { begin, piece } = start({ slots });
	begin();
	for (const at of [0, 100, 200]) piece(at);
	const after = start({ slots });
	deepEqual(after.begin(), refused(after, "its number 7 is not above 7"));
	after.signs({ number: 6 }, { length: 200 });
	deepEqual(after.begin(), refused(after, "its number 6 is not above 7"));
	after.signs({ number: 8 });
	deepEqual(after.begin(), begun(after));
});

test("a power cut before that was kept: the new firmware keeps it", () => {
	const slots = new SimpleSlots();
	const { begin, piece } = start({ slots });
	begin();
	piece(0);
	piece(100);
	const before = slots.kept();
	piece(200);
	slots.keep(before);
	slots.unconfirmed = true;
	start({ slots });
	slots.unconfirmed = false;
	const again = start({ slots });
	deepEqual(again.begin(), refused(again, "its number 7 is not above 7"));
});

test("what is kept and damaged is nothing", () => {
	for (const text of ["", "{", "7", "[]"]) {
		const slots = new SimpleSlots();
		slots.kept = () => text;
		const all = start({ slots });
		deepEqual(all.begin(), begun(all), text);
	}
});

test("without a key, or without a second place for firmware, there is no update", () => {
	for (const options of [{ updateKeys: [] }, { hasPort: false }]) {
		const { begin, piece, slots, updater } = start(options);
		const refusal = { ok: false, error: "no updates without updateKeys" };
		deepEqual([begin(), piece(0)], [refusal, refusal]);
		deepEqual(slots.take(), []);
		equal(updater.busy, false);
	}
});

test("a flash that refuses ends the update, its reason reaches the sender, and all of it is written again", () => {
	for (const name of ["write", "complete"]) {
		const all = start();
		const { begin, piece, slots, updater, logged } = all;
		begin();
		for (const at of name === "write" ? [0] : [0, 100]) piece(at);
		slots.refuses = name;
		deepEqual(piece(name === "write" ? 100 : 200), { ok: false, error: "worn out" }, name);
		ok(!updater.complete, name);
		equal(updater.busy, false);
		deepEqual(logged(), ["warning: update: left at 0 of 250 bytes: worn out"]);
		deepEqual(begin(), begun(all), "another attempt is free");
		for (const at of [0, 100, 200]) piece(at);
		ok(updater.complete);
		deepEqual(slots.written, all.image);
	}
});

test("where it cannot be kept how far the update is, it is not begun; later it only begins further back", () => {
	const all = start();
	const { begin, piece, slots, updater, world, logged } = all;
	slots.refuses = "keep";
	deepEqual(begin(), refused(all, "worn out"));
	equal(updater.busy, false);
	deepEqual(begin(), begun(all));
	piece(0);
	slots.refuses = "keep";
	world.advanceTo(2 * MINUTE);
	deepEqual(logged(), ["warning: update: left at 100 of 250 bytes: silence", "warning: update: worn out"]);
	deepEqual(begin(), begun(all, 100));
});

test("new firmware is confirmed after three minutes, once", () => {
	const slots = new SimpleSlots();
	slots.unconfirmed = true;
	const { world, updater, station, logged } = start({ slots });
	slots.take();
	ok(updater.busy, "a machine that sleeps would never get to its judgement");
	world.advanceTo(3 * MINUTE - 1);
	deepEqual(slots.take(), []);
	world.advanceTo(3 * MINUTE);
	deepEqual(slots.take(), ["confirm"]);
	equal(updater.busy, false);
	world.advanceTo(20 * MINUTE);
	deepEqual(slots.take(), []);
	equal(station.confirmations, 1);
	deepEqual(logged(), ["info: update: confirmed"]);
});

test("new firmware that does not work yet is waited for, up to ten minutes", () => {
	const slots = new SimpleSlots();
	slots.unconfirmed = true;
	const { world, station } = start({ slots });
	station.missing = "no broker";
	slots.take();
	world.advanceTo(9 * MINUTE);
	deepEqual(slots.take(), []);
	station.missing = undefined;
	world.advanceTo(9 * MINUTE + 5 * SECOND);
	deepEqual(slots.take(), ["confirm"]);
});

test("new firmware that does not work gives place to the one before, once", () => {
	const slots = new SimpleSlots();
	slots.unconfirmed = true;
	const { world, updater, station, logged } = start({ slots });
	station.missing = "no acknowledged reading";
	slots.take();
	world.advanceTo(10 * MINUTE - 1);
	deepEqual(slots.take(), []);
	world.advanceTo(10 * MINUTE + 5 * SECOND);
	deepEqual(slots.take(), ["roll back"]);
	equal(updater.busy, false);
	world.advanceTo(30 * MINUTE);
	deepEqual(slots.take(), []);
	deepEqual(logged(), ["error: update: no acknowledged reading; back to the firmware before"]);
	equal(station.confirmations, 0);
});

test("new firmware that takes no updates gives place to the one before: no other could put it right", () => {
	for (const options of [{ updateKeys: [] }, { commands: ["status", "restart"] as const }]) {
		const slots = new SimpleSlots();
		slots.unconfirmed = true;
		const { world, logged } = start({ slots, ...options });
		world.advanceTo(11 * MINUTE);
		deepEqual(slots.take().at(-1), "roll back");
		deepEqual(logged(), ["error: update: it takes no updates; back to the firmware before"]);
	}
});

test("until it is confirmed, new firmware takes no other", () => {
	const slots = new SimpleSlots();
	slots.unconfirmed = true;
	const all = start({ slots });
	deepEqual(all.begin(), refused(all, "the running firmware is not confirmed yet"));
});

test("confirmed firmware is not judged", () => {
	const { world, slots, logged } = start();
	world.advanceTo(HOUR);
	deepEqual(slots.take(), []);
	deepEqual(logged(), []);
});

test("a signature is of the manifest's line alone", () => {
	const all = start();
	const line = bytesOf('{"number":9}');
	const { sends, slots } = all;
	const signature = simpleSignature(line, KEY);
	equal(sends("update", Uint8Array.from([...line, 10, ...signature])).error, "this is no manifest");
	equal(slots.verified, 0);
});
