import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import test from "node:test";
import type { Conditions, HalfOpenOptions } from "../../../../hosts/sim/world/network/network.ts";
import { Random } from "../../../../hosts/sim/world/random.ts";
import { bytesOf, type Server, type Station, textOf, Wired } from "./wired.ts";

const WINDOW = 5_744;

test("a connection is open after a round trip, and tells the window", () => {
	const wired = new Wired();
	wired.listen();
	const station = wired.socket();
	deepEqual(station.news(), []);
	wired.pass(19);
	deepEqual(station.news(), []);
	wired.pass(1);
	deepEqual(station.news(), ["writable 5744 at 20"]);
	equal(wired.servers.length, 1);
	deepEqual([wired.network.stationSockets, wired.network.brokerConnections], [1, 1]);
	deepEqual(wired.servers[0]!.news(), []);
	wired.pass(10_000_000);
	deepEqual([station.news(), wired.servers[0]!.news()], [[], []]);
});

test("bytes arrive in order and not before their time, either way", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	equal(station.write("one"), WINDOW - 3);
	equal(station.write("two"), WINDOW - 6);
	server.write("alpha");
	deepEqual([station.news(), server.news()], [[], []]);
	wired.pass(10);
	deepEqual(server.news(), ["one at 30", "two at 30"]);
	deepEqual(station.news(), ["readable 5 at 30"]);
	equal(station.received, "alpha");
	wired.pass(10);
	deepEqual(station.news(), ["writable 5744 at 40"]);
	wired.pass(10_000_000);
	deepEqual([station.news(), server.news()], [[], []]);
});

test("jitter delays bytes and does not let them pass each other", () => {
	const wired = new Wired({ latency: 5, jitter: 40 });
	const { station, server } = wired.connected();
	const begun = wired.now;
	let text = "";
	for (let index = 0; index < 200; index++) {
		text += station.write(String(index % 10)) >= 0 ? String(index % 10) : "";
		wired.pass(1);
	}
	wired.pass(100);
	equal(server.received, text);
	const times = server.news().map((news) => Number(/at (.*)$/.exec(news)![1]));
	ok(times[0]! >= begun + 5 && times[0]! <= begun + 45);
	ok(new Set(times).size > 10);
});

test("a station reads as much as it asks for, and nothing where there is nothing", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	station.reads = undefined;
	server.write("abcdefgh");
	wired.pass(10);
	const read = (count?: number) => {
		const bytes = station.socket.read(count);
		return bytes && textOf(bytes);
	};
	deepEqual(
		[read(3), read(0), read(2), read(100), read(), read(5)],
		["abc", undefined, "de", "fgh", undefined, undefined],
	);
});

test("the station's bytes are copied when they are written", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	const bytes = bytesOf("precious");
	station.socket.write(bytes);
	bytes.fill(0);
	wired.pass(10);
	equal(server.received, "precious");
});

test("a station that writes more than it may is told so", () => {
	const wired = new Wired();
	const { station } = wired.connected();
	equal(station.write("x".repeat(WINDOW - 1)), 1);
	throws(() => station.write("xx"), RangeError);
	equal(station.write("x"), 0);
	throws(() => station.write("x"), RangeError);
	const opening = wired.socket();
	throws(() => opening.write("x"), RangeError);
});

test("a broker that does not read lets the windows fill, and gets everything when it reads again", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	server.connection.pause();
	let text = "";
	let writable = WINDOW;
	for (let turns = 0; turns < 100; turns++) {
		const part = String(turns % 10).repeat(Math.min(writable, 1_000));
		if (part !== "") {
			writable = station.write(part);
			text += part;
		}
		wired.pass(50);
		const told = station.news().at(-1);
		if (told) writable = Number(/^writable (\d+)/.exec(told)![1]);
	}
	equal(text.length, 2 * WINDOW);
	equal(writable, 0);
	equal(server.received, "");
	wired.pass(10_000_000);
	deepEqual(station.news(), []);
	server.connection.resume();
	equal(server.received, "");
	wired.pass(1_000);
	equal(server.received, text);
	match(station.news().at(-1)!, /^writable 5744/);
});

