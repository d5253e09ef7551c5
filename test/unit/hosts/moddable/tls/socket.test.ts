/** The TLS socket on a session and a TCP class that the test plays. */
import type { Transport, TransportOptions } from "../../../../../hosts/moddable/sdk-socket.ts";
import { TlsError } from "../../../../../hosts/moddable/tls/alerts.ts";
import {
	type TlsSession,
	type TlsSessionOptions,
	TlsSocket,
	type Wire,
} from "../../../../../hosts/moddable/tls/socket.ts";
import type { Bytes } from "../../../../../src/host.ts";
import { deepEqual, equal, ok, test } from "../../../../harness/harness.ts";
import { ascii } from "../../../../harness/transcript.ts";

const record = (type: number, ...content: number[]): Bytes => Uint8Array.of(type, 3, 3, 0, content.length, ...content);
const message = (type: number, ...body: number[]) => [type, 0, 0, body.length, ...body];
const SIGNED_KEY = [3, 0, 23, 65, 4, ...Array(64).fill(5), 4, 1, 0, 1, 1];
/** What a broker answers to the client's hello; then to the rest. */
const FIRST_FLIGHT = record(22, ...message(2, 3, 3), ...message(11), ...message(12, ...SIGNED_KEY), ...message(14));
const SECOND_FLIGHT = Uint8Array.of(...record(20, 1), ...record(22, 1, 2, 3));
const data = (text: string): Bytes => record(23, ...ascii(text));
const CLOSE_NOTIFY = record(21, 0);

type Entry = "constructor" | "handshake" | "read" | "write" | "tell" | "checkSignature";

/** Plays everything around the socket; `failing` is where the session throws, from the `after`th call on. */
function play({ failing = "", after = 1, error = new Error("broken") as unknown, writable = 1_000 } = {}) {
	const log: string[] = [];
	const turns: (() => void)[] = [];
	let incoming: number[] = [];
	let callbacks: TransportOptions | undefined;
	let calls = 0;
	const enter = (entry: Entry) => {
		if (entry === failing && ++calls >= after) throw error;
	};
	class FakeTcp implements Transport {
		constructor(options: TransportOptions) {
			callbacks = options;
		}
		read(): ArrayBuffer | undefined {
			const arrived = incoming.length > 0 ? Uint8Array.from(incoming).buffer : undefined;
			incoming = [];
			return arrived;
		}
		write(bytes: Bytes): number {
			log.push(`tcp ${String.fromCharCode(...bytes)}`);
			return (writable -= bytes.length);
		}
		close(): void {
			log.push("tcp closed");
		}
	}
	/** Its packets are words; its handshake takes whatever comes, in the steps of the SDK's. */
	class FakeSession implements TlsSession {
		encrypts = false;
		alerted: number | undefined;
		private _step = "hello";
		constructor({ host, time }: TlsSessionOptions) {
			log.push(`session for ${host} at ${time}`);
			enter("constructor");
		}
		handshake(wire: Wire): boolean {
			enter("handshake");
			if (wire.readable > 0) {
				const record = wire.take();
				if (record[0] === 22 && record[5] === 14) this._step = "keys";
				if (record[0] === 20) this.encrypts = true;
				if (record[0] === 22 && this.encrypts) this._step = "finished";
				return false;
			}
			const step = this._step;
			this._step = "";
			if (step === "hello") wire.write(ascii("hello;"));
			if (step === "keys") for (const word of ["key;", "change;", "finished;"]) wire.write(ascii(word));
			return step === "finished";
		}
		read(wire: Wire): Bytes | null {
			enter("read");
			const record = wire.take();
			if (record[0] !== 21) return record.slice(5);
			this.alerted = record[5]!;
			if (this.alerted !== 0) throw new Error("alert");
			return null;
		}
		write(wire: Wire, bytes: Bytes): void {
			enter("write");
			wire.write(Uint8Array.of(...ascii("<"), ...bytes, ...ascii(">")));
		}
		tell(wire: Wire, alert: number): void {
			enter("tell");
			wire.write(ascii(`alert ${alert};`));
		}
		checkSignature(): void {
			enter("checkSignature");
		}
	}
	let inside = "";
	const entered = <Result>(what: string, run: () => Result): Result => {
		inside = what;
		try {
			return run();
		} finally {
			inside = "";
		}
	};
	const onError: { read?: () => void } = {};
	const socket = new TlsSocket({
		transport: FakeTcp,
		session: FakeSession,
		time: () => 12,
		defer: (callback) => turns.push(callback),
		host: "broker.test",
		address: "192.0.2.1",
		port: 8883,
		onReadable: (count) => log.push(`onReadable ${count}`),
		onWritable: (count) => log.push(`onWritable ${count}`),
		onError: (reason) => {
			log.push(`onError ${reason instanceof Error ? reason.message : reason}`);
			if (inside !== "") log.push(`inside of ${inside}`);
			onError.read?.();
		},
	});
	const text = (bytes: Bytes | undefined) => bytes && String.fromCharCode(...bytes);
	return {
		log,
		socket,
		onError,
		read: (count?: number) => text(entered("read", () => socket.read(count))),
		write: (what: string) => entered("write", () => socket.write(ascii(what))),
		opens: () => callbacks?.onWritable(writable),
		takes: (count: number) => callbacks?.onWritable((writable = count)),
		receives: (...records: Bytes[]) => {
			incoming.push(...records.flatMap((record) => [...record]));
			callbacks?.onReadable(incoming.length);
		},
		ends: (...records: Bytes[]) => {
			incoming.push(...records.flatMap((record) => [...record]));
			callbacks?.onError();
		},
		nextTurn: () => {
			for (const turn of turns.splice(0)) turn();
		},
		takeLog: () => log.splice(0),
	};
}

