/**
 * The XS engine with the memory of a board: `hosts/sim/headless/engine`, compiled
 * with the sources of XS that the package `@agoric/xsnap` carries. It is built at
 * the first use, and again when a source changes; never by a package's own script.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LockedError, takeLock } from "../hosts/node/lock-file.js";
import { engineProgram, root, writeWhole } from "./build.js";

const ours = join(root, "hosts/sim/headless/engine");
const folder = dirname(engineProgram);
/** The digest of the engine's sources. */
const stamp = join(folder, "sources");

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

/** Time between two looks at a build that another process is at, in ms. */
const LOOK_MS = 100;

/** Why there can be no engine; the message is for a person. */
export class EngineBuildError extends Error {
	name = "EngineBuildError";
}

/**
 * Builds the engine unless it is there. `say` gets lines for a person, if there is
 * something to build. Throws an `EngineBuildError` without a compiler, or where it fails.
 */
export async function buildEngine(say = (line) => process.stderr.write(`${line}\n`)) {
	const moddable = join(
		dirname(createRequire(join(root, "package.json")).resolve("@agoric/xsnap/package.json")),
		"moddable",
	);
	const xs = join(moddable, "xs");
	const sources = [
		...filesIn(ours),
		...filesIn(join(xs, "sources")),
		join(moddable, "modules/data/text/encoder/textencoder.c"),
		join(moddable, "modules/data/text/decoder/textdecoder.c"),
	];
	const includes = [ours, join(xs, "includes"), join(xs, "platforms"), join(xs, "sources")];
	const digest = digestOf([...sources, ...filesIn(includes[1]), ...filesIn(includes[2])]);
	if (isBuilt(digest)) return;
	const release = await lock(() => isBuilt(digest));
	if (!release) return;
	try {
		if (!isBuilt(digest))
			await build(
				sources.filter((source) => source.endsWith(".c")),
				includes,
				digest,
				say,
			);
	} finally {
		release();
	}
}

function filesIn(folder) {
	return readdirSync(folder)
		.filter((name) => /\.[ch]$/.test(name))
		.sort()
		.map((name) => join(folder, name));
}

function digestOf(files) {
	const hash = createHash("sha256").update(JSON.stringify([DEFINES, OPTIONS, LIBRARIES]));
	for (const file of files) hash.update(readFileSync(file));
	return hash.digest("hex");
}

function isBuilt(digest) {
	return existsSync(engineProgram) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
}

/**
 * Lets one process at a time build. Resolves with a function that gives the lock back, or
 * with `undefined` when another process has built the engine meanwhile.
 */
async function lock(isDone) {
	for (;;) {
		try {
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
async function build(sources, includes, digest, say) {
	const compiler = process.env.CC || "cc";
	const { error } = spawnSync(compiler, ["--version"]);
	if (error)
		throw new EngineBuildError(`the XS engine needs a C compiler: install gcc or clang (${compiler}: ${error.code})`);
	const aside = mkdtempSync(join(folder, "aside-"));
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
		const jobs = Math.min(availableParallelism(), sources.length);
		say(
			`builds the XS engine, once: ${sources.length} files in C, ${jobs} at a time; some 15 s on two idle processors`,
		);
		const objects = sources.map((_, index) => join(aside, `${index}.o`));
		const flags = [...OPTIONS, ...DEFINES.map((name) => `-D${name}`), ...includes.map((path) => `-I${path}`)];
		const began = Date.now();
		// The largest first, so that none is left alone at the end.
		const waiting = sources
			.map((source, index) => ({ source, object: objects[index], size: readFileSync(source).length }))
			.sort((one, other) => other.size - one.size);
		const worker = async () => {
			for (let next = waiting.shift(); next; next = waiting.shift()) {
				if (process.stderr.isTTY) process.stderr.write(`\r${sources.length - waiting.length} of ${sources.length} `);
				// Warnings about XS's sources are not ours to mend.
				const warnings = next.source.startsWith(ours) ? ["-Wall", "-Wextra", "-Wno-unused-parameter"] : ["-w"];
				await compile(children, compiler, [...flags, ...warnings, "-c", next.source, "-o", next.object]);
			}
		};
		await Promise.all(Array.from({ length: jobs }, worker));
		await compile(children, compiler, [...objects, ...LIBRARIES, "-o", join(aside, "xs")]);
		renameSync(join(aside, "xs"), engineProgram);
		writeWhole(stamp, digest);
		if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
		say(`built it in ${((Date.now() - began) / 1_000).toFixed(0)} s`);
	} finally {
		process.off("exit", leave);
		for (const [signal, end] of endings) process.off(signal, end);
		leave();
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
