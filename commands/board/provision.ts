/** `npm run provision`: gives a board its settings over USB, without building its firmware anew. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SerialPort } from "serialport";
import { BOARDS, pinProblem } from "../../hosts/esp32/boards.ts";
import { plainJson } from "../../hosts/node/plain-text.ts";
import { readSettings } from "../../hosts/node/settings-file.ts";
import { parseSettings, type Settings } from "../../src/settings.ts";
import { checkForBoard } from "../device-settings.ts";
import { type Command, EXIT_DONE, FLAG, HELP, print, readLine, say, UsageError, VALUE, type Values } from "../frame.ts";
import {
	closePort,
	findPort,
	openPort,
	PORT_HELP,
	PORT_OPTION,
	PortError,
	requestsAt,
	resetBoard,
} from "./serial-port.ts";
import type { Requests } from "./serial-request.ts";
import {
	greet,
	HIDDEN,
	order,
	PATIENCE_MS,
	refusal,
	restart,
	type Shown,
	SilentError,
	STORE_MS,
	sendSettings,
	settingsText,
	shownIn,
} from "./settings-transfer.ts";

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
	const { port, path, requests } = board;
	try {
		const shown = await greet(requests, () => {
			say(`${path}: no answer; restarting the board`);
			return resetBoard(port);
		});
		if (show) return tell(shownIn(shown));
		if (settings === undefined) await order(requests, "-");
		if (all) return await eraseAll(board);
		if (settings !== undefined) {
			checkPins(shown, config, settings.pins);
			say(`${path}: sending ${settings.text.length} bytes of settings`);
			await sendSettings(requests, settings.text);
		}
		const next = (await restart(requests)) ? "the board restarts" : "restart the board with its reset button";
		print(`${erase ? "forgotten" : "stored"}; ${next}: \`npm run monitor -- --port ${path}\` shows what it does`);
		return EXIT_DONE;
	} catch (error) {
		throw error instanceof SilentError ? silence(board) : error;
	} finally {
		await closePort(port);
	}
}

async function connect(wanted: string | undefined, within: number): Promise<Board> {
	const end = performance.now() + within;
	for (;;) {
		try {
			const path = await findPort(wanted);
			const port = await openPort(path);
			return { path, port, requests: requestsAt(port) };
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
	const text = settingsText(settings, file);
	if (settings.wifi === undefined) say(`${file} has no wifi: the board will join no network`);
	return { text, pins: parsed.pins };
}

/** `reply`: to the question for the settings. Throws an Error for pins that the board cannot use. */
function checkPins(reply: string, file: string, pins: Settings["pins"]): void {
	// A board whose settings cannot be read takes new ones.
	if (!reply.startsWith("ok ")) return;
	const { board: name } = shownIn(reply);
	const board = Object.hasOwn(BOARDS, name) ? BOARDS[name] : undefined;
	const problem = board && pinProblem(board, pins);
	if (problem !== undefined) throw new Error(`${file}: ${problem} (the board is ${name})`);
}

function silence({ path, port }: Pick<Board, "path" | "port">): Error {
	return new Error(
		port.isOpen
			? `the board at ${path} does not answer: is this firmware on it (\`npm run flash\`)? Press its reset button, and try again`
			: `${path} is gone: was the board unplugged?`,
	);
}

function tell({ isStored, settings }: Shown): number {
	say(
		isStored
			? "stored in the board's flash, in place of what its firmware was built with:"
			: "nothing was sent to this board; built into its firmware:",
	);
	process.stdout.write(`${plainJson(settings, "\t")}\n`);
	return EXIT_DONE;
}

/** The settings are forgotten already: what the board tells now is built into its firmware. */
async function eraseAll({ path, requests }: Board): Promise<number> {
	const builtIn = await requests.ask("?", { within: PATIENCE_MS, every: STORE_MS });
	if (builtIn === undefined) throw new SilentError();
	say(`${path}: erasing settings, readings and the firmware in the other slot; it takes up to a minute`);
	const reply = await requests.ask("*", { within: 2 * ERASE_MS, every: ERASE_MS });
	if (reply === undefined) throw new SilentError();
	if (reply === "error no such request")
		throw new Error("this firmware cannot erase all: esptool's erase-flash does, and takes the firmware, too");
	if (reply !== "ok") throw refusal(reply);
	process.stdout.write("erased; the board restarts. Take its power away: that empties its memory\n");
	const kept = builtIn.startsWith("ok ") ? secretsIn(shownIn(builtIn).settings) : [];
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
