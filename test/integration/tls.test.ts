/** Brokers at mqtts://, and who they have to be. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe } from "node:test";
import { Certificates, type Identity } from "../harness/certificates.ts";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import type { BrokerTls, Mosquitto } from "../harness/mosquitto.ts";
import { commandScenario, exitCode, output } from "../harness/mqtt-command.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

const certificatesOf = (parts: Parts) => new Certificates(join(parts.folder, "certificates"));
/** The station's arguments. */
const at = (broker: Mosquitto, host = "127.0.0.1") => [
	"--broker",
	`mqtts://${host}:${broker.tlsPort}`,
	"--interval",
	"1s",
];
const trusting = ({ certificate }: Identity) => ["--cafile", certificate];
const as = ({ certificate, key }: Identity) => ["--cert", certificate, "--key", key];

describe("A broker at mqtts://", { concurrency: 4 }, () => {
	for (const kind of ["rsa", "ec"] as const) {
		scenario(`Readings are delivered to one with an ${kind} key, and again after it was killed.`, async (parts) => {
			const certificates = certificatesOf(parts);
			const authority = certificates.authority("an authority", kind);
			const broker = await parts.mosquitto({ tls: { identity: certificates.issue(authority, { kind }) } });
			const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
			const station = parts.station(undefined, ...at(broker), ...trusting(authority));
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

	const wrong: { [what: string]: { tls: (own: Certificates, trusted: Identity) => BrokerTls; reason: RegExp } } = {
		"a certificate that an unknown authority has issued": {
			tls: (own) => ({ identity: own.issue(own.authority("somebody else")) }),
			reason: /certificate: no trusted authority has issued it \(tls\.ca\)/,
		},
		"a certificate that it has issued itself": {
			tls: (own) => ({ identity: own.selfSigned() }),
			reason: /certificate: no trusted authority has issued it \(tls\.ca\)/,
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
			reason: /(wants|may want) a client certificate \(tls\.certificate\)/,
		},
	};
	for (const [what, { tls, reason }] of Object.entries(wrong)) {
		scenario(`A broker with ${what} is told why, tried again, and delivered to once it is in order.`, async (parts) => {
			const certificates = certificatesOf(parts);
			const authority = certificates.authority();
			const broker = await parts.mosquitto({ tls: tls(certificates, authority) });
			const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
			const station = parts.station(undefined, ...at(broker), ...trusting(authority));
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
		});
	}

	scenario(
		"A client certificate that the broker's authority has issued is accepted, and its key never shown.",
		async (parts) => {
			const certificates = certificatesOf(parts);
			const authority = certificates.authority();
			const tls = { identity: certificates.issue(authority), clientAuthority: authority };
			const broker = await parts.mosquitto({ tls });
			const subscriber = await parts.subscriber(broker, "veleta/#");
			const own = certificates.issue(authority, { commonName: "station" });
			const station = parts.station(undefined, ...at(broker), ...trusting(authority), ...as(own));
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
		const station = parts.station(undefined, ...at(broker), ...trusting(authority), ...as(own));
		await station.line(/the broker does not accept the client certificate: it does not know who issued it; next/);
	});

	scenario("A broker that does not speak TLS on this port is told so.", async (parts) => {
		const certificates = certificatesOf(parts);
		const broker = await parts.mosquitto();
		const url = `mqtts://127.0.0.1:${broker.port}`;
		const station = parts.station(undefined, "--broker", url, ...trusting(certificates.authority()));
		await station.line(/cannot connect: closed by the broker during the TLS handshake; next/);
	});

	scenario("A configuration names PEM files relative to itself, or holds what is in them.", async (parts) => {
		const certificates = certificatesOf(parts);
		const authority = certificates.authority();
		const broker = await parts.mosquitto({ tls: { identity: certificates.issue(authority) } });
		const subscriber = await parts.subscriber(broker, "+/state");
		const path = relative(parts.folder, authority.certificate);
		const text = readFileSync(authority.certificate, "utf8");
		for (const [topic, ca] of Object.entries({ "by-path": path, "as-text": text })) {
			const config = parts.config({ broker: `mqtts://127.0.0.1:${broker.tlsPort}`, interval: 1, topic, tls: { ca } });
			const station = parts.station(undefined, ...config);
			await subscriber.reaches(1, `${topic}/state`);
			await station.stop();
		}
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
			[config({ certificate }), /^tls\.certificate: goes with tls\.key$/],
			[() => ["--cafile", "none.pem"], /^--cafile: none\.pem: there is no such file$/],
			[() => ["--key", key], /^tls\.certificate: goes with tls\.key/],
		];
		for (const [argumentsOf, expected] of lines) {
			const args = argumentsOf();
			const station = parts.station(undefined, ...args);
			assert.deepEqual(await station.ended(), { code: 2, signal: null });
			assert.equal(station.lines.length, 1);
			assert.match(station.lines[0]!, expected);
		}
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
			const station = parts.station(undefined, ...url, ...trusting(authority), ...mixed);
			await station.line(/cannot connect: tls\.key: does not belong to tls\.certificate; next attempt/);
			assert.deepEqual(await station.stop(), { code: 0, signal: null });
		},
	);
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

	commandScenario("A certificate that does not verify is told, and pub gives up.", async (parts, programs) => {
		const certificates = certificatesOf(parts);
		const broker = await parts.mosquitto({ tls: { identity: certificates.selfSigned() } });
		const place = { port: broker.tlsPort };
		const pub = await programs.pub(place, "-t", "a", "-m", "1", ...trusting(certificates.authority()));
		assert.equal(await exitCode(pub), 1);
		assert.match(pub.errors.at(-1)!, /certificate: no trusted authority has issued it \(tls\.ca\)$/);
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
			[["-L", "mqtt://localhost/t", "--cafile", certificate], /^--cafile and --cert are for mqtts:\/\/(?:;|$)/],
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
