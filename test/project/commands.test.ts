/** What every command of `npm run` has: help with each option, usage errors in one line, and an end at Ctrl-C. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Command } from "../../commands/frame.ts";
import { createImage } from "../../hosts/node/update-image.ts";
import { createKeyFile } from "../../hosts/node/update-key.ts";
import { startBroker } from "../../hosts/sim/headless/broker.ts";
import { buildFolder, bundleForNode, isCommand, root } from "../../tools/build.js";
import { bundleProgram } from "../harness/bundle.ts";
import { NPM_COMMANDS } from "../harness/npm-commands.ts";
import { freePort } from "../harness/ports.ts";
import { installation } from "../harness/sdk-installation.ts";
import { buildBoard, SerialBoard } from "../harness/serial-board.ts";
import { until } from "../harness/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-commands-"));
after(() => rmSync(folder, { recursive: true }));

/** The commands as the program has them. */
async function definitions(): Promise<Map<string, Command<unknown>>> {
	const outfile = join(buildFolder, "programs/all-commands.js");
	const names = [...NPM_COMMANDS.keys()];
	const exports = [...NPM_COMMANDS.values()].map((file, at) => `export { command as _${at} } from "./${file}";`);
	await bundleForNode({ stdin: { contents: exports.join("\n"), resolveDir: root, loader: "ts" }, outfile });
	const all = await import(pathToFileURL(outfile).href);
	return new Map(names.map((name, at) => [name, all[`_${at}`]]));
}

const commands = await definitions();

/** Of one command. */
const program = (name: string): Promise<string> => bundleProgram(NPM_COMMANDS.get(name)!);

test("every file that is a command has a name for npm run, which it knows", () => {
	const files = ["bench", "commands", "test/fuzz", "test/fuzz-tls"]
		.flatMap((folder) =>
			readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)),
		)
		.filter((path) => path.endsWith(".ts") && isCommand(path));
	assert.deepEqual([...NPM_COMMANDS.values()].sort(), files.sort());
	for (const [name, command] of commands)
		assert.equal(command.name, name === "start" ? "npm start" : `npm run ${name}`);
});

for (const [name, { help, options }] of commands) {
	test(`${name}: --help tells every option`, async () => {
		const { status, stdout, stderr } = spawnSync(process.execPath, [await program(name), "--help"], {
			encoding: "utf8",
		});
		assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: help, stderr: "" });
		assert.ok("help" in options);
		for (const [option, { short }] of Object.entries(options)) {
			if (option === "help") continue;
			const told = short ? `  -${short}, --${option}` : `  --${option}`;
			assert.match(help, new RegExp(`^ *${told}\\b`, "m"));
		}
	});

	test(`${name}: an unknown option, and an unknown argument, are one line and exit code 2`, async () => {
		for (const wrong of ["--no-such-option", "no-such-argument"]) {
			const { status, stdout, stderr } = spawnSync(process.execPath, [await program(name), wrong], {
				encoding: "utf8",
			});
			assert.match(stderr, /^[^\n]+\n$/, wrong);
			assert.deepEqual({ status, stdout }, { status: 2, stdout: "" }, wrong);
		}
	});
}

test("an option that npm has taken is told, and not left out", async () => {
	for (const [name, option, argument] of [
		["start", "duration", "3s"],
		["mqtt", "keepalive", "sub"],
		["simulate", "seeds", "3"],
	] as const) {
		const environment = { npm_lifecycle_event: name, [`npm_config_${option.replace("-", "_")}`]: "true" };
		const { status, stdout, stderr } = spawnSync(process.execPath, [await program(name), argument], {
			encoding: "utf8",
			env: { ...process.env, ...environment },
		});
		const command = commands.get(name)!.name;
		const told = `npm keeps --${option} for itself; write it behind a --: ${command} -- --${option}\n`;
		assert.deepEqual({ status, stdout, stderr }, { status: 2, stdout: "", stderr: told });
	}
});

/** A command at work, and what Ctrl-C makes of it. */
interface Work {
	readonly args: readonly string[];
	readonly environment?: Readonly<Record<string, string>>;
	/** In its output; without it, Ctrl-C comes at once. */
	readonly busy?: RegExp;
	/** Its exit code; `undefined`: it is ended by the signal. */
	readonly exitCode?: number;
	/** Of what it says then. */
	readonly says?: RegExp;
}

/** Nobody listens there. */
const NOWHERE = "mqtt://127.0.0.1:1";
const RETRIES = /; next attempt in /;
/** An SDK whose tools take their time. */
const sdk = installation([6, 0, 1]);
for (const tool of ["cmake", "idf.py", "make", "mcconfig", "python3"]) {
	writeFileSync(join(sdk.environment.PATH, tool), "#!/bin/sh\necho busy\nexec /bin/sleep 60\n", { mode: 0o755 });
}
after(sdk.remove);
const board = await SerialBoard.start(buildBoard(), () => undefined);
after(() => board.end());
const broker = await startBroker();
after(() => broker.close());
const port = ["--port", board.path];
const [key, image] = [join(folder, "key.pem"), join(folder, "image.bin")];
createKeyFile(key);
writeFileSync(image, createImage("trial", 1_000));

