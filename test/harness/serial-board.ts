/** A board's serial port on this computer: the C that a board has for it, and behind it what the test says. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { SettingsStore } from "../../hosts/esp32/console/provisioning.ts";
import { compiled } from "./compiled.ts";
import { until } from "./wait.ts";

const HOST = "hosts/esp32/console";
/** ESP-IDF's headers, as far as this computer has a flash for them. */
const ESP_IDF = "test/project/esp32/console/esp-idf";

/** Compiles `test/project/esp32/console/board.c`, and gives the program's path. */
export function buildBoard(): string {
	const parts = ["console-lines.c", "console-protocol.c", "erase.c", "improv.c", "settings-text.c"].map((part) =>
		join(HOST, part),
	);
	return compile("board", ...parts, "test/project/esp32/console/flash.c");
}

/** Compiles `lines.c` beside it, likewise. */
export function buildLines(): string {
	return compile("lines", join(HOST, "console-lines.c"));
}

function compile(name: string, ...parts: string[]): string {
	const sources = [join("test/project/esp32/console", `${name}.c`), ...parts, "hosts/esp32/machine/crc32.c"];
	const flags = ["-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"];
	return compiled(name, [...flags, "-I", HOST, "-I", ESP_IDF, ...sources]);
}

/** One of so many bytes is lost, and before one of so many lines there is noise; 0 is never. */
export interface Disturbance {
	readonly seed?: number;
	readonly lossIn?: number;
	readonly lossOut?: number;
	readonly noise?: number;
	/** How often the board restarts in the middle of what it receives. */
	readonly restarts?: number;
}

/** A flash of 4 MB in a file, and the firmware that runs from it: confirmed, on trial, or older than what starts next. */
export interface BoardFlash {
	readonly path: string;
	/** `worn`: it does not erase readings. */
	readonly state: "valid" | "trial" | "waits" | "worn";
}

/** A board's stored settings. */
export class Store implements SettingsStore {
	text: string | undefined;
	read(): string | undefined {
		return this.text;
	}
	write(text?: string): void {
		this.text = text;
	}
}

export class SerialBoard {
	/** Of the pseudo-terminal. */
	readonly path: string;
	readonly requests: string[];
	/** How often it has restarted after it has erased all. */
	erasures = 0;
	/** SSIDs that Improv brought, each with a restart. */
	readonly restarts: string[] = [];
	private readonly _child: ChildProcess;

	private constructor(path: string, requests: string[], child: ChildProcess) {
		this.path = path;
		this.requests = requests;
		this._child = child;
	}

	/** `answer` gives the reply to a request; without a reply the board is silent. */
	static async start(
		program: string,
		answer: (request: string) => string | undefined,
		{ seed = 1, lossIn = 0, lossOut = 0, noise = 0, restarts = 0 }: Disturbance = {},
		flash?: BoardFlash,
	): Promise<SerialBoard> {
		const args = [...[seed, lossIn, lossOut, noise, restarts].map(String), ...(flash ? [flash.path, flash.state] : [])];
		const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
		const kill = () => child.kill("SIGKILL");
		process.once("exit", kill);
		child.once("exit", () => process.off("exit", kill));
		const requests: string[] = [];
		let path: string | undefined;
		let board: SerialBoard | undefined;
		createInterface(child.stdout!).on("line", (line) => {
			if (line === "erased") {
				if (board) board.erasures++;
				return;
			}
			const [, kind, request] = /^(request|ask|restart) (.*)$/.exec(line) ?? [];
			if (kind === undefined || request === undefined) {
				path = line;
				return;
			}
			if (kind === "restart") {
				board?.restarts.push(request);
				return;
			}
			if (kind === "ask") {
				child.stdin!.write(`answer ${answer(request === "secrets" ? "\n" : request)}\n`);
				return;
			}
			requests.push(request);
			// The board restarts without asking the program; and erases, if it has a flash.
			const isBoards = request === "!" || (request === "*" && flash !== undefined);
			const reply = isBoards ? undefined : answer(request);
			if (reply !== undefined) child.stdin!.write(`reply ${reply}\n`);
		});
		board = new SerialBoard(await until("a pseudo-terminal", () => path), requests, child);
		return board;
	}

	/** A line that the board says of its own. */
	log(text: string): void {
		this._child.stdin!.write(`log ${text}\n`);
	}

	/** The Wi-Fi that has an address; without an SSID there is none. */
	join(ssid = ""): void {
		this._child.stdin!.write(`joined ${ssid}\n`);
	}

	/** What scans will find, the strongest first. */
	hear(networks: readonly { readonly ssid: string; readonly rssi: number; readonly secured: boolean }[]): void {
		for (const { ssid, rssi, secured } of networks)
			this._child.stdin!.write(`network ${rssi} ${secured ? "YES" : "NO"} ${ssid}\n`);
	}

	/** How scans go. */
	scan(how: "cannot begin" | "goes on" | "ends" | "fails"): void {
		this._child.stdin!.write(`scan ${["cannot begin", "goes on", "ends", "fails"].indexOf(how)}\n`);
	}

	/** Unplugs it: the terminal is gone. */
	async end(): Promise<void> {
		this._child.stdin!.end();
		await until("the end of the board", () => this._child.exitCode !== null || this._child.signalCode !== null);
	}
}
