/** The settings file: how it may be encoded, and what is said of one that cannot be read. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readSettings } from "../../hosts/node/settings-file.ts";

let folder: string;
before(() => {
	folder = mkdtempSync(join(tmpdir(), "veleta-settings-"));
});
after(() => rmSync(folder, { recursive: true }));

function read(content: string | Uint8Array) {
	const file = join(folder, "config.json");
	writeFileSync(file, content);
	return readSettings(file);
}

const SETTINGS = { username: "casa", password: "contraseña ☕ 😀" };
const TEXT = `{\r\n\t"username": "casa",\r\n\t"password": "contraseña ☕ 😀"\r\n}\r\n`;
const little = (text: string) => Buffer.from(text, "utf16le");
const big = (text: string) => little(text).swap16();

test("a file may be in UTF-8, with a mark or without, or in UTF-16 with one", () => {
	assert.deepEqual(read(TEXT), SETTINGS);
	assert.deepEqual(read(`\ufeff${TEXT}`), SETTINGS);
	assert.deepEqual(read(little(`\ufeff${TEXT}`)), SETTINGS);
	assert.deepEqual(read(big(`\ufeff${TEXT}`)), SETTINGS);
});

test("a file in another encoding is refused in one line, which shows nothing of it", () => {
	const whole = little(`\ufeff${TEXT}`);
	for (const content of [
		little(TEXT),
		big(TEXT),
		Buffer.from(TEXT, "latin1"),
		whole.subarray(0, whole.length - 1),
		little('\ufeff{"password": "\ud800"}'),
		Buffer.from("fffe00007b0000007d000000", "hex"),
		Buffer.from("0000feff0000007b0000007d", "hex"),
		Buffer.alloc(100),
	])
		assert.throws(
			() => read(content),
			{ message: /config\.json: is not in UTF-8: save it as UTF-8$/ },
			content.toString("hex"),
		);
});

test("the line of what is no JSON is told in UTF-16, too", () => {
	assert.throws(() => read(little('\ufeff{\n"password": secret }')), {
		message: /config\.json: is not JSON: Unexpected token 's'.* in line 2$/,
	});
});

test("a name that is twice in an object is refused with its line", () => {
	for (const [text, name, line] of [
		['{ "id": "a", "id": "a" }', "id", 1],
		['{\n"interval": 5,\n"sleep": true,\n"interval": 60\n}', "interval", 4],
		['{ "wifi": [{ "ssid": "a" },\n{ "ssid": "b",\n"ssid" : "c" }] }', "ssid", 3],
		['{ "id": "a",\n"\\u0069d"\n: "b" }', "id", 2],
		['{ "pins": { "dht": 4 },\n"pins": { "led": 2 } }', "pins", 2],
		['{ "$schema": "a", "$schema": "b" }', "\\$schema", 1],
	] as const) {
		const message = new RegExp(`config\\.json: ${name}: is there twice, again in line ${line}$`);
		assert.throws(() => read(text), { message }, text);
	}
});

test("one name in two objects is none twice, nor is one in a text", () => {
	for (const settings of [
		{ wifi: [{ ssid: "a" }, { ssid: "a" }] },
		{ username: "u", password: "p", wifi: { ssid: "a", password: "password" } },
		{ username: '"username":', password: '\\","password":"{[' },
		{ username: "username", commands: ["status", "status"] },
	])
		assert.deepEqual(read(JSON.stringify(settings, undefined, "\t")), settings);
});