test("what a station does not read waits at the broker's end", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	station.reads = undefined;
	const text = "0123456789".repeat(2_000);
	server.write(text);
	wired.pass(1_000);
	equal(server.connection.buffered, 20_000 - WINDOW);
	match(station.news().at(-1)!, /^readable 5744/);
	station.reads = 100;
	station.read();
	wired.pass(1_000);
	equal(station.received, text);
	equal(server.connection.buffered, 0);
});

for (const segmentation of ["whole", "random", "bytes"] as const) {
	test(`bytes arrive complete in ${segmentation} segments, either way`, () => {
		const wired = new Wired({ segmentation });
		const { station, server } = wired.connected();
		const lines = Array.from({ length: 40 }, (_, index) => `line ${index} ${"abc".repeat(index)};`);
		for (const line of lines) {
			station.write(line);
			server.write(line);
			wired.pass(5);
		}
		wired.pass(500);
		const pieces = server.news().map((news) => news.replace(/ at [\d.]+$/, ""));
		deepEqual([server.received, station.received], [lines.join(""), lines.join("")]);
		if (segmentation === "whole") deepEqual(pieces, lines);
		if (segmentation === "bytes") ok(pieces.every(({ length }) => length === 1));
		if (segmentation !== "random") return;
		ok(
			pieces.some((piece) => piece.indexOf(";") < piece.length - 1 && piece.includes(";")),
			"none joined",
		);
		ok(
			pieces.some((piece) => !piece.includes(";")),
			"none cut",
		);
	});
}

test("a connection is refused where nobody listens, and not after somebody does", () => {
	const wired = new Wired();
	const refused = wired.socket();
	wired.pass(20);
	deepEqual(refused.news(), ["error connection refused at 20"]);
	const unlisten = wired.listen();
	const accepted = wired.socket();
	wired.pass(20);
	deepEqual(accepted.news(), ["writable 5744 at 40"]);
	unlisten();
	const late = wired.socket();
	wired.pass(20);
	deepEqual(late.news(), ["error connection refused at 60"]);
	wired.pass(1_000_000);
	deepEqual([refused.news(), accepted.news(), late.news()], [[], [], []]);
	equal(wired.servers.length, 1);
	equal(wired.tally.get("network: connection refused"), 2);
});

test("a connection is refused when it is to be", () => {
	const wired = new Wired({ refuse: true });
	wired.listen();
	const station = wired.socket();
	wired.pass(100);
	deepEqual(station.news(), ["error connection refused at 20"]);
	equal(wired.servers.length, 0);
});

test("a connection that is not answered fails after 75 s and not before", () => {
	const wired = new Wired({ unanswered: true });
	wired.listen();
	const station = wired.socket();
	wired.pass(74_999);
	deepEqual(station.news(), []);
	wired.pass(1);
	deepEqual(station.news(), ["error no answer at 75000"]);
	wired.network.conditions.unanswered = false;
	wired.pass(1_000_000);
	deepEqual(station.news(), []);
	equal(wired.servers.length, 0);
});

test("a connection is opened by a repetition that is answered", () => {
	const wired = new Wired({ unanswered: true });
	wired.listen();
	const station = wired.socket();
	wired.pass(4_000);
	wired.network.conditions.unanswered = false;
	wired.pass(10_000);
	deepEqual(station.news(), ["writable 5744 at 9040"]);
});

test("a station that gives up an attempt is called no more, and the broker gets a reset", () => {
	const wired = new Wired();
	wired.listen();
	const early = wired.socket();
	early.socket.close();
	const late = wired.socket();
	wired.pass(15);
	late.socket.close();
	wired.pass(100_000);
	deepEqual([early.news(), late.news()], [[], []]);
	equal(wired.servers.length, 1);
	deepEqual(wired.servers[0]!.news(), ["reset at 25"]);
	equal(wired.network.stationSockets, 0);
	equal(wired.network.brokerConnections, 0);
});

