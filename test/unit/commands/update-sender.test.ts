import { UpdateSender } from "../../../commands/update/sender.ts";
import type { Message } from "../../../src/net/mqtt/message.ts";
import { bytesOf } from "../../../src/text.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const PIECE = 992;
/** Seven pieces, the last of one byte. */
const SIZE = 6 * PIECE + 1;
const LINK = 64;
/** As a signed update is sent. */
const UPDATE = {
	begin: bytesOf("the manifest"),
	name: "feedbeef",
	size: SIZE,
	piece(offset: number) {
		const length = Math.min(PIECE, SIZE - offset);
		return { payload: new Uint8Array(LINK + length).fill(offset / PIECE), end: offset + length };
	},
	isPiece: (offset: unknown): offset is number =>
		offset === SIZE || (Number(offset) % PIECE === 0 && Number(offset) >= 0 && Number(offset) < SIZE),
};

function start(hasProperties = true) {
	const sender = new UpdateSender({
		topic: "veleta/roof",
		update: UPDATE,
		id: "0badcafe",
		replyLevel: "mine",
	});
	const replies = hasProperties ? "reply/mine" : "reply";
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
		replies,
		subscribed: (now: number) => sender.subscribed(now, hasProperties),
		begun: (now: number, offset: number) =>
			hears(replies, now, { command: "update", ok: true, manifest: "feedbeef", offset }),
		taken: (now: number, offset: number) =>
			hears(replies, now, { command: "update/992", ok: true, manifest: "feedbeef", offset }),
		gap: (now: number, offset: number) =>
			hears(replies, now, {
				command: "update/992",
				ok: false,
				manifest: "feedbeef",
				error: "bytes before these are missing",
				offset,
			}),
		runs: (now: number, image: string | undefined, retain = false, uptime = 0, unconfirmed?: boolean) =>
			hears("diagnostics", now, { uptime, image, unconfirmed }, retain),
	};
}

/** The topic's last levels, and of a piece its bytes. */
function short({ topic, payload, qos, retain, properties }: Message): string {
	equal(qos, 1);
	equal(retain, false);
	equal(properties?.responseTopic, "veleta/roof/reply/mine");
	const name = topic.slice("veleta/roof/cmd/".length);
	if (name === "update") return `${name} ${String.fromCharCode(...payload)}`;
	const offset = Number(name.slice("update/".length));
	equal(payload[0], offset / PIECE);
	return `${offset}+${payload.length - LINK}`;
}

const BEGIN = "update the manifest";
const piece = (index: number) => `${index * PIECE}+${index === 6 ? 1 : PIECE}`;

test("it begins, has up to four pieces under way, and ends when the station has confirmed the image", () => {
	const { sender, subscribed, sends, begun, taken, runs } = start();
	equal(sender.deadline, Number.POSITIVE_INFINITY);
	deepEqual(sends(0), []);
	subscribed(100);
	deepEqual(sends(100), []);
	runs(150, "11111111", true);
	deepEqual(sends(150), [BEGIN]);
	deepEqual(sends(200), []);
	begun(300, 0);
	deepEqual(sends(300), [piece(0)], "alone: it tells how long one takes");
	taken(400, PIECE);
	deepEqual(sends(400), [piece(1), piece(2)]);
	taken(500, 2 * PIECE);
	taken(500, 3 * PIECE);
	deepEqual(sends(500), [piece(3), piece(4), piece(5), piece(6)]);
	equal(sender.acknowledged, 3 * PIECE);
	for (const pieces of [4, 5, 6]) taken(600, pieces * PIECE);
	equal(sender.restarting, false);
	taken(700, SIZE);
	equal(sender.restarting, true);
	deepEqual(sends(700), []);
	runs(9_000, "0badcafe", false, 0, true);
	deepEqual([sender.outcome, sender.onTrial], [undefined, true]);
	runs(189_000, "0badcafe", false, 180);
	deepEqual(sender.outcome, { ok: true, text: "it runs the new firmware, 0badcafe" });
	equal(sender.deadline, Number.POSITIVE_INFINITY);
});

