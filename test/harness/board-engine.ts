/**
 * The station on the XS of an SDK that is installed, within a board's limits:
 * what `npm run mcsim` builds, run without a screen by `board-engine.c`.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Creation, XS_SLOT_BYTES } from "../../hosts/creation.ts";
import { hasMbedTls } from "../../tools/moddable.js";
import { copyOfProject } from "./mcsim.ts";
import { type Exit, Program } from "./program.ts";
import { BOARD, simpleHash } from "./simple-slots.ts";
import { until } from "./wait.ts";

const { MODDABLE } = process.env;
/** Why there is no such engine here; `false` where there is one. */
export const NO_BOARD_ENGINE =
	MODDABLE === undefined
		? "needs the Moddable SDK (MODDABLE is not set)"
		: process.platform !== "linux"
			? "needs Linux, for GLib and mc.so"
			: !hasMbedTls() && "needs libmbedtls-dev";

/** Exit codes of the engine: those of XS's own reasons to end, and the wish to be restarted. */
export const EXIT = { memoryFull: 11, stackOverflow: 12, restart: 3 } as const;

/** Of XS, which the engine replaces by those of a board. */
const ALLOCATORS = ["fxAllocateChunks", "fxAllocateSlots", "fxFreeChunks", "fxFreeSlots"];
/** Before what the manifest has the linker do, in one word with it: mcconfig would escape a blank. */
const LINKER_OPTIONS = ALLOCATORS.map((name) => `--wrap=${name},`).join("");

/** mcsim has no second place for firmware. This one takes everything, has the hash of `simple-slots.ts`, and keeps nothing. */
const UPDATE_PORT = `update: {
		unconfirmed: false,
		judge() {},
		kept: () => "",
		keep() {},
		hash: ${simpleHash},
		verify() {},
		reserve() {},
		write() {},
		complete() {},
	},
	board: "${BOARD}",
	`;
/** The line of mcsim's host that it goes before. */
const BEHIND_UPDATE_PORT = "observer: panel.observer,";

/** Since the last ones. */
export interface Figures {
	/** Slots, the highest use. */
	readonly stack: number;
	/** In use after a collection; bytes of chunks. */
	readonly slots: number;
	readonly chunks: number;
	/** With what could have been collected. */
	readonly peakSlots: number;
	readonly peakChunks: number;
	/** Bytes of a board that XS has handed out for stack, slots and chunks, at any time. */
	readonly reserved: number;
}

export class BoardEngine {
	private readonly _program: string;
	private readonly _library: string;

	private constructor(program: string, library: string) {
		this._program = program;
		this._library = library;
	}

	/**
	 * Builds it for a station with these settings, which are part of the program, in
	 * the folder `build/NAME`, which stays. Throws an Error with what the compilers say.
	 */
	static build(name: string, settings: object): BoardEngine {
		const project = copyOfProject(name);
		const change = (path: string, behind: string, before: string) => {
			const text = readFileSync(join(project, path), "utf8");
			if (!text.includes(behind)) throw new Error(`${path} has no ${behind}`);
			writeFileSync(join(project, path), text.replace(behind, before + behind));
		};
		change("hosts/moddable/tls/manifest.json", "-lmbedtls,", LINKER_OPTIONS);
		change("hosts/sim/mcsim/host.ts", BEHIND_UPDATE_PORT, UPDATE_PORT);
		const config = join(project, "build/settings.json");
		mkdirSync(join(project, "build"), { recursive: true });
		writeFileSync(config, JSON.stringify(settings));
		const library = join(project, "build/moddable/bin/lin/mc/release/veleta/mc.so");
		// make does not notice that it is to be linked in another way.
		rmSync(library, { force: true });
		const tool = ["tools/run.js", "commands/mcsim.ts", "--build-only", "--config", config];
		const { status, stdout, stderr } = spawnSync(process.execPath, tool, { cwd: project, encoding: "utf8" });
		if (status !== 0) throw new Error(`${tool.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
		return new BoardEngine(compile(join(project, "build")), library);
	}

	/** Starts a station that keeps its flash in `folder`. */
	start(creation: Creation, folder: string): BoardStation {
		// mcsim makes the file, but no folder.
		mkdirSync(join(folder, ".veleta"), { recursive: true });
		const { static: block = 0, chunk, heap, stack } = creation;
		const sizes = [block, chunk.initial, chunk.incremental, heap.initial, heap.incremental, stack];
		const args = [this._library, ...sizes].map(String);
		return new BoardStation(new Program("the station within a board's limits", this._program, args, folder));
	}
}

function compile(folder: string): string {
	const program = join(folder, "board-engine");
	const includes = ["xs/includes", "xs/platforms", "xs/sources", "build/simulators/modules"];
	// As the SDK's makefile for mc.so: what both include has to mean the same.
	const defines = ["-DINCLUDE_XSPLATFORM=1", '-DXSPLATFORM="lin_xs.h"', "-D_RELEASE=1", "-DXS_ARCHIVE=1"];
	const glib = (what: string) =>
		execFileSync("pkg-config", [what, "gio-2.0"], { encoding: "utf8" }).trim().split(/\s+/);
	execFileSync(
		"gcc",
		[
			...["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", ...defines],
			...includes.flatMap((path) => ["-isystem", join(MODDABLE!, path)]),
			...glib("--cflags"),
			// For mc.so.
			"-rdynamic",
			...["-o", program, "test/harness/board-engine.c"],
			...glib("--libs"),
			...["-ldl", "-lm"],
		],
		{ stdio: "inherit" },
	);
	return program;
}

export class BoardStation {
	readonly program: Program;

	constructor(program: Program) {
		this.program = program;
	}

	/** Resolves with the figures since the last ones. */
	async figures(): Promise<Figures> {
		const before = this._figures.length;
		this.program.signal("SIGUSR1");
		await until("the engine's figures", () => this._figures.length > before || this.program.exit);
		return this.last;
	}

	/** The last ones; the engine's end tells some, too. */
	get last(): Figures {
		const last = this._figures.at(-1);
		if (!last) throw new Error(`no figures: ${this.program.lines.slice(-10).join("\n")}`);
		return JSON.parse(last.slice("figures ".length));
	}

	/** How many readings it has taken. */
	get readings(): number {
		return this.program.count(/^\{"report":/);
	}

	/** Resolves when it has ended. */
	ended(): Promise<Exit> {
		return this.program.ended();
	}

	kill(): Promise<void> {
		return this.program.kill();
	}

	private get _figures(): string[] {
		return this.program.lines.filter((line) => line.startsWith("figures "));
	}
}

/** Bytes on a board that are in use after a collection. */
export const liveBytes = ({ slots, chunks }: Figures): number => slots * XS_SLOT_BYTES + chunks;
