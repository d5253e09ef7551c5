/** `npm run provision`: gives a board its settings over USB, without building its firmware anew. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SerialPort } from "serialport";
import { BOARDS, pinProblem } from "../../hosts/esp32/boards.ts";
import { plainJson } from "../../hosts/node/plain-text.ts";
import { readSettings } from "../../hosts/node/settings-file.ts";
import { parseSettings, type Settings } from "../../src/settings.ts";
import { checkForBoard } from "../device-settings.ts";
import { type Command, EXIT_DONE, FLAG, HELP, print, readLine, say, UsageError, VALUE, type Values } from "../frame.ts";
import { closePort, findPort, openPort, PORT_HELP, PORT_OPTION, PortError, resetBoard } from "./serial-port.ts";
import { Requests } from "./serial-request.ts";

/** As `hosts/esp32/console/console-protocol.h` has it. */
const SETTINGS_MAXIMUM = 7_168;
/** Bytes of the settings in a request, which has 240 at the most. */
const PIECE = 192;
/** Time for the first answer, in ms: of a running board, and of a board that was just restarted. */
const RUNNING_MS = 2_000;
const RESTARTED_MS = 5_000;
/** Time for the reply to a request to store, in ms. Storing takes some tenths of a second. */
const STORE_MS = 3_000;
/** Longest time without progress, in ms; the board may be busy with its broker. */
const PATIENCE_MS = 15_000;
/** `--erase --all`: the flash takes some ten seconds, a slow one a minute. Then it is asked again. */
const ERASE_MS = 60_000;
/** `--wait`: time to wait for a port, and between looks, in ms. A waking board's port is there for some seconds. */
const WAIT_MS = 120_000;
const LOOK_MS = 100;

const USAGE = `usage: npm run provision -- [--port PORT] [--wait] [--config FILE]
       npm run provision -- [--port PORT] [--wait] --show
       npm run provision -- [--port PORT] [--wait] --erase [--all]

Sends settings to the board, which keeps them in flash and restarts with them.
They replace those that its firmware was built with, as a whole.

  --config FILE  (default config.json); PEM files that it names are sent, too
  --show         what the board has, without its secrets
  --erase        forgets what was sent: back to what the firmware was built with
  --all          with --erase: leaves nothing of it in the flash, nor readings,
                 nor the firmware in the other slot; for a board that goes away
  --wait         waits for the port, two minutes at the most: a board with a USB
                 of its own has none while it sleeps
${PORT_HELP}`;

const LINE = {
	name: "npm run provision",
	options: { ...PORT_OPTION, config: VALUE, show: FLAG, erase: FLAG, all: FLAG, wait: FLAG, help: HELP },
};
type Wanted = Values<typeof LINE.options>;

/** What a board tells: where its settings come from, its name, and the settings. */
const SHOWN = /^ok (built in|stored) (?:on (\w+) )?(.*)$/s;

/** What it tells in place of a secret (`hosts/esp32/console/provisioning.ts`). */
const HIDDEN = "(set)";

interface Board {
	readonly path: string;
	readonly port: SerialPort;
	readonly requests: Requests;
}

export const command: Command<Wanted> = { ...LINE, help: USAGE, read, run: provision };

function read(args: string[]): Wanted | undefined {
	const values = readLine(args, LINE)?.values;
	if (values?.show && values.erase) throw new UsageError("--show and --erase: one of them");
	if (values?.all && !values.erase) throw new UsageError("--all goes with --erase");
	return values;
}

async function provision({ port: wanted, config = "config.json", show, erase, all, wait }: Wanted): Promise<number> {
	// The settings are checked before a port is opened.
	const settings = show || erase ? undefined : settingsToSend(config);
	const board = await connect(wanted, wait ? WAIT_MS : 0);
	try {
		const shown = await greet(board);
		if (show) return tell(shown);
		if (settings === undefined) await ask(board, "-");
		if (all) return await eraseAll(board);
		if (settings !== undefined) {
			checkPins(shown, config, settings.pins);
			await send(board, settings.text);
		}
		const restarts = await board.requests.ask("!", { within: STORE_MS });
		const next = restarts === undefined ? "restart the board with its reset button" : "the board restarts";
		print(`${erase ? "forgotten" : "stored"}; ${next}: \`npm run monitor -- --port ${board.path}\` shows what it does`);
		return EXIT_DONE;
	} finally {
		await closePort(board.port);
	}
}

async function connect(wanted: string | undefined, within: number): Promise<Board> {
	const end = performance.now() + within;
	for (;;) {
		try {
			const path = await findPort(wanted);
			const port = await openPort(path);
			return { path, port, requests: new Requests(port) };
		} catch (error) {
			if (!(error instanceof PortError) || performance.now() >= end) throw error;
		}
		await sleep(LOOK_MS);
	}
}

