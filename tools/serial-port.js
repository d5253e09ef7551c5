/** Serial ports: which there are, opened for the terminal or for requests, and the board behind one restarted. */
import { readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "./moddable.js";

/** Bits per second of every board's UART; USB has none. */
export const BAUD_RATE = 115_200;
/** USB vendors of what a board is connected with. */
const VENDORS = {
	"10c4": "CP210x",
	"1a86": "CH34x",
	"0403": "FTDI",
	"303a": "Espressif",
};
/** The line that holds a chip in reset is pulled for so long, in ms, as esptool does it. */
const RESET_MS = 100;

/** Options of the commands that use a port. */
export const PORT_OPTION = { port: { type: "string" } };
export const PORT_HELP = `  --port PORT    the board's serial port, if there are several (or UPLOAD_PORT)
`;

/** Only when it is needed: it is written in C++, and not there for every kind of computer. */
async function library() {
	try {
		return (await import("serialport")).SerialPort;
	} catch (error) {
		throw new ToolError(`serialport cannot be loaded (${error.message.split("\n")[0]}): run \`npm ci\` again`);
	}
}

/**
 * The port that was asked for, or the only one that a board may be at. Throws a
 * `ToolError` that lists the ports where there are several.
 */
export async function findPort(wanted = process.env.UPLOAD_PORT) {
	if (wanted) return wanted;
	const SerialPort = await library();
	let ports;
	try {
		ports = await SerialPort.list();
	} catch (error) {
		throw new ToolError(`the serial ports cannot be listed (${error.message}): name the board's with --port`);
	}
	const boards = ports.filter(({ vendorId }) => vendorId?.toLowerCase() in VENDORS);
	if (boards.length === 0) {
		throw new ToolError(
			"no board at any USB port: plug it in with a cable that carries data, or name its port with --port",
		);
	}
	if (boards.length > 1) {
		const list = boards.map(({ path, vendorId }) => `${path} (${VENDORS[vendorId.toLowerCase()]})`);
		throw new ToolError(`several serial ports may be a board's: ${list.join(", ")}; choose one with --port`);
	}
	return boards[0].path;
}

/**
 * Opens a port, as a stream of bytes both ways. Nobody else can open it in the
 * meantime. The board runs on: both lines that could reset it are let go.
 */
export async function openPort(path) {
	const SerialPort = await library();
	const port = new SerialPort({ path, baudRate: BAUD_RATE, autoOpen: false, hupcl: false });
	await new Promise((resolve, reject) => {
		port.open((error) => (error ? reject(new ToolError(whyNotOpened(path, error.message))) : resolve()));
	});
	// What goes wrong later closes the port, too.
	port.on("error", () => undefined);
	await setLines(port, { dtr: false, rts: false });
	return port;
}

/** Resolves when the port is closed; it may have been before. */
export function closePort(port) {
	return new Promise((resolve) => (port.isOpen ? port.close(resolve) : resolve()));
}

/** Restarts the board, as esptool does it: RTS is the chip's reset line. A port without such lines stays as it is. */
export async function resetBoard(port) {
	await setLines(port, { dtr: false, rts: true });
	await sleep(RESET_MS);
	await setLines(port, { dtr: false, rts: false });
}

/** Not every port has lines: a pseudo-terminal has none. */
function setLines(port, lines) {
	return new Promise((resolve) => port.set(lines, () => resolve()));
}

/** What the user can do, by what the system said. */
export function whyNotOpened(path, message) {
	if (/no such file|not found/i.test(message)) return `there is no port ${path}: is the board plugged in?`;
	if (/permission|access/i.test(message)) {
		const howTo = process.platform === "linux" ? `: ${joinGroup(path)}` : ": is another program using it?";
		return `${path} may not be opened${howTo}`;
	}
	if (/lock|busy|in use/i.test(message)) return `${path} is in use: close the other program, perhaps a monitor`;
	return `${path} is no serial port that can be opened: ${message.replace(/^Error: /, "")}`;
}

/** Which group may open the port, `dialout` on most systems. */
function joinGroup(path) {
	let group = "dialout";
	try {
		const { gid } = statSync(path);
		const entry = readFileSync("/etc/group", "utf8")
			.split("\n")
			.map((line) => line.split(":"))
			.find(([, , id]) => id === String(gid));
		if (entry && gid !== 0) group = entry[0];
	} catch {
		// The most common name will do.
	}
	return `add yourself to group ${group} with \`sudo usermod -aG ${group} $USER\`, and log in again`;
}
