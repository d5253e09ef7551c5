/** Brokers at mqtts://, and who they have to be. */
import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { before, describe } from "node:test";
import { ROOTS } from "../../hosts/node/roots.ts";
import { buildEngine } from "../../tools/engine.js";
import { Certificates, type Identity } from "../harness/certificates.ts";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import type { BrokerTls, Mosquitto } from "../harness/mosquitto.ts";
import { commandScenario, exitCode, output } from "../harness/mqtt-command.ts";
import { type Flight, hasCertificate, offersTls13, RecordingProxy, saidIn } from "../harness/recording-proxy.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

before(() => buildEngine({ withTls: true }));

const certificatesOf = (parts: Parts) => new Certificates(join(parts.folder, "certificates"));
/** The station's arguments. */
const at = (broker: Mosquitto, host = "127.0.0.1") => [
	"--broker",
	`mqtts://${host}:${broker.tlsPort}`,
	"--interval",
	"1s",
];
const fingerprintOf = ({ certificate }: Identity) => new X509Certificate(readFileSync(certificate)).fingerprint256;
const trusting = ({ certificate }: Identity) => ["--cafile", certificate];
const as = ({ certificate, key }: Identity) => ["--cert", certificate, "--key", key];

/** Who does the TLS, and the option for it. */
const IMPLEMENTATIONS = { "Node's TLS": [], "a board's TLS": ["--board-tls"] };