test("firmware that is tried and not confirmed is none yet, also when the sender comes later", () => {
	const { sender, subscribed, sends, hears, runs } = start();
	subscribed(0);
	runs(100, "0badcafe", true, 5, true);
	deepEqual([sender.outcome, sends(100)], [undefined, []]);
	hears("status", 200 * SECOND, "online");
	runs(200 * SECOND, "11111111");
	deepEqual(sender.outcome, { ok: false, text: "it went back: it runs 11111111, and not 0badcafe" });

	const other = start();
	other.subscribed(0);
	other.runs(100, "0badcafe", true, 5, true);
	other.subscribed(60_000);
	other.runs(60_000, "0badcafe", true, 5, true);
	other.sender.tick(other.sender.deadline);
	other.sender.tick(100 + 12 * MINUTE);
	deepEqual(other.sender.outcome, { ok: false, text: "it has not confirmed the new firmware" });
});

test("it begins without retained diagnostics after half a second", () => {
	const { sender, sends, subscribed } = start();
	subscribed(100);
	equal(sender.deadline, 600);
	sender.tick(599);
	deepEqual(sends(599), []);
	sender.tick(600);
	deepEqual(sends(600), [BEGIN]);
});

test("a station that runs the image already is left alone", () => {
	const { sender, sends, runs, subscribed } = start();
	subscribed(0);
	runs(100, "0badcafe", true);
	deepEqual(sender.outcome, { ok: true, text: "it runs this firmware already, 0badcafe" });
	deepEqual(sends(100), []);
});

test("it goes on where the station is", () => {
	const { sender, sends, begun, subscribed } = start();
	subscribed(0);
	sender.tick(500);
	sends(500);
	begun(600, 5 * PIECE);
	deepEqual(sends(600), [piece(5)]);
});

/** Has sent the first four chunks, of which the station has one. */
function underWay() {
	const all = start();
	all.subscribed(0);
	all.hears("status", 10, "online", true);
	all.runs(20, "11111111", true);
	all.sends(20);
	all.begun(100, 0);
	all.sends(100);
	all.taken(200, PIECE);
	all.sends(200);
	return all;
}

test("a station that has less than it had begins again; a piece that it does not take costs nothing", () => {
	const { sender, sends, begun, gap, hears, replies } = underWay();
	hears(replies, 250, {
		command: "update/992",
		ok: false,
		manifest: "feedbeef",
		error: "these bytes are not what was signed",
		offset: PIECE,
	});
	gap(260, PIECE);
	deepEqual([sends(260), sender.outcome], [[], undefined]);
	gap(300, 0);
	deepEqual(sends(300), [BEGIN]);
	gap(301, 0);
	gap(302, 0);
	deepEqual(sends(302), []);
	begun(400, 0);
	deepEqual(sends(400), [piece(0), piece(1)]);
	hears(replies, 500, {
		command: "update/992",
		ok: false,
		manifest: "feedbeef",
		error: "bytes before these are missing",
		offset: 2 * PIECE,
	});
	equal(sender.acknowledged, 2 * PIECE, "who has more has it");
});

test("what goes to another's topic of replies, or is about another's manifest, is not ours", () => {
	const own = underWay();
	own.hears("reply", 300, { command: "update", ok: false, error: "no" });
	own.hears("reply/other", 300, { command: "update/0", ok: false, error: "no" });
	equal(own.sender.outcome, undefined);

	const shared = start(false);
	shared.subscribed(0);
	shared.sender.tick(500);
	shared.sends(500);
	const other = { command: "update", manifest: "01234567" };
	shared.hears("reply", 600, { ...other, ok: false, error: "the signature is wrong" });
	shared.hears("reply", 610, { ...other, ok: true, offset: 0 });
	shared.hears("reply/mine", 620, { command: "update", ok: false, error: "no" });
	deepEqual([shared.sender.outcome, shared.sends(620)], [undefined, []]);
	shared.begun(700, 0);
	deepEqual(shared.sends(700), [piece(0)]);
});

