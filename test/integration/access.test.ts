/**
 * The access list of `docs/access.md`, as it stands there, at a real mosquitto with accounts that `mosquitto_passwd` has
 * made: each program can do its own part, and whoever has another account, or none, can not.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createImage, readImage } from "../../hosts/node/update-image.ts";
import { publicPoint } from "../../hosts/node/update-key.ts";
import { bundleProgram } from "../harness/bundle.ts";
import type { Mosquitto, MosquittoOptions } from "../harness/mosquitto.ts";
import { Observatory } from "../harness/observatory.ts";
import { Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { Message } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const updateProgram = bundleProgram("commands/update/update.ts");
const mqttProgram = bundleProgram("commands/mqtt/mqtt.ts");
/** Simulated time goes so many times as fast: new firmware is tried for three minutes. */
const SPEED = "60";
const IMAGE_BYTES = 100_000;
const TERRACE = "veleta/terrace";

const ACCOUNTS = {
	terrace: "of the terrace",
	cellar: "of the cellar",
	observatory: "of the observatory",
	homeassistant: "of Home Assistant",
	owner: "of the owner",
};
type Account = keyof typeof ACCOUNTS;

/** The page's block behind the comment that names this file. */
const ACCESS = (() => {
	const page = readFileSync("docs/access.md", "utf8");
	const [, list] =
		/<!-- test\/integration\/access\.test\.ts .*-->\n\n```\n(.*?)```\n\n<!-- that was it -->/s.exec(page) ?? [];
	assert.ok(list, "docs/access.md has the list");
	return list;
})();

class Bench {
	readonly parts: Parts;
	readonly broker: Mosquitto;
	private readonly _privateKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

	private constructor(parts: Parts, broker: Mosquitto) {
		this.parts = parts;
		this.broker = broker;
		this._file("key.pem", this._privateKey.export({ type: "pkcs8", format: "pem" }));
		for (const [name, password] of Object.entries(ACCOUNTS)) this._file(`${name}.password`, `${password}\n`);
	}

	static async start(parts: Parts, options: MosquittoOptions = {}): Promise<Bench> {
		return new Bench(parts, await parts.mosquitto({ users: ACCOUNTS, access: ACCESS, ...options }));
	}

	private _file(name: string, content: string | Buffer): string {
		const path = join(this.parts.folder, name);
		writeFileSync(path, content);
		return path;
	}

	/** A station with its account, or with another one. */
	station(id: "terrace" | "cellar", settings: object = {}, ...args: string[]) {
		const updateKeys = [publicPoint(this._privateKey).toString("hex")];
		const config = this.parts.config({ id, username: id, password: ACCOUNTS[id], updateKeys, ...settings });
		const state = join(this.parts.folder, `${id}.flash`);
		return this.parts.station(this.broker, ...config, "--state", state, "--interval", "30s", "--speed", SPEED, ...args);
	}

	subscriber(account: Account, ...filters: string[]) {
		return this.parts.subscriber(this.broker, filters, { username: account, password: ACCOUNTS[account] });
	}

	/** The arguments of a program of ours for an account. */
	private _as(account: Account): string[] {
		return ["-u", account, "--password-file", join(this.parts.folder, `${account}.password`)];
	}

	observatory(): Promise<Observatory> {
		return Observatory.start(this.parts, [
			...["--broker", `mqtt://127.0.0.1:${this.broker.port}`],
			...this._as("observatory"),
		]);
	}

	/** Ended. */
	async mqtt(account: Account | undefined, ...args: string[]): Promise<Program> {
		const [verb, ...more] = args;
		const where = ["-h", "127.0.0.1", "-p", String(this.broker.port), ...(account ? this._as(account) : [])];
		return this._ended("npm run mqtt", [await mqttProgram, verb!, ...where, ...more]);
	}

	image(name: string) {
		const content = createImage(name, IMAGE_BYTES);
		return { path: this._file(`${name}.bin`, content), id: readImage(content).id };
	}

	/** Ended. */
	async update(account: Account, path: string): Promise<Program> {
		const where = ["--broker", `mqtt://127.0.0.1:${this.broker.port}`, ...this._as(account), "--id", "terrace"];
		return this._ended("npm run update", [
			await updateProgram,
			...where,
			"--key",
			join(this.parts.folder, "key.pem"),
			path,
		]);
	}

	private async _ended(name: string, args: readonly string[]): Promise<Program> {
		const program = this.parts.own(new Program(name, process.execPath, args, this.parts.folder));
		await program.ended(() => this.broker.log.length);
		return program;
	}
}

const has = (messages: readonly Message[], topic: string, pattern = /./) =>
	messages.some((message) => message.topic === topic && pattern.test(message.payload));