for (const [whose, option] of Object.entries(IMPLEMENTATIONS))
	describe(`A broker at mqtts://, with ${whose}`, { concurrency: 4 }, () => {
		const start = (parts: Parts, ...args: string[]) => parts.station(undefined, ...option, ...args);

		for (const kind of ["rsa", "ec"] as const) {
			scenario(`Readings are delivered to one with an ${kind} key, and again after it was killed.`, async (parts) => {
				const certificates = certificatesOf(parts);
				const authority = certificates.authority("an authority", kind);
				const broker = await parts.mosquitto({ tls: { identity: certificates.issue(authority, { kind }) } });
				const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
				const station = start(parts, ...at(broker), ...trusting(authority));
				await subscriber.reaches(2);
				await broker.save();
				await broker.kill();
				await station.line(/connection closed/);
				await broker.restart();
				const seen = subscriber.highest();
				await subscriber.reaches(seen + 2);
				const { readings, acknowledged } = await stopDelivered(parts, station, subscriber);
				assert.equal(acknowledged, readings);
				assert.ok(station.count(/^veleta\/sim\/state /) > 0, "the simulator's own subscriber speaks TLS, too");
			});
		}

		scenario(
			"The roots that have names are certificates, and none of them has issued this broker's.",
			async (parts) => {
				const certificates = certificatesOf(parts);
				const broker = await parts.mosquitto({ tls: { identity: certificates.issue(certificates.authority()) } });
				for (const name of Object.keys(ROOTS)) {
					const settings = {
						...{ broker: `mqtts://127.0.0.1:${broker.tlsPort}`, id: name },
						tls: { ca: `root:${name}` },
					};
					const station = parts.nameless(undefined, ...option, ...parts.config(settings));
					await station.line(/certificate: no trusted authority has issued it/);
					await station.stop();
				}
			},
		);

		scenario(
			"A certificate that nobody has issued, for another host, is trusted by its fingerprint; not so its successor.",
			async (parts) => {
				const certificates = certificatesOf(parts);
				const issue = { names: ["DNS:elsewhere.test"] };
				const identity = certificates.selfSigned(issue);
				const broker = await parts.mosquitto({ tls: { identity } });
				const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
				const station = start(parts, ...at(broker), "--fingerprint", fingerprintOf(identity));
				await subscriber.reaches(2);
				broker.configure({ identity: certificates.selfSigned(issue) });
				await broker.stop();
				await broker.restart();
				await station.line(/certificate: is another one than --fingerprint or tls\.fingerprint says; next attempt/);
				const seen = subscriber.highest();
				broker.configure({ identity });
				await broker.stop();
				await broker.restart();
				await subscriber.reaches(seen + 2);
				const { readings } = await stopDelivered(parts, station, subscriber);
				assertComplete(subscriber.reports(), readings);
			},
		);

		scenario(
			"Let's Encrypt's chain of 2026, P-256 under P-384 and cross-signed, leads to ISRG Root X2.",
			async (parts) => {
				const own = certificatesOf(parts);
				const x1 = own.authority("ISRG Root X1", "rsa");
				const x2 = own.authority("ISRG Root X2", "ec384");
				const issued = { kind: "ec384", authority: true, names: [] } as const;
				const root = own.issue(x2, { ...issued, commonName: "Root YE" });
				const between = own.issue(root, { ...issued, commonName: "YE1" });
				const broker = await parts.mosquitto({ tls: { identity: own.chain(own.issue(between), between, root) } });
				const both = join(parts.folder, "both.pem");
				writeFileSync(both, [x1, x2].map(({ certificate }) => readFileSync(certificate, "utf8")).join(""));
				for (const trusted of [x2.certificate, both]) {
					const station = start(parts, ...at(broker), "--cafile", trusted);
					await station.line(/connected with MQTT 5\.0/);
					await station.stop();
				}
				const station = start(parts, ...at(broker), "--cafile", x1.certificate);
				await station.line(/certificate: no trusted authority has issued it/);
			},
		);

		const wrong: { [what: string]: { tls: (own: Certificates, trusted: Identity) => BrokerTls; reason: RegExp } } = {
			"a certificate that an unknown authority has issued": {
				tls: (own) => ({ identity: own.issue(own.authority("somebody else")) }),
				reason: /certificate: no trusted authority has issued it \(--cafile or tls\.ca\)/,
			},
			"a certificate that it has issued itself": {
				tls: (own) => ({ identity: own.selfSigned() }),
				reason: /certificate: no trusted authority has issued it \(--cafile or tls\.ca\)/,
			},
			"a certificate for another host": {
				tls: (own, trusted) => ({ identity: own.issue(trusted, { names: ["DNS:broker.test"] }) }),
				reason: /certificate: host name does not match/,
			},
			"a certificate that has expired": {
				tls: (own, trusted) => ({ identity: own.issue(trusted, { days: -1 }) }),
				reason: /certificate: has expired/,
			},
			"a certificate whose issuer is no authority": {
				tls: (own, trusted) => {
					const issuer = own.issue(trusted, { commonName: "just a client" });
					return { identity: own.chain(own.issue(issuer), issuer) };
				},
				reason: /certificate: (it, or one of its issuers, is not meant for this|one of its issuers is no authority)/,
			},
			"the wish for a client certificate": {
				tls: (own, trusted) => ({ identity: own.issue(trusted), clientAuthority: trusted }),
				reason: /(wants|may want) a client certificate \(--cert or tls\.certificate\)/,
			},
		};
		for (const [what, { tls, reason }] of Object.entries(wrong)) {
			scenario(
				`A broker with ${what} is told why, tried again, and delivered to once it is in order.`,
				async (parts) => {
					const certificates = certificatesOf(parts);
					const authority = certificates.authority();
					const broker = await parts.mosquitto({ tls: tls(certificates, authority) });
					const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
					const station = start(parts, ...at(broker), ...trusting(authority));
					const told = () => station.disconnects.filter((disconnect) => reason.test(disconnect.reason));
					await until("a second attempt with the reason", () => told().length >= 2);
					assert.equal(subscriber.highest(), 0);
					broker.configure({ identity: certificates.issue(authority) });
					await broker.stop();
					await broker.restart();
					await subscriber.reaches(3);
					// What was measured meanwhile is delivered.
					const { readings } = await stopDelivered(parts, station, subscriber);
					assertComplete(subscriber.reports(), readings);
				},
			);
		}

		for (const kind of ["ec", "rsa"] as const)
			scenario(
				`A client certificate with an ${kind} key that the broker's authority has issued is accepted, and its key never shown.`,
				async (parts) => {
					const certificates = certificatesOf(parts);
					const authority = certificates.authority();
					const tls = { identity: certificates.issue(authority), clientAuthority: authority };
					const broker = await parts.mosquitto({ tls });
					const subscriber = await parts.subscriber(broker, "veleta/#");
					const own = certificates.issue(authority, { commonName: "station", kind });
					const station = start(parts, ...at(broker), ...trusting(authority), ...as(own));
					await subscriber.reaches(2);
					await station.stop();
					const key = readFileSync(own.key, "utf8").split("\n")[1]!;
					assert.equal(station.lines.filter((line) => line.includes(key)).length, 0);
				},
			);

		scenario("A client certificate of somebody else's authority is refused with that reason.", async (parts) => {
			const certificates = certificatesOf(parts);
			const authority = certificates.authority();
			const broker = await parts.mosquitto({
				tls: { identity: certificates.issue(authority), clientAuthority: authority },
			});
			const own = certificates.issue(certificates.authority("somebody else"), { commonName: "station" });
			const station = start(parts, ...at(broker), ...trusting(authority), ...as(own));
			await station.line(/the broker does not accept the client certificate: it does not know who issued it; next/);
		});

		scenario("A handshake of single bytes is one, too.", async (parts) => {
			const certificates = certificatesOf(parts);
			const authority = certificates.authority();
			const broker = await parts.mosquitto({ tls: { identity: certificates.issue(authority) } });
			const subscriber = await parts.subscriber(broker, "veleta/#");
			const proxy = await parts.proxy({ port: broker.tlsPort });
			proxy.behaviour = "bytewise";
			start(parts, "--broker", `mqtts://127.0.0.1:${proxy.port}`, ...trusting(authority));
			await subscriber.reaches(1);
		});

		scenario("A broker that does not speak TLS on this port is told so.", async (parts) => {
			const certificates = certificatesOf(parts);
			const broker = await parts.mosquitto();
			const url = `mqtts://127.0.0.1:${broker.port}`;
			const station = start(parts, "--broker", url, ...trusting(certificates.authority()));
			await station.line(/cannot connect: closed by the broker during the TLS handshake; next/);
		});

		scenario(
			"A client certificate and a key that do not belong together are told, and nothing crashes.",
			async (parts) => {
				const certificates = certificatesOf(parts);
				const authority = certificates.authority();
				const one = certificates.issue(authority);
				const other = certificates.issue(authority);
				const url = ["--broker", "mqtts://127.0.0.1:1"];
				const mixed = as({ certificate: one.certificate, key: other.key });
				const station = start(parts, ...url, ...trusting(authority), ...mixed);
				await station.line(
					/cannot connect: --key or tls\.key: does not belong to --cert or tls\.certificate; next attempt/,
				);
				assert.deepEqual(await station.stop(), { code: 0, signal: null });
			},
		);
	});

