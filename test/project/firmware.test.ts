/** `npm run build:esp32` and `npm run flash`, with tools of the SDK and of ESP-IDF that do as if. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import test from "node:test";
import { parseUpdateCommand } from "../../commands/update/options.ts";
import { BOARDS } from "../../hosts/esp32/boards.ts";
import { buildPlace, keepIfSame } from "../../tools/firmware.js";
import { deepEqual, equal, match, ok, throws } from "../harness/harness.ts";
import { run, workingInstallation } from "../harness/sdk-installation.ts";
import { buildBoard, SerialBoard } from "../harness/serial-board.ts";

test("build says what it does and what comes next, and starts no debugger", () => {
	const { environment, remove, calls } = workingInstallation();
	try {
		const { status, stdout, stderr } = run("build:esp32", ["--board", "esp32c3"], environment);
		equal(status, 0, stderr);
		deepEqual(
			stderr
				.split("\n")
				.filter((line) => /^\d\//.test(line))
				.map((line) => line.slice(0, 20)),
			["1/2 the program for ", "2/2 the firmware: ES"],
		);
		match(stdout, /^next: plug the board in, and `npm run flash -- --board esp32c3`$/m);
		const [mcconfig, cmake] = calls();
		match(mcconfig!, /^mcconfig -m -p esp32\/esp32c3 -t build -o /);
		match(cmake!, /^cmake --build .*xsProj-esp32c3\/build$/);
		equal(calls().length, 2);
	} finally {
		remove();
	}
});

test("a firmware that ESP-IDF did not build is told, though mcconfig's makefile goes on", () => {
	const { environment, remove } = workingInstallation("cmake");
	try {
		const { status, stderr } = run("build:esp32", ["--board", "esp32c3"], environment);
		equal(status, 1);
		match(stderr, /^an error of the compiler\nESP-IDF did not build the firmware; what it said last is above\n$/m);
	} finally {
		remove();
	}
});

test("C that was compiled for a list of names that is gone is compiled anew", () => {
	const work = "build/moddable/esp32c3/tmp/esp32/esp32c3/release/veleta";
	// As an older version of these tools, or somebody with mcconfig, leaves the folder.
	rmSync(work, { recursive: true, force: true });
	mkdirSync(work, { recursive: true });
	writeFileSync(join(work, "tcp.c.o"), "other numbers");
	const { environment, remove, calls } = workingInstallation();
	try {
		const { status, stderr } = run("build:esp32", ["--board", "esp32c3"], environment);
		equal(status, 0, stderr);
		equal(readFileSync(join(work, "tcp.c.o"), "utf8"), readFileSync(join(work, "modules/mc.xsi"), "utf8"));
		match(calls()[0]!, /^mcconfig .* -o \S+\/build\/moddable\/esp32c3$/);
	} finally {
		remove();
	}
});

test("each board has a folder for its builds", () => {
	const outs = Object.entries(BOARDS).map(([board, { platform }]) => buildPlace({ board, platform }).out);
	ok(outs.length >= 7);
	equal(new Set(outs).size, outs.length);
});

test("an update takes the one firmware that was built, and wants to be told which where there are several", () => {
	const started = process.cwd();
	const boards = { esp32c3: "esp32/esp32c3", xiao_esp32c3: "esp32/xiao_esp32c3" };
	const place = Object.entries(boards).map(([board, platform]) =>
		relative(started, buildPlace({ board, platform }).out),
	);
	const folder = mkdtempSync(join(tmpdir(), "veleta-images-"));
	const write = (path: string) => {
		mkdirSync(join(path, ".."), { recursive: true });
		writeFileSync(path, "");
	};
	const find = () => {
		const command = parseUpdateCommand(["--broker", "mqtt://localhost", "--id", "roof", "--key", "key.pem"]);
		return command?.name === "push" ? command.file : command?.name;
	};
	// As mcconfig names it below its `-o`.
	const [one, other] = place.map((out) => join(out, "bin/esp32/esp32c3/release/veleta/xs_esp32.bin"));
	process.chdir(folder);
	try {
		write(join(place[0]!, "tmp/esp32/esp32c3/release/veleta/xsProj-esp32c3/build/xs_esp32.bin"));
		write("build/moddable/bin/lin/mc/release/veleta/mc.so");
		throws(find, /^no firmware is built/);
		write(one!);
		equal(find(), one);
		write(other!);
		throws(find, new RegExp(`name one of ${one}, ${other}$`));
	} finally {
		process.chdir(started);
		rmSync(folder, { recursive: true });
	}
});

test("a list of names goes with the objects that have its numbers, and both stay while nothing changes", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-inputs-"));
	const work = join(folder, "work");
	const input = join(folder, "station.js");
	const names = join(work, "modules/mc.xsi");
	const objects = join(work, "tcp.c.o");
	const build = () => keepIfSame(work, [input]);
	const compile = () => {
		mkdirSync(join(work, "modules"), { recursive: true });
		for (const file of [names, objects]) writeFileSync(file, "");
	};
	try {
		writeFileSync(input, "first");
		build();
		compile();
		build();
		ok(existsSync(names) && existsSync(objects), "what is the same is built anew");
		writeFileSync(input, "second");
		build();
		ok(!existsSync(names) && !existsSync(objects), "numbers of another program are left");
		compile();
		// As an older version of these tools, or somebody with mcconfig, leaves the folder.
		rmSync(join(work, "inputs.sha256"));
		build();
		ok(!existsSync(names) && !existsSync(objects), "numbers of nobody knows what are left");
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("flash looks for the port before it builds", () => {
	const { environment, remove, calls } = workingInstallation();
	try {
		const { status, stderr } = run("flash", ["--board", "esp32c3", "--port", "/dev/ttyNONE"], environment);
		equal(status, 1);
		equal(stderr, "there is no port /dev/ttyNONE: is the board plugged in?\n");
		deepEqual(calls(), []);
	} finally {
		remove();
	}
});

test("flash writes with esptool what ESP-IDF says, to the port, and restarts the board", async () => {
	const board = await SerialBoard.start(buildBoard(), () => undefined);
	for (const failing of ["", "python3"]) {
		const { environment, remove, calls } = workingInstallation(failing);
		try {
			const { status, stdout, stderr } = run("flash", ["--board", "esp32c3", "--port", board.path], environment);
			equal(
				calls().at(-1),
				`python3 -m esptool --chip esp32c3 --port ${board.path} --baud 460800 --before default-reset --after hard-reset write-flash --flash-mode dio --flash-size 4MB --flash-freq 80m 0x0 bootloader/bootloader.bin 0x8000 partition_table/partition-table.bin 0x10000 xs_esp32.bin`,
			);
			match(stderr, new RegExp(`^3/3 writing it to the board at ${board.path}$`, "m"));
			if (failing === "") {
				equal(status, 0, stderr);
				match(stdout, new RegExp(`^next: \`npm run monitor -- --port ${board.path}\` shows what the board does$`, "m"));
			} else {
				equal(status, 1);
				match(stderr, /^writing to the board at \S+ failed: hold its BOOT button, [^\n]*\n$/m);
			}
		} finally {
			remove();
		}
	}
	await board.end();
});
