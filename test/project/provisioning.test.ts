/** `npm run provision` and the board's own code at the ends of a pseudo-terminal, also on a line that is bad. */

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { answer } from "../../hosts/esp32/console/provisioning.ts";
import { bundleProgram } from "../harness/bundle.ts";
import { Program } from "../harness/program.ts";
import { type BoardFlash, buildBoard, type Disturbance, SerialBoard, Store } from "../harness/serial-board.ts";
import { pause } from "../harness/wait.ts";

const command = bundleProgram("commands/board/provision.ts");
let folder: string;
let boardProgram: string;

before(() => {
	folder = mkdtempSync(join(tmpdir(), "veleta-serial-"));
	boardProgram = buildBoard();
});
after(() => rmSync(folder, { recursive: true }));

const BUILT_IN = { id: "built-in", wifi: { ssid: "home", password: "very secret" } };

async function withBoard(
	run: (board: SerialBoard, store: Store) => Promise<void>,
	disturbance: Disturbance = {},
	{ builtIn = BUILT_IN, flash }: { readonly builtIn?: object; readonly flash?: BoardFlash } = {},
): Promise<void> {
	const store = new Store();
	const board = await SerialBoard.start(
		boardProgram,
		(request) => answer(request, "esp32", builtIn, store),
		disturbance,
		flash,
	);
	try {
		await run(board, store);
	} finally {
		await board.end();
	}
}

/** Runs `npm run provision` to its end. */
async function provision(...options: string[]) {
	const program = new Program("provision", process.execPath, [await command, ...options], folder);
	const { code } = await program.ended();
	return { code, lines: program.lines, errors: program.errors, text: program.lines.join("\n") };
}

function configFile(settings: unknown): string {
	const file = join(folder, "config.json");
	writeFileSync(file, typeof settings === "string" ? settings : JSON.stringify(settings));
	return file;
}

/** As long as a certificate of 2,048 bits of RSA. */
const pem = (label: string) =>
	`-----BEGIN ${label}-----\n${`${"MIIEvQ+/".repeat(8)}\n`.repeat(26)}-----END ${label}-----\n`;