/** Refused, with MQTT 5.0. */
const REFUSED = /^the broker does not take the message: not authorized \(0x87\)$/;

scenario("With the access list each program does its own part.", async (parts) => {
	const bench = await Bench.start(parts);
	const owner = await bench.subscriber("owner", "veleta/#");
	const home = await bench.subscriber("homeassistant", "homeassistant/#", "veleta/#");
	const station = bench.station("terrace", { homeAssistant: true });
	await owner.reaches(3);

	// Home Assistant: discovery, values and its commands, but nobody's firmware.
	const discovered = "homeassistant/sensor/veleta-terrace/temperature/config";
	await until("discovery", () => has(home.messages, discovered));
	await until("readings", () => has(home.messages, `${TERRACE}/state`));
	const account = ["-u", "homeassistant", "-P", ACCOUNTS.homeassistant];
	await bench.broker.publish(`${TERRACE}/cmd/interval`, "-m", "20", ...account);
	await until("the reply", () => has(owner.messages, `${TERRACE}/reply`, /"command":"interval","ok":true/));
	const count = () => owner.messages.filter(({ topic }) => topic === discovered).length;
	assert.equal(count(), 0, "what is no station's is not the owner's");
	await bench.broker.publish("homeassistant/status", "-m", "online", ...account);

	// The observatory: what was before it is asked for, and its page asks for the status.
	const observatory = await bench.observatory();
	await observatory.reaches(TERRACE, 1);
	const ask = async (command: string) => {
		const response = await fetch(`http://127.0.0.1:${observatory.port}/api/command`, {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify({ topic: TERRACE, command, payload: "" }),
		});
		return response.json() as Promise<{ ok: boolean; error?: string }>;
	};
	assert.equal((await ask("status")).ok, true);
	await until("the readings of before", async () => (await observatory.exported()).includes(`${TERRACE} 1 1`));
	assert.ok(has(owner.messages, `${TERRACE}/cmd/readings`));

	// The owner: commands, and firmware.
	const asked = await bench.mqtt("owner", "pub", "-q", "1", "-t", `${TERRACE}/cmd/sample`, "-n");
	assert.equal(asked.exit!.code, 0, asked.lines.join("\n"));
	await until("the reply", () => has(owner.messages, `${TERRACE}/reply`, /"command":"sample","ok":true/));
	const seen = await bench.mqtt("owner", "sub", "-t", `${TERRACE}/status`, "-C", "1");
	assert.deepEqual(seen.lines, ["online"]);
	const { path, id } = bench.image("new");
	const update = await bench.update("owner", path);
	assert.equal(update.exit!.code, 0, update.lines.join("\n"));
	assert.equal(update.lines.at(-1), `${TERRACE}: it runs the new firmware, ${id}`);
	await station.line(/update: confirmed$/);
	await owner.reaches(owner.highest() + 2);
	assert.equal(station.count(/does not let|does not take|not authorized/), 0, station.lines.join("\n"));

	// The firmware went by, and only the owner and the station have heard it.
	assert.ok(owner.messages.some(({ topic }) => topic.startsWith(`${TERRACE}/cmd/update/`)));
	assert.deepEqual(
		home.messages.filter(({ topic }) => /\/cmd\/|\/reply\//.test(topic)),
		[],
	);
});

scenario("With the access list nobody does another's part.", async (parts) => {
	const bench = await Bench.start(parts);
	const owner = await bench.subscriber("owner", "veleta/#");
	const cellar = await bench.subscriber("cellar", "#", "veleta/#", `${TERRACE}/cmd/#`, "homeassistant/#");
	const observatory = await bench.subscriber("observatory", "#", "veleta/#", `${TERRACE}/cmd/#`, `${TERRACE}/reply/#`);
	const station = bench.station("terrace", { homeAssistant: true });
	await owner.reaches(2);
	const { path, id } = bench.image("new");

	// Firmware is the owner's to send, whoever has the key.
	for (const account of ["observatory", "cellar", "homeassistant"] as const) {
		const refused = await bench.update(account, path);
		assert.equal(refused.exit!.code, 1, `${account}: ${refused.lines.join("\n")}`);
		// Another station does not even hear whether this one is there.
		const line = account === "cellar" ? /it does not answer|does not take/ : /does not take the update: not authorized/;
		assert.match(refused.lines.at(-1)!, line, account);
	}
	for (const [account, names] of [
		["cellar", ["state", "late", "status", "diagnostics", "log", "reply", "reply/0123", "temperature"]],
		["cellar", ["cmd/restart", "cmd/update", "cmd/update/0", "cmd/status", "cmd/readings"]],
		[
			"observatory",
			["state", "status", "diagnostics", "reply", "cmd/restart", "cmd/interval", "cmd/update", "cmd/update/0"],
		],
		["homeassistant", ["state", "status", "diagnostics", "reply", "cmd/update", "cmd/update/0", "cmd/readings"]],
		["owner", ["state", "late", "status", "diagnostics", "reply", "reply/0123"]],
	] as const) {
		for (const name of names) {
			const topic = `${TERRACE}/${name}`;
			const refused = await bench.mqtt(account, "pub", "-q", "1", "-r", "-t", topic, "-m", "of a stranger");
			assert.equal(refused.exit!.code, 1, `${account} at ${topic}`);
			assert.match(refused.lines.at(-1)!, REFUSED, `${account} at ${topic}`);
			// Before 5.0 it is acknowledged, and dropped.
			if (name === "status")
				await bench.mqtt(account, "pub", "-V", "311", "-q", "1", "-r", "-t", topic, "-m", "of a stranger");
		}
	}
	for (const topic of ["homeassistant/sensor/veleta-terrace/temperature/config", "homeassistant/status"]) {
		const refused = await bench.mqtt("cellar", "pub", "-q", "1", "-r", "-t", topic, "-n");
		assert.match(refused.lines.at(-1)!, REFUSED, topic);
	}
	// A reply goes out with the station's own account: not to another station.
	const diverted = await bench.mqtt(
		"owner",
		...["pub", "-q", "1", "-t", `${TERRACE}/cmd/status`, "-n", "--response-topic", "veleta/cellar/reply"],
	);
	assert.equal(diverted.exit!.code, 0);
	await station.line(/not authorized|does not take/);

	// Without an account, or with a wrong password.
	const nobody = await bench.mqtt(undefined, "sub", "-t", "#", "-W", "5");
	assert.match(nobody.lines.at(-1)!, /not authorized/);
	const stranger = bench.station("cellar", { password: "guessed" });
	await stranger.line(/not authorized/);
	// With an account, but another station's name.
	await stranger.kill();
	const twin = bench.station("cellar", { topic: TERRACE });
	await twin.line(/not authorized/);
	await twin.kill();

	// None of it has arrived, and the owner's part is as it was.
	const update = await bench.update("owner", path);
	assert.equal(update.lines.at(-1), `${TERRACE}: it runs the new firmware, ${id}`);
	assert.ok(!owner.messages.some(({ payload }) => payload?.includes("stranger")));
	assert.ok(!owner.messages.some(({ topic }) => topic.startsWith("veleta/cellar/")));
	assert.deepEqual(cellar.messages, []);
	assert.ok(has(observatory.messages, `${TERRACE}/state`));
	assert.deepEqual(
		observatory.messages.filter(({ topic }) => /\/cmd\/|\/reply\/|^homeassistant/.test(topic)),
		[],
	);
	const late = await bench.mqtt("owner", "sub", "-t", `${TERRACE}/status`, "-C", "1");
	assert.deepEqual(late.lines, ["online"], "what is retained is the station's");
});

scenario("Another station's client id is no account: it throws out, and hears nothing.", async (parts) => {
	for (const lines of [[], ["use_username_as_clientid true"]]) {
		const { broker } = await Bench.start(parts, { lines });
		/** With the client id that the broker takes for the account's. */
		const subscriber = (username: Account, id: string) =>
			parts.subscriber(broker, [`${TERRACE}/cmd/#`, "veleta/cellar/cmd/#"], {
				...{ username, password: ACCOUNTS[username], durable: true },
				id: lines.length > 0 ? username : id,
			});
		const commands = async (payload: string) => {
			for (const topic of [TERRACE, "veleta/cellar"])
				await broker.publish(`${topic}/cmd/status`, "-m", payload, "-u", "owner", "-P", ACCOUNTS.owner);
		};
		const station = await subscriber("terrace", "veleta-terrace");
		await commands("first");
		await station.message("a command", ({ topic }) => topic === `${TERRACE}/cmd/status`);
		await station.kill();
		await commands("while it is away");
		const before = broker.connections("veleta-terrace");
		const thief = await subscriber("cellar", "veleta-terrace");
		await until("its own commands", async () => {
			await commands("then");
			return thief.messages.some(({ payload }) => payload === "then");
		});
		assert.deepEqual([...new Set(thief.messages.map(({ topic }) => topic))], ["veleta/cellar/cmd/status"]);
		assert.equal(broker.connections("veleta-terrace") - before, lines.length > 0 ? 0 : 1, "client ids");
		await thief.kill();
	}
});
