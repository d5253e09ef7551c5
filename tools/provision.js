/** `npm run provision`: gives a board its settings over USB, without building its firmware anew. */
import { setTimeout as sleep } from "node:timers/promises";
import { checkTls } from "./config.js";
import { command, ToolError } from "./moddable.js";
import { closePort, findPort, openPort, PORT_HELP, PORT_OPTION, resetBoard } from "./serial-port.js";
import { Requests } from "./serial-request.js";
import { readSettings } from "./settings-file.js";

/** As `hosts/esp32/console/console-protocol.h` has it. */
const SETTINGS_MAXIMUM = 7_168;
/** Bytes of the settings in a request, which has 240 at the most. */
const PIECE = 192;
/** How long a board that runs may take to answer at first, in ms, and one that was just restarted. */
const RUNNING_MS = 2_000;
const RESTARTED_MS = 5_000;
/** Storing takes some tenths of a second. */
const STORE_MS = 3_000;
/** How long nothing may go forward, in ms; the board may be busy with its broker. */
const PATIENCE_MS = 15_000;
/** How long `--wait` waits for a port, in ms, and how often it looks: a board that wakes is there for some seconds. */
const WAIT_MS = 120_000;
const LOOK_MS = 100;

const help = `usage: npm run provision -- [--port PORT] [--wait] [--config FILE]
       npm run provision -- [--port PORT] [--wait] --show
       npm run provision -- [--port PORT] [--wait] --erase

Sends settings to the board, which keeps them in flash and restarts with them.
They replace those that its firmware was built with, as a whole.

  --config FILE  (default config.json); PEM files that it names are sent, too
  --show         what the board has, without its secrets
  --erase        forgets what was sent: back to what the firmware was built with
  --wait         waits for the port, two minutes at the most: a board with a USB
                 of its own has none while it sleeps
${PORT_HELP}`;

const flag = { type: "boolean" };
const options = { ...PORT_OPTION, config: { type: "string" }, show: flag, erase: flag, wait: flag };

await command(help, options, async ({ port: wanted, config, show, erase, wait }, [unknown]) => {
	if (unknown !== undefined) throw new ToolError(`${unknown}: no such argument; see --help`, 2);
	if (show && erase) throw new ToolError("--show and --erase: one of them", 2);
	// All that can be wrong here is said before a port is opened.
	const settings = show || erase ? undefined : await settingsToSend(config ?? "config.json");
	const board = await connect(wanted, wait ? WAIT_MS : 0);
	try {
		const shown = await greet(board);
		if (show) return tell(shown);
		if (erase) await ask(board, "-");
		else await send(board, settings);
		const restarts = await board.requests.ask("!", { within: STORE_MS });
		const next = restarts === undefined ? "restart the board with its reset button" : "the board restarts";
		process.stdout.write(
			`${erase ? "forgotten" : "stored"}; ${next}: \`npm run monitor -- --port ${board.path}\` shows what it does\n`,
		);
		return 0;
	} finally {
		await closePort(board.port);
	}
});

async function connect(wanted, within) {
	const end = performance.now() + within;
	for (;;) {
		try {
			const path = await findPort(wanted);
			const port = await openPort(path);
			return { path, port, requests: new Requests(port) };
		} catch (error) {
			if (!(error instanceof ToolError) || performance.now() >= end) throw error;
		}
		await sleep(LOOK_MS);
	}
}

/** As ASCII without a tilde, which begins a request. */
async function settingsToSend(file) {
	const settings = await readSettings(file);
	if (settings === undefined) throw new ToolError(`${file} is missing: copy config.example.json to it, and edit it`);
	await checkTls(settings);
	const text = JSON.stringify(settings).replace(
		/[^ -}]/g,
		(character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
	if (text.length > SETTINGS_MAXIMUM) {
		throw new ToolError(
			`${file}: the settings have ${text.length} bytes with their certificates; a board keeps ${SETTINGS_MAXIMUM}`,
		);
	}
	if (settings.wifi === undefined) process.stderr.write(`${file} has no wifi: the board will join no network\n`);
	return text;
}

/** What the board has, told by the board; one that sleeps, or hangs, is restarted for it. */
async function greet({ path, port, requests }) {
	let shown = await requests.ask("?", { within: RUNNING_MS });
	if (shown === undefined && port.isOpen) {
		process.stderr.write(`${path}: no answer; restarting the board\n`);
		await resetBoard(port);
		shown = await requests.ask("?", { within: RESTARTED_MS });
	}
	if (shown === undefined) throw silence({ path, port });
	return shown;
}

function silence({ path, port }) {
	return new ToolError(
		port.isOpen
			? `the board at ${path} does not answer: is this firmware on it (\`npm run flash\`)? Press its reset button, and try again`
			: `${path} is gone: was the board unplugged?`,
	);
}

function tell(shown) {
	const [, origin, settings] = /^ok (built in|stored) (.*)$/s.exec(shown) ?? [];
	if (origin === undefined) throw refusal(shown);
	process.stderr.write(
		origin === "stored"
			? "stored in the board's flash, in place of what its firmware was built with:\n"
			: "nothing was sent to this board; built into its firmware:\n",
	);
	process.stdout.write(`${JSON.stringify(JSON.parse(settings), undefined, "\t")}\n`);
	return 0;
}

async function send(board, text) {
	process.stderr.write(`${board.path}: sending ${text.length} bytes of settings\n`);
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
			// A board that has restarted in between has less than it had.
			sent = Math.min(told, sent);
		}
	}
	await ask(board, `=${text.length}`);
}

/** Asks for what is done or is not, and throws a `ToolError` that says why it is not. */
async function ask(board, request) {
	const reply = await board.requests.ask(request, { within: PATIENCE_MS, every: STORE_MS });
	if (reply === undefined) throw silence(board);
	if (reply !== "ok") throw refusal(reply);
}

function refusal(reply) {
	return new ToolError(`the board did not take it: ${reply.replace(/^error /, "")}`);
}