test("what a station wrote before it closed arrives, and then its end", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	station.write("farewell");
	station.socket.close();
	station.socket.close();
	server.write("too late");
	wired.pass(100_000);
	deepEqual(server.news(), ["farewell at 30", "closed at 30"]);
	deepEqual(station.news(), []);
	equal(wired.network.stationSockets, 0);
	equal(wired.network.brokerConnections, 0);
});

test("a broker that does not read learns of the end behind what it has not read", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	server.connection.pause();
	station.write("farewell");
	station.socket.close();
	wired.pass(1_000);
	deepEqual(server.news(), []);
	server.connection.resume();
	wired.pass(0);
	deepEqual(server.news(), ["farewell at 1020", "closed at 1020"]);
});

test("what the broker wrote before it closed arrives, and then its end", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	server.write("farewell");
	server.connection.end();
	server.write("not any more");
	ok(!server.connection.open);
	wired.pass(100_000);
	deepEqual(station.news(), ["readable 8 at 30", "error closed by the broker at 30"]);
	equal(station.received, "farewell");
	deepEqual(server.news(), []);
	equal(wired.network.stationSockets, 0);
});

test("data for a broker that has closed is answered by a reset", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	station.reads = undefined;
	server.write("x".repeat(20_000));
	wired.pass(1_000);
	station.news();
	server.connection.end();
	wired.pass(1_000);
	deepEqual(station.news(), [], "its end is behind bytes for which there is no room");
	station.write("y");
	wired.pass(1_000);
	deepEqual(station.news(), ["error reset by the broker at 2040"]);
});

test("a reset by the broker ends the connection at once", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	server.write("lost");
	server.connection.reset();
	wired.pass(100_000);
	deepEqual(station.news(), ["error reset by the broker at 30"]);
	deepEqual(server.news(), []);
});

test("a reset of everything is told at both ends, and what was under way is lost", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	const opening = wired.socket();
	station.write("lost");
	server.write("lost");
	wired.network.resetAll();
	deepEqual([station.news(), server.news(), opening.news()], [[], [], []]);
	wired.pass(100_000);
	deepEqual(station.news(), ["error reset by the broker at 20"]);
	deepEqual(opening.news(), ["error reset by the broker at 20"]);
	deepEqual(server.news(), ["reset at 20"]);
	deepEqual([station.received, server.received], ["", ""]);
	equal(wired.tally.get("network: connection reset"), 2);
});

test("a socket that was closed or has failed is not to be used any more", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	const other = wired.socket();
	wired.pass(20);
	station.socket.close();
	throws(() => station.socket.read(), /not to be used/);
	throws(() => station.write("x"), /not to be used/);
	wired.servers[1]!.connection.reset();
	wired.pass(10);
	throws(() => other.socket.read(), /not to be used/);
	throws(() => other.write("x"), /not to be used/);
	other.socket.close();
	ok(server.connection.open === false);
});

test("what arrived before a failure can be read while it is told", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	station.reads = undefined;
	server.write("a refusal");
	wired.pass(10);
	station.reads = 4;
	server.connection.reset();
	wired.pass(10);
	deepEqual(station.news(), ["readable 9 at 30", "error reset by the broker at 40"]);
	equal(station.received, "a refusal");
});

test("while the link is down nothing passes, and afterwards everything arrives late, once and in order", () => {
	for (let seed = 1; seed <= 50; seed++) {
		const wired = new Wired({}, seed);
		const { station, server } = wired.connected();
		station.write("before,");
		server.write("before,");
		wired.pass(5);
		wired.network.conditions.linkUp = false;
		station.write("during,");
		server.write("during,");
		wired.pass(40_000);
		deepEqual([station.news(), server.news()], [[], []]);
		wired.network.conditions.linkUp = true;
		station.write("after");
		server.write("after");
		wired.pass(40_100);
		equal(server.received, "before,during,after");
		equal(station.received, "before,during,after");
		match(station.news().at(-1)!, /^(writable 5744|readable)/);
		equal(station.write(""), WINDOW);
		wired.pass(1_000_000);
		deepEqual(station.news(), []);
	}
});

