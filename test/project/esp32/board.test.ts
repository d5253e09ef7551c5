/**
 * The board: its C that needs no chip, built for this computer (restart reasons,
 * durations, the LED's patterns), and what `docs/esp32.md` says of it.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { BOARDS, pinProblem } from "../../../hosts/esp32/boards.ts";
import { isRequested } from "../../../hosts/esp32/machine/restart-reasons.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "veleta-board-"));
const PROGRAM = join(FOLDER, "board-rules");
const ABORT_LINE = join(FOLDER, "abort-line");
const SOURCES = ["test/harness/board-rules.c", "hosts/esp32/machine/lamp.c", "hosts/esp32/machine/machine-rules.c"];

/** As the header files count them. */
const CAUSE = { unexplained: 0, requested: 1, update: 2, rollBack: 3, unfed: 4, aborted: 5 };
const NEWS = { networkLost: 0, networkJoined: 1, offline: 2, online: 3, asleep: 4, reading: 5, fault: 6 };
/** ESP-IDF's `esp_reset_reason_t`. */
const CHIP = {
	unknown: 0,
	powerOn: 1,
	pin: 2,
	software: 3,
	panic: 4,
	interruptWatchdog: 5,
	taskWatchdog: 6,
	watchdog: 7,
	deepSleep: 8,
};