const WORK: Readonly<Record<string, readonly Work[]>> = {
	start: [{ args: ["--interval", "1s"], busy: /"seq":1\b/, exitCode: 0, says: /^readings \d+, /m }],
	mqtt: [
		{ args: ["sub", "-h", "127.0.0.1", "-p", "1", "-t", "t"], busy: RETRIES, exitCode: 0 },
		{
			args: ["pub", "-h", "127.0.0.1", "-p", "1", "-t", "t", "-m", "text", "--attempts", "99"],
			...{ busy: RETRIES, exitCode: 1, says: /^interrupted; 1 not delivered$/m },
		},
	],
	aemet: [
		{
			args: ["--station", "3195", "--broker", NOWHERE],
			// No request leaves before 5 s have passed.
			environment: { AEMET_API_KEY: "no.key-at_all" },
			...{ busy: /^broker {3}.*; trying again$/m, exitCode: 0, says: /^aemet {4}nothing waits for the broker$/m },
		},
	],
	observatory: [
		{
			args: ["--broker", NOWHERE, "--port", `${await freePort()}`],
			...{ busy: /^page {5}http:/m, exitCode: 0, says: /^store {4}0 readings stored in this run$/m },
		},
	],
	fleet: [
		{
			args: ["-n", "2", "--interval", "1s", "--broker", `mqtt://127.0.0.1:${broker.port}`],
			...{ busy: /^2 stations begin within 1 s at /m, exitCode: 0, says: /^readings \d+, acknowledged \d+/m },
		},
	],
	simulate: [{ args: ["--seeds", "1000000", "--days", "0.1"], busy: /threads$/m, exitCode: 130, says: /worlds$/m }],
	bench: [{ args: [] }],
	fuzz: [{ args: [], busy: /workers$/m, exitCode: 130, says: /^seed \d+: no failure until it was interrupted$/m }],
	"fuzz:tls": [
		{ args: [], busy: /workers$/m, exitCode: 130, says: /^seed \d+: no failure until it was interrupted$/m },
	],
	settings: [{ args: [] }],
	build: [{ args: [] }],
	"build:esp32": [{ args: [], environment: sdk.environment, busy: /^busy$/m }],
	"size:esp32": [{ args: [], environment: sdk.environment, busy: /^busy$/m }],
	sbom: [{ args: [] }],
	release: [{ args: ["--folder", join(folder, "release")], environment: sdk.environment, busy: /^busy$/m }],
	flash: [{ args: port, environment: sdk.environment, busy: /^busy$/m }],
	monitor: [{ args: port, busy: /listening; Ctrl-C ends$/m, exitCode: 0 }],
	provision: [{ args: [...port, "--show"], busy: /no answer; restarting the board$/m }],
	update: [
		{
			args: ["--broker", NOWHERE, "--id", "roof", "--key", key, image],
			...{ busy: RETRIES, exitCode: 1, says: /^veleta\/roof: interrupted$/m },
		},
	],
	mcsim: [{ args: ["--build-only"], environment: sdk.environment, busy: /^busy$/m }],
};

test("for every command this test knows how to keep it busy", () => {
	assert.deepEqual(Object.keys(WORK).sort(), [...NPM_COMMANDS.keys()].sort());
});

/** As a terminal does it: Ctrl-C reaches all that the command has started, too. */
function interrupt({ pid }: ChildProcess): void {
	process.kill(-pid!, "SIGINT");
}

for (const [name, works] of Object.entries(WORK)) {
	for (const { args, environment, busy, exitCode = null, says = /^/ } of works) {
		test(`${name} ${args[0] ?? ""}: Ctrl-C ends it ${exitCode === null ? "at once" : `with ${exitCode}`}`, async () => {
			const child = spawn(process.execPath, [await program(name), ...args], {
				cwd: folder,
				env: { ...process.env, ...environment },
				stdio: ["ignore", "pipe", "pipe"],
				detached: true,
			});
			let output = "";
			for (const stream of [child.stdout, child.stderr])
				stream.setEncoding("utf8").on("data", (text) => (output += text));
			const closed = once(child, "close");
			try {
				if (busy) {
					await until(`${busy} of ${name}`, () => {
						if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${output}`);
						return busy.test(output);
					});
				}
				interrupt(child);
				assert.deepEqual(await closed, [exitCode, exitCode === null ? "SIGINT" : null], output);
				assert.match(output, says);
			} finally {
				if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, "SIGKILL");
			}
		});
	}
}
