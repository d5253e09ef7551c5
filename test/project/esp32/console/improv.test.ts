/** Improv Serial: what the board's C makes of packets, of noise, and of the settings that a network goes into. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { requestLine } from "../../../../commands/board/serial-request.ts";
import { buildBoard } from "../../../harness/serial-board.ts";

/** The standard's numbers. */
const TYPE = { state: 1, error: 2, command: 3, result: 4 };
const STATE = { ready: 2, provisioning: 3, provisioned: 4 };
const ERROR = { none: 0, invalid: 1, unknownCommand: 2, unableToConnect: 3, unknown: 255 };
const COMMAND = { wifi: 1, state: 2, information: 3, networks: 4 };

/** As `console-protocol.h` has it. */
const SETTINGS_MAXIMUM = 7_168;
/** `NOISE=10000000 npm test -- improv` for more. */
const NOISE_BYTES = Number(process.env.NOISE ?? 1_000_000);

const boardProgram = buildBoard();

function packet(type: number, data: readonly number[], version = 1): Buffer {
	const bytes = [...Buffer.from("IMPROV"), version, type, data.length, ...data];
	return Buffer.from([...bytes, bytes.reduce((sum, byte) => sum + byte, 0) & 0xff]);
}

const command = (number: number, data: readonly number[] = []) => packet(TYPE.command, [number, data.length, ...data]);
const strings = (...texts: (string | readonly number[])[]) =>
	texts.flatMap((text) => {
		const bytes = typeof text === "string" ? [...Buffer.from(text)] : text;
		return [bytes.length, ...bytes];
	});
const wifi = (...texts: (string | readonly number[])[]) => command(COMMAND.wifi, strings(...texts));
const sent = (bytes: Buffer) => `packet ${bytes.toString("hex")}`;
const state = (number: number) => sent(packet(TYPE.state, [number]));
const error = (number: number) => sent(packet(TYPE.error, [number]));
const result = (number: number, ...texts: string[]) => {
	const data = strings(...texts);
	return sent(packet(TYPE.result, [number, data.length, ...data]));
};

/** Runs the board's C to its end. A complaint of a sanitizer is a failure. */
function run(input: Uint8Array | string, ...options: string[]): string[] {
	const { status, stdout, stderr } = spawnSync(boardProgram, options, { input, encoding: "utf8", maxBuffer: 1 << 28 });
	assert.equal(stderr, "");
	assert.equal(status, 0);
	return stdout.split("\n").slice(0, -1);
}

/** What it makes of bytes. */
const received = (...parts: (string | Uint8Array)[]) =>
	run(Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part))));

const SETTINGS = { wifi: [{ ssid: "home", password: "very secret" }], id: "terrace" };
const STORED = '{"id":"terrace","wifi":[';
/** What becomes of the settings that `board.c` has. */
const merged = (network: string, others = ',{"ssid":"home","password":"very secret"}') =>
	`ask ${STORED}${network}${others}]}`;
const WIFI_BEGINS = [error(ERROR.none), state(STATE.provisioning), "ask secrets"];

test("a board tells its state, and what it is", () => {
	assert.deepEqual(received(command(COMMAND.state)), [error(ERROR.none), state(STATE.ready)]);
	assert.deepEqual(received(command(COMMAND.information)), [
		error(ERROR.none),
		"ask ?",
		result(COMMAND.information, "Veleta", "1.2.3", "ESP32-C3", "terrace"),
	]);
});

test("the firmware tells the version of package.json", () => {
	const [, version] =
		/^#define FIRMWARE_VERSION "(.*)"$/m.exec(readFileSync("hosts/esp32/console/console.c", "utf8")) ?? [];
	assert.equal(version, JSON.parse(readFileSync("package.json", "utf8")).version);
});

test("a network goes into the settings, in place of one of the same name, and the board restarts", () => {
	assert.deepEqual(received(wifi("shed", "another secret")), [
		...WIFI_BEGINS,
		merged('{"ssid":"shed","password":"another secret"}'),
		"restart shed",
	]);
	assert.deepEqual(received(wifi("home", "changed secret")).slice(3), [
		merged('{"ssid":"home","password":"changed secret"}', ""),
		"restart home",
	]);
	assert.deepEqual(received(wifi("open", "")).slice(3), [merged('{"ssid":"open"}'), "restart open"]);
	const [, , , request] = received(wifi('"\\\t☕', "\\u0022\"\n'"));
	assert.deepEqual(JSON.parse(request!.slice("ask ".length)).wifi[0], { ssid: '"\\\t☕', password: "\\u0022\"\n'" });
});