test("what is written behind lost segments waits until they are repeated", () => {
	let early = 0;
	for (let seed = 1; seed <= 50; seed++) {
		const wired = new Wired({}, seed);
		const { station, server } = wired.connected();
		wired.network.conditions.linkUp = false;
		station.write("lost,");
		wired.pass(10_000);
		wired.network.conditions.linkUp = true;
		station.write("behind");
		wired.pass(1_000);
		if (server.received !== "") early++;
		wired.pass(9_100);
		equal(server.received, "lost,behind");
	}
	ok(early > 0 && early < 20, `${early} of 50 within a tenth of the time that the link was down`);
});

test("what is acknowledged while the link is down counts as acknowledged when it is up again", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	station.write("x".repeat(1_000));
	wired.pass(15);
	equal(server.received.length, 1_000);
	wired.network.conditions.linkUp = false;
	wired.pass(1_000);
	deepEqual(station.news(), []);
	wired.network.conditions.linkUp = true;
	wired.pass(2_000);
	match(station.news().join(), /^writable 5744 at \d+/);
	equal(server.received.length, 1_000);
});

test("a station that is not acknowledged for too long gives up, and the broker is not told", () => {
	const wired = new Wired({ giveUpAfter: 60_000 });
	const { station, server } = wired.connected();
	wired.network.conditions.linkUp = false;
	station.write("lost");
	wired.pass(59_999);
	deepEqual(station.news(), []);
	wired.pass(1);
	deepEqual(station.news(), ["error no answer at 60020"]);
	wired.network.conditions.linkUp = true;
	wired.pass(1_000_000);
	deepEqual(server.news(), []);
	ok(server.connection.open);
	server.write("is anybody there?");
	wired.pass(100);
	deepEqual(server.news(), ["reset at 1060040"]);
});

test("a broker that is not acknowledged for too long gives up, and the station is not told", () => {
	const wired = new Wired({ giveUpAfter: 60_000 });
	const { station, server } = wired.connected();
	wired.network.conditions.linkUp = false;
	server.write("lost");
	wired.pass(60_000);
	deepEqual(server.news(), ["timed out at 60020"]);
	wired.network.conditions.linkUp = true;
	wired.pass(1_000_000);
	deepEqual(station.news(), []);
	station.write("is anybody there?");
	wired.pass(100);
	deepEqual(station.news(), ["error reset by the broker at 1060040"]);
});

test("a connection without anything to say outlives any loss of the link", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	wired.network.conditions.linkUp = false;
	wired.pass(10_000_000);
	wired.network.conditions.linkUp = true;
	station.write("still here");
	wired.pass(10);
	equal(server.received, "still here");
	deepEqual(station.news(), []);
});

test("a connection that is asked for without a link is open some time after the link is back", () => {
	const wired = new Wired({ linkUp: false });
	wired.listen();
	const station = wired.socket();
	wired.pass(10_000);
	deepEqual(station.news(), []);
	equal(wired.servers.length, 0);
	wired.network.conditions.linkUp = true;
	wired.pass(3_020);
	match(station.news().join(), /^writable 5744 at 1\d\d\d\d(\.\d+)?$/);
	equal(wired.servers.length, 1);
});

test("a link that is lost in the middle of the handshake delays it", () => {
	for (const moment of [5, 15]) {
		const wired = new Wired();
		wired.listen();
		const station = wired.socket();
		wired.pass(moment);
		wired.network.conditions.linkUp = false;
		wired.pass(10_000);
		deepEqual(station.news(), []);
		wired.network.conditions.linkUp = true;
		wired.pass(3_020);
		match(station.news().join(), /^writable 5744/);
		equal(wired.servers.length, 1);
		station.write("hello");
		wired.pass(10);
		equal(wired.servers[0]!.received, "hello");
	}
});