before(() => {
	const checks = ["-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
	for (const [program, sources] of [
		[PROGRAM, SOURCES],
		[ABORT_LINE, ["test/harness/abort-line.c", "hosts/esp32/machine/abort-line.c"]],
	] as const) {
		execFileSync("gcc", ["-std=gnu17", ...checks, "-o", program, ...sources], { stdio: "inherit" });
	}
});

after(() => rmSync(FOLDER, { recursive: true }));

/** What the program answers to each command, and to the last one. */
function ask(...commands: string[]): string[] {
	const output = execFileSync(PROGRAM, { input: commands.map((command) => `${command}\n`).join(""), encoding: "utf8" });
	return output.split("\n").slice(0, commands.length);
}
const askLast = (...commands: string[]) => ask(...commands).at(-1);

test("the watchdog waits for as long as it was told, from a second to eight days", () => {
	assert.deepEqual(ask("feed 62000", "feed 90061001.5", "feed 1000", "feed 691200000"), [
		"62000000",
		"90061001500",
		"1000000",
		"691200000000",
	]);
	assert.deepEqual(ask("feed 999", "feed 0", "feed -1", "feed -inf"), Array(4).fill("1000000"));
	assert.deepEqual(ask("feed 691200001", "feed inf", "feed nan"), Array(3).fill("691200000000"));
});

test("sleep lasts as long as it was told, from a tenth of a second to 25 hours", () => {
	assert.deepEqual(ask("sleep 58321", "sleep 86400000"), ["58321000", "86400000000"]);
	assert.deepEqual(ask("sleep 99", "sleep -5", "sleep nan"), Array(3).fill("100000"));
	assert.deepEqual(ask("sleep 90000001", "sleep inf"), Array(2).fill("90000000000"));
});

test("a station's default id is the end of the radio's address, which is the board's own", () => {
	assert.deepEqual(ask("id 240ac4a1b2c3", "id 30aea40000ff", "id ffffffffffff"), ["a1b2c3", "0000ff", "ffffff"]);
});

test("a note about the next restart is believed until a bit of it has changed", () => {
	for (const cause of Object.values(CAUSE)) assert.equal(askLast(`note ${cause} 7200`), `${cause}`);
	for (const [note, cause] of [
		[`note ${CAUSE.unfed} 7200`, CAUSE.unfed],
		["abort memory_full", CAUSE.aborted],
	] as const) {
		// In one run of the program: to start it takes longer than all commands.
		const bytes = Array.from({ length: 64 }, (_, byte) => byte);
		const causes = ask(...bytes.flatMap((byte) => [note, `damage ${byte}`, `damage ${byte}`]));
		for (const byte of bytes) {
			const damagedAndMended = [`${cause}`, `${CAUSE.unexplained}`, `${cause}`];
			assert.deepEqual(causes.slice(3 * byte, 3 * byte + 3), damagedAndMended, `byte ${byte}`);
		}
	}
});

test("memory that nobody has written since the power came on is no note", () => {
	for (const byte of [0, 0xff, 0x55]) assert.equal(askLast(`garbage ${byte}`), `${CAUSE.unexplained}`);
	assert.equal(askLast("note 6 0"), `${CAUSE.unexplained}`, "a cause that there is not");
});

test("a restart by the software has the reason that was noted, or else is the program's error", () => {
	const reason = (cause: number) => askLast(`note ${cause} 0`, `reason ${CHIP.software}`);
	assert.equal(reason(CAUSE.requested), "request");
	assert.equal(reason(CAUSE.update), "update");
	assert.equal(reason(CAUSE.rollBack), "roll-back");
	assert.equal(reason(CAUSE.unexplained), "program error");
	assert.equal(reason(CAUSE.unfed), "program error");
});

test("what the engine said when it gave up is the reason of the restart that it made, and of no other", () => {
	const reason = (detail: string, chip = CHIP.software) => askLast(`abort ${detail}`, `reason ${chip}`);
	assert.equal(reason("JavaScript_stack_overflow"), "program error: JavaScript stack overflow");
	assert.equal(reason(""), "program error");
	assert.equal(reason("x".repeat(90)), `program error: ${"x".repeat(47)}`);
	assert.equal(reason("%s%n"), "program error: %s%n");
	assert.equal(reason("memory_full", CHIP.powerOn), "power-on");
	assert.equal(reason("memory_full", CHIP.panic), "panic");
	assert.equal(askLast(`note ${CAUSE.requested} 0`, "abort memory_full", "reason 3"), "program error: memory full");
});

test("only restarts that nobody wanted are told when the board starts", () => {
	const trouble = (note: string, chip: number) => askLast(note, `trouble ${chip}`) === "1";
	const wanted = [CHIP.powerOn, CHIP.pin, CHIP.deepSleep, 10, 11, 12];
	for (let chip = 0; chip < 16; chip++) {
		if (chip === CHIP.software) continue;
		assert.equal(trouble("garbage 0", chip), !wanted.includes(chip), `chip ${chip}`);
	}
	assert.equal(trouble(`note ${CAUSE.requested} 0`, CHIP.software), false);
	assert.equal(trouble(`note ${CAUSE.update} 0`, CHIP.software), false);
	for (const note of [`note ${CAUSE.rollBack} 0`, "abort memory_full", "garbage 0"]) {
		assert.equal(trouble(note, CHIP.software), true, note);
	}
});

test("the engine's last line is found in what it prints, whole or in pieces, and nothing else is", () => {
	const reasons = (...pieces: string[]) =>
		execFileSync(ABORT_LINE, { input: pieces.map((piece) => `${piece}\n`).join(""), encoding: "utf8" })
			.split("\n")
			.slice(0, -1);
	// As the SDK prints it: the reason, a blank, and the message of an error that nobody caught.
	assert.deepEqual(reasons("XS abort: memory full |"), ["memory full"]);
	assert.deepEqual(reasons("XS abort: unhandled exception no socket|"), ["unhandled exception no socket"]);
	assert.deepEqual(reasons("stack overflow (-3)!|XS abort: JavaScript stack overflow |"), [
		"JavaScript stack overflow",
	]);
	assert.deepEqual(reasons("XS", " abort", ": fat", "al ", "|"), ["fatal"]);
	assert.deepEqual(reasons("x XS abort: fatal |", "xs abort: fatal|", "XS abort|", "|", "XS abort: fatal"), []);
	assert.deepEqual(reasons("XS abort: dead strip |XS abort: fatal |"), ["dead strip", "fatal"]);
	assert.deepEqual(reasons('XS abort: unhandled exception Ā\u0007"|'), ['unhandled exception ???"']);
	const [long] = reasons(`XS abort: ${"x".repeat(900)}|`);
	assert.equal(long, "x".repeat(79));
});

test("the watchdog's note explains a panic and what may come of one, and nothing else", () => {
	const note = `note ${CAUSE.unfed} 691200`;
	for (const chip of [CHIP.panic, CHIP.interruptWatchdog, CHIP.taskWatchdog, CHIP.watchdog, 15])
		assert.equal(askLast(note, `reason ${chip}`), "no progress for 691200 s", `chip ${chip}`);
	assert.equal(askLast(note, `reason ${CHIP.powerOn}`), "power-on");
	assert.equal(askLast(note, `reason ${CHIP.deepSleep}`), "deep sleep");
	assert.equal(askLast(`note ${CAUSE.requested} 0`, `reason ${CHIP.panic}`), "panic");
	assert.equal(askLast(`note ${CAUSE.unfed} 4294967295`, `reason ${CHIP.panic}`), "no progress for 4294967295 s");
});

test("a start was asked for by what the program noted, or by sleep; not by power, watchdogs and crashes", () => {
	for (const cause of [CAUSE.requested, CAUSE.update, CAUSE.rollBack])
		assert.ok(isRequested(askLast(`note ${cause} 0`, `reason ${CHIP.software}`)), `cause ${cause}`);
	assert.ok(isRequested(askLast(`note ${CAUSE.unexplained} 0`, `reason ${CHIP.deepSleep}`)));
	for (let chip = -1; chip < 18; chip++) {
		const causes = chip === CHIP.software ? [CAUSE.unexplained, CAUSE.unfed] : Object.values(CAUSE);
		const answers = ask(...causes.flatMap((cause) => [`note ${cause} 7`, `reason ${chip}`]));
		for (const [index, cause] of causes.entries()) {
			const reason = answers[2 * index + 1];
			assert.equal(isRequested(reason), chip === CHIP.deepSleep, `chip ${chip}, cause ${cause}: ${reason}`);
		}
	}
});

const documentation = readFileSync("docs/esp32.md", "utf8");

/** What is in backquotes in the first column of the table that begins so. */
function firstColumn(heading: string): string[] {
	const [, rows = ""] = documentation.split(heading)[1]?.split(/\n((?:\|.*\n)+)/) ?? [];
	const cells = Array.from(rows.matchAll(/^\|([^|]*)\|/gm), ([, cell]) => cell!);
	return cells.flatMap((cell) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, text]) => text!));
}