/** Connected, the log of it taken. */
function connected(options: Parameters<typeof play>[0] = {}) {
	const played = play(options);
	played.opens();
	played.receives(FIRST_FLIGHT);
	played.receives(SECOND_FLIGHT);
	played.takeLog();
	return played;
}

test("it shakes hands, each flight in one segment, and then says what may be written", () => {
	const { opens, receives, takeLog } = play();
	opens();
	deepEqual(takeLog(), ["session for broker.test at 12", "tcp hello;"]);
	receives(FIRST_FLIGHT);
	deepEqual(takeLog(), ["tcp key;change;finished;"]);
	receives(SECOND_FLIGHT);
	// 1,000 less what was sent, and less what a record has more than what is in it.
	deepEqual(takeLog(), [`onWritable ${1_000 - 6 - 20 - 29}`]);
});

test("what arrives is decrypted and read in any portions; what arrives before the handshake is over waits for nobody", () => {
	const { opens, receives, read, takeLog } = play();
	opens();
	receives(FIRST_FLIGHT);
	receives(SECOND_FLIGHT, data("first"), data("second"));
	deepEqual(takeLog().slice(-2), ["onWritable 945", "onReadable 5"]);
	equal(read(2), "fi");
	equal(read(100), "rst");
	equal(read(), "second");
	equal(read(), undefined);
	receives(data("third"));
	deepEqual(takeLog(), ["onReadable 5"]);
	equal(read(), "third");
});

test("a record in pieces is read when it is whole", () => {
	const { receives, read, takeLog } = connected();
	const whole = data("whole");
	receives(whole.slice(0, 3));
	receives(whole.slice(3, 7));
	deepEqual(takeLog(), []);
	receives(whole.slice(7));
	deepEqual(takeLog(), ["onReadable 5"]);
	equal(read(), "whole");
});

test("what TCP does not take waits, and nothing more may be written until it has gone", () => {
	const { write, takes, takeLog } = connected();
	takes(40);
	deepEqual(takeLog(), ["onWritable 11"]);
	equal(write("0123456789"), 0);
	deepEqual(takeLog(), ["tcp <0123456789>"]);
	takes(5);
	deepEqual(takeLog(), []);
	// The handshake's end leaves when there is room.
	const { opens, receives, takes: takesNow, takeLog: takeNow } = play({ writable: 8 });
	opens();
	receives(FIRST_FLIGHT);
	deepEqual(takeNow().slice(1), ["tcp hello;", "tcp ke"]);
	receives(SECOND_FLIGHT);
	deepEqual(takeNow(), []);
	takesNow(100);
	deepEqual(takeNow(), ["tcp y;change;finished;", "onWritable 53"]);
});

test("no more is encrypted at once than there is memory for", () => {
	const { takes, takeLog } = connected();
	takes(100_000);
	deepEqual(takeLog(), ["onWritable 4096"]);
});

