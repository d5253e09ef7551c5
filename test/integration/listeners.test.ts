/**
 * The listeners of test.mosquitto.org, rebuilt on loopback, and the table in `docs/brokers.md`, whose lines of
 * `config.json` are what is tried here and whose cells have to say what is found.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildEngine } from "../../tools/engine.js";
import { Certificates, type Identity } from "../harness/certificates.ts";
import { publish } from "../harness/mosquitto.ts";
import { commandScenario, output, type Programs } from "../harness/mqtt-command.ts";
import { freePort } from "../harness/ports.ts";
import { findProgram, Program } from "../harness/program.ts";
import { RecordingProxy } from "../harness/recording-proxy.ts";
import { scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

const PAGE = "docs/brokers.md";
const BEGIN = "<!-- what test/integration/listeners.test.ts finds -->";
const END = "<!-- end of what it finds -->";
const HOST = "test.mosquitto.org";
const WORKS = "readings and commands";
/** Before 5.0 a broker has no words for it. */
const DROPPED = "commands; what is published is acknowledged, and dropped";
/** Attempts to connect before another reason is the reason: the end of a connection may overtake what the broker says. */
const ATTEMPTS = 4;
/** Stations until one connects undisturbed. */
const FLIGHT_ATTEMPTS = 10;

/** How a station that is connected tells that nothing comes of it. */
const REFUSED = /: (does not take a reading: .*)$/;

/** Two of the page's users. */
const USERS = { rw: "readwrite", ro: "readonly" };
const ACCESS = ["user rw", "topic readwrite #", "user ro", "topic read #"];

interface Listener {
	readonly users?: true;
	readonly webSockets?: true;
	/** Whose certificate it has. */
	readonly identity?: "own" | "known" | "expired";
	readonly asksForCertificate?: true;
}

const LISTENERS: Readonly<Record<number, Listener>> = {
	1883: {},
	1884: { users: true },
	8883: { identity: "own" },
	8884: { identity: "own", asksForCertificate: true },
	8885: { identity: "own", users: true },
	8886: { identity: "known" },
	8887: { identity: "expired" },
	8080: { webSockets: true },
	8081: { webSockets: true, identity: "known" },
	8090: { webSockets: true, users: true },
	8091: { webSockets: true, identity: "known", users: true },
};

interface Settings {
	readonly broker: string;
	readonly tls?: { readonly ca?: string; readonly certificate?: string; readonly key?: string };
}

/** A line of the table. */
interface Line {
	readonly port: number;
	readonly config: string;
	readonly station: string;
	/** Of the station's first connection, up to the PUBACK of its first reading. */
	readonly flights: number;
	/** By its version of MQTT. */
	readonly command: Readonly<Record<Version, string>>;
}

type Version = "5" | "311";
const VERSIONS: readonly Version[] = ["5", "311"];

const lines: readonly Line[] = (() => {
	const page = readFileSync(PAGE, "utf8");
	const from = page.indexOf(BEGIN) + BEGIN.length;
	const part = page.slice(from, page.indexOf(END, from)).trim();
	return part
		.split("\n")
		.slice(2)
		.map((row) => {
			const [port = "", config = "", station = "", flights = "", ...command] = row
				.slice(1, -1)
				.split("|")
				.map((cell) => cell.trim());
			const [five = "", older = ""] = command;
			return {
				...{ port: Number(port), config: config.slice(1, -1), station, flights: Number(flights) },
				command: { 5: five, 311: older },
			};
		});
})();

/** All listeners of one mosquitto. */
class Listeners {
	readonly log: string[] = [];
	readonly folder = mkdtempSync(join(tmpdir(), "veleta-listeners-"));
	private readonly _ports = new Map<number, number>();
	/** By the names that the page gives them. */
	private readonly _files = new Map<string, string>();
	private _program: Program | undefined;

	/** Where the listener at the page's port is here. */
	portOf(port: number): number {
		return this._ports.get(port)!;
	}

