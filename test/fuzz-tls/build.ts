/** Compiles the fuzzer's program: our C with the sanitizers, and Mbed TLS as Debian has it. */
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildFolder, root } from "../../tools/build.js";

const HERE = "test/fuzz-tls";
const CLIENT = "hosts/moddable/tls";
const CLIENT_FILES = ["connection.c", "connection.h", "mbedtls-versions.h", "trust.c", "trust.h"];

/** Functions in whose place hooks.c has its own. */
const HOOKS = [
	...["malloc", "calloc", "realloc", "free", "strdup", "time"],
	...["mbedtls_entropy_func", "mbedtls_ctr_drbg_random", "mbedtls_havege_init", "mbedtls_ecp_mul_restartable"],
	...["mbedtls_pk_verify", "mbedtls_pk_verify_ext", "mbedtls_pk_verify_restartable"],
	...["mbedtls_pk_sign", "mbedtls_pk_sign_restartable", "mbedtls_pk_check_pair"],
	"mbedtls_ssl_write_handshake_msg",
];
/** Those in whose place mutants.c has faulty ones. */
const MUTATED = ["trustCheck", "trustPinned", "tlsReason", "tlsFree", "tlsRead", "tlsState", "tlsWaiting"];

const FLAGS = [
	...["-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fno-builtin-strdup"],
	...["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
];
/** As archives: hooks reach into the library. */
const LIBRARIES = ["-l:libmbedtls.a", "-l:libmbedx509.a", "-l:libmbedcrypto.a"];

/** Resolves with the program's path; `mutants`: with faults that MUTANT in its environment chooses. */
export async function buildFuzzer(mutants = false): Promise<string> {
	const ours = readdirSync(join(root, HERE))
		.filter((name) => /\.[ch]$/.test(name) && (mutants || name !== "mutants.c"))
		.sort()
		.map((name) => join(HERE, name));
	const files = [...ours, ...CLIENT_FILES.map((name) => join(CLIENT, name))];
	const wrapped = [...HOOKS, ...(mutants ? MUTATED : [])].map((name) => `-Wl,--wrap=${name}`);
	const sources = files.filter((name) => name.endsWith(".c"));
	const args = [...FLAGS, ...sources, ...wrapped, ...LIBRARIES];
	const folder = join(buildFolder, "fuzz-tls");
	const hash = createHash("sha256").update(args.join("\0"));
	for (const file of files) hash.update(readFileSync(join(root, file)));
	const program = join(folder, `fuzz-tls-${hash.digest("hex").slice(0, 16)}`);
	if (existsSync(program)) return program;
	// No other process runs a program that is half written; and there is one of each kind.
	const aside = `${program}.${randomUUID()}`;
	mkdirSync(folder, { recursive: true });
	try {
		await compile([...args, "-o", aside]);
		renameSync(aside, program);
	} finally {
		rmSync(aside, { force: true });
	}
	return program;
}

async function compile(args: readonly string[]): Promise<void> {
	const compiler = process.env.CC ?? "gcc";
	const child = spawn(compiler, args, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
	let errors = "";
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		errors += text;
	});
	const code = await new Promise<number | string>((resolve) => {
		child.on("error", ({ message }) => resolve(message));
		child.on("close", (code, signal) => resolve(code ?? signal ?? 0));
	});
	if (code === 0) return;
	if (/mbedtls/.test(errors) && /No such file|cannot find/.test(errors))
		throw new Error("Mbed TLS is missing: apt-get install libmbedtls-dev");
	throw new Error(`${compiler}: ${errors.trim() || code}`);
}
