/** Texts of others, as programs show them to a person: in a pipe, and at a terminal. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { createImage } from "../../hosts/node/update-image.ts";
import { createKeyFile } from "../../hosts/node/update-key.ts";
import { bundleProgram } from "../harness/bundle.ts";
import { freePort } from "../harness/ports.ts";
import { Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { STATION_PROGRAM } from "../harness/station.ts";
import { FORGED, harmIn, STRANGE, strangeBroker, strangePostgres } from "../harness/strange-texts.ts";
import { Terminal } from "../harness/terminal.ts";
import { until } from "../harness/wait.ts";

const built = (name: string) => join(process.cwd(), `build/programs/commands-${name}.js`);
const mqtt = bundleProgram("commands/mqtt/mqtt.ts");
const update = bundleProgram("commands/update/update.ts");
const FLEET = built("fleet-fleet");
const OBSERVATORY = built("observatory-observatory");

/** In a pipe, or at a terminal. */
function run(parts: Parts, program: string, args: readonly string[], isTerminal: boolean): Program {
	return parts.own(
		isTerminal
			? new Terminal(parts.folder, program, args, {})
			: new Program(program, process.execPath, [program, ...args], parts.folder),
	);
}

describe("A stranger's text", { concurrency: 2 }, () => {
	for (const isTerminal of [false, true]) {
		const where = isTerminal ? "at a terminal" : "in a pipe";

		for (const refuses of [true, false]) {
			scenario(`A broker that ${refuses ? "refuses" : "ends the connection"}, ${where}.`, async (parts) => {
				const port = String(await strangeBroker(parts, refuses));
				const at = ["-h", "127.0.0.1", "-p", port];
				const broker = ["--broker", `mqtt://127.0.0.1:${port}`];
				const key = join(parts.folder, "key.pem");
				const image = join(parts.folder, "image.bin");
				createKeyFile(key);
				writeFileSync(image, createImage("trial", 10_000));
				const programs = [
					run(parts, STATION_PROGRAM, [...broker, "--id", "sim", "--interval", "1s"], isTerminal),
					run(parts, await mqtt, ["pub", ...at, "-q", "1", "-t", "a", "-m", "b", "-d"], isTerminal),
					run(parts, await mqtt, ["sub", ...at, "-t", "a", "-d"], isTerminal),
					run(parts, await update, [...broker, "--id", "sim", "--key", key, image], isTerminal),
					run(parts, OBSERVATORY, [...broker, "--port", String(await freePort())], isTerminal),
				];
				// It says why only where nobody gets in.
				if (refuses) programs.push(run(parts, FLEET, [...broker, "--stations", "2", "--duration", "4s"], isTerminal));
				for (const program of programs) {
					await until(`the text in ${program.name}`, () => program.count(/FORGED/) > 0 || program.exit);
					assert.ok(program.count(/FORGED/) > 0, `${program.name} shows it: ${program.lines.join("\n")}`);
				}
				for (const program of programs) {
					program.signal("SIGINT");
					await program.ended();
					assert.deepEqual(harmIn(program.lines), [], program.name);
				}
			});
		}

		scenario(`A database that lets nobody in, ${where}.`, async (parts) => {
			const store = `postgres://me@127.0.0.1:${await strangePostgres(parts)}/readings?sslmode=disable`;
			const broker = await parts.mosquitto();
			const address = ["--broker", `mqtt://127.0.0.1:${broker.port}`];
			for (const [program, args] of [
				[OBSERVATORY, [...address, "--port", String(await freePort()), "--store", store]],
				[FLEET, [...address, "--stations", "1", "--duration", "2s", "--store", store]],
			] as const) {
				const it = run(parts, program, args, isTerminal);
				assert.equal((await it.ended()).code, 1);
				assert.equal(it.count(/FORGED/), 1, it.lines.join("\n"));
				assert.deepEqual(harmIn(it.lines), []);
			}
		});
	}

	scenario(
		"A topic and a payload: `sub` has their bytes for a program, and none of them commands a terminal.",
		async (parts) => {
			const broker = await parts.mosquitto();
			const at = ["-h", "127.0.0.1", "-p", String(broker.port)];
			const args = ["sub", ...at, "-v", "-d", "-t", "veleta/#", "-C", "2"];
			const programs = [run(parts, await mqtt, args, true), run(parts, await mqtt, args, false)];
			for (const program of programs) await program.line(/^subscribed to /);
			await broker.publish("veleta/sim", "-m", STRANGE);
			await broker.publish("veleta/\u202eABC", "-m", `bidi \u2066${FORGED}`);
			const [terminal, pipe] = programs;
			for (const program of programs) assert.equal((await program.ended()).code, 0);
			assert.deepEqual(harmIn(terminal!.lines), []);
			assert.equal(terminal!.count(/FORGED/), 2);
			const text = pipe!.lines.filter((line) => !pipe!.errors.includes(line)).join("\n");
			assert.equal(text, `veleta/sim ${STRANGE}\nveleta/\u202eABC bidi \u2066${FORGED}`);
		},
	);
});
