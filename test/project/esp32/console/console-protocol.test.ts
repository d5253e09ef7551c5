/** Requests over a serial port: what the board's C takes of what `npm run provision` sends, and of everything else. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { replyIn, requestLine } from "../../../../commands/board/serial-request.ts";
import { buildBoard } from "../../../harness/serial-board.ts";

/** As `console-protocol.h` has it. */
const SETTINGS_MAXIMUM = 7_168;

const boardProgram = buildBoard();

/** What the board's C makes of bytes: `request …` and `reply …`. */
function received(...parts: (string | Uint8Array)[]): string[] {
	const input = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
	const { status, stdout, stderr } = spawnSync(boardProgram, { input, encoding: "utf8", maxBuffer: 1 << 26 });
	assert.equal(status, 0, stderr);
	return stdout.split("\n").slice(0, -1);
}

test("the board takes what the command sends, and nothing that differs by a character", () => {
	const line = requestLine("?");
	assert.match(line, /^~\?[0-9a-f]{8}\n$/);
	assert.deepEqual(received(line), ["request ?"]);
	const changed = Array.from({ length: 8 * line.length }, (_, bit) => {
		const bytes = Buffer.from(line);
		bytes[bit >> 3]! ^= 1 << (bit & 7);
		return bytes;
	});
	// In one run of the program, which takes long to start; it takes what is right between them.
	const requests = received(...changed.flatMap((bytes) => [bytes, "\n", requestLine("-")]));
	assert.deepEqual(requests, Array(changed.length).fill("request -"));
});

test("a line that breaks off anywhere costs that line and no other", () => {
	const piece = requestLine('+0 {"id":"terrace"}');
	const lengths = Array.from({ length: piece.length - 1 }, (_, length) => length);
	for (const brokenAt of [
		(length: number) => [piece.slice(0, length)],
		(length: number) => [piece.slice(0, length), "\n"],
		(length: number) => [piece.slice(length + 1)],
	]) {
		const requests = received(...lengths.flatMap((length) => [...brokenAt(length), requestLine("-")]));
		assert.deepEqual(requests, Array(lengths.length).fill("request -"), `${brokenAt}`);
	}
});

test("noise and floods are ignored, and cost no memory", () => {
	const noise = new Uint8Array(1 << 20);
	let state = 12_345;
	for (let index = 0; index < noise.length; index++) {
		state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
		noise[index] = state >>> 16;
	}
	assert.deepEqual(received(noise, requestLine("?")), ["request ?"]);
	assert.deepEqual(received("~".repeat(1 << 20), requestLine("?")), ["request ?"]);
	assert.deepEqual(received(`~${"a".repeat(1 << 20)}\n`, requestLine("?")), ["request ?"]);
	assert.deepEqual(received("\n".repeat(1 << 20)), []);
	assert.deepEqual(received(requestLine("+0 aa").repeat(20_000)).slice(-1), ["reply +ok 2"]);
});

test("a line has 240 characters with its CRC at the most", () => {
	const longest = `+0 ${"a".repeat(229)}`;
	assert.deepEqual(received(requestLine(longest)), ["reply +ok 229"]);
	assert.deepEqual(received(requestLine(`${longest}a`), requestLine("?")), ["request ?"]);
});

test("pieces of settings go where they belong: again, after a gap, from the beginning", () => {
	const send = (...requests: string[]) => received(...requests.map(requestLine));
	assert.deepEqual(send("+0 {}", "=2"), ["reply +ok 2", "request {}"]);
	assert.deepEqual(send("+0 abc", "+3 def", "+3 def", "=6"), [
		"reply +ok 3",
		"reply +ok 6",
		"reply +ok 6",
		"request abcdef",
	]);
	assert.deepEqual(send("+0 abc", "+6 ghi", "=9"), [
		"reply +ok 3",
		"reply +ok 3",
		"reply =error only 3 bytes are there",
	]);
	assert.deepEqual(send("+0 abcdef", "+0 xy", "=2"), ["reply +ok 6", "reply +ok 2", "request xy"]);
	// The reply to the first one may have been lost; after any other request it was not.
	assert.deepEqual(send("+0 abc", "=3", "=3"), ["reply +ok 3", "request abc", "request abc"]);
	assert.deepEqual(send("+0 abc", "=3", "?", "=3").slice(1), [
		"request abc",
		"request ?",
		"reply =error only 0 bytes are there",
	]);
});

test("nonsense with a CRC is refused", () => {
	const send = (request: string) => received(requestLine(request));
	for (const request of ["+", "+ abc", "+-1 abc", "+1abc", "+999999 abc", "+0"]) {
		assert.deepEqual(send(request), ["reply +error no offset"], request);
	}
	for (const request of ["x", "??", "-1", "! ", "**", "reset"]) {
		assert.deepEqual(send(request), [`reply ${request[0]}error no such request`], request);
	}
	for (const request of ["=", "=x", "=0x", "=3 ", "=-3"]) {
		assert.deepEqual(received(requestLine("+0 abc"), requestLine(request)).slice(1), [
			"reply =error only 3 bytes are there",
		]);
	}
});

test("settings end where the partition would not hold them any more", () => {
	const piece = "a".repeat(128);
	const lines = [];
	for (let offset = 0; offset < SETTINGS_MAXIMUM; offset += piece.length)
		lines.push(requestLine(`+${offset} ${piece}`));
	const all = received(...lines, requestLine(`+${SETTINGS_MAXIMUM} a`), requestLine(`=${SETTINGS_MAXIMUM}`));
	assert.deepEqual(all.slice(-3), [
		`reply +ok ${SETTINGS_MAXIMUM}`,
		"reply +error too long",
		`request ${"a".repeat(SETTINGS_MAXIMUM)}`,
	]);
});

test("a reply is a line from its beginning on, and none where a character differs", () => {
	const line = requestLine("+ok 192").trimEnd();
	assert.equal(replyIn(line), "+ok 192");
	for (const before of ["12.3 °C ~ rst:0x1 ", "warning: ", " ", "~"])
		assert.equal(replyIn(`${before}${line}`), undefined);
	for (let at = 0; at < line.length; at++)
		assert.equal(replyIn(`${line.slice(0, at)}#${line.slice(at + 1)}`), undefined);
});