test("the longest names and passwords are taken, and nothing longer", () => {
	assert.equal(received(wifi("s".repeat(32), "p".repeat(64))).length, 5);
	assert.equal(received(wifi("\u0001".repeat(32), "\u0001".repeat(64))).length, 5);
	for (const bytes of [
		wifi("s".repeat(33), "p".repeat(8)),
		wifi("s", "p".repeat(65)),
		wifi("", "very secret"),
		wifi("home\0", "very secret"),
		wifi("home", "very\0secret"),
		command(COMMAND.wifi),
		command(COMMAND.wifi, [4, 104]),
		command(COMMAND.wifi, strings("home")),
		command(COMMAND.wifi, [...strings("home", "very secret"), 0]),
		command(COMMAND.wifi, [...strings("home"), 200, 1, 2]),
	])
		assert.deepEqual(received(bytes), [error(ERROR.invalid)]);
});

test("what is not UTF-8 is no name, and no password", () => {
	for (const bytes of [
		[0x80],
		[0xc1, 0xbf],
		[0xc3],
		[0xe0, 0x9f, 0xbf],
		[0xed, 0xa0, 0x80],
		[0xe2, 0x98],
		[0xf0, 0x8f, 0xbf, 0xbf],
		[0xf4, 0x90, 0x80, 0x80],
		[0xf5, 0x80, 0x80, 0x80],
		[0xff],
	]) {
		assert.deepEqual(received(wifi(bytes, "very secret")), [error(ERROR.invalid)]);
		assert.deepEqual(received(wifi("home", [...Buffer.from("secret"), ...bytes])), [error(ERROR.invalid)]);
	}
	for (const text of ["é", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\u{ffff}", "\u{10000}", "\u{10ffff}"])
		assert.deepEqual(received(wifi(text, "")).at(-1), `restart ${text}`);
});

test("a command that is none is answered with the standard's error", () => {
	assert.deepEqual(received(command(0)), [error(ERROR.unknownCommand)]);
	for (const number of [5, 6, 7, 255]) assert.deepEqual(received(command(number)), [error(ERROR.unknownCommand)]);
	for (const data of [[], [2], [2, 1], [2, 0, 0], [1, 5, 4, 104]])
		assert.deepEqual(received(packet(TYPE.command, data)), [error(ERROR.invalid)]);
});

test("no bit of a packet can change without being noticed, and a broken one costs no other", () => {
	const whole = wifi("shed", "another secret");
	const changed = Array.from({ length: 8 * whole.length }, (_, bit) => {
		const bytes = Buffer.from(whole);
		bytes[bit >> 3]! ^= 1 << (bit & 7);
		return bytes;
	});
	// In one run of the program, which takes long to start. A packet whose length has changed takes some of what follows.
	const rest = "\n".repeat(256);
	const lines = received(...changed.flatMap((bytes) => [bytes, rest, command(COMMAND.state)]));
	for (let bit = 0; bit < changed.length; bit++) {
		if (lines[0] === error(ERROR.invalid)) lines.shift();
		assert.deepEqual(lines.splice(0, 2), [error(ERROR.none), state(STATE.ready)], `bit ${bit}`);
	}
	assert.deepEqual(lines, []);
	const broken = Buffer.from(whole);
	broken[broken.length - 1]! ^= 1;
	assert.deepEqual(received(broken, command(COMMAND.state)), [
		error(ERROR.invalid),
		error(ERROR.none),
		state(STATE.ready),
	]);
});

test("packets that go the other way are ignored, as an echo is", () => {
	for (const type of [0, TYPE.state, TYPE.error, TYPE.result, 5]) assert.deepEqual(received(packet(type, [2])), []);
	assert.deepEqual(received(packet(TYPE.command, [COMMAND.state, 0], 2)), []);
});

test("both protocols are on one port: neither takes the other's bytes", () => {
	const line = requestLine("?");
	const asked = [error(ERROR.none), state(STATE.ready)];
	assert.deepEqual(received(line, command(COMMAND.state), line, command(COMMAND.state)), [
		"request ?",
		...asked,
		"request ?",
		...asked,
	]);
	// A request in a password is none, nor is one that a packet interrupts.
	assert.deepEqual(received(wifi("shed", `aaaa${requestLine("-")}`)).at(-1), "restart shed");
	assert.ok(!received(wifi("shed", `aaaa${requestLine("-")}`)).includes("request -"));
	assert.deepEqual(received(line.slice(0, 4), command(COMMAND.state), line.slice(4), line), [...asked, "request ?"]);
	// The name of the one in the other's text.
	assert.deepEqual(received(requestLine("+0 IMPROV"), requestLine("=6")), ["reply +ok 6", "request IMPROV"]);
	assert.deepEqual(received("IMPROIMPROV", command(COMMAND.state)), asked);
	assert.deepEqual(received("I", "IM", "IMPROV", command(COMMAND.state).subarray(0, 7), command(COMMAND.state)), asked);
});

test("a line of the other protocol cannot ask for what is told here alone", () => {
	assert.deepEqual(received("~\n", "~\n00000000\n"), []);
	assert.deepEqual(received(requestLine("+0 \n"), requestLine("\n")), []);
});

test("noise stops neither protocol: what comes after a gap is answered, and each command has its end", () => {
	const [line] = run("", "noise", "1", String(NOISE_BYTES));
	const [, bytes, replies, wifis, scans] = /^(\d+) bytes, (\d+) replies, (\d+) Wi-Fis, (\d+) scans/.exec(line!) ?? [];
	assert.ok(Number(bytes) >= NOISE_BYTES, line);
	for (const count of [replies, wifis, scans]) assert.ok(Number(count) > 100, line);
});

/** As `settingsWithNetwork` has it. */
function reference(settings: Record<string, unknown>, ssid: string, password: string): unknown {
	const { wifi = [], ...others } = settings;
	const networks = [wifi].flat().filter((network) => (network as { ssid?: unknown }).ssid !== ssid);
	return { ...others, wifi: [{ ssid, ...(password && { password }) }, ...networks].slice(0, 5) };
}

test("the settings are what they were, but for the network", () => {
	const texts = [
		"",
		'"',
		"\\",
		'\\"',
		"}",
		"{[,:",
		"\n\t\b\f\r",
		"\u0000",
		"é☕\u{1f600}",
		"\ud800",
		'"wifi":1',
		"caf\\u00e9",
	];
	const settings: Record<string, unknown>[] = [
		{},
		{ wifi: [] },
		{ wifi: { ssid: "home" } },
		{ wifi: { ssid: 'caf"é\n\\' } },
		{ wifi: { password: "x", ssid: 'caf"é\n\\', address: "10.0.0.1" }, id: "a" },
		{ a: null, b: true, c: -1.5e30, d: [[], {}, [{}, 1]], wifi: [{ ssid: "a" }, { ssid: 'caf"é\n\\' }, { ssid: "b" }] },
		{ wifi: ["a", "b", "c", "d", "e"].map((ssid) => ({ ssid })), tls: { wifi: 1, id: "no" } },
		{ wifi: ["a", "b", "c", "d", 'caf"é\n\\'].map((ssid) => ({ ssid })) },
		...texts.map((text) => ({ [text]: text, wifi: { ssid: text, password: text }, list: [text, { [text]: text }] })),
	];
	for (const [ssid, password] of [
		['caf"é\n\\', "a secret"],
		["a", ""],
	] as const) {
		const lines = run(settings.map((one) => `${JSON.stringify(one)}\n`).join(""), "settings", ssid, password);
		for (const [index, one] of settings.entries()) {
			const [id] = lines[index]!.split(" ", 1);
			assert.equal(id, one.id ?? "");
			assert.deepEqual(JSON.parse(lines[index]!.slice(id!.length + 1)), reference(one, ssid, password));
		}
	}
});

test("of a text that is no settings, and of any beginning, nothing is made", () => {
	const whole = JSON.stringify({ ...SETTINGS, tls: { ca: '-"\\-' }, pins: { led: 2 } });
	const beginnings = Array.from(whole, (_, length) => whole.slice(0, length));
	const others = ["[]", "null", '"{}"', "{}}", "{}{}", '{"a"}', '{"a":}', '{"a":1', '{"wifi":[{"ssid":"\\u'];
	for (const line of run([...beginnings, ...others].join("\n").concat("\n"), "settings", "shed", "secret"))
		assert.match(line, / no$/);
});

test("settings end where the partition would not hold them any more", () => {
	const added = ',"wifi":[{"ssid":"shed"}]}'.length;
	const longest = JSON.stringify({ a: "a".repeat(SETTINGS_MAXIMUM - added - '{"a":""'.length) });
	const [fits, tooLong] = run(`${longest}\n${longest.replace("a", "aa")}\n`, "settings", "shed", "");
	assert.equal(fits!.length, SETTINGS_MAXIMUM + 1);
	assert.equal(tooLong, " no");
});
