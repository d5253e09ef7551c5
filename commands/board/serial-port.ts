/** Serial ports: lists them, opens them for the terminal or for requests, and restarts the board behind one. */
import { readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { SerialPort } from "serialport";
import { messageOf } from "../../src/text.ts";
import { VALUE } from "../frame.ts";
import { BAUD_RATE, RESET_MS } from "./serial-line.ts";
import { Requests } from "./serial-request.ts";

/** USB vendors of boards and of their USB chips. */
const VENDORS: Readonly<Record<string, string>> = {
	"10c4": "CP210x",
	"1a86": "CH34x",
	"0403": "FTDI",
	"303a": "Espressif",
};

/** The option of the commands that use a port. */
export const PORT_OPTION = { port: VALUE };
export const PORT_HELP = `  --port PORT    the board's serial port, if there are several (or UPLOAD_PORT)
`;

/** There is no port now, or it cannot be opened. */
export class PortError extends Error {
	override name = "PortError";
}

/** Loaded only when needed: its binary in C++ is not there for every kind of computer. */
async function library() {
	try {
		return (await import("serialport")).SerialPort;
	} catch (error) {
		throw new PortError(`serialport cannot be loaded (${messageOf(error).split("\n")[0]}): run \`npm ci\` again`);
	}
}

/**
 * The port that was asked for, or the only port with a board's USB vendor. Throws a
 * `PortError` that lists the ports if there are several.
 */
export async function findPort(wanted = process.env.UPLOAD_PORT): Promise<string> {
	if (wanted) return wanted;
	const SerialPort = await library();
	let ports: Awaited<ReturnType<typeof SerialPort.list>>;
	try {
		ports = await SerialPort.list();
	} catch (error) {
		throw new PortError(`the serial ports cannot be listed (${messageOf(error)}): name the board's with --port`);
	}
	const boards = ports.filter(({ vendorId }) => vendorId?.toLowerCase() in VENDORS);
	const [board] = boards;
	if (!board) {
		throw new PortError(
			"no board at any USB port: plug it in with a cable that carries data, or name its port with --port",
		);
	}
	if (boards.length > 1) {
		const list = boards.map(({ path, vendorId }) => `${path} (${VENDORS[vendorId!.toLowerCase()]})`);
		throw new PortError(`several serial ports may be a board's: ${list.join(", ")}; choose one with --port`);
	}
	return board.path;
}

/**
 * Opens a port, as a stream of bytes both ways, and locks it. The board runs on:
 * both lines that could reset it are released.
 */
export async function openPort(path: string): Promise<SerialPort> {
	const SerialPort = await library();
	const port = new SerialPort({ path, baudRate: BAUD_RATE, autoOpen: false, hupcl: false });
	await new Promise<void>((resolve, reject) => {
		port.open((error) => (error ? reject(new PortError(whyNotOpened(path, error.message))) : resolve()));
	});
	// Later errors close the port, too.
	port.on("error", () => undefined);
	await setLines(port, { dtr: false, rts: false });
	return port;
}

/** Requests to the board at an open port. */
export function requestsAt(port: SerialPort): Requests {
	const requests = new Requests((line) => port.write(line, "latin1"));
	port.on("data", (bytes: Buffer) => requests.receive(bytes));
	port.once("close", () => requests.end());
	return requests;
}

/** Resolves when the port is closed; it may have been before. */
export function closePort(port: SerialPort): Promise<void> {
	return new Promise((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve()));
}

/** Restarts the board, as esptool does it: RTS is the chip's reset line. A port without such lines stays as it is. */
export async function resetBoard(port: SerialPort): Promise<void> {
	await setLines(port, { dtr: false, rts: true });
	await sleep(RESET_MS);
	await setLines(port, { dtr: false, rts: false });
}

/** Not every port has lines: a pseudo-terminal has none. */
function setLines(port: SerialPort, lines: { dtr: boolean; rts: boolean }): Promise<void> {
	return new Promise((resolve) => port.set(lines, () => resolve()));
}

/** Advice for the user, from the system's message. */
export function whyNotOpened(path: string, message: string): string {
	if (/no such file|not found/i.test(message)) return `there is no port ${path}: is the board plugged in?`;
	if (/permission|access/i.test(message)) {
		const howTo = process.platform === "linux" ? `: ${joinGroup(path)}` : ": is another program using it?";
		return `${path} may not be opened${howTo}`;
	}
	if (/lock|busy|in use/i.test(message)) return `${path} is in use: close the other program, perhaps a monitor`;
	return `${path} is no serial port that can be opened: ${message.replace(/^Error: /, "")}`;
}

/** Which group may open the port, `dialout` on most systems. */
function joinGroup(path: string): string {
	let group = "dialout";
	try {
		const { gid } = statSync(path);
		const entry = readFileSync("/etc/group", "utf8")
			.split("\n")
			.map((line) => line.split(":"))
			.find(([, , id]) => id === String(gid));
		if (entry?.[0] && gid !== 0) group = entry[0];
	} catch {
		// Then the most common name.
	}
	return `add yourself to group ${group} with \`sudo usermod -aG ${group} $USER\`, and log in again`;
}
