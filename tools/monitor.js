/** `npm run monitor`: what a board says, as it says it. */
import { setTimeout as sleep } from "node:timers/promises";
import { command, ToolError } from "./moddable.js";
import { closePort, findPort, openPort, PORT_HELP, PORT_OPTION, resetBoard } from "./serial-port.js";
import { Lines } from "./serial-request.js";

/** How often a port that is gone is looked for, in ms. */
const LOOK_MS = 500;

const help = `usage: npm run monitor -- [--port PORT] [--time] [--reset]

Prints what the board says, until Ctrl-C. A board that is unplugged is waited for.

  --time         the time of day before each line
  --reset        restarts the board first, and so shows its start
${PORT_HELP}`;

const options = { ...PORT_OPTION, time: { type: "boolean" }, reset: { type: "boolean" } };

await command(help, options, async ({ port: wanted, time, reset }, [unknown]) => {
	if (unknown !== undefined) throw new ToolError(`${unknown}: no such argument; see --help`, 2);
	const path = await findPort(wanted);
	let port = await openPort(path);
	const stop = new AbortController();
	for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());
	process.stderr.write(`${path}: listening; Ctrl-C ends\n`);
	if (reset) await resetBoard(port);
	while (port) {
		await show(port, time, stop.signal);
		if (stop.signal.aborted) break;
		process.stderr.write(`${path} is gone; waiting for it\n`);
		port = await reopen(path, stop.signal);
		if (port) process.stderr.write(`${path} is back\n`);
	}
	return 0;
});

/** Prints lines until the port or the program ends. */
async function show(port, time, signal) {
	const lines = new Lines((line) => {
		const text = printable(Buffer.from(line, "latin1").toString("utf8"));
		process.stdout.write(`${time ? `${timeOfDay()} ` : ""}${text}\n`);
	});
	port.on("data", (bytes) => lines.receive(bytes));
	await new Promise((resolve) => {
		port.once("close", resolve);
		signal.addEventListener("abort", resolve, { once: true });
		if (signal.aborted || !port.isOpen) resolve();
	});
	lines.end();
	await closePort(port);
}

/** A port that is plugged in again may take a moment until it can be opened. */
async function reopen(path, signal) {
	while (!signal.aborted) {
		try {
			await sleep(LOOK_MS, undefined, { signal });
			return await openPort(path);
		} catch (error) {
			if (!(error instanceof ToolError) && error.name !== "AbortError") throw error;
		}
	}
	return undefined;
}

/** Noise is no command to the terminal. */
function printable(text) {
	return text.replace(/[^\P{Cc}\t]/gu, "\u{fffd}");
}

function timeOfDay() {
	const now = new Date();
	return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(11, 23);
}