/** A PUBACK of MQTT 5.0 when all is well: nothing else that mosquitto sends is as short. */
const PUBACK_BYTES = 4;
const SLEEP = { sleep: true, interval: 4, awake: 5 };

/** After how many flights, the first being the station's hello, the broker has acknowledged so many messages. */
function flightsTo(pubacks: number, flights: readonly Flight[]): number | undefined {
	let seen = 0;
	const at = flights.findIndex((flight) => {
		if (flight.from === "broker") seen += saidIn(flight).filter((length) => length === PUBACK_BYTES).length;
		return seen >= pubacks;
	});
	return at < 0 ? undefined : at + 1;
}

/** With a broker that may want a certificate of the station's, behind a proxy that counts. */
const recorded = async (
	parts: Parts,
	{
		client = false,
		passes = Number.POSITIVE_INFINITY,
		args = [],
		...settings
	}: {
		readonly client?: boolean;
		readonly passes?: number;
		readonly args?: readonly string[];
		readonly [setting: string]: unknown;
	} = {},
) => {
	const certificates = certificatesOf(parts);
	const authority = certificates.authority();
	const identity = certificates.issue(authority);
	const broker = await parts.mosquitto({ tls: { identity, ...(client && { clientAuthority: authority }) } });
	const proxy = await RecordingProxy.start(broker.tlsPort);
	parts.onEnd(() => proxy.close());
	proxy.passes = passes;
	const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
	const tls = { ca: authority.certificate, ...(client && certificates.issue(authority)) };
	const config = { id: "sim", interval: 1, broker: `mqtts://127.0.0.1:${proxy.port}`, tls, ...settings };
	const station = parts.station(undefined, "--board-tls", ...args, ...parts.config(config));
	/** The station's, as far as the broker has answered: the simulator's own subscriber offers TLS 1.3. */
	const connections = () => proxy.connections.filter((flights) => flights.length > 1 && !offersTls13(flights));
	const connected = (times: number) => until(`connection ${times}`, () => station.count(/: connected with/) >= times);
	return { broker, proxy, subscriber, station, connections, connected };
};

