/** What a broker may send in TLS, and when. */
import { TlsRecords } from "../../../../../hosts/moddable/tls/records.ts";
import type { Bytes } from "../../../../../src/host.ts";
import { deepEqual, equal, test, throws } from "../../../../harness/harness.ts";
import { bytes, hex } from "../../../../harness/transcript.ts";

const two = (number: number) => [number >> 8, number & 0xff];
const record = (type: number, content: ArrayLike<number>, version = 3): Bytes =>
	Uint8Array.of(type, 3, version, ...two(content.length), ...Array.from(content));
const message = (type: number, body: ArrayLike<number> = []): number[] => [
	type,
	0,
	...two(body.length),
	...Array.from(body),
];
const handshake = (...messages: number[][]) => record(22, messages.flat());
const all = (...parts: Bytes[]): Bytes => Uint8Array.from(parts.flatMap((part) => [...part]));

const HELLO = message(2, [3, 3, ...Array(32).fill(7), 0, 0xc0, 0x2f, 0]);
const CERTIFICATE = message(11, [0, 0, 1, 9]);
const POINT = [4, ...Array(64).fill(5)];
const signedKey = (hash: number, algorithm: number, signature: number[], length = signature.length) =>
	message(12, [3, 0, 23, 65, ...POINT, hash, algorithm, ...two(length), ...signature]);
const KEY = signedKey(4, 1, [1, 2, 3]);
const REQUEST = message(13, [1, 1, 0, 0, 0, 0]);
const DONE = message(14);
const CHANGE = record(20, [1]);
const FINISHED = record(22, Array(40).fill(8));
const DATA = record(23, [1, 2, 3]);

/** Everything that the session gets of these bytes, a line for each record. */
function taken(
	input: Bytes,
	{ piece = input.length, hasCertificate = false, signatures = [] as string[] } = {},
): string[] {
	const records = new TlsRecords((signature) => void signatures.push(hex(signature)), hasCertificate);
	const lines: string[] = [];
	for (let at = 0; at < input.length; at += piece) {
		records.push(input.subarray(at, at + piece));
		for (let next = records.next(); next; next = records.next()) lines.push(hex(next));
	}
	return lines;
}

const FLIGHT = [HELLO, CERTIFICATE, KEY, DONE];
const WHOLE = all(handshake(...FLIGHT), CHANGE, FINISHED, DATA, DATA);
const EXPECTED = [...FLIGHT.map((one) => hex(handshake(one))), ...[CHANGE, FINISHED, DATA, DATA].map(hex)];

test("a handshake passes, each message in a record of its own", () => {
	deepEqual(taken(WHOLE), EXPECTED);
});

test("it passes in pieces of any size, and with messages spread over records", () => {
	for (const piece of [1, 2, 5, 6, 64]) deepEqual(taken(WHOLE, { piece }), EXPECTED);
	const spread: Bytes[] = [];
	const messages = FLIGHT.flat();
	for (let at = 0; at < messages.length; at += 50) spread.push(record(22, messages.slice(at, at + 50)));
	deepEqual(taken(all(...spread, CHANGE, FINISHED, DATA, DATA)), EXPECTED);
});

test("a broker may ask for a client certificate, once", () => {
	equal(taken(all(handshake(HELLO, CERTIFICATE, KEY, REQUEST, DONE), CHANGE, FINISHED)).length, 7);
	throws(() => taken(handshake(HELLO, CERTIFICATE, KEY, REQUEST, REQUEST, DONE)), /out of turn/);
});

