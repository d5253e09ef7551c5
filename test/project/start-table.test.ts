/** What a person sees of a station at a terminal. */
import assert from "node:assert/strict";
import test from "node:test";
import { Table } from "../../commands/start/table.ts";
import type { Progress } from "../../hosts/sim/headless/protocol.ts";

const COLUMNS = 80;

function watch(hasColours = false) {
	const lines: string[] = [];
	const table = new Table({ write: (line) => lines.push(line), hasColours, topic: "veleta/sim" });
	/** What is new since the last call. */
	const shown = () => lines.splice(0).map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, ""));
	const tell = (state: Progress["state"], waiting: number, ...reports: unknown[]) =>
		table.progress({ state, waiting, reports });
	return { table, tell, shown };
}

const report = (seq: number, more: object = { humidity: 45.2, pressure: 1013.2 }) => ({
	temperature: 21.5,
	...more,
	time: "2026-11-21T21:31:25.320Z",
	seq,
});
const VALUES = " 21.50 °C   45.2 %  1013.20 hPa";

test("a reading is shown when the broker has it", () => {
	const { tell, shown } = watch();
	tell("connecting", 0);
	tell("connecting", 1, report(1));
	tell("online", 1);
	assert.deepEqual(shown(), []);
	tell("online", 0);
	assert.deepEqual(shown(), [`${VALUES}  #1      online, 0 waiting`]);
	// At QoS 0 it has left at once.
	tell("online", 0, report(2));
	assert.deepEqual(shown(), [`${VALUES}  #2      online, 0 waiting`]);
	tell("offline", 0);
	assert.deepEqual(shown(), []);
});

test("without a broker it is shown at once, and that all have arrived when they have", () => {
	const { tell, shown } = watch();
	tell("online", 1, report(1));
	tell("offline", 1);
	tell("offline", 2, report(2));
	assert.deepEqual(shown(), [`${VALUES}  #1      offline, 1 waiting`, `${VALUES}  #2      offline, 2 waiting`]);
	// A full outbox: another one was dropped.
	tell("offline", 2, report(3));
	assert.deepEqual(shown(), [`${VALUES}  #3      offline, 2 waiting`]);
	tell("online", 2);
	tell("online", 1);
	assert.deepEqual(shown(), []);
	tell("online", 0);
	assert.deepEqual(shown(), ["station  all readings that waited have arrived"]);
	tell("online", 1, report(4));
	tell("online", 0);
	assert.deepEqual(shown(), [`${VALUES}  #4      online, 0 waiting`]);
});

test("what a broker does not answer is shown with the next reading, or at the end", () => {
	const { table, tell, shown } = watch();
	tell("online", 0);
	tell("online", 1, report(1));
	tell("online", 2, report(2));
	assert.deepEqual(shown(), [`${VALUES}  #1      online, 1 waiting`]);
	table.end(["readings 2", "connections 1"]);
	assert.deepEqual(shown(), [`${VALUES}  #2      online, 2 waiting`, "", "readings 2", "connections 1"]);
});

test("a table has the columns of its sensor, and fits with the largest values", () => {
	const { tell, shown } = watch();
	tell("online", 0, report(7, { humidity: 100 }));
	tell("online", 0, report(8, { pressure: 999.99 }));
	assert.deepEqual(shown(), [
		" 21.50 °C  100.0 %  #7      online, 0 waiting",
		" 21.50 °C   999.99 hPa  #8      online, 0 waiting",
	]);
	const lines: string[] = [];
	const table = new Table({ write: (line) => lines.push(line), hasColours: false, topic: "t" });
	const largest = { temperature: -40.55, humidity: 100, pressure: 1099.99, seq: 4_294_967_295 };
	table.progress({ state: "offline", waiting: 99_999, reports: [largest] });
	assert.deepEqual(lines, ["--:--:--  -40.55 °C  100.0 %  1099.99 hPa  #4294967295  offline, 99999 waiting"]);
	assert.ok(lines[0]!.length <= COLUMNS);
});

test("colours tell what is well, and warnings and errors, if there are colours", () => {
	const { table, tell, shown } = watch(true);
	tell("online", 0, report(1));
	tell("offline", 1, report(2));
	table.say("station", "fine");
	table.say("station", "slow", "warning");
	table.say("station", "dead", "error");
	assert.deepEqual(shown(), [
		`${VALUES}  #1      \x1b[32monline, 0 waiting\x1b[0m`,
		`${VALUES}  #2      \x1b[33moffline, 1 waiting\x1b[0m`,
		"station  fine",
		"\x1b[33mstation  warning: slow\x1b[0m",
		"\x1b[31mstation  error: dead\x1b[0m",
	]);
});

test("a long line of the log is folded at its blanks, or within a word that is longer than a line", () => {
	const { table, shown } = watch();
	table.say("station", `${"word ".repeat(20)}end`);
	assert.deepEqual(shown(), [`station  ${"word ".repeat(14).trim()}`, `         ${"word ".repeat(6)}end`]);
	table.say("veleta", `${"x".repeat(71)} y`);
	assert.deepEqual(shown(), [`veleta   ${"x".repeat(71)}`, "         y"]);
	table.say("veleta", "x".repeat(150));
	assert.deepEqual(shown(), [`veleta   ${"x".repeat(71)}`, `         ${"x".repeat(71)}`, `         ${"x".repeat(8)}`]);
});

test("messages that are no readings are shown in a line each, and the station's own are not", () => {
	const { table, shown } = watch();
	for (const name of ["state", "late", "status", "diagnostics"]) table.message(`veleta/sim/${name}`, "{}");
	assert.deepEqual(shown(), []);
	table.message("veleta/sim/reply", '{"command":"sample","ok":true,"seq":3}');
	table.message("veleta/sim/state/x", "y".repeat(100));
	assert.deepEqual(shown(), [
		'message  veleta/sim/reply {"command":"sample","ok":true,"seq":3}',
		`message  veleta/sim/state/x ${"y".repeat(51)}…`,
	]);
});

test("no foreign text changes the terminal, or is wider than it", () => {
	const { table, shown } = watch();
	for (const text of ["\x1b[2J", "\r", "\n", "\x9b31m", "\u202e", "\u2028", "\u200b", "\ud800", "\x7f"]) {
		table.message("t", text);
		table.say("station", text);
		for (const line of shown()) assert.match(line, /^(?:message {2}t|station ) \?(?:\[2J|31m)?$/, JSON.stringify(text));
	}
	const wide = "気".repeat(100);
	table.message("t", wide);
	table.say("station", wide);
	// Of two columns each.
	assert.deepEqual(shown(), [
		`message  t ${"気".repeat(34)}…`,
		...["station", "", ""].map((who, at) => `${who.padEnd(9)}${"気".repeat(at < 2 ? 35 : 30)}`),
	]);
});
