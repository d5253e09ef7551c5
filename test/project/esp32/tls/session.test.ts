/** The C of the remembered TLS session that needs no chip. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

/** Tests run in the project's folder. */
const HOST = "hosts/esp32/tls";

test("a session is kept as it was, or not at all", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-session-"));
	try {
		const program = join(folder, "session");
		const sources = ["test/project/esp32/tls/session.c", "hosts/esp32/machine/crc32.c", join(HOST, "session-record.c")];
		const checks = ["-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
		const flags = ["-std=gnu17", "-O1", ...checks, "-I", HOST];
		const gcc = spawnSync("gcc", [...flags, ...sources, "-o", program], { encoding: "utf8" });
		assert.equal(gcc.status, 0, gcc.stderr || String(gcc.error));
		const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
		assert.equal(status, 0, stdout + stderr);
		assert.match(stdout, /^\d{5} checks\n$/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("the longest session is the same in C and in TypeScript", () => {
	const header = readFileSync(join(HOST, "session-record.h"), "utf8");
	const [, record, fields] = /SESSION_BYTES \((\d+) - (\d+) \* 4\)/.exec(header) ?? [];
	const most = (Number(record) - 4 * Number(fields)).toLocaleString("en");
	assert.ok(readFileSync(join(HOST, "session-memory.ts"), "utf8").includes(`more than ${most} bytes`), most);
});
