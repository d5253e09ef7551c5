/** `npm run monitor`: prints a board's log as it comes. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { SerialPort } from "serialport";
import { plain } from "../../hosts/node/plain-text.ts";
import { type Command, EXIT_DONE, FLAG, HELP, onInterrupt, print, readLine, say, type Values } from "../frame.ts";
import { closePort, findPort, openPort, PORT_HELP, PORT_OPTION, PortError, resetBoard } from "./serial-port.ts";
import { Lines } from "./serial-request.ts";

/** Time between looks for a port that is gone, in ms. */
const LOOK_MS = 500;

const USAGE = `usage: npm run monitor -- [--port PORT] [--time] [--reset]

Prints what the board says, until Ctrl-C. A board that is unplugged is waited for.

  --time         the time of day before each line
  --reset        restarts the board first, and so shows its start
${PORT_HELP}`;

const LINE = { name: "npm run monitor", options: { ...PORT_OPTION, time: FLAG, reset: FLAG, help: HELP } };
type Wanted = Values<typeof LINE.options>;

export const command: Command<Wanted> = {
	...LINE,
	help: USAGE,
	read: (args) => readLine(args, LINE)?.values,
	run: monitor,
};

async function monitor({ port: wanted, time = false, reset = false }: Wanted): Promise<number> {
	const path = await findPort(wanted);
	let port: SerialPort | undefined = await openPort(path);
	const stop = new AbortController();
	onInterrupt(() => stop.abort());
	process.stdout.on("error", () => stop.abort());
	say(`${path}: listening; Ctrl-C ends`);
	if (reset) await resetBoard(port);
	while (port) {
		await show(port, path, time, stop.signal);
		if (stop.signal.aborted) break;
		say(`${path} is gone; waiting for it`);
		port = await reopen(path, stop.signal);
		if (port) say(`${path} is back`);
	}
	return EXIT_DONE;
}

/** Prints lines until the port at `path` or the program ends. */
async function show(port: SerialPort, path: string, time: boolean, signal: AbortSignal): Promise<void> {
	const lines = new Lines((line) => {
		// Noise must not command the terminal.
		const text = Buffer.from(line.replaceAll("\t", " "), "latin1").toString("utf8");
		print(`${time ? `${timeOfDay()} ` : ""}${plain(text, "\ufffd")}`);
	});
	port.on("data", (bytes: Buffer) => lines.receive(bytes));
	let look: NodeJS.Timeout | undefined;
	await new Promise<void>((resolve) => {
		port.once("close", () => resolve());
		// A port that was unplugged may read as empty: `serialport` then reads again, for ever.
		look = setInterval(() => {
			if (path.startsWith("/") && !existsSync(path)) resolve();
		}, LOOK_MS);
		signal.addEventListener("abort", () => resolve(), { once: true });
		if (signal.aborted || !port.isOpen) resolve();
	});
	clearInterval(look);
	lines.end();
	await closePort(port);
}

/** A port that is plugged in again may take a moment until it can be opened. */
async function reopen(path: string, signal: AbortSignal): Promise<SerialPort | undefined> {
	while (!signal.aborted) {
		try {
			await sleep(LOOK_MS, undefined, { signal });
			return await openPort(path);
		} catch (error) {
			if (!(error instanceof PortError) && (error as Error).name !== "AbortError") throw error;
		}
	}
	return undefined;
}

function timeOfDay(): string {
	const now = new Date();
	return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(11, 23);
}