describe("A board's TLS resumes a session", { concurrency: 4 }, () => {
	scenario(
		"after deep sleep: a reading is acknowledged in the fourth flight, without one in the sixth.",
		async (parts) => {
			const { subscriber, station, connections } = await recorded(parts, SLEEP);
			// The messages "online" and the reading; a machine that is too busy for its sensor sends them one after the other.
			const counts = () => connections().map((flights) => flightsTo(2, flights));
			await until("a wake that sends all at once", () => counts().slice(1).includes(4));
			const [first, ...wakes] = counts();
			assert.ok(first! >= 6, `${first} flights`);
			for (const count of wakes) assert.ok((count ?? 4) >= 4, `${count} flights`);
			assert.deepEqual(connections().slice(0, 2).map(hasCertificate), [true, false]);
			const { readings } = await stopDelivered(parts, station, subscriber);
			assertComplete(subscriber.reports(), readings);
		},
	);

	for (const client of [false, true]) {
		scenario(`after the network was away, ${client ? "with" : "without"} a client certificate.`, async (parts) => {
			const { proxy, subscriber, station, connections, connected } = await recorded(parts, { client });
			for (const times of [1, 2]) {
				await connected(times);
				proxy.cut();
			}
			await connected(3);
			assert.deepEqual(connections().map(hasCertificate), [true, false, false]);
			const { readings } = await stopDelivered(parts, station, subscriber);
			assertComplete(subscriber.reports(), readings);
		});
	}

	scenario("but not of a broker that was restarted, which does not know it any more.", async (parts) => {
		const { broker, proxy, subscriber, station, connections, connected } = await recorded(parts);
		await connected(1);
		await broker.stop();
		await broker.restart();
		await connected(2);
		proxy.cut();
		await connected(3);
		assert.deepEqual(connections().map(hasCertificate), [true, true, false]);
		const { readings } = await stopDelivered(parts, station, subscriber);
		assertComplete(subscriber.reports(), readings);
	});
});

describe("While a board's TLS makes its handshake", { concurrency: 4 }, () => {
	/** Of the broker's first flight: nothing, and a part of its certificate. */
	for (const passes of [0, 300]) {
		for (const [end, means] of [
			["stop", "in good order"],
			["kill", "at once"],
		] as const) {
			scenario(
				`the station ends ${means}, ${passes} bytes into it; its next life delivers what waited.`,
				async (parts) => {
					const { proxy, subscriber, station, connections } = await recorded(parts, { passes });
					await until("a handshake under way", () => connections().length > 0);
					if (end === "stop") assert.deepEqual(await station.stop(), { code: 0, signal: null });
					else await station.kill();
					assert.equal(subscriber.highest(), 0);
					proxy.passes = Number.POSITIVE_INFINITY;
					proxy.cut();
					const next = parts.again(station);
					await subscriber.reaches(2);
					await stopDelivered(parts, next, subscriber);
					assert.ok(subscriber.isWhole);
				},
			);
		}
	}

	for (const passes of [0, 300]) {
		scenario(`a broker that says ${passes} bytes and no more has 30 s, and is told so.`, async (parts) => {
			const { station } = await recorded(parts, { passes, args: ["--speed", "100"] });
			await station.line(/: cannot connect: no answer within 30 s; next attempt/);
			assert.deepEqual(await station.stop(), { code: 0, signal: null });
		});
	}
});

