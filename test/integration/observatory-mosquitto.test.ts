/** The mosquitto that the observatory starts: it is there, whatever ends it, and nothing of it ends the observatory. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { findMosquitto, MosquittoChild } from "../../commands/observatory/mosquitto.ts";
import { freePort } from "../harness/ports.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

interface Scene {
	readonly broker: MosquittoChild;
	readonly folder: string;
	/** A name of mosquitto that can be taken away. */
	readonly program: string;
	readonly lines: string[];
	readonly port: number;
	readonly pid: () => number;
}

async function sceneOf(parts: Parts, host = "127.0.0.1"): Promise<Scene> {
	const folder = join(parts.folder, "a folder");
	const program = join(parts.folder, "mosquitto");
	symlinkSync(findMosquitto()!, program);
	const lines: string[] = [];
	parts.shows("mosquitto", lines);
	const port = await freePort();
	const broker = await MosquittoChild.start(program, { folder, host, port, say: (line) => void lines.push(line) });
	parts.onEnd(() => broker.stop());
	const pid = () => Number(readFileSync(join(folder, "mosquitto.pid"), "utf8"));
	return { broker, folder, program, lines, port, pid };
}

function listens(port: number, host = "127.0.0.1"): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ host, port });
		const settle = (does: boolean) => {
			socket.destroy();
			resolve(does);
		};
		socket.once("connect", () => settle(true));
		socket.once("error", () => settle(false));
	});
}

const says = ({ lines }: Scene, pattern: RegExp) => until(`${pattern}`, () => lines.some((line) => pattern.test(line)));

scenario("It is started again when it has ended, also where that fails for a while.", async (parts) => {
	const scene = await sceneOf(parts);
	renameSync(scene.program, `${scene.program}-aside`);
	process.kill(scene.pid(), "SIGKILL");
	await says(scene, /^mosquitto has ended \(SIGKILL\), and is started again$/);
	await says(scene, /^mosquitto does not start \(.*ENOENT.*\), and is started again in [\d.]+ s$/);
	renameSync(`${scene.program}-aside`, scene.program);
	await until("it to listen", () => listens(scene.port));
	await scene.broker.stop();
	assert.ok(!(await listens(scene.port)));
	assert.ok(!existsSync(join(scene.folder, "mosquitto.pid")));
});

scenario("Where its number cannot be kept, that is told, and it goes on.", async (parts) => {
	const scene = await sceneOf(parts);
	const pid = scene.pid();
	rmSync(join(scene.folder, "mosquitto.pid"));
	mkdirSync(join(scene.folder, "mosquitto.pid"));
	process.kill(pid, "SIGKILL");
	await says(scene, /EISDIR.*; if this is killed, mosquitto goes on$/);
	await until("it to listen", () => listens(scene.port));
	rmSync(join(scene.folder, "mosquitto.pid"), { recursive: true });
	await scene.broker.stop();
	assert.ok(!(await listens(scene.port)));
});

scenario("At :: it listens for IPv4, too.", async (parts) => {
	const scene = await sceneOf(parts, "::");
	assert.ok(await listens(scene.port));
	assert.ok(await listens(scene.port, "::1"));
});
