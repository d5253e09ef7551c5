import { CHUNK_BYTES, UpdateSender } from "../../../commands/update/sender.ts";
import type { Message } from "../../../src/net/mqtt/message.ts";
import { bytesOf } from "../../../src/text.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
/** Seven chunks, the last of one byte. */
const SIZE = 6 * CHUNK_BYTES + 1;
const IMAGE = Uint8Array.from({ length: SIZE }, (_, at) => at % 251);

function start() {
	const sender = new UpdateSender({
		topic: "veleta/roof",
		image: IMAGE,
		id: "0badcafe",
		signature: Uint8Array.of(0x30, 6),
	});
	const hears = (name: string, now: number, payload: object | string, retain = false) =>
		sender.receive(
			{
				topic: `veleta/roof/${name}`,
				payload: bytesOf(typeof payload === "string" ? payload : JSON.stringify(payload)),
				retain,
			},
			now,
		);
	return {
		sender,
		hears,
		/** What it wants to publish now, in short. */
		sends(now: number): string[] {
			const sent: string[] = [];
			for (let next = sender.nextMessage(now); next; next = sender.nextMessage(now)) sent.push(short(next));
			return sent;
		},
		begun: (now: number, offset: number) => hears("reply", now, { command: "update", ok: true, offset }),
		taken: (now: number, offset: number) => hears("reply", now, { command: "update/1024", ok: true, offset }),
		gap: (now: number, offset: number) =>
			hears("reply", now, { command: "update/1024", ok: false, error: "bytes before these are missing", offset }),
		runs: (now: number, image: string | undefined, retain = false, uptime = 0) =>
			hears("diagnostics", now, { uptime, image }, retain),
	};
}

/** The topic's last level, and of a chunk where it lies. */
function short({ topic, payload, qos, retain }: Message): string {
	equal(qos, 1);
	equal(retain, false);
	const name = topic.slice("veleta/roof/cmd/".length);
	if (name === "update") return `${name} ${String.fromCharCode(...payload)}`;
	const offset = Number(name.slice("update/".length));
	deepEqual(payload, IMAGE.slice(offset, offset + payload.length));
	return `${offset}+${payload.length}`;
}

const BEGIN = `update {"size":${SIZE},"signature":"3006"}`;
const chunk = (index: number) => `${index * CHUNK_BYTES}+${index === 6 ? 1 : CHUNK_BYTES}`;

test("it begins, keeps four chunks under way, and ends when the station says that it runs the image", () => {
	const { sender, sends, begun, taken, runs } = start();
	equal(sender.deadline, Number.POSITIVE_INFINITY);
	deepEqual(sends(0), []);
	sender.subscribed(100);
	deepEqual(sends(100), []);
	runs(150, "11111111", true);
	deepEqual(sends(150), [BEGIN]);
	deepEqual(sends(200), []);
	begun(300, 0);
	deepEqual(sends(300), [chunk(0), chunk(1), chunk(2), chunk(3)]);
	taken(400, CHUNK_BYTES);
	deepEqual(sends(400), [chunk(4)]);
	taken(500, 2 * CHUNK_BYTES);
	taken(500, 3 * CHUNK_BYTES);
	deepEqual(sends(500), [chunk(5), chunk(6)]);
	equal(sender.acknowledged, 3 * CHUNK_BYTES);
	for (const chunks of [4, 5, 6]) taken(600, chunks * CHUNK_BYTES);
	equal(sender.restarting, false);
	taken(700, SIZE);
	equal(sender.restarting, true);
	deepEqual(sends(700), []);
	equal(sender.outcome, undefined);
	runs(9_000, "0badcafe");
	deepEqual(sender.outcome, { ok: true, text: "it runs the new firmware, 0badcafe" });
	equal(sender.deadline, Number.POSITIVE_INFINITY);
});

test("it begins without retained diagnostics after half a second", () => {
	const { sender, sends } = start();
	sender.subscribed(100);
	equal(sender.deadline, 600);
	sender.tick(599);
	deepEqual(sends(599), []);
	sender.tick(600);
	deepEqual(sends(600), [BEGIN]);
});

test("a station that runs the image already is left alone", () => {
	const { sender, sends, runs } = start();
	sender.subscribed(0);
	runs(100, "0badcafe", true);
	deepEqual(sender.outcome, { ok: true, text: "it runs this firmware already, 0badcafe" });
	deepEqual(sends(100), []);
});

test("it goes on where the station is", () => {
	const { sender, sends, begun } = start();
	sender.subscribed(0);
	sender.tick(500);
	sends(500);
	begun(600, 5 * CHUNK_BYTES);
	deepEqual(sends(600), [chunk(5), chunk(6)]);
});