test("each reason that the documentation names is one that the firmware gives, and the other way round", () => {
	const chips = ask(...Array.from({ length: 18 }, (_, index) => `reason ${index - 1}`));
	const noted = [CAUSE.requested, CAUSE.update, CAUSE.rollBack].map((cause) => askLast(`note ${cause} 0`, "reason 3")!);
	const given = new Set([...chips, ...noted, "no progress for … s", "program error: …"]);
	assert.deepEqual(firstColumn("| `restart` | what happened |").sort(), [...given].sort());
});

test("the documentation names every board with its pins", () => {
	for (const [name, { title, data, clock, dht, led = "none" }] of Object.entries(BOARDS)) {
		const [row = ""] = documentation.match(new RegExp(`^\\| ${title} \\| .*$`, "m")) ?? [];
		assert.ok(row.includes(`\`${name}\``), title);
		const pins = row
			.split("|")
			.slice(3, 7)
			.map((cell) => cell.trim().split(" ")[0]);
		assert.deepEqual(pins, [data, clock, dht, led].map(String), title);
	}
});

test("a pin that a board's chip lacks, cannot drive or needs for its flash is refused", () => {
	for (const [name, board] of Object.entries(BOARDS)) {
		const { data, clock, dht, led } = board;
		assert.equal(pinProblem(board, { data, clock, dht, led }), undefined, name);
		assert.equal(pinProblem(board, {}), undefined, name);
		for (const pin of [-1, 24, 49])
			assert.match(pinProblem(board, { led: pin })!, /^pins\.led: GPIO /, `${name}, ${pin}`);
	}
	const usable = (name: string) =>
		Array.from({ length: 49 }, (_, pin) => pin).filter((pin) => pinProblem(BOARDS[name]!, { dht: pin }) === undefined);
	for (const pin of [6, 7, 8, 9, 10, 11, 34, 35, 36, 37, 38, 39]) {
		for (const name of ["data", "clock", "dht", "led"])
			assert.match(pinProblem(BOARDS.esp32!, { [name]: pin })!, /^pins\.\w+: GPIO \d+ of an ESP32 cannot/);
	}
	assert.equal(usable("esp32").length, 23);
	assert.equal(usable("esp32c3").length, 18);
	assert.equal(usable("esp32c6").length, 24);
	assert.equal(usable("esp32s3").length, 39);
	assert.equal(
		pinProblem(BOARDS.esp32!, { data: 21, dht: 34 }),
		"pins.dht: GPIO 34 of an ESP32 cannot be used; 0 to 5, 12 to 23, 25 to 27, 32 to 33 can",
	);
});