	async start(): Promise<void> {
		const own = new Certificates(join(this.folder, "certificates"));
		const authority = own.authority("mosquitto.org");
		const root = own.authority("a root");
		const client = own.issue(authority, { commonName: "a client", names: [] });
		for (const [name, path] of [
			["mosquitto.org.crt", authority.certificate],
			["root.pem", root.certificate],
			["client.crt", client.certificate],
			["client.key", client.key],
		] as const)
			this._files.set(name, path);
		const identities: Record<NonNullable<Listener["identity"]>, Identity> = {
			own: own.issue(authority),
			known: own.issue(root),
			expired: own.issue(authority, { days: -1 }),
		};
		const passwords = join(this.folder, "passwords");
		writeFileSync(passwords, "");
		for (const [name, password] of Object.entries(USERS)) {
			execFileSync(findProgram("mosquitto_passwd"), ["-b", passwords, name, password]);
		}
		const access = join(this.folder, "access");
		writeFileSync(access, `${ACCESS.join("\n")}\n`);
		const settings = [
			"per_listener_settings true",
			"log_dest stderr",
			"log_type all",
			// Root's mosquitto would become another user, who may not read here.
			...(process.getuid?.() === 0 ? ["user root"] : []),
		];
		for (const [port, { users, webSockets, identity, asksForCertificate }] of Object.entries(LISTENERS)) {
			const here = await freePort();
			this._ports.set(Number(port), here);
			settings.push(`listener ${here} 127.0.0.1`, `allow_anonymous ${!users}`);
			if (users) settings.push(`password_file ${passwords}`, `acl_file ${access}`);
			if (webSockets) settings.push("protocol websockets");
			if (identity) {
				const { certificate, key } = identities[identity];
				settings.push(`certfile ${certificate}`, `keyfile ${key}`);
			}
			if (asksForCertificate) settings.push(`cafile ${authority.certificate}`, "require_certificate true");
		}
		const configuration = join(this.folder, "mosquitto.conf");
		writeFileSync(configuration, `${settings.join("\n")}\n`);
		const program = findProgram("mosquitto");
		mkdirSync(join(this.folder, "run"));
		this._program = new Program("mosquitto", program, ["-c", configuration], join(this.folder, "run"), this.log);
		await this._program.line(/mosquitto version .* running/);
	}

	/** The same settings, for the listener here, or a proxy before it. */
	settingsOf({ port, config }: Line, proxy?: RecordingProxy): Settings {
		const { broker, tls }: Settings = JSON.parse(config);
		const [, before = ""] = /^(.*)test\.mosquitto\.org(:\d+)?$/.exec(broker)!;
		const pathOf = (name: string) => this._files.get(name)!;
		return {
			broker: `${before}localhost:${proxy?.port ?? this.portOf(port)}`,
			...(tls && { tls: Object.fromEntries(Object.entries(tls).map(([name, file]) => [name, pathOf(file)])) }),
		};
	}

	async close(): Promise<void> {
		await this._program?.kill();
		rmSync(this.folder, { recursive: true, force: true });
	}
}

/** Of the last connection, when its first reading has arrived: the broker's next flight has the PUBACK. */
function flightsOf(proxy: RecordingProxy): number {
	return 2 * Math.ceil(proxy.connections.at(-1)!.length / 2);
}

/** What a person reads, without what is of this computer. */
const shown = (text: string) => text.replaceAll(/localhost:\d+/g, HOST).replaceAll("|", "/");

/** Through a listener: what is published arrives, and what is said there, too. */
async function commandThrough(
	programs: Programs,
	listeners: Listeners,
	line: Line,
	version: Version,
	id: string,
): Promise<string> {
	const { broker, tls = {} } = listeners.settingsOf(line);
	const files = [
		...(tls.ca === undefined ? [] : ["--cafile", tls.ca]),
		...(tls.certificate === undefined ? [] : ["--cert", tls.certificate]),
		...(tls.key === undefined ? [] : ["--key", tls.key]),
	];
	const isWebSocket = broker.startsWith("ws");
	const at = (topic: string) => [
		...["-V", version, "-q", "1", ...files],
		...(isWebSocket ? ["-L", broker, "-t", topic] : ["-L", `${broker}/${topic}`]),
	];
	const plain = listeners.portOf(1883);
	const witness = await programs.subscribed({ port: plain }, "-t", `veleta/${id}/out`, "-C", "1");
	let refused: string | undefined;
	for (let attempt = 0; attempt < ATTEMPTS && refused !== line.command[version]; attempt++) {
		const publisher = await programs.mqtt("pub", ...at(`veleta/${id}/out`), "-m", "21.5");
		refused = (await publisher.ended()).code === 0 ? undefined : shown(publisher.errors.at(-1) ?? "");
		if (refused === undefined) break;
	}
	if (refused !== undefined) return refused;
	// A broker may acknowledge what it does not pass on.
	await publish(plain, listeners.folder, `veleta/${id}/out`, "-m", "something else");
	await witness.ended();
	const isThrough = output(witness)[0] === "21.5";
	const subscriber = await programs.mqtt("sub", ...at(`veleta/${id}/in`), "-C", "1", "-d");
	await subscriber.line(/^subscribed to /);
	await publish(plain, listeners.folder, `veleta/${id}/in`, "-m", "command");
	await subscriber.ended();
	return isThrough ? WORKS : DROPPED;
}