/** Has sent the first four chunks, of which the station has one. */
function underWay() {
	const all = start();
	all.sender.subscribed(0);
	all.hears("status", 10, "online", true);
	all.runs(20, "11111111", true);
	all.sends(20);
	all.begun(100, 0);
	all.sends(100);
	all.taken(200, CHUNK_BYTES);
	all.sends(200);
	return all;
}

test("a missing chunk, or a station that knows of no update, makes it begin again, once", () => {
	for (const offset of [CHUNK_BYTES, 0]) {
		const { sends, begun, gap } = underWay();
		gap(300, offset);
		deepEqual(sends(300), [BEGIN]);
		gap(301, offset);
		gap(302, offset);
		deepEqual(sends(302), []);
		begun(400, offset);
		const first = offset / CHUNK_BYTES;
		deepEqual(sends(400), [chunk(first), chunk(first + 1), chunk(first + 2), chunk(first + 3)]);
	}
});

test("old answers change nothing", () => {
	const { sender, sends, taken, hears } = underWay();
	taken(300, 3 * CHUNK_BYTES);
	sends(300);
	taken(301, CHUNK_BYTES);
	taken(302, SIZE + 1);
	taken(303, -1);
	taken(304, Number.NaN);
	hears("reply", 305, { command: "update/1024", ok: true, offset: "4096" });
	hears("reply", 306, { command: "update/1024", ok: true, offset: SIZE }, true);
	hears("reply", 307, { command: "sample", ok: false, error: "no reading" });
	hears("reply", 308, "no JSON");
	hears("reply", 309, "null");
	hears("reply", 310, "x".repeat(2_000));
	equal(sender.acknowledged, 3 * CHUNK_BYTES);
	deepEqual(sends(311), []);
	equal(sender.outcome, undefined);
});

test("silence for ten seconds makes it begin again", () => {
	const { sender, sends, begun } = underWay();
	equal(sender.deadline, 200 + 10 * SECOND);
	sender.tick(200 + 10 * SECOND - 1);
	deepEqual(sends(10_199), []);
	sender.tick(200 + 10 * SECOND);
	deepEqual(sends(10_200), [BEGIN]);
	sender.tick(20_200);
	deepEqual(sends(20_200), [BEGIN]);
	begun(20_300, 2 * CHUNK_BYTES);
	deepEqual(sends(20_300), [chunk(2), chunk(3), chunk(4), chunk(5)]);
});

test("its own new connection, and the station's, make it begin again", () => {
	const { sender, sends, hears, begun } = underWay();
	sender.subscribed(300);
	deepEqual(sends(300), [BEGIN]);
	begun(400, CHUNK_BYTES);
	sends(400);
	hears("status", 500, "offline");
	deepEqual(sends(500), []);
	hears("status", 600, "online");
	deepEqual(sends(600), [BEGIN]);
});

test("a station that is offline is told once, and waited for, for two minutes", () => {
	const { sender, sends, hears } = start();
	sender.subscribed(0);
	hears("status", 10, "offline", true);
	sender.tick(500);
	deepEqual(sends(500), [BEGIN]);
	equal(sender.deadline, 2 * MINUTE);
	sender.tick(2 * MINUTE - 1);
	deepEqual(sends(2 * MINUTE - 1), []);
	equal(sender.outcome, undefined);
	sender.tick(2 * MINUTE);
	deepEqual(sender.outcome, { ok: false, text: "it does not answer; its status is offline" });
});

test("a station of which nothing is known is asked again and again, and then given up", () => {
	const { sender, sends } = start();
	sender.subscribed(0);
	let begins = 0;
	while (!sender.outcome) {
		const { deadline } = sender;
		sender.tick(deadline);
		begins += sends(deadline).length;
	}
	equal(begins, 12);
	deepEqual(sender.outcome, { ok: false, text: "it does not answer" });
});

test("a station that sleeps is waited for without an end, and then has its two minutes", () => {
	const { sender, sends, hears, begun } = start();
	sender.subscribed(0);
	hears("status", 10, "asleep", true);
	sender.tick(500);
	equal(sender.nextMessage(500)?.properties, undefined, "the broker keeps it");
	equal(sender.deadline, Number.POSITIVE_INFINITY);
	hears("status", 60 * MINUTE, "online");
	deepEqual(sends(60 * MINUTE), [BEGIN]);
	equal(sender.deadline, 60 * MINUTE + 10 * SECOND);
	begun(60 * MINUTE + 100, 0);
	equal(sends(60 * MINUTE + 100).length, 4);
});

test("for a station that does not sleep, what begins an update is not kept for long", () => {
	const { sender } = start();
	sender.subscribed(0);
	sender.tick(500);
	deepEqual(sender.nextMessage(500)?.properties, { messageExpiryInterval: 120 });
});