test("two pins that are equal are refused, also where one is the board's own", () => {
	for (const [name, board] of Object.entries(BOARDS)) {
		const { data, clock, dht } = board;
		const own = (pin: string, other: "data" | "clock" | "dht") =>
			`pins.${pin}: GPIO ${board[other]} is the board's own pins.${other}, too`;
		assert.equal(pinProblem(board, { data: clock }), own("data", "clock"), name);
		assert.equal(pinProblem(board, { clock: data }), own("clock", "data"), name);
		assert.equal(pinProblem(board, { data: clock, clock: data }), undefined, name);
		for (const other of ["data", "clock", "dht"] as const)
			assert.equal(pinProblem(board, { led: board[other] }), own("led", other), name);
		assert.equal(pinProblem(board, { dht: 0, led: 0 }), "pins.led: GPIO 0 is the pin of pins.dht, too", name);
		// One sensor is connected; and an LED that the settings do not name gives way.
		assert.equal(pinProblem(board, { dht: data }), undefined, name);
		assert.equal(pinProblem(board, { data: dht }), undefined, name);
	}
	assert.equal(pinProblem(BOARDS.nodemcu32s!, { dht: BOARDS.nodemcu32s!.led! }), undefined);
});

/** The steps that a lamp makes after the news. */
function steps(count: number, ...news: (keyof typeof NEWS)[]): string[] {
	return ask(...news.map((name) => `tell ${NEWS[name]}`), ...Array<string>(count).fill("step")).slice(news.length);
}

test("without a network the lamp blinks fast, and without a broker slowly", () => {
	assert.deepEqual(steps(5), ["lit 100", "dark 100", "lit 100", "dark 100", "lit 100"]);
	assert.deepEqual(steps(4, "networkJoined"), ["lit 100", "dark 1400", "lit 100", "dark 1400"]);
	assert.deepEqual(steps(2, "networkJoined", "online", "offline"), ["lit 100", "dark 1400"]);
	assert.deepEqual(steps(2, "networkJoined", "offline", "networkLost"), ["lit 100", "dark 100"]);
});

test("with a broker the lamp stays dark, and asleep it does, too", () => {
	assert.deepEqual(steps(2, "networkJoined", "online"), ["dark 0", "dark 0"]);
	assert.deepEqual(steps(2, "networkJoined", "asleep"), ["dark 0", "dark 0"]);
	assert.deepEqual(steps(1, "asleep"), ["dark 0"]);
});

const FLASH = ["dark 400", "lit 30", "dark 400"];
const TWO_FLASHES = ["dark 400", "lit 30", "dark 170", "lit 30", "dark 400"];

test("a reading is one short flash and a fault two, in the dark", () => {
	assert.deepEqual(steps(4, "networkJoined", "online", "reading"), [...FLASH, "dark 0"]);
	assert.deepEqual(steps(6, "networkJoined", "online", "fault"), [...TWO_FLASHES, "dark 0"]);
	assert.deepEqual(steps(5, "networkJoined", "reading"), [...FLASH, "lit 100", "dark 1400"]);
});

test("an event is shown to its end, and what comes meanwhile is not", () => {
	const answers = ask(
		`tell ${NEWS.networkJoined}`,
		`tell ${NEWS.online}`,
		`tell ${NEWS.reading}`,
		"step",
		`tell ${NEWS.fault}`,
		`tell ${NEWS.offline}`,
		"step",
		"step",
		"step",
	);
	assert.deepEqual(answers, ["1", "1", "1", "dark 400", "0", "0", "lit 30", "dark 400", "lit 100"]);
});

test("news that changes nothing lets the step go on", () => {
	assert.deepEqual(ask("tell 1", "tell 1", "tell 3", "tell 3", "tell 2", "tell 2"), ["1", "0", "1", "0", "1", "0"]);
	assert.deepEqual(ask("step", "tell 0", "step"), ["lit 100", "0", "dark 100"]);
});

test("a new state begins with its first step, whatever was shown before", () => {
	assert.deepEqual(
		ask("step", "tell 1", "step", "step", "step", "tell 0", "step").filter((line) => line.length > 1),
		["lit 100", "lit 100", "dark 1400", "lit 100", "lit 100"],
	);
});
