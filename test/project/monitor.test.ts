/** `npm run monitor` on a pseudo-terminal. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bundleProgram } from "../harness/bundle.ts";
import { Program } from "../harness/program.ts";
import { buildBoard, SerialBoard } from "../harness/serial-board.ts";

const root = process.cwd();
const program = bundleProgram("commands/board/monitor.ts");
let folder: string;
let boardProgram: string;

before(() => {
	folder = mkdtempSync(join(tmpdir(), "veleta-monitor-"));
	boardProgram = buildBoard();
});
after(() => rmSync(folder, { recursive: true }));

function startBoard(): Promise<SerialBoard> {
	return SerialBoard.start(boardProgram, () => undefined);
}

async function startMonitor(path: string, ...options: string[]): Promise<Program> {
	return new Program("monitor", process.execPath, [await program, "--port", path, ...options], root);
}

/** What is the board's, without what the monitor says of itself. */
function said(monitor: Program): string[] {
	return monitor.lines.filter((line) => !monitor.errors.includes(line));
}

test("each line of the board is printed, noise without effect on the terminal, until Ctrl-C", async () => {
	const board = await startBoard();
	const monitor = await startMonitor(board.path, "--reset");
	try {
		await monitor.line(/: listening; Ctrl-C ends$/);
		board.log("12.5 °C at the terrace");
		board.log("\u001b[2Jwarning: \u0007no reading");
		board.log("a\tb\u009b31m\u202eCBA\u2028\u2069");
		board.log("end");
		await monitor.line(/^end$/);
		assert.deepEqual(said(monitor), [
			"12.5 °C at the terrace",
			"\ufffd[2Jwarning: \ufffdno reading",
			"a b\ufffd31m\ufffdCBA\ufffd\ufffd",
			"end",
		]);
		monitor.signal("SIGINT");
		assert.deepEqual(await monitor.ended(), { code: 0, signal: null });
	} finally {
		await board.end();
	}
});

test("with --time each line has the time of day", async () => {
	const board = await startBoard();
	const monitor = await startMonitor(board.path, "--time");
	try {
		await monitor.line(/listening/);
		board.log("online");
		assert.match(await monitor.line(/online$/), /^([01]\d|2[0-3])(:[0-5]\d){2}\.\d{3} online$/);
	} finally {
		await monitor.kill();
		await board.end();
	}
});

test("a board that is unplugged is waited for", async () => {
	const port = join(folder, "port");
	const first = await startBoard();
	symlinkSync(first.path, port);
	const monitor = await startMonitor(port);
	try {
		await monitor.line(/listening/);
		first.log("before");
		await monitor.line(/^before$/);
		await first.end();
		await monitor.line(/port is gone; waiting for it$/);
		unlinkSync(port);
		const second = await startBoard();
		symlinkSync(second.path, port);
		await monitor.line(/port is back$/);
		second.log("after");
		await monitor.line(/^after$/);
		await second.end();
		await monitor.line(/is gone/, monitor.lines.length - 1);
		monitor.signal("SIGINT");
		assert.deepEqual(await monitor.ended(), { code: 0, signal: null });
	} finally {
		await monitor.kill();
		rmSync(port, { force: true });
	}
});

test("without a port, and with a wrong option, there is one line", async () => {
	for (const [options, code] of [
		[[], 1],
		[["--prot"], 2],
		[["now"], 2],
	] as const) {
		const monitor = await startMonitor("/dev/ttyNONE", ...options);
		assert.equal((await monitor.ended()).code, code);
		assert.equal(monitor.lines.length, 1, monitor.lines.join("\n"));
	}
});
