/**
 * The XS engine with the memory of a board: `hosts/sim/headless/engine`, compiled
 * with the sources of XS that the package `@agoric/xsnap` carries. It is built at
 * the first use, and again when a source changes; never by a package's own script.
 * There are two: the plain one, and one with the C for TLS of `hosts/moddable/tls`,
 * which needs Mbed TLS.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolder } from "../hosts/node/folders.js";
import { LockedError, takeLock } from "../hosts/node/lock-file.js";
import { engineProgram, root, tlsEngineProgram, writeWhole } from "./build.js";

const ours = join(root, "hosts/sim/headless/engine");
const oursForTls = join(ours, "tls");
const tls = join(root, "hosts/moddable/tls");
const folder = dirname(engineProgram);
/** What the plain engine has of XS itself, compiled: the one with TLS has the same. */
const kept = join(folder, "objects");

/**
 * XS checks its bounds, as on a board in debug; without that an overflow would
 * spoil memory in silence. The debugger is left out, as it takes memory of its own.
 * `platform.h` replaces the SDK's.
 */
const DEFINES = [
	"INCLUDE_XSPLATFORM",
	'XSPLATFORM="platform.h"',
	"mxBoundsCheck=1",
	"mxMetering=1",
	"mxNoConsole=1",
	"mxParse=1",
	"mxRegExp=1",
	"mxRun=1",
];
const OPTIONS = ["-O2", "-fno-common"];
const LIBRARIES = ["-lm", "-lpthread"];

/**
 * Of the C for TLS. Where the linker can do it, what Mbed TLS allocates is counted (`engine/tls/heap.c`): a static
 * library's calls only.
 */
const COUNTS_HEAP = process.platform === "linux";
const TLS_DEFINES = ["TLS_HEADLESS", ...(COUNTS_HEAP ? ["TLS_HEAP"] : [])];
/** Of our own C for TLS. */
const COUNTED = COUNTS_HEAP ? ["-Dmalloc=heapMalloc", "-Drealloc=heapRealloc", "-Dstrdup=heapStrdup"] : [];
const LINKED = ["-lmbedtls", "-lmbedx509", "-lmbedcrypto"];
const MBED_TLS = COUNTS_HEAP ? ["-Wl,-Bstatic", ...LINKED, "-Wl,-Bdynamic"] : LINKED;
const WRAPS = COUNTS_HEAP ? ["-Wl,--wrap=calloc,--wrap=free"] : [];

/** Time between two looks at a build that another process is at, in ms. */
const LOOK_MS = 100;

/** Why there can be no engine; the message is for a person. */
export class EngineBuildError extends Error {
	name = "EngineBuildError";
}

/** Mbed TLS is missing, which the engine with TLS needs. */
export class MissingMbedTlsError extends EngineBuildError {
	name = "MissingMbedTlsError";
}

/**
 * Builds the engine unless it is there, by default the plain one. `say` gets lines for a person, if there is
 * something to build. Throws an `EngineBuildError` without a compiler or Mbed TLS, or where it fails.
 */
export async function buildEngine({ withTls = false, say = (line) => process.stderr.write(`${line}\n`) } = {}) {
	const engine = withTls ? tlsEngine() : plainEngine();
	const digest = digestOf(engine);
	if (isBuilt(engine, digest)) return;
	const release = await lock(() => isBuilt(engine, digest));
	if (!release) return;
	try {
		if (!isBuilt(engine, digest)) await build(engine, digest, say);
	} finally {
		release();
	}
}

function plainEngine() {
	const moddable = join(
		dirname(createRequire(join(root, "package.json")).resolve("@agoric/xsnap/package.json")),
		"moddable",
	);
	const xs = join(moddable, "xs");
	const includes = [ours, join(xs, "includes"), join(xs, "platforms"), join(xs, "sources")];
	return {
		name: "the XS engine",
		program: engineProgram,
		/** The digest of its sources. */
		stamp: join(folder, "sources"),
		sources: [
			...filesIn(ours),
			...filesIn(join(xs, "sources")),
			join(moddable, "modules/data/text/encoder/textencoder.c"),
			join(moddable, "modules/data/text/decoder/textdecoder.c"),
		],
		headers: [...filesIn(includes[1]), ...filesIn(includes[2])],
		includes,
		defines: DEFINES,
		libraries: LIBRARIES,
	};
}

function tlsEngine() {
	const plain = plainEngine();
	return {
		...plain,
		name: "the XS engine with TLS",
		program: tlsEngineProgram,
		stamp: join(folder, "sources-tls"),
		sources: [
			...plain.sources,
			...filesIn(oursForTls),
			...["binding.c", "connection.c", "task-posix.c", "trust.c"].map((name) => join(tls, name)),
		],
		headers: [...plain.headers, ...filesIn(tls).filter((file) => file.endsWith(".h"))],
		includes: [...plain.includes, oursForTls, tls],
		defines: [...plain.defines, ...TLS_DEFINES],
		libraries: [...WRAPS, ...MBED_TLS, ...plain.libraries],
		needsMbedTls: true,
	};
}

function filesIn(folder) {
	return readdirSync(folder)
		.filter((name) => /\.[ch]$/.test(name))
		.sort()
		.map((name) => join(folder, name));
}

function digestOf({ sources, headers, defines, libraries }) {
	const hash = createHash("sha256").update(JSON.stringify([defines, OPTIONS, COUNTED, libraries]));
	for (const file of [...sources, ...headers]) hash.update(readFileSync(file));
	return hash.digest("hex");
}