test("a reset that the link loses leaves the station with a half-open connection", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	wired.network.conditions.linkUp = false;
	server.connection.reset();
	wired.pass(1_000);
	wired.network.conditions.linkUp = true;
	wired.pass(100_000);
	deepEqual(station.news(), []);
	station.write("x");
	wired.pass(20);
	deepEqual(station.news(), ["error reset by the broker at 101040"]);
});

test("an end that the link loses is told when the link is back", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	wired.network.conditions.linkUp = false;
	station.write("farewell");
	station.socket.close();
	wired.pass(1_000);
	deepEqual(server.news(), []);
	wired.network.conditions.linkUp = true;
	wired.pass(2_000);
	match(server.news().join(), /^farewell at [\d.]+,closed at [\d.]+$/);
});

const halfOpen = (options: HalfOpenOptions) => {
	const wired = new Wired({ giveUpAfter: 60_000 });
	const ends = wired.connected();
	wired.network.halfOpenAll(options);
	return { wired, ...ends };
};

test("in a half-open connection data vanishes, and a reset comes after a while", () => {
	const { wired, station, server } = halfOpen({ answer: "reset" });
	wired.pass(1_000_000);
	deepEqual([station.news(), server.news()], [[], []]);
	station.write("into the void");
	wired.pass(50);
	deepEqual(station.news(), []);
	wired.pass(5_000);
	match(station.news().join(), /^error reset by the broker at /);
	wired.pass(1_000_000);
	deepEqual([server.news(), server.received], [[], ""]);
	ok(server.connection.open);
	server.write("into the void");
	wired.pass(6_000);
	match(server.news().join(), /^reset at /);
});

test("in a half-open connection nothing answers where nothing is to answer, until TCP gives up", () => {
	const { wired, station, server } = halfOpen({ answer: "silence" });
	station.write("into the void");
	server.write("into the void");
	wired.pass(59_000);
	deepEqual([station.news(), server.news()], [[], []]);
	wired.pass(2_000);
	deepEqual(station.news(), ["error no answer at 60030"]);
	deepEqual(server.news(), ["timed out at 60030"]);
	deepEqual([server.received, station.received], ["", ""]);
});

test("a half-open connection does not come to life when the link was down and is back", () => {
	const { wired, station, server } = halfOpen({ answer: "silence" });
	station.write("into the void");
	wired.pass(1_000);
	wired.network.conditions.linkUp = false;
	wired.pass(1_000);
	wired.network.conditions.linkUp = true;
	wired.pass(100_000);
	deepEqual(station.news(), ["error no answer at 60030"]);
	equal(server.received, "");
});

for (const [told, untold] of [
	["broker", "station"],
	["station", "broker"],
] as const) {
	test(`a connection that only the ${told} knows to be lost is half-open at the ${untold}`, () => {
		const { wired, station, server } = halfOpen({ told });
		const ends = { station, broker: server };
		deepEqual([station.news(), server.news()], [[], []]);
		wired.pass(1_000_000);
		match(ends[told].news().join(), /^(error )?reset (by the broker )?at 20$/);
		deepEqual(ends[untold].news(), []);
		ends[untold].write("is anybody there?");
		wired.pass(6_000);
		match(ends[untold].news().join(), /reset/);
	});
}

test("a broker that vanishes leaves half-open connections", () => {
	for (const answer of ["reset", "silence"] as const) {
		const wired = new Wired();
		const { station, server } = wired.connected();
		server.write("lost before it left?");
		server.connection.vanish(answer);
		wired.pass(1_000_000);
		deepEqual(station.news(), ["readable 20 at 30"], "what had left arrives");
		station.write("hello?");
		wired.pass(119_000);
		deepEqual(station.news(), answer === "reset" ? ["error reset by the broker at 1000040"] : []);
		wired.pass(2_000);
		deepEqual(station.news(), answer === "reset" ? [] : ["error no answer at 1120030"]);
	}
});

test("what a broker that vanishes had not sent yet is lost", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	server.write("x".repeat(3 * WINDOW));
	server.connection.vanish();
	wired.pass(1_000_000);
	equal(station.received.length, WINDOW);
});