test("what comes out of order does not pass", () => {
	const wrong: Bytes[] = [
		handshake(CERTIFICATE),
		handshake(HELLO, KEY),
		handshake(HELLO, CERTIFICATE, DONE),
		handshake(HELLO, HELLO),
		handshake(HELLO, message(20, Array(12).fill(0))),
		handshake(...FLIGHT, message(20, Array(12).fill(0))),
		handshake(message(0)),
		CHANGE,
		DATA,
		all(handshake(HELLO), CHANGE),
		all(handshake(...FLIGHT), DATA),
		all(handshake(...FLIGHT), FINISHED),
		all(handshake(...FLIGHT), CHANGE, CHANGE),
		all(handshake(...FLIGHT), CHANGE, DATA),
		all(handshake(...FLIGHT), record(20, [1, 1])),
		all(WHOLE, handshake(HELLO)),
		all(WHOLE, CHANGE),
	];
	for (const input of wrong) throws(() => taken(input), /^TLS: the broker sends a record out of turn$/);
});

test("a key that is not signed, or in another way than was asked for, does not pass", () => {
	const keys = [
		signedKey(0, 0, []),
		signedKey(4, 0, [1]),
		signedKey(0, 1, [1]),
		signedKey(2, 1, [1]),
		signedKey(4, 2, [1]),
		signedKey(4, 1, []),
		signedKey(4, 1, [1, 2], 1),
		signedKey(4, 1, [1, 2], 3),
		message(12, [3, 0, 23, 65, ...POINT]),
		message(12, [3, 0, 29, 65, ...POINT, 4, 1, 0, 1, 1]),
		message(12, [1, 0, 23, 65, ...POINT, 4, 1, 0, 1, 1]),
		message(12, []),
	];
	for (const key of keys) {
		throws(() => taken(handshake(HELLO, CERTIFICATE, key, DONE)), /the broker's key is not signed as it has to be/);
	}
});

test("a signature with ECDSA is looked at before the session gets it", () => {
	const signatures: string[] = [];
	taken(handshake(HELLO, CERTIFICATE, signedKey(4, 3, [0x30, 6]), DONE), { signatures });
	taken(handshake(...FLIGHT), { signatures });
	deepEqual(signatures, ["30 06"]);
});

test("an alert in plain text ends the handshake with its reason", () => {
	const alert = (description: number) => record(21, [2, description]);
	throws(() => taken(alert(70)), /^the broker does not speak TLS 1\.2$/);
	throws(() => taken(all(handshake(...FLIGHT), alert(48))), /does not accept the client certificate: it does not know/);
	throws(() => taken(record(21, [1, 0])), /^closed by the broker during the TLS handshake$/);
	const wants = all(handshake(HELLO, CERTIFICATE, KEY, REQUEST, DONE), alert(40));
	throws(() => taken(wants), /^the broker wants a client certificate \(tls\.certificate\)$/);
	throws(() => taken(wants, { hasCertificate: true }), /^the broker refuses the TLS handshake$/);
});

test("an encrypted alert is the session's to read", () => {
	const alert = hex(record(21, Array(26).fill(1)));
	equal(taken(all(handshake(...FLIGHT), CHANGE, bytes(alert))).at(-1), alert);
	equal(taken(all(WHOLE, bytes(alert))).at(-1), alert);
});

test("an older version of TLS is told", () => {
	const hello = message(2, [3, 1, ...Array(32).fill(7), 0, 0xc0, 0x2f, 0]);
	throws(() => taken(handshake(hello)), /^the broker does not speak TLS 1\.2$/);
	throws(() => taken(handshake(message(2))), /^the broker does not speak TLS 1\.2$/);
});

test("what is no TLS at all is told", () => {
	for (const first of ["48 54 54 50 2f", "20 02 00 00 00", "16 02 00 00 01"]) {
		throws(() => taken(bytes(first)), /^the broker does not speak TLS on this port$/);
	}
});

test("lengths for which there is no memory do not pass", () => {
	throws(() => taken(bytes("16 03 03 ff ff")), /^TLS: a record of a wrong length$/);
	throws(() => taken(bytes("16 03 03 00 00")), /^TLS: a record of a wrong length$/);
	throws(() => taken(record(22, [2, 0xff, 0xff, 0xff])), /^TLS: a handshake message that is too long$/);
});
