/**
 * Names of brokers, with a name server that answers as none should, in a network of its own (Linux): what `npm start` and
 * `npm run mqtt` make of it, by the system's resolver.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe } from "node:test";
import { buildEngine } from "../../tools/engine.js";
import { bundleProgram } from "../harness/bundle.ts";
import { Certificates } from "../harness/certificates.ts";
import { NetworkNamespace } from "../harness/network-namespace.ts";
import { fileOf } from "../harness/npm-commands.ts";
import { findProgram, type Program } from "../harness/program.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { STATION_PROGRAM } from "../harness/station.ts";
import { until } from "../harness/wait.ts";

const skip = process.platform === "linux" ? false : "networks of their own are Linux's";
const NAME_SERVER = join(process.cwd(), "test/harness/name-server.js");
/** glibc's patience, in s: ten by default. Here it is longer than ours, and shorter than this test's. */
const PATIENCE_S = 15;
/** glibc's for one name server, by default. */
const DEAD_S = 5;
const SILENT = `require("dgram").createSocket("udp4").bind(53, "127.0.0.2", () => console.log("listening"))`;

let mqttProgram: string;
before(async () => {
	await buildEngine({ withTls: true });
	mqttProgram = await bundleProgram(fileOf("mqtt"));
});

class Net {
	readonly folder: string;
	private readonly _parts: Parts;
	private readonly _network: NetworkNamespace;

	private constructor(parts: Parts, network: NetworkNamespace) {
		this.folder = parts.folder;
		this._parts = parts;
		this._network = network;
	}

	static async start(parts: Parts, patience = PATIENCE_S, ...before: string[]): Promise<Net> {
		const servers = [...before, "127.0.0.1"].map((address) => `nameserver ${address}\n`).join("");
		const resolver = `${servers}options timeout:${patience} attempts:1\n`;
		const network = await NetworkNamespace.start(parts.folder, resolver);
		parts.onEnd(() => network.close());
		return new Net(parts, network);
	}

	run(name: string, file: string, ...args: string[]): Program {
		return this._parts.own(this._network.run(name, file, args));
	}

	async nameServer(...instead: string[]): Promise<Program> {
		const server = this.run("the name server", process.execPath, NAME_SERVER, ...instead);
		await server.line(/^listening$/);
		return server;
	}

	/** At 1883 and, with a certificate, at 8883, by both versions of IP. */
	async broker(
		identity?: { readonly certificate: string; readonly key: string },
		...addresses: string[]
	): Promise<Program> {
		const tls = identity && [`certfile ${identity.certificate}`, `keyfile ${identity.key}`];
		const listeners = ["127.0.0.1", ...(addresses.length > 0 ? addresses : ["::1"])].flatMap((address) => [
			`listener 1883 ${address}`,
			...(tls ? [`listener 8883 ${address}`, ...tls] : []),
		]);
		// Who it is there, whoever runs the tests.
		const settings = ["allow_anonymous true", "user root", ...listeners];
		const file = join(this.folder, "mosquitto.conf");
		writeFileSync(file, `${settings.join("\n")}\n`);
		const broker = this.run("mosquitto", findProgram("mosquitto"), "-c", file);
		await broker.line(/mosquitto version .* running/);
		return broker;
	}

	/** Makes an interface `left`, and returns its own IPv6 address. */
	async linkLocal(): Promise<string> {
		const script = [
			"ip link add left type veth peer name right",
			"ip link set left up",
			"ip link set right up",
			"until ip -6 -o address show left | grep -v tentative | grep -o 'fe80::[0-9a-f:]*'; do sleep 0.1; done",
		];
		const program = this.run("ip", "sh", "-c", script.join(" && "));
		const address = await program.line(/^fe80::/);
		await program.ended();
		return address;
	}

	station(broker: string, ...args: string[]): Program {
		return this.run(
			"station",
			process.execPath,
			STATION_PROGRAM,
			"--broker",
			broker,
			"--id",
			"a",
			"--interval",
			"1s",
			...args,
		);
	}

	mqtt(...args: string[]): Program {
		return this.run("mqtt", process.execPath, mqttProgram, ...args);
	}
}

const isConnected = /: connected with MQTT 5\.0/;

/** Ctrl-C. */
async function stop(station: Program) {
	station.signal("SIGINT");
	assert.deepEqual(await station.ended(), { code: 0, signal: null });
}

async function delivered(station: Program): Promise<void> {
	await station.line(isConnected);
	await until("readings", () => station.count(/^veleta\/a\/state /) >= 2);
	await stop(station);
	const [, readings, acknowledged] = /^readings (\d+), published \d+, acknowledged (\d+),/.exec(
		await station.line(/^readings /),
	)!;
	// Also those of an earlier life.
	assert.ok(Number(acknowledged) >= Number(readings), station.lines.join("\n"));
	assert.equal(station.count(/not delivered 0$/), 1);
}

const FOUND: Readonly<Record<string, string>> = {
	four: "has an IPv4 address",
	six: "has an IPv6 address only",
	both: "has an address of each kind",
	alias: "is another name's alias",
	many: "has 250 addresses, in an answer of 4 KB that needs TCP",
};

const SERVER = "the name server does not answer, or fails";
const NO_HOST = "there is no such host";
const NOT_FOUND: Readonly<Record<string, readonly [what: string, reason: string]>> = {
	unknown: ["nobody has", NO_HOST],
	empty: ["has no address", NO_HOST],
	circle: ["is its own alias", NO_HOST],
	blocked: ["is answered with 0.0.0.0", "its address is 0.0.0.0: something blocks this name"],
	failing: ["makes the name server fail", SERVER],
	silent: ["the name server does not answer", SERVER],
	broken: ["the name server answers with half an answer", SERVER],
	forged: ["somebody answers who has not heard the question", SERVER],
};