test("where another update has begun, the station decides whether this one may go on", () => {
	const { sender, sends, hears, replies } = underWay();
	hears(replies, 2_000, { command: "update/992", ok: true, manifest: "01234567", offset: 5 * PIECE });
	hears(replies, 2_001, {
		command: "update/1984",
		ok: false,
		manifest: "01234567",
		error: "missing",
		offset: 6 * PIECE,
	});
	deepEqual([sender.acknowledged, sends(2_001)], [PIECE, [BEGIN]]);
	hears(replies, 2_100, { command: "update", ok: false, manifest: "feedbeef", error: "its number 1 is not above 2" });
	deepEqual(sender.outcome, {
		ok: false,
		text: "it refuses: its number 1 is not above 2; --number takes a higher one",
	});
});

test("a station that is busy is asked again when it says, and no later than a minute", () => {
	for (const [wait, later] of [
		[7, 7],
		[100_000, 60],
	] as const) {
		const { sender, subscribed, sends, hears, replies } = start();
		subscribed(0);
		sender.tick(500);
		sends(500);
		hears(replies, 1_000, { command: "update", ok: false, manifest: "feedbeef", wait, error: "busy" });
		equal(sender.outcome, undefined);
		sender.tick(1_000 + later * SECOND - 1);
		deepEqual(sends(1_000 + later * SECOND - 1), []);
		sender.tick(1_000 + later * SECOND);
		deepEqual(sends(1_000 + later * SECOND), [BEGIN]);
	}
});

test("on a link of 2 kbit/s no piece is sent twice", () => {
	const { sender, subscribed, begun, taken } = start();
	subscribed(0);
	sender.tick(500);
	/** When the link is free, and the pieces in it, by the offset behind them. */
	let free = 500;
	const inLink: { at: number; end: number }[] = [];
	const sent: string[] = [];
	let now = 500;
	const pump = () => {
		for (let next = sender.nextMessage(now); next; next = sender.nextMessage(now)) {
			const text = short(next);
			sent.push(text);
			free = Math.max(free, now) + (next.payload.length + 60) * 4;
			const [, offset = "0", length = "0"] = /^(\d+)\+(\d+)$/.exec(text) ?? [];
			inLink.push({ at: free, end: Number(offset) + Number(length) });
		}
	};
	for (pump(); inLink.length > 0 && !sender.outcome; pump()) {
		const { at, end } = inLink.shift()!;
		for (; sender.deadline < at; pump()) {
			now = sender.deadline;
			sender.tick(now);
		}
		now = at;
		if (end === 0) begun(now, 0);
		else taken(now, end);
	}
	deepEqual(sent, [BEGIN, ...[0, 1, 2, 3, 4, 5, 6].map(piece)]);
	equal(sender.restarting, true);
});

test("old answers change nothing", () => {
	const { sender, sends, taken, hears, replies } = underWay();
	taken(300, 3 * PIECE);
	sends(300);
	taken(301, PIECE);
	taken(302, SIZE + 1);
	taken(303, -1);
	taken(304, Number.NaN);
	hears(replies, 305, { command: "update/992", ok: true, manifest: "feedbeef", offset: "4096" });
	hears(replies, 306, { command: "update/992", ok: true, offset: SIZE }, true);
	hears(replies, 307, { command: "sample", ok: false, error: "no reading" });
	hears(replies, 308, "no JSON");
	hears(replies, 309, "null");
	hears(replies, 310, "x".repeat(2_000));
	equal(sender.acknowledged, 3 * PIECE);
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
	begun(20_300, 2 * PIECE);
	deepEqual(sends(20_300), [piece(2), piece(3)]);
});

test("its own new connection, and the station's, make it begin again", () => {
	const { sends, hears, begun, subscribed } = underWay();
	subscribed(300);
	deepEqual(sends(300), [BEGIN]);
	begun(400, PIECE);
	sends(400);
	hears("status", 500, "offline");
	deepEqual(sends(500), []);
	hears("status", 600, "online");
	deepEqual(sends(600), [BEGIN]);
});