describe("Options and settings of TLS", { concurrency: 4 }, () => {
	scenario("A configuration names PEM files relative to itself, or holds what is in them.", async (parts) => {
		const certificates = certificatesOf(parts);
		const authority = certificates.authority();
		const broker = await parts.mosquitto({ tls: { identity: certificates.issue(authority) } });
		const subscriber = await parts.subscriber(broker, "+/+");
		const path = relative(parts.folder, authority.certificate);
		const text = readFileSync(authority.certificate, "utf8");
		for (const [topic, ca] of Object.entries({ "by-path": path, "as-text": text })) {
			const config = parts.config({ broker: `mqtts://127.0.0.1:${broker.tlsPort}`, interval: 1, topic, tls: { ca } });
			const station = parts.station(undefined, ...config);
			await subscriber.reaches(1, `${topic}/state`);
			await station.stop();
		}
	});

	scenario("A board's TLS knows no authorities without --cafile, and says so as on a board.", async (parts) => {
		const station = parts.station(undefined, "--board-tls", "--broker", "mqtts://127.0.0.1:1");
		await station.line(
			/: cannot connect: --cafile or tls\.ca: a board needs it, or --fingerprint or tls\.fingerprint: it knows no authorities of its own; next attempt/,
		);
		assert.deepEqual(await station.stop(), { code: 0, signal: null });
	});

	scenario("A PEM file that is missing, or none, is named in one line.", async (parts) => {
		const certificates = certificatesOf(parts);
		const { certificate, key } = certificates.authority();
		writeFileSync(join(parts.folder, "text.pem"), "not PEM");
		const config = (tls: object) => () => parts.config({ broker: "mqtts://127.0.0.1", tls });
		const lines: [() => string[], RegExp][] = [
			[config({ ca: "certs/none.pem" }), /^--config \S+: tls\.ca: certs\/none\.pem: there is no such file$/],
			[config({ ca: "text.pem" }), /^--config \S+: tls\.ca: text\.pem: is not PEM: there is no -----BEGIN … in it$/],
			[config({ ca: "." }), /^--config \S+: tls\.ca: \.: cannot be read \(EISDIR\)$/],
			[config({ certificate }), /^--cert or tls\.certificate: goes with --key or tls\.key$/],
			[() => ["--cafile", "none.pem"], /^--cafile: none\.pem: there is no such file$/],
			[() => ["--key", key], /^--cert or tls\.certificate: goes with --key or tls\.key/],
		];
		for (const [argumentsOf, expected] of lines) {
			const args = argumentsOf();
			const station = parts.station(undefined, ...args);
			assert.deepEqual(await station.ended(), { code: 2, signal: null });
			assert.equal(station.lines.length, 1);
			assert.match(station.lines[0]!, expected);
		}
	});
});

