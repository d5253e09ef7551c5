/** The C of the Wi-Fi that needs no chip, and what C and TypeScript have to agree about. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { ADDRESS, DISCONNECTED, NO_ADDRESS, REFUSED, SCANNED } from "../../../../hosts/esp32/wifi/wifi-station.ts";

/** Tests run in the project's folder. */
const HOST = "hosts/esp32/wifi";

test("the remembered access point is checked, and the driver's reasons become words", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-wifi-"));
	try {
		const program = join(folder, "records");
		const sources = [
			"test/project/esp32/wifi/records.c",
			"hosts/esp32/machine/crc32.c",
			join(HOST, "wifi-hint.c"),
			join(HOST, "wifi-reason.c"),
		];
		const flags = ["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-I", HOST];
		const gcc = spawnSync("gcc", [...flags, ...sources, "-o", program], { encoding: "utf8" });
		assert.equal(gcc.status, 0, gcc.stderr || String(gcc.error));
		const { status, stdout } = spawnSync(program, { encoding: "utf8" });
		assert.equal(status, 0, stdout);
		assert.match(stdout, /^\d{6} checks\n$/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("events have the same numbers in C and in TypeScript", () => {
	const header = readFileSync(join(HOST, "wifi-radio.h"), "utf8");
	const [, first, names = ""] = /enum \{\s*kRadioNoAddress = (\d+),([^}]*)\}/.exec(header) ?? [];
	assert.deepEqual(names.match(/kRadio\w+/g), [
		"kRadioAddress",
		"kRadioDisconnected",
		"kRadioRefused",
		"kRadioScanned",
	]);
	const number = Number(first);
	assert.deepEqual(
		[NO_ADDRESS, ADDRESS, DISCONNECTED, REFUSED, SCANNED],
		[number, number + 1, number + 2, number + 3, number + 4],
	);
});