test("a station that is offline is told once, and waited for, for two minutes", () => {
	const { sender, sends, hears, subscribed } = start();
	subscribed(0);
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

test("it is said at once whether the station hears it", () => {
	const noticeAt = (status: string | undefined) => {
		const { sender, subscribed, sends, hears, begun } = start();
		subscribed(0);
		if (status !== undefined) hears("status", 10, status, true);
		equal(sender.notice, undefined);
		sender.tick(500);
		sends(500);
		const { notice } = sender;
		begun(600, 0);
		equal(sender.notice, undefined);
		return notice;
	};
	equal(noticeAt("online"), undefined);
	equal(noticeAt("asleep"), "it is asleep: the update begins when it wakes");
	equal(noticeAt("offline"), "its status is offline: it has two minutes to come back");
	equal(noticeAt(undefined), "nothing is known of it here: it has two minutes to answer");
});

test("a station of which nothing is known is asked again and again, and then given up", () => {
	const { sender, sends, subscribed } = start();
	subscribed(0);
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
	const { sender, sends, hears, begun, subscribed } = start();
	subscribed(0);
	hears("status", 10, "asleep", true);
	sender.tick(500);
	equal(sender.nextMessage(500)?.properties?.messageExpiryInterval, undefined, "the broker keeps it");
	equal(sender.deadline, Number.POSITIVE_INFINITY);
	hears("status", 60 * MINUTE, "online");
	deepEqual(sends(60 * MINUTE), [BEGIN]);
	equal(sender.deadline, 60 * MINUTE + 10 * SECOND);
	begun(60 * MINUTE + 100, 0);
	equal(sends(60 * MINUTE + 100).length, 1);
});

test("for a station that does not sleep, what begins an update is not kept for long", () => {
	const { sender, subscribed } = start();
	subscribed(0);
	sender.tick(500);
	equal(sender.nextMessage(500)?.properties?.messageExpiryInterval, 120);
});

test("what the station refuses is told", () => {
	for (const command of ["update", "update/992"]) {
		const { sender, hears, sends, subscribed, replies } = start();
		subscribed(0);
		sender.tick(500);
		sends(500);
		if (command === "update/992") hears(replies, 600, { command: "update", ok: true, offset: 0 });
		hears(replies, 700, { command, ok: false, error: "the signature is wrong\x1b[2J" });
		deepEqual(sender.outcome, { ok: false, text: "it refuses: the signature is wrong?[2J" });
		deepEqual(sends(700), []);
	}
});

test("a station that started anew tells where to begin, and is told again", () => {
	const { sender, sends, begun, hears, subscribed, replies } = start();
	const again = { ok: false, error: "delivered again after a start", offset: 0 };
	subscribed(0);
	sender.tick(500);
	deepEqual(sends(500), [BEGIN]);
	hears(replies, 600, { command: "update", ...again });
	deepEqual([sends(600), sender.outcome], [[BEGIN], undefined]);
	begun(700, 0);
	deepEqual(sends(700), [piece(0)]);
	for (let count = 0; count < 5; count++) hears(replies, 900, { command: "update", ...again });
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
		taken(now, PIECE);
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
	const { sender, hears, runs, subscribed } = restarting();
	subscribed(5_000);
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
	const { sender, hears, runs, subscribed } = restarting();
	subscribed(60_000);
	hears("status", 60_000, "online", true);
	runs(60_000, "11111111", true, 7);
	deepEqual(sender.outcome?.text, "it went back: it runs 11111111 again, and not 0badcafe");
});

test("after a reconnect, the same diagnostics of a station that is online are taken for news in the end", () => {
	const { sender, hears, runs, subscribed } = restarting();
	subscribed(60_000);
	hears("status", 60_000, "online", true);
	runs(60_000, "11111111", true);
	equal(sender.outcome, undefined);
	equal(sender.deadline, 90_000);
	sender.tick(90_000);
	deepEqual(sender.outcome?.text, "it went back: it runs 11111111 again, and not 0badcafe");
});
