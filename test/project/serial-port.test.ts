/** How the tools find and open the board's serial port, and what they say when they cannot. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { whyNotOpened } from "../../commands/board/serial-port.ts";
import { bundleProgram } from "../harness/bundle.ts";
import { Program } from "../harness/program.ts";
import { buildBoard, SerialBoard } from "../harness/serial-board.ts";

const root = process.cwd();
const provisionProgram = bundleProgram("commands/board/provision.ts");
const monitorProgram = bundleProgram("commands/board/monitor.ts");
let folder: string;

before(() => {
	folder = mkdtempSync(join(tmpdir(), "veleta-port-"));
});
after(() => rmSync(folder, { recursive: true }));

/** Asks for a board's settings, to the end; `path` takes the place of PATH. */
async function show(options: string[], path = process.env.PATH ?? "") {
	const arguments_ = [
		"-u",
		"UPLOAD_PORT",
		`PATH=${path}`,
		process.execPath,
		await provisionProgram,
		"--show",
		...options,
	];
	const program = new Program("provision", "/usr/bin/env", arguments_, folder);
	const { code } = await program.ended();
	return { code, lines: program.lines };
}

test("a port that is not there, or in use, is one line", async () => {
	const missing = await show(["--port", "/dev/ttyNONE"]);
	assert.deepEqual(missing, { code: 1, lines: ["there is no port /dev/ttyNONE: is the board plugged in?"] });
	const board = await SerialBoard.start(buildBoard(), () => undefined);
	const monitor = new Program("monitor", process.execPath, [await monitorProgram, "--port", board.path], root);
	try {
		await monitor.line(/listening/);
		const busy = await show(["--port", board.path]);
		assert.deepEqual(busy, {
			code: 1,
			lines: [`${board.path} is in use: close the other program, perhaps a monitor`],
		});
	} finally {
		await monitor.kill();
		await board.end();
	}
});

test("a port that may not be opened is told with the group to join", () => {
	const text = whyNotOpened("/dev/ttyUSB0", "Error: Permission denied, cannot open /dev/ttyUSB0");
	if (process.platform === "linux") {
		assert.match(
			text,
			/^\/dev\/ttyUSB0 may not be opened: add yourself to group \w+ with `sudo usermod -aG \w+ \$USER`/,
		);
	} else assert.match(text, /^\/dev\/ttyUSB0 may not be opened/);
});

/** What a Linux system has of USB, by a program in the place of its own. */
function withPorts(ports: { path: string; vendor: string }[]): string {
	const bin = join(folder, "bin");
	mkdirSync(bin, { recursive: true });
	const text = ports.map(
		({ path, vendor }) => `P: /devices/usb\nN: ${path.slice(5)}\nE: DEVNAME=${path}\nE: ID_VENDOR_ID=${vendor}\n`,
	);
	writeFileSync(join(bin, "udevadm"), `#!/bin/sh\nprintf '%s\\n' '${text.join("\n")}'\n`);
	chmodSync(join(bin, "udevadm"), 0o755);
	return bin;
}

if (process.platform === "linux") {
	test("the only board's port is found, several are listed, and none is told", async () => {
		const cp210x = { path: "/dev/ttyUSB7", vendor: "10c4" };
		const espressif = { path: "/dev/ttyACM7", vendor: "303a" };
		const modem = { path: "/dev/ttyACM8", vendor: "12d1" };
		const { code, lines } = await show([], withPorts([cp210x, modem]));
		assert.deepEqual(lines, ["there is no port /dev/ttyUSB7: is the board plugged in?"]);
		assert.equal(code, 1);
		assert.deepEqual((await show([], withPorts([cp210x, espressif]))).lines, [
			"several serial ports may be a board's: /dev/ttyUSB7 (CP210x), /dev/ttyACM7 (Espressif); choose one with --port",
		]);
		assert.match((await show([], withPorts([modem]))).lines.join(), /^no board at any USB port: [^\n]*--port$/);
		const none = await show([], "/nowhere");
		assert.match(none.lines.join(), /^the serial ports cannot be listed [^\n]*: name the board's with --port$/);
	});
}