describe("The listeners of test.mosquitto.org", { concurrency: 4 }, () => {
	const listeners = new Listeners();
	before(async () => {
		await buildEngine({ withTls: true });
		await listeners.start();
	});
	after(() => listeners.close());

	test("the table has each of them", () => {
		const ports = lines.filter(({ station }) => station === WORKS).map(({ port }) => port);
		assert.deepEqual(
			[...ports, 8887].sort((a, b) => a - b),
			Object.keys(LISTENERS).map(Number),
		);
		for (const line of lines) assert.ok(JSON.parse(line.config).broker.includes(HOST));
	});

	for (const [index, line] of lines.entries()) {
		const id = `s${index}`;
		scenario(`The station: ${line.port}, ${line.config}`, async (parts) => {
			parts.shows("mosquitto", listeners.log);
			// It would make an end of a reset, which is a reason.
			const proxy = line.station === WORKS ? await RecordingProxy.start(listeners.portOf(line.port)) : undefined;
			parts.onEnd(() => proxy?.close());
			const settings = listeners.settingsOf(line, proxy);
			const subscriber = await parts.subscriber(
				{
					port: listeners.portOf(1883),
					publish: (topic, ...args) => publish(listeners.portOf(1883), listeners.folder, topic, ...args),
					subscriptions: (clientId) =>
						listeners.log.filter((text) => text.endsWith(`Sending SUBACK to ${clientId}`)).length,
				},
				`veleta/${id}/#`,
			);
			const args = [...parts.config({ ...settings, id, interval: 1 }), ...(settings.tls ? ["--board-tls"] : [])];
			const station = parts.nameless(undefined, ...args);
			const found = await until("a reading, or a reason", () => {
				if (subscriber.highest() > 0) return WORKS;
				const refused = station.lines.map((text) => REFUSED.exec(text)?.[1]).find((text) => text !== undefined);
				const reasons = station.disconnects.map(({ reason }) => reason);
				const isKnown = reasons.some((reason) => shown(reason) === line.station);
				return refused ?? (isKnown ? line.station : reasons.length >= ATTEMPTS && reasons.at(-1));
			});
			assert.equal(shown(found), line.station);
			if (!proxy) return;
			const flights = flightsOf(proxy);
			await publish(listeners.portOf(1883), listeners.folder, `veleta/${id}/cmd/interval`, "-m", "2");
			await subscriber.message("the reply", ({ topic }) => topic.endsWith("/reply"));
			await station.stop();
			assert.equal(station.summary.acknowledged, station.summary.readings);
			// A machine that is busy is slower than the proxy: there are more of them then, never fewer.
			assert.ok(flights >= line.flights, `${flights} flights`);
			for (let attempt = 0, fewest = flights; fewest > line.flights; attempt++) {
				assert.ok(attempt < FLIGHT_ATTEMPTS, `${fewest} flights`);
				const again = parts.nameless(undefined, ...args);
				const seen = subscriber.messages.length;
				await until("a reading", () => subscriber.messages.length > seen && subscriber.highest() > 0);
				fewest = Math.min(fewest, flightsOf(proxy));
				await again.stop();
			}
		});
		for (const version of VERSIONS)
			commandScenario(`npm run mqtt: ${version}, ${line.port}, ${line.config}`, async (_parts, programs) => {
				const through = await commandThrough(programs, listeners, line, version, `c${index}-${version}`);
				assert.equal(through, line.command[version]);
			});
	}
});
