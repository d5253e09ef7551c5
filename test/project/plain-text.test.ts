/** What becomes of texts of others before a person sees them, and that nothing passes it by. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { formatMessage } from "../../commands/mqtt/format.ts";
import { showProgress } from "../../commands/simulate/progress.ts";
import { Lines } from "../../commands/start/lines.ts";
import { plain, plainJson } from "../../hosts/node/plain-text.ts";
import type { ReceivedMessage } from "../../src/net/mqtt/message.ts";

/** Unicode's last character. */
const LAST = 0x10_ffff;
/** Controls, formats and separators, written down apart from the categories that the code names. */
const RANGES = [
	[0x00, 0x1f],
	[0x7f, 0x9f],
	[0xad, 0xad],
	[0x600, 0x605],
	[0x61c, 0x61c],
	[0x180e, 0x180e],
	[0x200b, 0x200f],
	[0x2028, 0x202e],
	[0x2060, 0x206f],
	[0xd800, 0xdfff],
	[0xfeff, 0xfeff],
	[0xfff9, 0xfffb],
	[0xe0001, 0xe007f],
] as const;

const UNSAFE = RANGES.flatMap(([first, last]) =>
	Array.from({ length: last - first + 1 }, (_, at) => first + at),
).filter(
	// Unicode has no character there; it is shown as one that nobody knows.
	(codePoint) => codePoint !== 0x2065,
);
const ALL = UNSAFE.map((codePoint) => String.fromCodePoint(codePoint));

test("each control, format and separator is one question mark, and what people write stays", () => {
	for (const character of ALL) {
		assert.equal(plain(`a${character}b`), "a?b", `U+${character.codePointAt(0)!.toString(16)}`);
	}
	for (const text of ["veleta/casa/salón", "12.5 °C – №", "気温 🌡", "مرحبا", "שלום", "e\u0301", "a b\u00a0c"]) {
		assert.equal(plain(text), text);
	}
	for (let codePoint = 0; codePoint <= LAST; codePoint++) {
		const character = String.fromCodePoint(codePoint);
		const shown = plain(character);
		assert.ok(shown === character || shown === "?", `U+${codePoint.toString(16)}`);
		assert.equal(plain(shown), shown);
	}
});

test("JSON for a person has the same value, and none of these characters", () => {
	const value = { "a\u202e\x9b": [`${ALL.join("x")}🌡`, 1, null, { "\n": "\t\r\n" }] };
	for (const space of [undefined, "\t", "  "]) {
		const json = plainJson(value, space);
		assert.deepEqual(JSON.parse(json), value);
		const rest = json.replace(/[\n\t]/g, "");
		assert.equal(plain(rest), rest);
		assert.equal(json.split("\n").length, JSON.stringify(value, undefined, space).split("\n").length);
	}
	const harmless = { id: "salón", wifi: [{ ssid: "Café ☕" }] };
	assert.equal(plainJson(harmless, "\t"), JSON.stringify(harmless, undefined, "\t"));
});

test("npm start's lines are one line each, whoever has written what is in them", () => {
	for (const character of ALL) {
		const lines: string[] = [];
		const view = new Lines((line) => lines.push(line));
		view.say("station", `a${character}b`, "warning");
		view.message(`t${character}`, `a${character}b`);
		assert.deepEqual(lines, ["station  warning: a?b", "t? a?b"]);
	}
});

test("sub gives a file or a program each byte, and a terminal no control of a stranger's", () => {
	const bytes = Uint8Array.from([0, 0x1b, 0x5b, 0xff, 0xfe, 0x0a]);
	const message = (payload: Uint8Array<ArrayBuffer>, text = "") =>
		({
			...{ topic: `t${text}`, payload, qos: 1, retain: false, dup: false },
			properties: { responseTopic: `r${text}`, correlationData: payload },
		}) as unknown as ReceivedMessage;
	assert.deepEqual(formatMessage("%p", false, message(bytes)), Buffer.from(bytes));
	for (const character of ALL.filter((character) => !/\p{Cs}/u.test(character))) {
		const payload = Uint8Array.from(Buffer.from(`a${character}b`));
		const raw = formatMessage("%t %p %R %D", true, message(payload, character));
		assert.equal(raw.toString(), `t${character} a${character}b r${character} a${character}b\n`);
		// The format is the user's own.
		const shown = formatMessage("%t\t%p %R %D\n", true, message(payload, character), true);
		assert.equal(shown.toString(), "t?\ta?b r? a?b\n\n");
	}
	assert.equal(formatMessage("%p %x", true, message(bytes), true).toString(), "??[\ufffd\ufffd? 001b5bfffe0a\n");
});

test("the line of a progress is one line", (context) => {
	context.mock.timers.enable({ apis: ["setInterval"] });
	for (const isTTY of [true, false]) {
		const written: string[] = [];
		const output = { isTTY, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream;
		const end = showProgress(() => `1 s: ${ALL.join("")}`, output);
		context.mock.timers.tick(60_000);
		end();
		const line = `1 s: ${"?".repeat(plain(ALL.join("")).length)}`;
		assert.equal(written[0], isTTY ? `\r\x1b[K${line}` : `${line}\n`);
	}
});

test("whatever writes to a person goes through frame.ts, but for what has no text of others, or sees to it itself", () => {
	const own = new Map([
		["build.ts", "a path of this project"],
		["frame.ts", "the way"],
		["board/provision.ts", "JSON whose characters are escaped"],
		["board/sbom.ts", "the same"],
		["mqtt/subscribe.ts", "bytes, and at a terminal made harmless"],
		["simulate/mutants.ts", "a simulated world, whose texts are this project's"],
		["simulate/simulate.ts", "the same"],
		["start/start.ts", "lines of a view"],
		["update/update.ts", "a key that was made here"],
	]);
	const found = readdirSync("commands", { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".ts"))
		.filter((name) => /\bstd(?:out|err)\.write\(|\bconsole\./.test(readFileSync(join("commands", name), "utf8")));
	assert.deepEqual(found.sort(), [...own.keys()].sort());
});
