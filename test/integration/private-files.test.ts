/** What commands keep is their user's alone, with the usual umask. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { KEY } from "../harness/aemet-answers.ts";
import { AemetServer } from "../harness/aemet-server.ts";
import { freePort } from "../harness/ports.ts";
import { Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { STATION_PROGRAM } from "../harness/station.ts";

const built = (name: string) => join(process.cwd(), `build/programs/${name}.js`);
const OBSERVATORY = built("commands-observatory-observatory");
const AEMET = built("test-harness-aemet-program");

process.umask(0o022);

const modeOf = (path: string) => statSync(path).mode & 0o777;

/** All below a folder, and itself. */
function walk(folder: string): string[] {
	const found = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
	// While a file gets its name it has another one.
	return [folder, ...found].filter((path) => statSync(path, { throwIfNoEntry: false }));
}

/** What others may use, of the paths that they know. */
function open(folder: string): string[] {
	return walk(folder)
		.filter((path) => modeOf(path) !== (statSync(path).isDirectory() ? 0o700 : 0o600))
		.map((path) => `${relative(folder, path)} ${modeOf(path).toString(8)}`);
}

/** Runs what keeps something in `.veleta`; `look` looks while all run. `wrapped`: a line of AEMET's that is waited for. */
async function runAll(parts: Parts, wrapped: RegExp, look: () => void): Promise<void> {
	const broker = await parts.mosquitto();
	const aemet = await AemetServer.start();
	parts.onEnd(() => aemet.close());
	process.env.AEMET_TEST_ORIGIN = aemet.origin;
	process.env.AEMET_API_KEY = KEY;
	const run = (program: string, ...args: string[]) =>
		parts.own(new Program(`${basename(program)} ${args[0]}`, process.execPath, [program, ...args], parts.folder));
	const at = ["--broker", `mqtt://127.0.0.1:${broker.port}`];
	const found = run(AEMET, "--find", "madrid");
	assert.equal((await found.ended()).code, 0, found.lines.join("\n"));
	writeFileSync(join(parts.folder, "password"), "secret\n", { mode: 0o600 });
	const station = run(STATION_PROGRAM, ...at, "--interval", "1s");
	const collects = run(OBSERVATORY, ...at, "--port", String(await freePort()));
	const own = ["--broker-port", String(await freePort()), "-u", "me", "--password-file", "password"];
	const starts = run(OBSERVATORY, ...own, "--data", ".veleta/started", "--port", String(await freePort()));
	const wraps = run(AEMET, ...at, "--station", "3195", "--municipality", "28065");
	await station.line(/"seq":\d/);
	for (const observatory of [collects, starts]) await observatory.line(/: connected with /);
	await wraps.line(wrapped);
	look();
	for (const program of [station, collects, starts, wraps]) {
		program.signal("SIGINT");
		assert.equal((await program.ended()).code, 0, program.name);
	}
}

scenario(
	"No other user of the computer reads what commands keep, nor what earlier ones have left open.",
	async (parts) => {
		const folder = join(parts.folder, ".veleta");
		const kept: string[] = [];
		await runAll(parts, /3195: \d+ /, () => {
			kept.push(...walk(folder).map((path) => relative(folder, path)));
			assert.deepEqual(open(folder), []);
		});
		assert.deepEqual(open(folder), []);
		for (const name of [
			...["", "id", "observatory/readings.db", "observatory/readings.db-wal", "observatory/readings.db-shm"],
			...["observatory/session.json", "observatory/lock", "started/mosquitto/mosquitto.conf"],
			...["started/mosquitto/passwords", "started/mosquitto/mosquitto.pid", "aemet/inventory.json", "aemet/lock"],
			...["aemet/station-3195.json", "aemet/schedule.json"],
		])
			assert.ok(kept.includes(name), `${name} is among ${kept.join(" ")}`);
		assert.ok(kept.some((name) => /^sim-[0-9a-f]{4}\.flash$/.test(name)));

		for (const path of walk(folder)) chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
		await runAll(parts, /: connected with /, () => assert.deepEqual(open(folder), []));
	},
);

scenario("A file of one's own keeps its mode, and one that is made is private.", async (parts) => {
	const shared = join(parts.folder, "shared");
	mkdirSync(shared);
	const store = join(shared, "readings.db");
	const state = join(shared, "station.flash");
	const run = async () => {
		const broker = await parts.mosquitto();
		const at = ["--broker", `mqtt://127.0.0.1:${broker.port}`];
		const port = String(await freePort());
		const line = [STATION_PROGRAM, ...at, "--state", state, "--duration", "1s"];
		const station = parts.own(new Program("station", process.execPath, line, parts.folder));
		const args = [OBSERVATORY, ...at, "--port", port, "--store", store, "--data", join(parts.folder, "data")];
		const observatory = parts.own(new Program("observatory", process.execPath, args, parts.folder));
		await observatory.line(/: connected with /);
		await station.ended();
		observatory.signal("SIGINT");
		await observatory.ended();
	};
	await run();
	assert.deepEqual([shared, store, state, join(parts.folder, "data")].map(modeOf), [0o755, 0o600, 0o600, 0o700]);
	chmodSync(store, 0o640);
	chmodSync(state, 0o644);
	await run();
	assert.deepEqual([shared, store, state].map(modeOf), [0o755, 0o640, 0o644]);
});

scenario("What a link in .veleta leads to keeps its mode.", async (parts) => {
	const folder = join(parts.folder, ".veleta");
	const elsewhere = join(parts.folder, "elsewhere.flash");
	const make = (...args: string[]) =>
		parts.own(new Program("station", process.execPath, [STATION_PROGRAM, "--duration", "1s", ...args], parts.folder));
	assert.equal((await make("--state", "made.flash").ended()).code, 0);
	copyFileSync(join(parts.folder, "made.flash"), elsewhere);
	chmodSync(elsewhere, 0o644);
	mkdirSync(folder, { mode: 0o755 });
	symlinkSync(elsewhere, join(folder, "linked.flash"));
	assert.equal((await make("--state", ".veleta/linked.flash").ended()).code, 0);
	assert.deepEqual([elsewhere, folder].map(modeOf), [0o644, 0o700]);
});