/** The settings in ASCII without a tilde, which begins a request; and their pins, which are right for some boards only. */
function settingsToSend(file: string): { readonly text: string; readonly pins: Settings["pins"] } {
	const settings = readSettings(file);
	if (settings === undefined) throw new Error(`${file} is missing: copy config.example.json to it, and edit it`);
	const parsed = parseSettings(settings);
	checkForBoard(parsed);
	const text = JSON.stringify(settings).replace(
		/[^ -}]/g,
		(character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
	if (text.length > SETTINGS_MAXIMUM) {
		throw new Error(
			`${file}: the settings have ${text.length} bytes with their certificates; a board keeps ${SETTINGS_MAXIMUM}`,
		);
	}
	if (settings.wifi === undefined) say(`${file} has no wifi: the board will join no network`);
	return { text, pins: parsed.pins };
}

/** `shown` is what the board told. Throws an Error for pins that it cannot use. */
function checkPins(shown: string, file: string, pins: Settings["pins"]): void {
	const [, , name = ""] = SHOWN.exec(shown) ?? [];
	const board = Object.hasOwn(BOARDS, name) ? BOARDS[name] : undefined;
	const problem = board && pinProblem(board, pins);
	if (problem !== undefined) throw new Error(`${file}: ${problem} (the board is ${name})`);
}

/** The settings that the board tells; a board that sleeps, or hangs, is restarted first. */
async function greet({ path, port, requests }: Board): Promise<string> {
	let shown = await requests.ask("?", { within: RUNNING_MS });
	if (shown === undefined && port.isOpen) {
		say(`${path}: no answer; restarting the board`);
		await resetBoard(port);
		shown = await requests.ask("?", { within: RESTARTED_MS });
	}
	if (shown === undefined) throw silence({ path, port });
	return shown;
}

function silence({ path, port }: Pick<Board, "path" | "port">): Error {
	return new Error(
		port.isOpen
			? `the board at ${path} does not answer: is this firmware on it (\`npm run flash\`)? Press its reset button, and try again`
			: `${path} is gone: was the board unplugged?`,
	);
}

function tell(shown: string): number {
	const [, origin, , settings] = SHOWN.exec(shown) ?? [];
	if (settings === undefined) throw refusal(shown);
	say(
		origin === "stored"
			? "stored in the board's flash, in place of what its firmware was built with:"
			: "nothing was sent to this board; built into its firmware:",
	);
	process.stdout.write(`${plainJson(JSON.parse(settings), "\t")}\n`);
	return EXIT_DONE;
}

async function send(board: Board, text: string): Promise<void> {
	say(`${board.path}: sending ${text.length} bytes of settings`);
	let sent = 0;
	let progressed = performance.now();
	while (sent < text.length) {
		const end = Math.min(sent + PIECE, text.length);
		let told = sent;
		const reply = await board.requests.ask(`+${sent} ${text.slice(sent, end)}`, {
			within: STORE_MS,
			accepts: (reply) => {
				if (!reply.startsWith("ok ")) return true;
				told = Number(reply.slice(3));
				return told === end;
			},
		});
		if (reply !== undefined) {
			if (told !== end) throw refusal(reply);
			sent = end;
			progressed = performance.now();
		} else {
			if (!board.port.isOpen || performance.now() > progressed + PATIENCE_MS) throw silence(board);
			// A board that has restarted in between has lost bytes.
			sent = Math.min(told, sent);
		}
	}
	await ask(board, `=${text.length}`);
}

/** Sends a request, and throws an Error with the reason if the board refuses it. */
async function ask(board: Board, request: string): Promise<void> {
	const reply = await board.requests.ask(request, { within: PATIENCE_MS, every: STORE_MS });
	if (reply === undefined) throw silence(board);
	if (reply !== "ok") throw refusal(reply);
}

/** The settings are forgotten already: what the board tells now is built into its firmware. */
async function eraseAll(board: Board): Promise<number> {
	const builtIn = await board.requests.ask("?", { within: PATIENCE_MS, every: STORE_MS });
	if (builtIn === undefined) throw silence(board);
	say(`${board.path}: erasing settings, readings and the firmware in the other slot; it takes up to a minute`);
	const reply = await board.requests.ask("*", { within: 2 * ERASE_MS, every: ERASE_MS });
	if (reply === undefined) throw silence(board);
	if (reply === "error no such request")
		throw new Error("this firmware cannot erase all: esptool's erase-flash does, and takes the firmware, too");
	if (reply !== "ok") throw refusal(reply);
	process.stdout.write("erased; the board restarts. Take its power away: that empties its memory\n");
	const [, , , settings] = SHOWN.exec(builtIn) ?? [];
	const kept = settings === undefined ? [] : secretsIn(JSON.parse(settings));
	if (kept.length > 0)
		say(
			`its firmware has ${kept.join(", ")} built in, and keeps them: build it without config.json, and write it with \`npm run flash\`; or esptool's erase-flash takes all`,
		);
	return EXIT_DONE;
}

/** The names of the settings that a board has, and does not show. */
function secretsIn(value: unknown, name = ""): string[] {
	if (typeof value === "string") return value.includes(HIDDEN) ? [name] : [];
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([member, inner]) => {
		const inList = Array.isArray(value) ? name : name === "" ? member : `${name}.${member}`;
		return secretsIn(inner, inList);
	});
}

function refusal(reply: string): Error {
	return new Error(`the board did not take it: ${reply.replace(/^error /, "")}`);
}
