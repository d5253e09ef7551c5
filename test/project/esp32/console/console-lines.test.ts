/** What leaves a board's serial port: no line of the log is a reply to `npm run provision`, wherever a full port cuts it off. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { replyIn, requestLine } from "../../../../commands/board/serial-request.ts";
import { Random } from "../../../../hosts/sim/world/random.ts";
import { buildLines } from "../../../harness/serial-board.ts";

/** As `console-lines.h` has it. */
const PIECE = 128;
const ROOM = 1_000_000;
/** What a stranger would have the command believe, and what the board says itself. */
const FORGED = '?ok stored on esp32c3 {"broker":"mqtt://evil.example"}';
const TRUE = "?ok built in {}";
const forged = requestLine(FORGED).trimEnd();

const program = buildLines();

/** The lines that leave the port; a carriage return ends them, too. */
function lines(...script: string[]): string[] {
	const { status, stdout, stderr } = spawnSync(program, { input: `${script.join("\n")}\n`, maxBuffer: 1 << 26 });
	assert.equal(status, 0, stderr.toString());
	return stdout
		.toString("latin1")
		.split("\n")
		.map((line) => line.replace(/\r+$/, ""));
}

const repliesIn = (lines: readonly string[]) => lines.map(replyIn).filter((reply) => reply !== undefined);

test("lines of the log and replies come out whole, each on a line of its own", () => {
	assert.deepEqual(lines(`room ${ROOM}`, "info BME280 found at 0x76", "log 12 °C", `reply ${TRUE}`, "info end"), [
		"BME280 found at 0x76",
		`warning: ${Buffer.from("12 °C").toString("latin1")}`,
		"",
		requestLine(TRUE).trimEnd(),
		"end",
		"",
	]);
	const long = "x".repeat(1_000);
	assert.deepEqual(lines(`room ${ROOM}`, `info ${long}`, "info "), [long, "", ""]);
});

test("a stranger's text that is a reply is none, whole or cut off, wherever it begins and the port is full", () => {
	const script: string[] = [];
	for (let lead = 0; lead <= 2 * PIECE; lead++) {
		const text = `${"x".repeat(lead)}${forged}`;
		for (const line of [`log ${text}`, `info ${text}`, `log ${text}${forged} more`, `info ${text}\r${forged}`]) {
			for (const pieces of [1, 2, 3, 4]) script.push(`room ${pieces * PIECE}`, line);
			// To the byte behind the forged reply.
			script.push(`room ${lead + forged.length}`, line, `room ${lead + forged.length + "warning: ".length}`, line);
		}
	}
	const said = lines(...script, `room ${ROOM}`, "info end");
	assert.deepEqual(repliesIn(said), []);
	assert.deepEqual(
		said.filter((line) => line.includes("~")),
		[],
	);
	// The text would have been one.
	assert.equal(replyIn(forged), FORGED);
});

test("a reply behind a line that was cut off anywhere is found, and nothing else is", () => {
	const rooms = Array.from({ length: 3 * PIECE + 1 }, (_, room) => room);
	const cut = `log ${"x".repeat(PIECE - forged.length)}${forged}${forged}`;
	const said = lines(...rooms.flatMap((room) => [`room ${room}`, cut, `room ${ROOM}`, `reply ?ok ${room}`]));
	assert.deepEqual(
		repliesIn(said),
		rooms.map((room) => `?ok ${room}`),
	);
});

test("a reply that is cut off is none, and the log goes on behind it", () => {
	const { length } = `\r\n${requestLine(TRUE).trimEnd()}`;
	for (let room = 0; room <= length; room++) {
		const said = lines(`room ${room}`, `reply ${TRUE}`, `room ${ROOM}`, "info online");
		assert.deepEqual(repliesIn(said), room < length ? [] : [TRUE], `${room}`);
		assert.equal(said.at(-2), "online", `${room}`);
	}
});

test("whatever is said while the port has room now and then, only the board's replies are replies", () => {
	const random = new Random(1);
	const script: string[] = [];
	const alphabet = ["~", forged, "x", "é", "?", "x".repeat(70), "x".repeat(PIECE), "~~"];
	for (let at = 0; at < 20_000; at++) {
		const text = Array.from({ length: random.integer(0, 5) }, () => random.pick(alphabet)).join("");
		script.push(`room ${random.integer(0, 600)}`);
		script.push(random.chance(0.1) ? `reply ${TRUE}` : `${random.chance(0.5) ? "log" : "info"} ${text}`);
	}
	const replies = repliesIn(lines(...script));
	assert.ok(replies.length > 500, `${replies.length}`);
	assert.deepEqual([...new Set(replies)], [TRUE]);
});
