/** The TLS socket on functions of TLS and a TCP class that the test plays. */
import {
	CLOSED,
	FAILED,
	HANDSHAKE,
	type MbedTls,
	OPEN,
	RECORD_OVERHEAD,
} from "../../../../../hosts/moddable/tls/mbedtls.ts";
import { type Sessions, TlsSocket } from "../../../../../hosts/moddable/tls/socket.ts";
import type { Bytes, Socket, SocketOptions } from "../../../../../src/host.ts";
import { deepEqual, equal, ok, test } from "../../../../harness/harness.ts";
import { ascii } from "../../../../harness/transcript.ts";

/** The broker's records: a letter, a length, the content. */
const record = (type: string, text = ""): Bytes => Uint8Array.of(type.charCodeAt(0), text.length, ...ascii(text));
/** Of the handshake: to be answered, and the last one. */
const FLIGHT = record("h", "more");
const LAST_FLIGHT = record("h", "last");
const data = (text: string): Bytes => record("d", text);
const ticket = (text: string): Bytes => record("t", text);
const alert = (text: string): Bytes => record("a", text);
const CLOSE_NOTIFY = alert("");
/** Encrypted bytes that the fake takes at once. */
const PORTION = 20;
/** What a record has beside its content, here. */
const HEAD = "<".padEnd(RECORD_OVERHEAD - 1, "-");
const encrypted = (text: string) => `${HEAD}${text}>`;