test("when the station loses power nothing is called back, what had left arrives, and the broker is not told", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	const opening = wired.socket();
	station.write("x".repeat(5_000));
	wired.network.conditions.linkUp = true;
	server.write("lost");
	wired.network.powerLost();
	equal(wired.network.stationSockets, 0);
	wired.pass(1_000);
	equal(server.received.length, 5_000);
	deepEqual([station.news(), opening.news()], [[], []]);
	wired.pass(100_000);
	deepEqual(
		server.news().filter((news) => !news.startsWith("x")),
		[],
	);
	ok(server.connection.open);
});

test("what a station said before it fell asleep arrives; what was in haste, or had no link, does not", () => {
	for (const [hasty, linkUp, heard] of [
		[false, true, ["asleep at 30", "closed at 30"]],
		[true, true, []],
		[false, false, []],
	] as const) {
		const wired = new Wired();
		const { station, server } = wired.connected();
		wired.network.conditions.linkUp = linkUp;
		station.write("asleep");
		station.socket.close();
		wired.network.stationAsleep(hasty);
		equal(wired.network.stationSockets, 0);
		wired.pass(1_000);
		wired.network.conditions.linkUp = true;
		wired.pass(100_000);
		deepEqual(server.news(), heard);
		deepEqual(station.news(), []);
	}
});

test("what the broker sends to a station without power gets a reset once the station is on again", () => {
	const wired = new Wired();
	const { server } = wired.connected();
	wired.network.powerLost();
	server.write("are you there?");
	wired.pass(100_000);
	deepEqual(server.news(), []);
	wired.network.ports(() => true);
	deepEqual(server.news(), []);
	wired.pass(6_000);
	match(server.news().join(), /^reset at 10/);
});

test("a broker that has nothing to send is not told that the station is on again", () => {
	const wired = new Wired();
	const { server } = wired.connected();
	wired.network.powerLost();
	wired.network.ports(() => true);
	wired.pass(1_000_000);
	deepEqual(server.news(), []);
	server.write("are you there?");
	wired.pass(6_000);
	match(server.news().join(), /^reset at 10/);
});

test("a station that comes back under another address answers nothing", () => {
	const wired = new Wired();
	const { server } = wired.connected();
	wired.network.powerLost("silence");
	wired.network.ports(() => true);
	server.write("are you there?");
	wired.pass(119_000);
	deepEqual(server.news(), []);
	wired.pass(2_000);
	deepEqual(server.news(), ["timed out at 120030"]);
});

test("what the program of a dead station still does has no effect", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	server.write("unread");
	wired.network.powerLost();
	wired.pass(20);
	equal(station.socket.read(), undefined);
	equal(station.write("x".repeat(10_000)), 0);
	station.socket.close();
	equal(station.socket.read(), undefined);
	wired.pass(100_000);
	deepEqual([station.news(), server.news()], [[], []]);
});

test("a station that is not alive is not called back, and opens nothing", () => {
	const wired = new Wired();
	const { station, server } = wired.connected();
	station.write("x");
	server.write("y");
	wired.stationOn = false;
	const dead = wired.socket();
	wired.pass(1_000);
	deepEqual([station.news(), dead.news()], [[], []]);
	wired.network.resetAll();
	wired.pass(100_000);
	deepEqual([station.news(), dead.news()], [[], []]);
	equal(wired.servers.length, 1);
});

test("a station has ten sockets", () => {
	const wired = new Wired();
	wired.listen();
	const stations = Array.from({ length: 10 }, () => wired.socket());
	throws(() => wired.socket(), /no socket left/);
	stations[3]!.socket.close();
	wired.socket();
});

test("only one broker listens at a time", () => {
	const wired = new Wired();
	const unlisten = wired.listen();
	throws(() => wired.listen(), /listens already/);
	unlisten();
	wired.listen();
	unlisten();
	wired.socket();
	wired.pass(20);
	equal(wired.servers.length, 1);
});