describe("A broker's name", { concurrency: 4 }, () => {
	for (const [kind, what] of Object.entries(FOUND)) {
		scenario(
			`that ${what}`,
			async (parts) => {
				const net = await Net.start(parts);
				await net.nameServer();
				await net.broker();
				await delivered(net.station(`mqtt://${kind}.test`));
			},
			{ skip },
		);
	}

	for (const [kind, [what, reason]] of Object.entries(NOT_FOUND)) {
		scenario(
			`that ${what}: ${reason}; and all is delivered once it has an address`,
			async (parts) => {
				const net = await Net.start(parts);
				const nameServer = await net.nameServer();
				// To Linux 0.0.0.0 is this computer, which has a broker.
				await net.broker();
				const station = net.station(`mqtt://${kind}.test`);
				const told = `cannot connect: ${reason}; next attempt in`;
				await until("a second attempt", () => station.lines.filter((line) => line.includes(told)).length >= 2);
				assert.equal(station.count(isConnected), 0);
				await stop(station);
				await nameServer.kill();
				await net.nameServer(`${kind}=four`);
				await delivered(net.station(`mqtt://${kind}.test`));
			},
			{ skip },
		);
	}

	scenario(
		"has one question out while the name server is silent, however often the station tries",
		async (parts) => {
			const net = await Net.start(parts, 2 * PATIENCE_S);
			const nameServer = await net.nameServer();
			const station = net.station("mqtt://silent.test", "--json");
			const attempts = () => station.lines.filter((line) => line.includes(SERVER)).length;
			await until("the second question", () => nameServer.count(/^silent\.test A$/) === 2);
			// The simulator's own subscriber has asked, too.
			assert.ok(attempts() >= 3, `${attempts()} attempts`);
			await stop(station);
			assert.equal(station.count(/no answer within/), 0);
		},
		{ skip },
	);

	for (const [url, flags] of [
		["mqtt://four.test", []],
		["mqtts://four.test", ["--fingerprint"]],
	] as const)
		scenario(
			`whose first name server is dead, and the second is asked after ${DEAD_S} s: ${url}`,
			async (parts) => {
				// As somebody who is there, and says nothing.
				const net = await Net.start(parts, DEAD_S, "127.0.0.2");
				const silent = net.run("a dead name server", process.execPath, "-e", SILENT);
				await silent.line(/^listening$/);
				await net.nameServer();
				const identity = new Certificates(join(parts.folder, "certificates")).selfSigned();
				await net.broker(identity);
				const { fingerprint256 } = new X509Certificate(readFileSync(identity.certificate));
				const trusting = flags.flatMap((flag) => [flag, fingerprint256]);
				await delivered(net.station(url, ...trusting));
				const pub = net.mqtt("pub", "-L", `${url}/a`, "-m", "1", "-q", "1", ...trusting);
				assert.deepEqual([(await pub.ended()).code, pub.errors], [0, []]);
			},
			{ skip },
		);

	scenario(
		"without any name server",
		async (parts) => {
			const net = await Net.start(parts);
			const station = net.station("mqtt://four.test");
			await station.line(new RegExp(`cannot connect: ${SERVER}; next attempt`));
			await stop(station);
		},
		{ skip },
	);

	scenario(
		"is the one that its certificate has to be for, whatever its address is",
		async (parts) => {
			const net = await Net.start(parts);
			await net.nameServer();
			const certificates = new Certificates(join(parts.folder, "certificates"));
			const authority = certificates.authority();
			await net.broker(certificates.issue(authority, { names: ["DNS:six.test"] }));
			const trusting = ["--cafile", authority.certificate];
			await delivered(net.station("mqtts://six.test", ...trusting));
			const pub = net.mqtt("pub", "-L", "mqtts://[::1]/a", "-m", "1", ...trusting);
			assert.equal((await pub.ended()).code, 1);
			assert.deepEqual(pub.errors, ["cannot connect: certificate: host name does not match"]);
		},
		{ skip },
	);

	scenario(
		"is not needed where its address is that of an interface",
		async (parts) => {
			const net = await Net.start(parts);
			const address = await net.linkLocal();
			const certificates = new Certificates(join(parts.folder, "certificates"));
			const authority = certificates.authority();
			await net.broker(certificates.issue(authority, { names: [`IP:${address}`] }), "::");
			const trusting = ["--cafile", authority.certificate];
			for (const url of [`mqtt://[${address}%left]`, `mqtt://[${address}%25left]`]) await delivered(net.station(url));
			await delivered(net.station(`mqtts://[${address}%left]`, ...trusting));
			await delivered(net.station(`mqtts://[${address}%left]`, "--board-tls", ...trusting));
		},
		{ skip },
	);

	scenario(
		"npm run mqtt says the same",
		async (parts) => {
			const net = await Net.start(parts);
			await net.nameServer();
			await net.broker();
			for (const [kind, [, reason]] of Object.entries(NOT_FOUND)) {
				const pub = net.mqtt("pub", "-h", `${kind}.test`, "-t", "a", "-m", "1");
				assert.equal((await pub.ended()).code, 1);
				assert.deepEqual(pub.errors, [`cannot connect: ${reason}`]);
			}
			for (const kind of Object.keys(FOUND)) {
				const pub = net.mqtt("pub", "-h", `${kind}.test`, "-t", "a", "-m", "1", "-q", "1");
				assert.deepEqual([(await pub.ended()).code, pub.errors], [0, []], kind);
			}
		},
		{ skip },
	);
});