test("settings with certificates come to the board, and are shown without their secrets", async () => {
	writeFileSync(join(folder, "ca.pem"), pem("CERTIFICATE"));
	writeFileSync(join(folder, "station.pem"), pem("CERTIFICATE"));
	const { privateKey: key } = generateKeyPairSync("rsa", {
		modulusLength: 2_048,
		publicKeyEncoding: { type: "spki", format: "pem" },
		privateKeyEncoding: { type: "pkcs8", format: "pem" },
	});
	writeFileSync(join(folder, "station.key"), key);
	const settings = {
		broker: "mqtts://broker.example",
		username: "station",
		password: "~hunter22~",
		id: "terrace",
		wifi: { ssid: "Café ☕", password: "s3cret-s3cret" },
		tls: { ca: "ca.pem", certificate: "station.pem", key: "station.key" },
	};
	await withBoard(async (board, store) => {
		const stored = await provision("--port", board.path, "--config", configFile(settings));
		assert.equal(stored.code, 0, stored.text);
		assert.match(stored.text, /stored; the board restarts: `npm run monitor/);
		assert.deepEqual(JSON.parse(store.text!), {
			...settings,
			tls: { ca: pem("CERTIFICATE"), certificate: pem("CERTIFICATE"), key },
		});
		assert.ok(store.text!.length > 5_000);
		assert.equal(board.requests.at(-1), "!");

		const shown = await provision("--port", board.path, "--show");
		assert.equal(shown.code, 0, shown.text);
		for (const secret of ["hunter22", "s3cret", "MIIEv"]) {
			assert.ok(!stored.text.includes(secret) && !shown.text.includes(secret), `${secret} is shown`);
		}
		const json = shown.lines.filter((line) => !shown.errors.includes(line)).join("\n");
		assert.deepEqual(JSON.parse(json), {
			...settings,
			password: "(set)",
			wifi: { ssid: "Café ☕", password: "(set)" },
			tls: { ca: "(set)", certificate: "(set)", key: "(set)" },
		});

		const erased = await provision("--port", board.path, "--erase");
		assert.equal(erased.code, 0, erased.text);
		assert.equal(store.text, undefined);
		const builtIn = await provision("--port", board.path, "--show");
		assert.match(builtIn.text, /built into its firmware/);
		assert.match(builtIn.text, /"built-in"/);
		assert.doesNotMatch(builtIn.text, /very secret/);
	});
});

test("settings arrive whole over a line that loses bytes both ways and is noisy", async () => {
	const settings = {
		id: "terrace",
		wifi: { ssid: "home", password: "s3cret-s3cret" },
		broker: "mqtts://broker.lan",
		tls: { ca: pem("CERTIFICATE") },
	};
	const file = configFile(settings);
	for (const seed of [1, 2, 3]) {
		await withBoard(
			async (board, store) => {
				const { code, text } = await provision("--port", board.path, "--config", file);
				assert.equal(code, 0, `seed ${seed}: ${text}`);
				assert.deepEqual(JSON.parse(store.text!), settings, `seed ${seed}`);
			},
			{ seed, lossIn: 1_000, lossOut: 200, noise: 3 },
		);
	}
});

test("settings arrive whole at a board that restarts in the middle", async () => {
	const settings = { id: "terrace", broker: "mqtts://broker.lan", tls: { ca: pem("CERTIFICATE") } };
	await withBoard(
		async (board, store) => {
			const { code, text } = await provision("--port", board.path, "--config", configFile(settings));
			assert.equal(code, 0, text);
			assert.deepEqual(JSON.parse(store.text!), settings);
		},
		{ restarts: 4 },
	);
});

test("what cannot be used is said before a port is opened, and shows nothing of it", async () => {
	for (const [settings, why] of [
		['{"password": "hunter22"', /^.*config\.json: is not JSON: .* in line 1$/],
		['{"password": "hunter22"}', /^.*config\.json: password: needs a username beside it$/],
		[{ broker: "mqtt://ana:hunter22@192.168.1.300" }, /^.*config\.json: broker: the host must be a name, or an IPv4/],
		[{ tls: { ca: "missing.pem" } }, /^.*config\.json: tls\.ca: missing\.pem: there is no such file$/],
		[
			{ broker: "mqtts://h", tls: { ca: pem("CERTIFICATE").repeat(5) } },
			/bytes with their certificates; a board keeps 7168$/,
		],
	] as const) {
		const { code, lines } = await provision("--port", "/nowhere", "--config", configFile(settings));
		assert.equal(lines.length, 1, lines.join("\n"));
		assert.match(lines[0]!, why);
		assert.doesNotMatch(lines[0]!, /hunter22|MIIEvQ/);
		assert.equal(code, 1);
	}
	const { code, lines } = await provision("--port", "/nowhere");
	assert.deepEqual(lines.length, 1);
	rmSync(join(folder, "config.json"), { force: true });
	assert.equal(code, 1);
	const missing = await provision("--port", "/nowhere");
	assert.match(missing.text, /^config\.json is missing: copy config\.example\.json to it, and edit it$/);
});

test("pins that the board's chip cannot use are refused before anything is sent", async () => {
	await withBoard(async (board, store) => {
		for (const [pins, why] of [
			[{ dht: 34 }, /config\.json: pins\.dht: GPIO 34 of an ESP32 cannot be used; .* \(the board is esp32\)$/],
			[{ data: 6 }, /pins\.data: GPIO 6 of an ESP32 cannot be used/],
			[{ clock: 21 }, /pins\.clock: GPIO 21 is the board's own pins\.data, too/],
		] as const) {
			const { code, lines } = await provision("--port", board.path, "--config", configFile({ pins, wifi: [] }));
			assert.match(lines.at(-1)!, why);
			assert.equal(code, 1);
		}
		assert.deepEqual([...new Set(board.requests)], ["?"]);
		assert.equal(store.text, undefined);
		const { code, text } = await provision(
			"--port",
			board.path,
			"--config",
			configFile({ pins: { dht: 5 }, wifi: [] }),
		);
		assert.equal(code, 0, text);
	});
});

/** A flash with a secret in each of its sectors, and where each partition is. */
function flashOf(state: BoardFlash["state"]) {
	const path = join(folder, `${state}.flash`);
	const bytes = Buffer.alloc(4 << 20, 0);
	for (let at = 0; at < bytes.length; at += 4_096) bytes.write("very secret", at + 100);
	writeFileSync(path, bytes);
	const rows = readFileSync("hosts/esp32/partitions.csv", "utf8")
		.split("\n")
		.filter((line) => /^\w/.test(line))
		.map((line) => line.split(",").map((cell) => cell.trim()));
	const partitions = rows.map(([name, , , offset, size]) => ({
		name: name!,
		offset: Number(offset),
		size: Number(size),
	}));
	return {
		flash: { path, state },
		/** The partitions with a byte that is not erased. */
		written: () => {
			const now = readFileSync(path);
			return partitions
				.filter(({ offset, size }) => now.subarray(offset, offset + size).some((byte) => byte !== 0xff))
				.map(({ name }) => name);
		},
		/** Those of which something has changed. */
		changed: () => {
			const now = readFileSync(path);
			return partitions
				.filter(
					({ offset, size }) => !now.subarray(offset, offset + size).equals(bytes.subarray(offset, offset + size)),
				)
				.map(({ name }) => name);
		},
	};
}
const ERASED = ["nvs", "ota_1", "veleta"];

test("--erase --all leaves nothing in the flash but the firmware that runs, and says what that has", async () => {
	for (const [builtIn, told] of [
		[BUILT_IN, ["wifi.password"]],
		[
			{
				broker: "mqtt://me:hunter22@h",
				wifi: [{ ssid: "home", password: "very secret" }],
				tls: { ca: pem("CERTIFICATE") },
			},
			["broker, wifi.password, tls.ca"],
		],
		[{}, []],
	] as const) {
		const { flash, written, changed } = flashOf("valid");
		await withBoard(
			async (board, store) => {
				store.write(JSON.stringify({ id: "terrace", wifi: { ssid: "home", password: "s3cret-s3cret" } }));
				const { code, lines, text } = await provision("--port", board.path, "--erase", "--all");
				assert.equal(code, 0, text);
				assert.equal(store.text, undefined);
				assert.deepEqual(written(), ["phy_init", "ota_0", "otadata"]);
				assert.deepEqual(changed(), ERASED);
				assert.equal(board.erasures, 1);
				assert.ok(lines.includes("erased; the board restarts. Take its power away: that empties its memory"));
				const kept = lines.flatMap((line) => /^its firmware has (.*) built in, and keeps them/.exec(line)?.[1] ?? []);
				assert.deepEqual(kept, told);
				assert.doesNotMatch(text, /very secret|s3cret|hunter22/);
			},
			{},
			{ builtIn, flash },
		);
	}
});

test("--erase --all over a line that loses bytes both ways and is noisy", async () => {
	for (const seed of [1, 2]) {
		const { flash, changed } = flashOf("valid");
		const disturbance = { seed, lossIn: 1_000, lossOut: 200, noise: 3 };
		await withBoard(
			async (board) => {
				const { code, text } = await provision("--port", board.path, "--erase", "--all");
				assert.equal(code, 0, text);
				assert.deepEqual(changed(), ERASED);
			},
			disturbance,
			{ flash },
		);
	}
});

test("firmware that may have to go back to the other slot erases nothing; a flash that does not erase is told", async () => {
	for (const [state, line, changes, restarts] of [
		["trial", /^the board did not take it: the new firmware is on trial$/, [], 0],
		["waits", /^the board did not take it: the new firmware waits for a restart$/, [], 0],
		["worn", /^the board did not take it: the flash does not erase \(0x105\)$/, ["nvs", "ota_1"], 1],
	] as const) {
		const { flash, changed } = flashOf(state);
		await withBoard(
			async (board) => {
				const { code, lines } = await provision("--port", board.path, "--erase", "--all");
				assert.equal(code, 1);
				assert.match(lines.at(-1)!, line);
				assert.deepEqual(changed(), changes);
				assert.equal(board.erasures, restarts);
			},
			{},
			{ flash },
		);
	}
	// Firmware of before.
	const board = await SerialBoard.start(boardProgram, (request) =>
		request === "?" ? "ok built in on esp32 {}" : request === "-" ? "ok" : "error no such request",
	);
	try {
		const { code, lines } = await provision("--port", board.path, "--erase", "--all");
		assert.match(lines.at(-1)!, /^this firmware cannot erase all: esptool's erase-flash does/);
		assert.equal(code, 1);
	} finally {
		await board.end();
	}
});

test("what the board refuses is told, and the board goes on as it was", async () => {
	const board = await SerialBoard.start(boardProgram, (request) =>
		request === "?" ? "ok built in {}" : "error no room in the partition nvs",
	);
	try {
		const { code, text } = await provision("--port", board.path, "--config", configFile({ id: "terrace" }));
		assert.match(text, /config\.json has no wifi: the board will join no network$/m);
		assert.match(text, /^the board did not take it: no room in the partition nvs$/m);
		assert.equal(code, 1);
		assert.ok(!board.requests.includes("!"), "the board was restarted");
	} finally {
		await board.end();
	}
});

test("what a board tells commands no terminal", async () => {
	const strange = "\x1b[2J\u009b31m\u202eABC\u2028";
	for (const [reply, code] of [
		[`ok stored on esp32 ${JSON.stringify({ topic: strange })}`, 0],
		[`error ${strange}`, 1],
	] as const) {
		const board = await SerialBoard.start(boardProgram, () => reply);
		try {
			const shown = await provision("--port", board.path, "--show");
			assert.equal(shown.code, code, shown.text);
			for (const line of shown.lines) assert.doesNotMatch(line, /[^\P{Cc}\t]|[\p{Cf}\p{Zl}\p{Zp}]/u);
			const json = shown.lines.filter((line) => !shown.errors.includes(line)).join("\n");
			if (code === 0) assert.deepEqual(JSON.parse(json), { topic: strange });
			else assert.equal(shown.text, "the board did not take it: ?[2J?31m?ABC?");
		} finally {
			await board.end();
		}
	}
});

test("a board that does not answer is restarted, and given up with one line that says what to do", async () => {
	const board = await SerialBoard.start(boardProgram, () => undefined);
	try {
		const { code, lines } = await provision("--port", board.path, "--show");
		assert.deepEqual(lines.length, 2);
		assert.match(lines[0]!, /no answer; restarting the board$/);
		assert.match(
			lines[1]!,
			/^the board at .* does not answer: is this firmware on it \(`npm run flash`\)\? Press its reset/,
		);
		assert.equal(code, 1);
	} finally {
		await board.end();
	}
});

test("with --wait the port is waited for", async () => {
	const port = join(folder, "port");
	const tool = new Program("provision", process.execPath, [await command, "--port", port, "--wait", "--show"], folder);
	await withBoard(async (board) => {
		// Long enough for it to look in vain; on a busy machine it has perhaps not looked yet.
		await pause(1_000);
		assert.equal(tool.exit, undefined, tool.lines.join("\n"));
		symlinkSync(board.path, port);
		assert.deepEqual(await tool.ended(), { code: 0, signal: null });
	});
	await tool.line(/built into its firmware/);
});

test("a wrong option or argument is one line and exit code 2", async () => {
	for (const options of [["--prot", "x"], ["now"], ["--show", "--erase"], ["--all"], ["--show", "--all"]]) {
		const { code, lines } = await provision(...options);
		assert.equal(lines.length, 1);
		assert.equal(code, 2);
	}
	assert.match((await provision("--help")).text, /--erase/);
});