function isBuilt({ program, stamp }, digest) {
	return existsSync(program) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
}

/**
 * Lets one process at a time build. Resolves with a function that gives the lock back, or
 * with `undefined` when another process has built the engine meanwhile.
 */
async function lock(isDone) {
	for (;;) {
		try {
			// No secrets are in it.
			makeFolder(folder, 0o777);
			return takeLock(join(folder, "lock"));
		} catch (error) {
			if (error.code)
				throw new EngineBuildError(`${relative(process.cwd(), folder)}: cannot be written (${error.code})`);
			if (!(error instanceof LockedError)) throw error;
		}
		if (isDone()) return undefined;
		await sleep(LOOK_MS);
	}
}

/** Builds in a folder aside, and renames it when it is whole: processes that run the old engine go on with it. */
async function build(engine, digest, say) {
	const { name, program, stamp, includes, defines, libraries } = engine;
	const sources = engine.sources.filter((source) => source.endsWith(".c"));
	const compiler = process.env.CC || "cc";
	const { error } = spawnSync(compiler, ["--version"]);
	if (error)
		throw new EngineBuildError(`the XS engine needs a C compiler: install gcc or clang (${compiler}: ${error.code})`);
	const aside = mkdtempSync(join(folder, "aside-"));
	const plain = plainEngine();
	const keeps = engine.needsMbedTls && isBuilt(plain, digestOf(plain));
	const isOurs = (source) => source.startsWith(ours) || source.startsWith(tls);
	const keptObject = (source) => join(kept, `${basename(source)}.o`);
	const isKept = (source) => keeps && !isOurs(source) && existsSync(keptObject(source));
	const children = new Set();
	const leave = () => {
		for (const child of children) endGroup(child);
		rmSync(aside, { recursive: true, force: true });
	};
	// The compilers get none of these signals.
	const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
	const endings = Object.entries(signals).map(([signal, code]) => [signal, () => process.exit(code)]);
	for (const [signal, end] of endings) process.on(signal, end);
	process.on("exit", leave);
	try {
		if (engine.needsMbedTls) await findMbedTls(children, compiler, aside);
		const objects = sources.map((source, index) => (isKept(source) ? keptObject(source) : join(aside, `${index}.o`)));
		const flags = [...OPTIONS, ...defines.map((name) => `-D${name}`), ...includes.map((path) => `-I${path}`)];
		const began = Date.now();
		// The largest first, so that none is left alone at the end.
		const waiting = sources
			.map((source, index) => ({ source, object: objects[index], size: readFileSync(source).length }))
			.filter(({ source }) => !isKept(source))
			.sort((one, other) => other.size - one.size);
		const count = waiting.length;
		const jobs = Math.min(availableParallelism(), count);
		const most = count < sources.length ? "" : "; some 15 s on two idle processors";
		say(`builds ${name}, once: ${count} files in C, ${jobs} at a time${most}`);
		const worker = async () => {
			for (let next = waiting.shift(); next; next = waiting.shift()) {
				if (process.stderr.isTTY) process.stderr.write(`\r${count - waiting.length} of ${count} `);
				// Warnings about XS's sources are not ours to mend.
				const warnings = isOurs(next.source) ? ["-Wall", "-Wextra", "-Wno-unused-parameter"] : ["-w"];
				const counted = next.source.startsWith(tls) ? COUNTED : [];
				await compile(children, compiler, [...flags, ...warnings, ...counted, "-c", next.source, "-o", next.object]);
			}
		};
		await Promise.all(Array.from({ length: jobs }, worker));
		await compile(children, compiler, [...objects, ...libraries, "-o", join(aside, "xs")]);
		renameSync(join(aside, "xs"), program);
		if (!engine.needsMbedTls) {
			rmSync(kept, { recursive: true, force: true });
			mkdirSync(kept);
			for (const [index, source] of sources.entries())
				if (!isOurs(source)) renameSync(objects[index], keptObject(source));
		}
		writeWhole(stamp, digest);
		if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
		say(`built it in ${((Date.now() - began) / 1_000).toFixed(0)} s`);
	} finally {
		process.off("exit", leave);
		for (const [signal, end] of endings) process.off(signal, end);
		leave();
	}
}

/** Throws a `MissingMbedTlsError` unless a program with it can be built. */
async function findMbedTls(children, compiler, aside) {
	const source = join(aside, "mbedtls.c");
	writeFileSync(
		source,
		"#include <mbedtls/ssl.h>\nint main(void) { mbedtls_ssl_init(&(mbedtls_ssl_context){0}); return 0; }\n",
	);
	try {
		await compile(children, compiler, [source, ...MBED_TLS, "-o", join(aside, "mbedtls")]);
	} catch (error) {
		if (!(error instanceof EngineBuildError)) throw error;
		throw new MissingMbedTlsError("TLS as on a board needs Mbed TLS with its headers: apt-get install libmbedtls-dev");
	}
}

/** A compiler is several processes. */
function endGroup({ pid }) {
	try {
		process.kill(-pid, "SIGKILL");
	} catch {
		// It has ended.
	}
}

/** No shell: a path may have blanks in it. `children` has the compiler while it runs. */
async function compile(children, compiler, args) {
	const child = spawn(compiler, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
	let said = "";
	child.stderr.on("data", (data) => {
		said += data;
	});
	children.add(child);
	const code = await new Promise((resolve) => child.on("close", resolve));
	children.delete(child);
	if (code !== 0) throw new EngineBuildError(`${compiler} did not build the XS engine:\n${said.trimEnd()}`);
	process.stderr.write(said);
}
