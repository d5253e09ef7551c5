/**
 * The check of a manifest's signature, in C, against hostile signatures. `SIGNATURES` says how many, for a longer run:
 * `SIGNATURES=10000000 npm test -- hostile-signatures`; `SEED` decides them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test, { after, before } from "node:test";

const SIGNATURES = Number(process.env.SIGNATURES ?? 200_000);
const SEED = Number(process.env.SEED ?? 1);

const FOLDER = mkdtempSync(join(tmpdir(), "veleta-hostile-"));
const CHECKED = "hosts/esp32/update/update-signature.c";
const HOSTILE = "test/project/esp32/update/hostile-signatures.c";

const OBJECT = join(FOLDER, "hostile-signatures.o");

before(() => gcc("-c", HOSTILE, "-o", OBJECT));

after(() => rmSync(FOLDER, { recursive: true }));

function gcc(...args: readonly string[]): void {
	const checks = ["-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
	const { status, stderr, error } = spawnSync("gcc", ["-std=gnu17", "-O1", ...checks, ...args], { encoding: "utf8" });
	assert.equal(status, 0, stderr || String(error));
}

/** Runs it on the check, or on one that is faulty. */
function hostile(count: number, source = CHECKED): { status: number | null; output: string } {
	const program = join(FOLDER, "hostile-signatures");
	gcc(OBJECT, source, "-lmbedcrypto", "-o", program);
	const { status, stdout, stderr } = spawnSync(program, [SEED, count].map(String), { encoding: "utf8" });
	return { status, output: stdout + stderr };
}

test("what is not DER in its only form is refused as that, and all else is verified", (t) => {
	const { status, output } = hostile(SIGNATURES);
	assert.equal(status, 0, output);
	const numbers = /^(\d+) signatures, (\d+) in DER, (\d+) verified, (\d+) valid\n$/.exec(output);
	const [all = 0, der = 0, verified = 0, valid = 0] = numbers?.slice(1).map(Number) ?? [];
	assert.equal(all, SIGNATURES);
	assert.ok(der > 0.1 * all && der < 0.5 * all, output);
	assert.ok(verified > all / 2_000 && valid > verified / 20, output);
	t.diagnostic(output.trim());
});

test("faults of the check are found", () => {
	const code = readFileSync(CHECKED, "utf8").replace(/"(update-signature.h)"/, `"${resolve("hosts/esp32/update")}/$1"`);
	const mutants: readonly (readonly [what: string, from: string, to: string, told: RegExp])[] = [
		["negative", " || at[0] >= HIGH_BIT)", ")", /and not: the signature is not one of ECDSA in DER/],
		["padded", "1 == length || at[1] < HIGH_BIT", "1 == length", /and not: the signature is not one of ECDSA in DER/],
		["without bytes", "0 == length || ", "", /AddressSanitizer|and not: the signature is not/],
		["too long", "length > (size_t)(end - at)", "length > 200", /AddressSanitizer: heap-buffer-overflow/],
		["too large", "if (length > NUMBER_BYTES)", "if (length > NUMBER_BYTES + 8)", /Sanitizer|runtime error/],
		["followed", "return at == end;", "return 0 != at;", /and not: the signature is not one of ECDSA in DER/],
		["longer", " || length - TAG_AND_LENGTH_BYTES != at[1]", "", /and not: the signature is not one of ECDSA in DER/],
		["any tag", "|| INTEGER != at[0]", "", /and not: the signature is not one of ECDSA in DER/],
		["shifted", "NUMBER_BYTES - length, at, length", "0, at, length", /, and not: valid/],
		[
			"any signature",
			"PSA_SUCCESS == status",
			"PSA_SUCCESS <= status || 0 > status",
			/^\d+ of seed \d+: valid, and not/,
		],
		["none", "the end", "the end", /^\d+ signatures/],
	];
	for (const [what, from, to, told] of mutants) {
		assert.ok(what === "none" || code.split(from).length === 2, what);
		const source = join(FOLDER, "mutant.c");
		writeFileSync(source, code.replace(from, to));
		const { status, output } = hostile(50_000, source);
		assert.equal(status === 0, what === "none", what);
		assert.match(output, told, what);
	}
});