describe("npm run mqtt with TLS", { concurrency: 4 }, () => {
	commandScenario(
		"pub and sub talk through mosquitto with --cafile, -L, and client certificates.",
		async (parts, programs) => {
			const certificates = certificatesOf(parts);
			const authority = certificates.authority();
			const tls = { identity: certificates.issue(authority), clientAuthority: authority };
			const broker = await parts.mosquitto({ tls });
			const own = as(certificates.issue(authority));
			const flags = [...trusting(authority), ...own];
			const place = { port: broker.tlsPort };
			const sub = await programs.subscribed(place, "-t", "a/#", "-C", "2", "-v", ...flags);
			assert.equal(await exitCode(await programs.pub(place, "-t", "a/b", "-m", "1", "-q", "1", ...flags)), 0);
			const url = `mqtts://localhost:${broker.tlsPort}/a/c`;
			assert.equal(await exitCode(await programs.mqtt("pub", "-L", url, "-m", "2", "-q", "1", ...flags)), 0);
			assert.equal(await exitCode(sub), 0);
			assert.deepEqual(output(sub), ["a/b 1", "a/c 2"]);
		},
	);

	commandScenario("--fingerprint trusts one certificate, whoever has issued it.", async (parts, programs) => {
		const certificates = certificatesOf(parts);
		const identity = certificates.selfSigned({ names: ["DNS:elsewhere.test"] });
		const broker = await parts.mosquitto({ tls: { identity } });
		const pub = (...flags: string[]) => programs.pub({ port: broker.tlsPort }, "-t", "a", "-m", "1", ...flags);
		assert.equal(await exitCode(await pub("--fingerprint", fingerprintOf(identity), "--tls-alpn", "mqtt")), 0);
		const other = await pub("--fingerprint", "0F".repeat(32));
		assert.equal(await exitCode(other), 1);
		assert.match(other.errors.at(-1)!, /certificate: is another one than --fingerprint says$/);
		for (const [flags, told] of [
			[["--fingerprint", "0F"], "--fingerprint: needs the 64 hexadecimal digits of a SHA-256, with colons or without"],
			[["--tls-alpn", ""], "--tls-alpn: needs 1 to 64 characters of ASCII, without spaces"],
			[
				["--fingerprint", "0F".repeat(32), "--cafile", identity.certificate],
				"--fingerprint does not go with --cafile: one of the two",
			],
		] as const) {
			const wrong = await pub(...flags);
			assert.equal(await exitCode(wrong), 2);
			assert.deepEqual(wrong.errors, [told]);
		}
	});

	commandScenario("A certificate that does not verify is told, and pub gives up.", async (parts, programs) => {
		const certificates = certificatesOf(parts);
		const broker = await parts.mosquitto({ tls: { identity: certificates.selfSigned() } });
		const place = { port: broker.tlsPort };
		const pub = await programs.pub(place, "-t", "a", "-m", "1", ...trusting(certificates.authority()));
		assert.equal(await exitCode(pub), 1);
		assert.match(pub.errors.at(-1)!, /certificate: no trusted authority has issued it \(--cafile\)$/);
		assert.equal(pub.errors.length, 1);
	});

	commandScenario("Flags that do not go together are told.", async (parts, programs) => {
		const { certificate } = certificatesOf(parts).authority();
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const keyFile = (name: string, text: string | Buffer) => {
			const path = join(parts.folder, name);
			writeFileSync(path, text);
			return path;
		};
		const pkcs8 = { type: "pkcs8", format: "pem" } as const;
		const encrypted = keyFile("a", privateKey.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "secret" }));
		const other = keyFile("b", privateKey.export(pkcs8));
		const lines: [string[], RegExp][] = [
			[["--cert", certificate, "--key", encrypted], /^--key: is no private key without a password(?:;|$)/],
			[["--cert", certificate, "--key", other], /^--key: does not belong to --cert(?:;|$)/],
			[["--cert", other, "--key", other], /^--cert: is no certificate(?:;|$)/],
			[["--cafile", other], /^--cafile: holds no certificate(?:;|$)/],
			[["--cert", certificate], /^--cert and --key go together(?:;|$)/],
			[["--cafile", "none.pem"], /^--cafile: none\.pem: there is no such file(?:;|$)/],
			[
				["-L", "mqtt://localhost/t", "--cafile", certificate],
				/^--cafile, --cert, --fingerprint and --tls-alpn are for mqtts:\/\/ and wss:\/\/(?:;|$)/,
			],
			[["-L", "mqtts://u:secret@localhost"], /^--url: must look like mqtt:\/\/host\/topic(?:;|$)/],
			[["-L", "mqtts://localhost/t/#"], /^--url: topic name with a wildcard/],
			[["-L", "mqtts://localhost/t", "-h", "localhost"], /^--host: is in the URL of -L(?:;|$)/],
		];
		for (const [args, expected] of lines) {
			const pub = await programs.mqtt("pub", "-n", ...args, ...(args[0] === "-L" ? [] : ["-t", "t"]));
			assert.equal(await exitCode(pub), 2);
			assert.equal(pub.errors.length, 1);
			assert.match(pub.errors[0]!, expected);
		}
	});
});