test("close tells the broker, closes TCP, and nothing is called any more", () => {
	const { socket, receives, opens, ends, nextTurn, takeLog } = connected();
	socket.close();
	deepEqual(takeLog(), ["tcp alert 0;", "tcp closed"]);
	opens();
	receives(data("late"));
	ends();
	nextTurn();
	equal(socket.read(), undefined);
	equal(socket.write(ascii("late")), 0);
	socket.close();
	deepEqual(takeLog(), []);
});

test("the broker's farewell ends the connection, after what came before it was read", () => {
	const { receives, read, nextTurn, takeLog } = connected();
	receives(data("last"), CLOSE_NOTIFY);
	deepEqual(takeLog(), ["onReadable 4"]);
	equal(read(), "last");
	equal(read(), undefined);
	deepEqual(takeLog(), []);
	nextTurn();
	deepEqual(takeLog(), ["onError by the broker", "tcp closed"]);
});

test("a connection that is just cut ends, and what came before it can be read inside of onError", () => {
	const { ends, onError, read, takeLog } = connected();
	let last: string | undefined;
	onError.read = () => {
		last = read();
	};
	ends(data("last"));
	equal(last, "last");
	deepEqual(takeLog(), ["onError undefined", "tcp closed"]);
});

test("a connection that is cut during the handshake says so, and an alert before it says more", () => {
	const cut = play();
	cut.opens();
	cut.ends();
	deepEqual(cut.takeLog().slice(-2), ["onError closed by the broker during the TLS handshake", "tcp closed"]);
	const alerted = play();
	alerted.opens();
	alerted.ends(record(21, 2, 70));
	alerted.nextTurn();
	deepEqual(alerted.takeLog().slice(-1), ["onError the broker does not speak TLS 1.2"]);
});

test("a connection that cannot be opened tells what TCP tells", () => {
	const { ends, takeLog } = play();
	ends();
	deepEqual(takeLog().slice(1), ["onError undefined", "tcp closed"]);
});

test("an alert of the broker's is the reason", () => {
	const { receives, nextTurn, takeLog } = connected();
	receives(record(21, 48));
	nextTurn();
	deepEqual(takeLog(), [
		"onError the broker does not accept the client certificate: it does not know who issued it",
		"tcp closed",
	]);
});

test("a session that stops without keys is not written to", () => {
	const stopped = play();
	stopped.opens();
	stopped.receives(record(21, 1, 0));
	stopped.nextTurn();
	equal(stopped.write("password"), 0);
	ok(!stopped.takeLog().some((line) => /onWritable|password/.test(line)));
});

for (const [entry, calls] of Object.entries({
	constructor: 1,
	handshake: 6,
	read: 1,
	write: 1,
	tell: 1,
})) {
	for (let after = 1; after <= calls; after++) {
		test(`whatever the session throws in ${entry}, call ${after}, gets no further than onError, in a later turn`, () => {
			const played = play({ failing: entry, after });
			played.opens();
			played.receives(FIRST_FLIGHT);
			played.receives(SECOND_FLIGHT);
			played.write("a");
			played.receives(data("b"));
			played.read();
			const told = () => played.log.filter((line) => line.startsWith("onError"));
			deepEqual(told(), [], "not in the turn in which it was thrown");
			if (entry === "tell") played.socket.close();
			played.nextTurn();
			deepEqual(told(), entry === "tell" ? [] : ["onError TLS failed: broken"]);
			equal(played.write("c"), 0);
			equal(played.read(), undefined);
			played.receives(data("d"));
			played.opens();
			played.ends();
			played.nextTurn();
			equal(told().length, entry === "tell" ? 0 : 1, "told once");
			deepEqual(played.log.filter((line) => line === "tcp closed").length, entry === "constructor" ? 0 : 1);
			ok(!played.log.some((line) => line.startsWith("inside of")));
		});
	}
}

test("a failure with a reason of its own is told to both sides", () => {
	const error = new TlsError("certificate: has expired", 45);
	const { opens, receives, nextTurn, takeLog } = play({ failing: "handshake", after: 3, error });
	opens();
	receives(FIRST_FLIGHT);
	deepEqual(takeLog().slice(-1), ["tcp alert 45;"]);
	nextTurn();
	deepEqual(takeLog(), ["onError certificate: has expired", "tcp closed"]);
});

test("what is no Error is told, too", () => {
	const { opens, nextTurn, takeLog } = play({ failing: "handshake", error: "words" });
	opens();
	nextTurn();
	deepEqual(takeLog().slice(-2), ["onError TLS failed: words", "tcp closed"]);
});