/** Asks for a name; what was answered, with the times. */
function ask(wired: Wired) {
	const { dns } = wired.network.ports(() => wired.stationOn);
	const resolver = new dns.io({ ...dns });
	const heard: string[] = [];
	resolver.resolve({
		host: "broker.test",
		onResolved: (host, address) => heard.push(`${host} ${address} at ${wired.now}`),
		onError: (reason) => heard.push(`error ${reason} at ${wired.now}`),
	});
	deepEqual(heard, []);
	return { heard, resolver };
}

test("a name is resolved after a round trip", () => {
	const wired = new Wired();
	const { heard } = ask(wired);
	wired.pass(1_000_000);
	deepEqual(heard, ["broker.test 192.0.2.1 at 20"]);
});

test("a name is not resolved where resolution fails, and nothing is answered where it is silent", () => {
	const wired = new Wired({ dns: "fails" });
	const failed = ask(wired);
	wired.pass(1_000_000);
	deepEqual(failed.heard, ["error there is no such host at 20"]);
	wired.network.conditions.dns = "silent";
	const silent = ask(wired);
	wired.pass(1_000_000);
	deepEqual(silent.heard, []);
});

test("a slow answer takes 1 to 20 s", () => {
	for (let seed = 1; seed <= 50; seed++) {
		const wired = new Wired({ dns: "slow" }, seed);
		const { heard } = ask(wired);
		wired.pass(1_019);
		deepEqual(heard, []);
		wired.pass(19_001);
		equal(heard.length, 1);
	}
});

test("without a link a question is asked again, and given up in the end", () => {
	const wired = new Wired({ linkUp: false });
	const given = ask(wired);
	wired.pass(10_079);
	deepEqual(given.heard, []);
	wired.pass(1);
	deepEqual(given.heard, ["error the name server does not answer at 10080"]);
	const answered = ask(wired);
	wired.pass(3_000);
	wired.network.conditions.linkUp = true;
	wired.pass(10_000);
	deepEqual(answered.heard, ["broker.test 192.0.2.1 at 15140"]);
});

test("a resolver that was closed, or whose station is off, answers nothing", () => {
	const wired = new Wired();
	const closed = ask(wired);
	closed.resolver.close?.();
	const off = ask(wired);
	wired.network.powerLost();
	wired.pass(1_000_000);
	deepEqual([closed.heard, off.heard], [[], []]);
});