const textOf = (bytes: Bytes | ArrayBuffer) => String.fromCharCode(...new Uint8Array(bytes));
function joined(parts: readonly Bytes[]): Bytes {
	const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

type Entry = keyof MbedTls | "tcp" | "tcp.read" | "tcp.write" | "load" | "sessions.save";

interface Play {
	/** Bytes that TCP takes when it opens. */
	readonly room?: number;
	/** Where something throws, from the `after`th call on. */
	readonly failing?: Entry;
	readonly after?: number;
	readonly error?: unknown;
	/** What the last connection has left; "": nothing. Without it there is nowhere to keep anything. */
	readonly kept?: string;
	/** TLS takes no bytes. */
	readonly wantsNothing?: boolean;
	/** Called inside of each callback. */
	readonly inside?: (what: string, socket: TlsSocket) => void;
	/** `null`: not known. */
	readonly time?: number | null;
}

/** Plays everything around the socket. What is never allowed goes to `violations`. */
function play({
	room = 1_000,
	failing,
	after = 1,
	error = new Error("broken"),
	kept,
	inside,
	wantsNothing = false,
	time = 12_345,
}: Play = {}) {
	const log: string[] = [];
	const violations: string[] = [];
	const turns: (() => void)[] = [];
	const calls: Partial<Record<Entry, number>> = {};
	const enter = (entry: Entry) => {
		const count = (calls[entry] ?? 0) + 1;
		calls[entry] = count;
		if (entry === failing && count >= after) throw error;
	};

	// TCP
	let callbacks: SocketOptions | undefined;
	let incoming: Bytes = new Uint8Array(0);
	let left = room;
	let tcp: "open" | "ended" | "closed" = "open";
	const usable = (what: string) => {
		if (tcp !== "open") violations.push(`${what} of TCP that is ${tcp}`);
	};
	class FakeTcp implements Socket {
		constructor(options: SocketOptions) {
			enter("tcp");
			callbacks = options;
		}
		read(byteLength = incoming.length): Bytes | undefined {
			usable("read");
			enter("tcp.read");
			if (byteLength <= 0 && incoming.length > 0) violations.push("read of nothing");
			const bytes = incoming.subarray(0, byteLength);
			incoming = incoming.subarray(bytes.length);
			return bytes.length > 0 ? bytes : undefined;
		}
		write(bytes: Bytes): number {
			usable("write");
			enter("tcp.write");
			if (bytes.length === 0 || bytes.length > left) violations.push(`write of ${bytes.length}, where ${left} fit`);
			log.push(`tcp ${textOf(bytes)}`);
			left -= bytes.length;
			return left;
		}
		close(): void {
			usable("close");
			tcp = "closed";
			log.push("tcp closed");
		}
	}

	// TLS
	let tls: "none" | "free" | "busy" | "freed" = "none";
	let state: number = HANDSHAKE;
	let reason = "";
	let pushed: Bytes = new Uint8Array(0);
	let part: Bytes = new Uint8Array(0);
	let output = "";
	let fresh: string | undefined;
	let unread: Bytes = new Uint8Array(0);
	let isNew = true;
	let done: (() => void) | undefined;
	const call = (entry: keyof MbedTls) => {
		if (tls !== "free" && !(tls === "busy" && entry === "free")) violations.push(`${entry} of TLS that is ${tls}`);
		enter(entry);
	};
	/** The next whole record of what was pushed. */
	const next = (): Bytes | undefined => {
		const all = joined([part, pushed]);
		const whole = all.length >= 2 && all.length >= 2 + all[1]! ? 2 + all[1]! : 0;
		part = whole > 0 ? new Uint8Array(0) : all;
		pushed = whole > 0 ? all.subarray(whole) : new Uint8Array(0);
		return whole > 0 ? all.subarray(0, whole) : undefined;
	};
	const fail = (why: string) => {
		state = FAILED;
		reason = why;
	};
	const heard = (bytes: Bytes): void => {
		const text = textOf(bytes.subarray(2));
		const type = String.fromCharCode(bytes[0]!);
		if (type === "t") fresh = text;
		else if (type === "d" && state === OPEN) unread = bytes.subarray(2);
		else if (type === "a" && text === "") {
			state = CLOSED;
			reason = "by the broker";
		} else if (type === "a") fail(`alert ${text}`);
		else if (type === "h" && text === "more") output += "keys;";
		else if (type === "h" && text === "last") {
			output += "finished;";
			fresh = "session";
			state = OPEN;
		} else {
			output += "alert;";
			fail(`no record of the kind ${type} is due`);
		}
	};
	const mbedtls: MbedTls = {
		open(host, seconds, ca, _certificate, _key, _fingerprint, _alpn, saved) {
			enter("open");
			if (tls !== "none") violations.push("opened twice");
			tls = "free";
			log.push(`open ${host} ${seconds} ${ca}${saved ? ` resuming ${textOf(saved)}` : ""}`);
			return mbedtls;
		},
		handshake(_connection, callback) {
			call("handshake");
			if (state !== HANDSHAKE) violations.push("a handshake that is over");
			tls = "busy";
			done = () => {
				done = undefined;
				tls = "free";
				if (isNew) output += "hello;";
				isNew = false;
				for (;;) {
					const record = state === HANDSHAKE ? next() : undefined;
					if (!record) break;
					heard(record);
				}
				callback();
			};
		},
		state() {
			call("state");
			return state;
		},
		reason() {
			call("reason");
			return reason;
		},
		ended() {
			call("ended");
			fail("ended during the handshake");
		},
		wanted() {
			call("wanted");
			return pushed.length > 0 || wantsNothing ? 0 : PORTION;
		},
		push(_connection, bytes) {
			call("push");
			if (pushed.length > 0 || bytes.length === 0 || bytes.length > PORTION) violations.push(`push of ${bytes.length}`);
			pushed = bytes.slice();
		},
		pull(_connection, maximum) {
			call("pull");
			if (maximum <= 0) violations.push(`pull of ${maximum}`);
			const bytes = output.slice(0, maximum);
			output = output.slice(bytes.length);
			return bytes === "" ? undefined : ascii(bytes).buffer;
		},
		read(_connection, maximum) {
			call("read");
			if (!(maximum > 0 && maximum <= 1_024)) violations.push(`read of ${maximum}`);
			while (unread.length === 0 && state === OPEN) {
				const record = next();
				if (!record) return undefined;
				heard(record);
			}
			const bytes = unread.slice(0, maximum);
			unread = unread.subarray(bytes.length);
			return bytes.length > 0 ? bytes.buffer : undefined;
		},
		write(_connection, bytes) {
			call("write");
			if (within === "the end of TCP") violations.push("a write for TCP that has ended");
			if (textOf(bytes) === "too much") fail("no more");
			if (state !== OPEN) return 0;
			output += encrypted(textOf(bytes));
			return bytes.length;
		},
		close() {
			call("close");
			output += "bye;";
		},
		save() {
			call("save");
			const saved = fresh;
			fresh = undefined;
			return saved === undefined ? undefined : ascii(saved).buffer;
		},
		free() {
			call("free");
			tls = "freed";
			done = undefined;
			log.push("freed");
		},
	};
	const sessions: Sessions = {
		load() {
			enter("load");
			return kept ? ascii(kept).buffer : undefined;
		},
		save(bytes) {
			enter("sessions.save");
			log.push(`save ${textOf(bytes)}`);
		},
	};

	let within = "";
	const calling = <Result>(what: string, run: () => Result): Result => {
		const before = within;
		within = what;
		try {
			return run();
		} finally {
			within = before;
		}
	};
	const told = (line: string, what: string) => {
		log.push(line);
		if (what === "onError" && within !== "" && within !== "the end of TCP") violations.push(`${line} in ${within}`);
		inside?.(what, socket);
	};
	const socket: TlsSocket = new TlsSocket({
		tcp: FakeTcp,
		mbedtls,
		...(kept !== undefined && { sessions }),
		time: () => time ?? undefined,
		defer: (callback) => turns.push(callback),
		host: "broker.test",
		address: "192.0.2.1",
		port: 8883,
		ca: "CA",
		onReadable: (count) => told(`onReadable ${count}`, "onReadable"),
		onWritable: (count) => told(`onWritable ${count}`, "onWritable"),
		onError: (reason) => told(`onError ${reason instanceof Error ? reason.message : reason}`, "onError"),
	});
	const arrive = (records: readonly Bytes[]) => {
		incoming = joined([incoming, joined(records)]);
	};
	const played = {
		log,
		socket,
		violations,
		calls,
		read: (count?: number) => {
			const bytes = calling("read", () => socket.read(count));
			return bytes && textOf(bytes);
		},
		write: (text: string) =>
			within === "the end of TCP" ? socket.write(ascii(text)) : calling("write", () => socket.write(ascii(text))),
		close: () => calling("close", () => socket.close()),
		opens: () => tcp === "open" && callbacks && calling("onWritable", () => callbacks!.onWritable(left)),
		takes: (count: number) => {
			left = count;
			played.opens();
		},
		receives: (...records: Bytes[]) => {
			arrive(records);
			if (tcp === "open" && callbacks) calling("onReadable", () => callbacks!.onReadable(incoming.length));
		},
		ends: (...records: Bytes[]) => {
			arrive(records);
			if (tcp !== "open" || !callbacks) return;
			calling("the end of TCP", () => callbacks!.onError("TCP's reason"));
			if (tcp === "open") tcp = "ended";
			incoming = new Uint8Array(0);
		},
		/** The part of the handshake that is under way comes to its end. */
		done: () => done?.(),
		/** Bytes that TCP still has. */
		get inTcp() {
			return incoming.length;
		},
		nextTurn: () => {
			for (const turn of turns.splice(0)) turn();
		},
		settle: () => {
			while (done || turns.length > 0) {
				done?.();
				played.nextTurn();
			}
		},
		takeLog: () => log.splice(0),
	};
	return played;
}
type Played = ReturnType<typeof play>;

/** Connected, the log of it taken. */
function connected(options: Play = {}): Played {
	const played = play(options);
	played.opens();
	played.settle();
	played.receives(LAST_FLIGHT);
	played.settle();
	played.takeLog();
	return played;
}

/** A test in which nothing may happen that is never allowed. */
function plays(name: string, run: (check: (played: Played) => Played) => void): void {
	test(name, () => {
		const all: Played[] = [];
		run((played) => {
			all.push(played);
			return played;
		});
		ok(all.length > 0);
		for (const { violations } of all) deepEqual(violations, []);
	});
}

plays("it shakes hands, each flight in one segment, and then says what may be written", (check) => {
	const { opens, receives, done, takeLog } = check(play());
	opens();
	deepEqual(takeLog(), ["open broker.test 12 CA"]);
	done();
	deepEqual(takeLog(), ["tcp hello;"]);
	receives(FLIGHT);
	deepEqual(takeLog(), [], "not before it is done");
	done();
	deepEqual(takeLog(), ["tcp keys;"]);
	receives(LAST_FLIGHT);
	deepEqual(takeLog(), []);
	done();
	// What was sent and what waits does not fit any more, nor what a record has beside its content.
	deepEqual(takeLog(), [`onWritable ${1_000 - 6 - 5 - 9 - RECORD_OVERHEAD}`, "tcp finished;"]);
});

plays("the time that is not known is not told", (check) => {
	deepEqual(check(play({ time: null })).takeLog(), ["open broker.test undefined CA"]);
});

plays("the handshake's last bytes and the program's first ones leave in one segment", (check) => {
	const { opens, settle, receives, read, takeLog } = check(
		play({
			inside: (what, socket) => {
				if (what !== "onWritable") return;
				equal(socket.write(ascii("connect")), 1_000 - 6 - 9 - 37 - RECORD_OVERHEAD);
				equal(socket.write(ascii("publish")), 1_000 - 6 - 9 - 37 - 37 - RECORD_OVERHEAD);
			},
		}),
	);
	opens();
	settle();
	receives(LAST_FLIGHT, data("early"));
	takeLog();
	settle();
	deepEqual(takeLog(), [
		`onWritable ${1_000 - 6 - 9 - RECORD_OVERHEAD}`,
		`tcp finished;${encrypted("connect")}${encrypted("publish")}`,
		"onReadable 5",
	]);
	equal(read(), "early");
});

plays("while a part of the handshake is under way nothing is taken from TCP; it is taken afterwards", (check) => {
	const { opens, receives, done, takes, settle, takeLog } = check(play());
	opens();
	receives(FLIGHT);
	takes(500);
	receives(LAST_FLIGHT);
	deepEqual(takeLog().slice(1), []);
	done();
	deepEqual(takeLog(), ["tcp hello;"]);
	done();
	deepEqual(takeLog(), ["onWritable 450", "tcp keys;finished;"]);
	settle();
	deepEqual(takeLog(), []);
});

plays("what arrives is decrypted and read in any portions", (check) => {
	const { receives, read, takeLog } = check(connected());
	receives(data("first"), data("second"));
	deepEqual(takeLog(), ["onReadable 5"]);
	equal(read(2), "fi");
	equal(read(100), "rst");
	equal(read(4), "seco");
	equal(read(), "nd");
	equal(read(), undefined);
	receives(data("third"));
	deepEqual(takeLog(), ["onReadable 5"]);
	equal(read(Number.POSITIVE_INFINITY), "third");
	equal(read(Number.POSITIVE_INFINITY), undefined);
	deepEqual(takeLog(), []);
});

plays("a record in pieces is read when it is whole", (check) => {
	const { receives, read, takeLog } = check(connected());
	const whole = data("whole");
	receives(whole.slice(0, 1));
	receives(whole.slice(1, 4));
	equal(read(), undefined);
	deepEqual(takeLog(), []);
	receives(whole.slice(4));
	deepEqual(takeLog(), ["onReadable 5"]);
	equal(read(), "whole");
});

plays("what nobody reads stays in TCP, but for what tells that there is something to read", (check) => {
	const long = "a".repeat(60);
	const played = check(connected());
	const { receives, read, takeLog } = played;
	for (let count = 0; count < 20; count++) receives(data(long));
	deepEqual(takeLog(), Array(20).fill("onReadable 60"));
	equal(played.inTcp, 19 * 62);
	let all = "";
	for (let text = read(50); text !== undefined; text = read(50)) {
		ok(text.length <= 50);
		all += text;
	}
	equal(all, long.repeat(20));
});

plays("a broker that sends nothing but what is not for the program leaves everything else its turn", (check) => {
	const { receives, read, nextTurn, takeLog } = check(connected());
	receives(joined(Array<Bytes>(400).fill(ticket("0123456789abcdef"))), data("at last"));
	let turns = 0;
	while (takeLog().length === 0) {
		nextTurn();
		ok(++turns < 10);
	}
	ok(turns >= 4, `${turns} turns`);
	equal(read(), "at last");
});

plays("what TCP does not take waits, and nothing more may be written until it has gone", (check) => {
	const { write, takes, takeLog } = check(connected());
	takes(40);
	deepEqual(takeLog(), ["onWritable 10"]);
	equal(write("0123456789"), 0);
	deepEqual(takeLog(), [`tcp ${encrypted("0123456789")}`]);
	takes(5);
	takes(RECORD_OVERHEAD);
	deepEqual(takeLog(), []);
	takes(RECORD_OVERHEAD + 1);
	deepEqual(takeLog(), ["onWritable 1"]);
});

plays("no more is encrypted at once than there is memory for", (check) => {
	const { takes, takeLog } = check(connected());
	takes(100_000);
	deepEqual(takeLog(), ["onWritable 4096"]);
});

for (const room of [0, 1, RECORD_OVERHEAD - 1, RECORD_OVERHEAD, RECORD_OVERHEAD + 1, 1_000]) {
	plays(`TCP that takes ${room} bytes at first, and then a few at a time, gets everything in its order`, (check) => {
		let rest = "0123456789";
		const writes = (socket: Pick<TlsSocket, "write">, count: number) => {
			const part = rest.slice(0, count);
			rest = rest.slice(count);
			if (part !== "") socket.write(ascii(part));
		};
		let most = 0;
		const played = check(
			play({
				room,
				inside: (what, socket) => {
					const count = Number(/^onWritable (\d+)$/.exec(played.log.at(-1)!)?.[1]);
					if (what !== "onWritable") return;
					ok(count > 0);
					most = Math.max(most, count);
					writes(socket, Math.min(count, 4));
				},
			}),
		);
		const { opens, settle, receives, takes, log } = played;
		const sent = () =>
			log
				.filter((line) => line.startsWith("tcp "))
				.map((line) => line.slice(4))
				.join("");
		const make = (...counts: number[]) => {
			for (const count of counts) {
				takes(count);
				settle();
			}
		};
		opens();
		settle();
		equal(sent(), "hello;".slice(0, room));
		make(1, 2, 3, 1);
		equal(sent(), "hello;");
		receives(FLIGHT, LAST_FLIGHT);
		settle();
		if (room < 1_000) ok(!log.some((line) => line.startsWith("onWritable")), "there is no room");
		make(2, 4, 8);
		equal(sent(), "hello;keys;finished;".slice(0, sent().length));
		make(35, 40, 40, 40, 40);
		ok(most <= 1_000);
		const [first, second, third] = ["0123", "4567", "89"].map(encrypted);
		const parts = ["0123", "4567", "89"].map(encrypted).join("");
		ok(first && second && third);
		equal(sent(), `hello;keys;finished;${parts}`);
	});
}

plays("a byte at a time: the handshake, and what comes after it", (check) => {
	const { opens, settle, receives, read, takeLog } = check(play({ kept: "" }));
	opens();
	settle();
	let text = "";
	for (const byte of joined([FLIGHT, LAST_FLIGHT, ticket("secret"), data("one"), data("two")])) {
		receives(Uint8Array.of(byte));
		settle();
		text += read() ?? "";
	}
	equal(text, "onetwo");
	deepEqual(takeLog(), [
		"open broker.test 12 CA",
		"tcp hello;",
		"tcp keys;",
		"save session",
		`onWritable ${1_000 - 6 - 5 - 9 - RECORD_OVERHEAD}`,
		"tcp finished;",
		"save secret",
		"onReadable 3",
		"onReadable 3",
	]);
});

plays("close tells the broker, closes TCP, and nothing is called any more", (check) => {
	const { close, receives, takes, ends, settle, read, write, takeLog } = check(connected());
	close();
	deepEqual(takeLog(), ["tcp bye;", "freed", "tcp closed"]);
	takes(10);
	receives(data("late"));
	ends();
	settle();
	equal(read(), undefined);
	equal(write("late"), 0);
	close();
	deepEqual(takeLog(), []);
});

plays("closed before it is open, the broker is told nothing; a part of the handshake may be under way", (check) => {
	const steps: Record<string, (played: Played) => void> = {
		"before TCP is open": () => {},
		"in the first part": ({ opens }) => opens(),
		"after it": ({ opens, settle }) => {
			opens();
			settle();
		},
		"in the second part": ({ opens, settle, receives }) => {
			opens();
			settle();
			receives(FLIGHT);
		},
		"in the last part": ({ opens, settle, receives }) => {
			opens();
			settle();
			receives(LAST_FLIGHT);
		},
		"when TCP has ended meanwhile": ({ opens, ends }) => {
			opens();
			ends();
		},
	};
	for (const [when, step] of Object.entries(steps)) {
		const played = check(play());
		step(played);
		played.takeLog();
		played.close();
		const expected = when.startsWith("when TCP") ? ["freed"] : ["freed", "tcp closed"];
		deepEqual(played.takeLog(), expected, when);
		played.settle();
		played.takes(1);
		played.receives(LAST_FLIGHT);
		played.ends();
		played.settle();
		deepEqual(played.takeLog(), [], when);
	}
});

for (const where of ["onWritable", "onReadable", "onError"]) {
	plays(`closed inside of ${where}, nothing is called any more`, (check) => {
		let closes = 0;
		const { opens, settle, receives, ends, takes, takeLog } = check(
			play({
				inside: (what, socket) => {
					if (what !== where) return;
					closes++;
					socket.close();
				},
			}),
		);
		opens();
		settle();
		receives(LAST_FLIGHT, data("a"));
		settle();
		takes(500);
		receives(data("b"));
		ends(data("c"));
		settle();
		equal(closes, 1);
		const log = takeLog();
		const after = log.slice(log.findIndex((line) => line.startsWith(where)) + 1);
		deepEqual(
			after,
			{
				// The broker gets the handshake's last bytes, too: without them it understands no farewell.
				onWritable: ["tcp finished;bye;", "freed", "tcp closed"],
				onReadable: ["tcp bye;", "freed", "tcp closed"],
				onError: ["freed"],
			}[where],
		);
	});
}

plays("an exception of the program's goes to who called, and loses nothing", (check) => {
	const { opens, settle, receives, done, takeLog } = check(
		play({
			inside: (what, socket) => {
				if (what !== "onWritable") return;
				socket.write(ascii("a"));
				throw new Error("the program's");
			},
		}),
	);
	opens();
	settle();
	receives(LAST_FLIGHT);
	takeLog();
	let caught: unknown;
	try {
		done();
	} catch (error) {
		caught = error;
	}
	equal((caught as Error).message, "the program's");
	deepEqual(takeLog().slice(1), [`tcp finished;${encrypted("a")}`]);
});

plays("the broker's farewell ends the connection, after what came before it was read", (check) => {
	const { receives, read, nextTurn, takeLog } = check(connected());
	receives(data("last"), CLOSE_NOTIFY);
	deepEqual(takeLog(), ["onReadable 4"]);
	equal(read(), "last");
	equal(read(), undefined);
	deepEqual(takeLog(), []);
	nextTurn();
	deepEqual(takeLog(), ["onError by the broker", "freed", "tcp closed"]);
});

plays("a connection that is just cut ends, and what came before it can be read inside of onError", (check) => {
	const texts: (string | undefined)[] = [];
	const played: Played = check(
		connected({
			inside: (what) => {
				if (what !== "onError") return;
				for (let count = 0; count < 4; count++) texts.push(played.read(3));
				equal(played.write("late"), 0);
			},
		}),
	);
	played.ends(data("la"), data("st"));
	deepEqual(texts, ["la", "st", undefined, undefined]);
	deepEqual(played.takeLog(), ["onError TCP's reason", "freed"]);
	played.settle();
	equal(played.read(), undefined);
	deepEqual(played.takeLog(), []);
});

plays("what was decrypted ahead can be read inside of onError, too", (check) => {
	let text = "";
	const played: Played = check(
		connected({
			inside: (what) => {
				if (what === "onError") text = `${played.read()}${played.read()}`;
			},
		}),
	);
	played.receives(data("first"));
	played.ends(data("last"));
	equal(text, "firstlast");
});

plays("an alert right before the end tells more than the end", (check) => {
	const { ends, nextTurn, takeLog } = check(connected());
	ends(alert("unknown_ca"));
	deepEqual(takeLog(), []);
	nextTurn();
	deepEqual(takeLog(), ["onError alert unknown_ca", "freed"]);
});

plays("a connection that cannot be opened tells what TCP tells", (check) => {
	const { ends, settle, takeLog } = check(play());
	ends();
	deepEqual(takeLog().slice(1), ["onError TCP's reason", "freed"]);
	settle();
	deepEqual(takeLog(), []);
});

plays("a connection that is cut during the handshake says so, and an alert before it says more", (check) => {
	for (const busy of [false, true]) {
		for (const [records, why] of [
			[[], "ended during the handshake"],
			[[FLIGHT], "ended during the handshake"],
			[[alert("protocol_version")], "alert protocol_version"],
			[[FLIGHT, alert("bad_certificate")], "alert bad_certificate"],
			[[FLIGHT.slice(0, 3)], "ended during the handshake"],
		] as const) {
			const { opens, settle, ends, takeLog } = check(play());
			opens();
			if (!busy) settle();
			takeLog();
			ends(...records);
			deepEqual(takeLog(), [], "in a later turn");
			settle();
			deepEqual(takeLog(), [`onError ${why}`, "freed"]);
		}
	}
});

plays(
	"a broker that ends at once after the handshake: its alert is the reason, else TCP's; nothing is written",
	(check) => {
		for (const [records, why, text] of [
			[[], "TCP's reason", undefined],
			[[alert("certificate_required")], "alert certificate_required", undefined],
			[[CLOSE_NOTIFY], "by the broker", undefined],
			[[data("bye"), CLOSE_NOTIFY], "TCP's reason", "bye"],
		] as const) {
			let read: string | undefined;
			const played: Played = check(
				play({
					inside: (what) => {
						if (what === "onError") read = played.read();
					},
				}),
			);
			const { opens, settle, receives, ends, takeLog } = played;
			opens();
			settle();
			receives(LAST_FLIGHT);
			takeLog();
			ends(...records);
			deepEqual(takeLog(), []);
			settle();
			deepEqual(takeLog(), [`onError ${why}`, "freed"]);
			equal(read, text);
		}
	},
);

plays("an alert of the broker's is the reason", (check) => {
	const { receives, write, read, nextTurn, takeLog } = check(connected());
	receives(alert("unknown_ca"));
	deepEqual(takeLog(), []);
	equal(write("late"), 0);
	equal(read(), undefined);
	receives(data("late"));
	nextTurn();
	deepEqual(takeLog(), ["onError alert unknown_ca", "freed", "tcp closed"]);
});

plays(
	"a broker that is not believed gets an alert: at once, or when TCP has room for it before the end is told",
	(check) => {
		const { opens, settle, receives, done, takes, nextTurn, takeLog } = check(play());
		opens();
		settle();
		takeLog();
		receives(data("early"));
		done();
		deepEqual(takeLog(), ["tcp alert;"]);
		nextTurn();
		deepEqual(takeLog(), ["onError no record of the kind d is due", "freed", "tcp closed"]);

		const full = check(play({ room: 6 }));
		full.opens();
		full.settle();
		full.receives(data("early"));
		full.done();
		full.takeLog();
		full.takes(3);
		deepEqual(full.takeLog(), ["tcp ale"]);
		full.nextTurn();
		deepEqual(full.takeLog(), ["onError no record of the kind d is due", "freed", "tcp closed"]);
		takes(10);
		deepEqual(takeLog(), []);
	},
);

/** Everything that the socket calls, up to a byte that is left to read. */
function walk({ opens, done, receives, write, read }: Played): void {
	opens();
	done();
	receives(FLIGHT);
	done();
	receives(LAST_FLIGHT);
	done();
	write("a");
	receives(ticket("t"), data("bc"));
	read(1);
	receives(data("d"));
	read(1);
	read(1);
}

const walked = play({ kept: "old" });
walk(walked);
for (const [entry, calls] of Object.entries(walked.calls) as [Entry, number][]) {
	for (let after = 1; after <= calls; after++) {
		plays(`whatever is thrown in ${entry}, call ${after}, gets no further than onError, in a later turn`, (check) => {
			const played = check(play({ failing: entry, after, kept: "old" }));
			const { settle, receives, takes, ends, log } = played;
			const told = () => log.filter((line) => line.startsWith("onError"));
			walk(played);
			deepEqual(told(), [], "not in the turn in which it was thrown");
			settle();
			deepEqual(told(), ["onError broken"]);
			equal(played.write("c"), 0);
			equal(played.read(), undefined);
			receives(data("d"));
			takes(1_000);
			ends();
			settle();
			equal(told().length, 1, "told once");
			const count = (line: string) => log.filter((other) => other === line).length;
			equal(count("freed"), entry === "open" || entry === "load" ? 0 : 1);
			equal(count("tcp closed"), ["open", "load", "tcp"].includes(entry) ? 0 : 1);
		});
	}
}

plays(
	"what is thrown at the end of TCP, with a part of the handshake under way, is the reason, whatever comes of it",
	(check) => {
		const { opens, ends, done, settle, takeLog } = check(play({ failing: "tcp.read" }));
		opens();
		takeLog();
		ends(LAST_FLIGHT);
		done();
		deepEqual(takeLog(), []);
		settle();
		deepEqual(takeLog(), ["onError broken", "freed"]);
	},
);

plays("TLS that wants nothing gets nothing", (check) => {
	const { opens, settle, receives, ends, takeLog } = check(play({ wantsNothing: true }));
	opens();
	settle();
	receives(FLIGHT);
	settle();
	deepEqual(takeLog().slice(1), ["tcp hello;"]);
	ends();
	settle();
	deepEqual(takeLog(), ["onError ended during the handshake", "freed"]);
});

plays("what cannot be encrypted ends the connection", (check) => {
	const { write, settle, takeLog } = check(connected());
	equal(write("too much"), 0);
	deepEqual(takeLog(), []);
	settle();
	deepEqual(takeLog(), ["onError no more", "freed", "tcp closed"]);
});

plays("what is thrown where the reason is asked for is the reason", (check) => {
	for (const failing of ["reason", "ended"] as const) {
		const { opens, settle, ends, takeLog } = check(play({ failing }));
		opens();
		settle();
		ends();
		settle();
		deepEqual(takeLog().slice(-2), ["onError broken", "freed"]);
	}
});

plays("what is thrown while the connection is closed is no concern of anybody's", (check) => {
	for (const entry of ["close", "pull", "tcp.write"] as const) {
		const after = (connected().calls[entry] ?? 0) + 1;
		const { close, settle, takeLog } = check(connected({ failing: entry, after }));
		close();
		settle();
		deepEqual(takeLog(), ["freed", "tcp closed"], entry);
	}
});

plays("what is no Error is told, too", (check) => {
	const { opens, settle, takeLog } = check(play({ failing: "handshake", error: "words" }));
	opens();
	deepEqual(takeLog().length, 1);
	settle();
	deepEqual(takeLog(), ["onError TLS: words", "freed", "tcp closed"]);
});

plays("a connection is resumed with what was kept, and what resumes the next one is kept once", (check) => {
	const { opens, settle, receives, read, takeLog } = check(play({ kept: "old" }));
	opens();
	settle();
	deepEqual(takeLog(), ["open broker.test 12 CA resuming old", "tcp hello;"]);
	receives(LAST_FLIGHT);
	settle();
	deepEqual(takeLog(), ["save session", "onWritable 955", "tcp finished;"]);
	receives(data("a"));
	equal(read(), "a");
	deepEqual(takeLog(), ["onReadable 1"]);
	receives(ticket("newer"));
	deepEqual(takeLog(), ["save newer"]);
	receives(data("b"), ticket("newest"), data("c"));
	equal(read(), "b");
	equal(read(), "c");
	equal(read(), undefined);
	deepEqual(takeLog(), ["onReadable 1", "save newest"]);
});

plays("a handshake that fails with what was kept is the last one with it", (check) => {
	for (const fails of [
		({ receives, settle }: Played) => {
			receives(alert("internal_error"));
			settle();
		},
		({ ends, settle }: Played) => {
			ends();
			settle();
		},
	]) {
		const old = check(play({ kept: "old" }));
		old.opens();
		old.settle();
		old.takeLog();
		fails(old);
		equal(old.takeLog()[0], "save ");
		const none = check(play({ kept: "" }));
		none.opens();
		none.settle();
		none.takeLog();
		fails(none);
		ok(!none.takeLog().some((line) => line.startsWith("save")), "there is nothing to forget");
	}
	const refused = check(connected({ kept: "old" }));
	refused.receives(alert("certificate_required"));
	refused.settle();
	ok(!refused.takeLog().includes("save "), "the handshake is over");
	const unreachable = check(play({ kept: "old" }));
	unreachable.ends();
	ok(!unreachable.takeLog().includes("save "), "there was no handshake");
});