test("what the station refuses is told", () => {
	for (const command of ["update", "update/1024"]) {
		const { sender, hears, sends } = start();
		sender.subscribed(0);
		sender.tick(500);
		sends(500);
		if (command === "update/1024") hears("reply", 600, { command: "update", ok: true, offset: 0 });
		hears("reply", 700, { command, ok: false, error: "the signature is wrong\x1b[2J" });
		deepEqual(sender.outcome, { ok: false, text: "it refuses: the signature is wrong?[2J" });
		deepEqual(sends(700), []);
	}
});

test("a station that started anew tells where to begin, and is told again", () => {
	const { sender, sends, begun, hears } = start();
	const again = { ok: false, error: "delivered again after a start", offset: 0 };
	sender.subscribed(0);
	sender.tick(500);
	deepEqual(sends(500), [BEGIN]);
	hears("reply", 600, { command: "update", ...again });
	deepEqual([sends(600), sender.outcome], [[BEGIN], undefined]);
	begun(700, 0);
	deepEqual(sends(700), [chunk(0), chunk(1), chunk(2), chunk(3)]);
	hears("reply", 800, { command: "update/1024", ...again });
	deepEqual(sends(800), [BEGIN]);
	for (let count = 0; count < 5; count++) hears("reply", 900, { command: "update", ...again });
	equal(sender.outcome?.ok, false);
});

test("somebody else's update beside this one is found out", () => {
	const { sender, sends, begun, taken, gap } = underWay();
	let rounds = 0;
	for (let now = 1_000; !sender.outcome && rounds < 100; now += 1_000, rounds++) {
		gap(now, 0);
		deepEqual(sends(now), [BEGIN]);
		begun(now, 0);
		sends(now);
		taken(now, CHUNK_BYTES);
	}
	equal(rounds, 6);
	deepEqual(sender.outcome, {
		ok: false,
		text: "it begins anew again and again: does another sender update it, too?",
	});
});

/** The station has everything, at 300. */
function restarting() {
	const all = underWay();
	all.taken(300, SIZE);
	return all;
}

test("another image than the new one was rolled back to", () => {
	const { sender, hears, runs } = restarting();
	hears("status", 1_000, "offline");
	hears("status", 700 * SECOND, "online");
	runs(700 * SECOND, "11111111");
	deepEqual(sender.outcome, { ok: false, text: "it went back: it runs 11111111 again, and not 0badcafe" });
});

test("diagnostics without an image say so", () => {
	const { sender, runs, hears } = restarting();
	hears("status", 8_900, "online");
	runs(9_000, undefined);
	deepEqual(sender.outcome, { ok: false, text: "it is back, and does not say which firmware it runs" });
});

test("the goodbye of the firmware before is no sign that it is back", () => {
	const { sender, hears } = restarting();
	hears("diagnostics", 1_000, JSON.stringify({ uptime: 700, image: "old" }));
	hears("status", 1_100, "offline");
	equal(sender.outcome, undefined);
	hears("status", 9_000, "online");
	hears("diagnostics", 9_100, JSON.stringify({ uptime: 1, image: "old" }));
	equal(sender.outcome?.ok, false);
});

test("twelve minutes without a word are enough", () => {
	const { sender, hears } = restarting();
	hears("status", 1_000, "offline");
	equal(sender.deadline, 300 + 12 * MINUTE);
	sender.tick(299 + 12 * MINUTE);
	equal(sender.outcome, undefined);
	sender.tick(300 + 12 * MINUTE);
	deepEqual(sender.outcome, { ok: false, text: "it has not come back" });
});

test("after a reconnect, what the station told before its restart is no news", () => {
	const { sender, hears, runs } = restarting();
	sender.subscribed(5_000);
	hears("status", 5_000, "offline", true);
	runs(5_000, "11111111", true);
	equal(sender.outcome, undefined);
	sender.tick(35_000);
	equal(sender.outcome, undefined, "offline: it may still come back");
	equal(sender.deadline, 300 + 12 * MINUTE);
	hears("status", 60_000, "online");
	runs(60_000, "0badcafe");
	equal(sender.outcome?.ok, true);
});

test("after a reconnect, what the station told meanwhile is news", () => {
	const { sender, hears, runs } = restarting();
	sender.subscribed(60_000);
	hears("status", 60_000, "online", true);
	runs(60_000, "11111111", true, 7);
	deepEqual(sender.outcome?.text, "it went back: it runs 11111111 again, and not 0badcafe");
});

test("after a reconnect, the same diagnostics of a station that is online are taken for news in the end", () => {
	const { sender, hears, runs } = restarting();
	sender.subscribed(60_000);
	hears("status", 60_000, "online", true);
	runs(60_000, "11111111", true);
	equal(sender.outcome, undefined);
	equal(sender.deadline, 90_000);
	sender.tick(90_000);
	deepEqual(sender.outcome?.text, "it went back: it runs 11111111 again, and not 0badcafe");
});