/** Two minutes of everything that can happen, and what both ends have to say of it. */
function turmoil(seed: number): string {
	const random = new Random(seed);
	const wired = new Wired({ latency: 20, jitter: 30, giveUpAfter: 20_000 }, seed);
	const { conditions } = wired.network;
	let unlisten = wired.listen();
	const stations: (Station & { sent?: string; over?: boolean })[] = [];
	const sentDown = new Map<Server, string>();
	let power = 0;
	const powers = new Map<Station, number>();
	const kinds: Conditions["segmentation"][] = ["whole", "random", "bytes"];
	const pickStation = () => stations.findLast((station) => powers.get(station) === power && !station.over);
	const acts: (() => void)[] = [
		() => {
			if (wired.network.stationSockets >= 3) return;
			const station = wired.socket();
			stations.push(station);
			powers.set(station, power);
		},
		...new Array(12).fill(() => {
			const station = pickStation();
			if (!station?.heard.some((news) => news.startsWith("writable"))) return;
			const room = station.socket.write(new Uint8Array(0));
			const text = String.fromCharCode(97 + random.integer(0, 25)).repeat(random.integer(0, Math.min(room, 900)));
			station.sent = (station.sent ?? "") + text;
			equal(station.write(text), room - text.length);
		}),
		...new Array(12).fill(() => {
			const server = wired.servers.at(-1);
			if (!server?.connection.open) return;
			const text = String.fromCharCode(65 + random.integer(0, 25)).repeat(random.integer(0, 3_000));
			sentDown.set(server, (sentDown.get(server) ?? "") + text);
			server.write(text);
		}),
		() => {
			conditions.linkUp = random.chance(0.6);
		},
		() => {
			conditions.segmentation = random.pick(kinds);
		},
		() => {
			conditions.refuse = random.chance(0.3);
		},
		() => {
			conditions.unanswered = random.chance(0.3);
		},
		() => wired.servers.at(-1)?.connection.pause(),
		() => wired.servers.at(-1)?.connection.resume(),
		() => {
			const station = pickStation();
			if (station) station.reads = random.chance(0.7) ? random.integer(1, 300) : undefined;
		},
		() => {
			const station = pickStation();
			if (station && random.chance(0.5)) {
				station.socket.close();
				station.over = true;
			}
		},
		() => {
			const { connection } = wired.servers.at(-1) ?? {};
			if (random.chance(0.5)) return;
			random.pick([() => connection?.end(), () => connection?.reset(), () => connection?.vanish()])();
		},
		() => {
			if (random.chance(0.2)) wired.network.resetAll();
		},
		() => {
			const told = random.pick(["nobody", "station", "broker"] as const);
			if (random.chance(0.2)) wired.network.halfOpenAll({ told, answer: random.pick(["reset", "silence"]) });
		},
		() => {
			if (random.chance(0.8)) return;
			power++;
			wired.network.powerLost(random.pick(["reset", "silence"]));
		},
		() => {
			unlisten();
			if (random.chance(0.8)) unlisten = wired.listen();
		},
	];
	for (let turns = 0; turns < 600; turns++) {
		random.pick(acts)();
		const before = stations.map(({ heard, over }) => ({ length: heard.length, over }));
		wired.pass(random.integer(0, 400));
		for (const [index, station] of stations.entries()) {
			const { length, over } = before[index]!;
			if (over) equal(station.heard.length, length, "called back after the end");
			if (station.heard.at(-1)?.startsWith("error")) station.over = true;
			equal(
				station.heard.findIndex((news) => news.startsWith("error")),
				station.heard.at(-1)?.startsWith("error") ? station.heard.length - 1 : -1,
			);
		}
	}
	for (const server of wired.servers) {
		const { received } = server;
		const matching = stations.some(({ sent = "" }) => sent.startsWith(received));
		ok(matching, `what the broker received is no beginning of what a station sent: ${received.slice(0, 50)}`);
		const ends = server.heard.filter((news) => /^(closed|reset|timed out) at /.test(news));
		ok(ends.length <= 1 && (ends.length === 0 || server.heard.at(-1) === ends[0]));
	}
	for (const { received } of stations) {
		ok(received === "" || [...sentDown.values()].some((sent) => sent.startsWith(received)));
	}
	conditions.linkUp = true;
	for (const station of stations) if (!station.over) station.socket.close();
	for (const { connection } of wired.servers) connection.end();
	wired.pass(1_000_000);
	equal(wired.network.stationSockets, 0);
	equal(wired.network.brokerConnections, 0);
	equal(wired.scheduler.pending, 0, "events left over");
	const resets = wired.tally.get("network: connection reset");
	wired.network.resetAll();
	equal(wired.tally.get("network: connection reset"), resets, "connections left over");
	return JSON.stringify([
		stations.map(({ heard }) => heard),
		wired.servers.map(({ heard }) => heard),
		[...wired.tally],
	]);
}

test("in any turmoil what arrives is a beginning of what was sent, and nobody is called after an end", () => {
	const kinds = new Set<string>();
	for (let seed = 1; seed <= 60; seed++) {
		for (const [, kind] of turmoil(seed).matchAll(/(error [a-z ]+|closed|reset|timed out) at/g)) kinds.add(kind!);
	}
	for (const kind of [
		"error connection refused",
		"error no answer",
		"error closed by the broker",
		"error reset by the broker",
		"closed",
		"reset",
		"timed out",
	]) {
		ok(kinds.has(kind), `nothing was ${kind}`);
	}
});

test("one seed gives one history", () => {
	equal(turmoil(7), turmoil(7));
	ok(turmoil(7) !== turmoil(8));
});
