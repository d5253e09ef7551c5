import { LINES_KEPT, type Line, PanelLog, rowsOf } from "../../../hosts/sim/mcsim/panel/panel-log.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

const line = (text: string, level: Line["level"] = "warning", time = "12:00:00") => ({ time, level, text });
const shown = (log: PanelLog) => log.lines.map(({ time, text, count }) => `${time} ${text} ${count}`);

test("the last lines are kept, the newest first", () => {
	const log = new PanelLog();
	for (let number = 1; number <= LINES_KEPT + 1; number++) log.add(line(`${number}`, "info"));
	equal(log.lines.length, LINES_KEPT);
	equal(log.lines[0]!.text, `${LINES_KEPT + 1}`);
	equal(log.lines.at(-1)!.text, "2");
});

test("equal warnings are one line with the latest time, also with others between them", () => {
	const log = new PanelLog();
	log.add(line("no reading", "warning", "12:00:00"));
	log.add(line("connected", "info", "12:00:01"));
	log.add(line("no reading", "warning", "12:00:02"));
	log.add(line("refused", "warning", "12:00:03"));
	log.add(line("no reading", "warning", "12:00:04"));
	deepEqual(shown(log), ["12:00:04 no reading 3", "12:00:03 refused 1", "12:00:01 connected 1"]);
});

test("warnings that differ in numbers of seconds alone are equal; the latest is shown", () => {
	const log = new PanelLog();
	log.add(line("cannot connect: no answer within 2 s; next attempt in 0.9 s"));
	log.add(line("cannot connect: no answer within 2.517 s; next attempt in 1.7 s"));
	log.add(line("cannot connect; next attempt in 3.1 s"));
	log.add(line("no answer from server 2"));
	log.add(line("no answer from server 3"));
	deepEqual(shown(log), [
		"12:00:00 no answer from server 3 1",
		"12:00:00 no answer from server 2 1",
		"12:00:00 cannot connect; next attempt in 3.1 s 1",
		"12:00:00 cannot connect: no answer within 2.517 s; next attempt in 1.7 s 2",
	]);
});

test("an error is no warning of the same text, and other lines are not counted", () => {
	const log = new PanelLog();
	for (const level of ["warning", "error", "info", "info", "panel", "panel"] as const) log.add(line("same", level));
	equal(log.lines.length, 6);
});

/** Ten characters in a row. */
const fits = (text: string) => text.length <= 10;
const rows = (lines: readonly Line[], count = 9) =>
	rowsOf(lines, count, fits).map(({ time, text }) => `${time}|${text}`);
const counted = (text: string, count = 1): Line => ({ ...line(text), count });

test("a line is broken at spaces, and the time stands in its first row", () => {
	deepEqual(rows([counted("a cable was cut here")]), ["12:00:00|a cable", "|was cut", "|here"]);
	deepEqual(rows([counted("ten chars.")]), ["12:00:00|ten chars."]);
	deepEqual(rows([counted("")]), []);
});

test("a number stays with its unit", () => {
	deepEqual(rows([counted("again in 9 s")]), ["12:00:00|again in", "|9\u00a0s"]);
	deepEqual(rows([counted("again in 9 sorts")]), ["12:00:00|again in 9", "|sorts"]);
});

test("a word that is longer than a row is broken anywhere", () => {
	deepEqual(rows([counted("0123456789abc de")]), ["12:00:00|0123456789", "|abc de"]);
});

test("what is beyond three rows is cut, visibly", () => {
	deepEqual(rows([counted("one two three four five six seven")]), ["12:00:00|one two", "|three four", "|five six…"]);
});

test("the count stands in front of the text, where nothing cuts it", () => {
	deepEqual(rows([counted("cut", 3)]), ["12:00:00|×3 cut"]);
});

test("lines are whole or not shown", () => {
	const lines = [counted("one"), counted("two three four five"), counted("six")];
	deepEqual(rows(lines, 3), ["12:00:00|one", "12:00:00|two three", "|four five"]);
	deepEqual(rows(lines, 2), ["12:00:00|one"]);
});

test("a row that is too narrow for a character has one all the same", () => {
	deepEqual(
		rowsOf([counted("abcd")], 9, () => false).map(({ text }) => text),
		["a", "b", "c…"],
	);
});
