/** TLS without an SDK: Node's reasons, files in PEM, and what a board can do with. */
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { buildSettings } from "../../commands/device-settings.ts";
import { type PushOptions, parseUpdateCommand } from "../../commands/update/options.ts";
import { withPemFiles } from "../../hosts/node/pem-files.ts";
import { connectTls, tlsReason } from "../../hosts/node/tls.ts";
import { Certificates } from "../harness/certificates.ts";
import { deepEqual, equal, match, throws } from "../harness/harness.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-tls-"));
after(() => rmSync(folder, { recursive: true }));
const certificates = new Certificates(join(folder, "certificates"));

const authority = certificates.authority();

test("Node's reasons are put in words, and what has nothing to do with TLS is left alone", () => {
	const reasonOf = (code: string) => tlsReason(Object.assign(new Error("what Node says"), { code }));
	equal(reasonOf("CERT_NOT_YET_VALID"), "certificate: is not valid yet");
	match(reasonOf("ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE")!, /it may want a client certificate/);
	match(reasonOf("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA")!, /it does not know who issued it/);
	match(reasonOf("ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR")!, /^the broker ended TLS: internal error$/);
	equal(reasonOf("ERR_SSL_WRONG_VERSION_NUMBER"), "the broker does not speak TLS on this port");
	equal(reasonOf("ERR_SSL_SOMETHING_ELSE"), "TLS: what Node says");
	equal(reasonOf("ECONNREFUSED"), undefined);
});

test("what is in PEM and cannot be used is named before anything is sent", async () => {
	const server = createServer(() => {});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	const where = { host: "localhost", address: "127.0.0.1", port };
	const { certificate, key } = certificates.issue(authority);
	const own = { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
	const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	throws(() => connectTls({ ...where, ca: broken }), /^tls\.ca: holds no certificate$/);
	throws(() => connectTls({ ...where, ...own, certificate: broken }), /^tls\.certificate: is no certificate$/);
	throws(() => connectTls({ ...where, ...own, key: broken }), /^tls\.key: is no private key without a password$/);
	server.close();
});

test("settings get what is in the files that they name, and keep what is in PEM already", () => {
	mkdirSync(join(folder, "certs"), { recursive: true });
	const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	writeFileSync(join(folder, "certs/ca.pem"), `Certificate:\n    in words\n${pem}`);
	const settings = { id: "x", tls: { ca: "certs/ca.pem", certificate: pem, key: join(folder, "certs/ca.pem") } };
	deepEqual(withPemFiles(settings, folder), { id: "x", tls: { ca: pem, certificate: pem, key: pem } });
	deepEqual(settings.tls.ca, "certs/ca.pem", "the given settings stay");
	for (const other of [undefined, null, 1, [], {}, { tls: undefined }, { tls: [] }, { tls: "x" }]) {
		deepEqual(withPemFiles(other, folder), other);
	}
	deepEqual(withPemFiles({ tls: { ca: 5, other: "none" } }, folder), { tls: { ca: 5, other: "none" } });
});

test("a file that cannot be read is told by the setting and the path, without what is in it", () => {
	writeFileSync(join(folder, "secret.txt"), "a secret");
	writeFileSync(join(folder, "large.pem"), "-----BEGIN X-----".padEnd(1 << 21, "A"));
	const lines: Record<string, RegExp> = {
		"none.pem": /^tls\.key: none\.pem: there is no such file$/,
		"secret.txt": /^tls\.key: secret\.txt: is not PEM: there is no -----BEGIN … in it$/,
		"large.pem": /^tls\.key: large\.pem: has more than 1048576 bytes$/,
		".": /^tls\.key: \.: cannot be read \(EISDIR\)$/,
		"": /^tls\.key: must be a path, or PEM: -----BEGIN …$/,
		"MIIEvQIBADANBg\nkqhkiG9w0B": /^tls\.key: must be a path, or PEM: -----BEGIN …$/,
	};
	for (const [key, expected] of Object.entries(lines)) throws(() => withPemFiles({ tls: { key } }, folder), expected);
});

/** Throws what is wrong with the settings, for a board. */
function build(settings: object): void {
	const file = join(folder, "config.json");
	writeFileSync(file, JSON.stringify(settings));
	buildSettings({ file });
}

test("a build with settings that a board cannot do with is refused", () => {
	throws(() => build({ broker: "mqtts://broker.test" }), /^tls\.ca: a board needs it for mqtts:\/\//);
	throws(() => build({ tls: { ca: "none.pem" } }), /tls\.ca: none\.pem: there is no such file$/);
});

test("a board takes keys of RSA and on elliptic curves, in each form of PEM without a password", () => {
	const { certificate } = authority;
	const builds = (key: string) => build({ broker: "mqtts://broker.test", tls: { ca: certificate, certificate, key } });
	const rsa = (bits: number) => generateKeyPairSync("rsa", { modulusLength: bits }).privateKey;
	const ec = (curve: string) => generateKeyPairSync("ec", { namedCurve: curve }).privateKey;
	const pkcs8 = { type: "pkcs8", format: "pem" } as const;
	const small = rsa(2_048);
	builds(String(small.export(pkcs8)));
	builds(String(small.export({ type: "pkcs1", format: "pem" })));
	for (const curve of ["P-256", "P-384", "P-521"]) {
		builds(String(ec(curve).export(pkcs8)));
		builds(String(ec(curve).export({ type: "sec1", format: "pem" })));
	}
	const refused: [string | Buffer, RegExp][] = [
		[
			ec("P-256").export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "secret" }),
			/is no private key without a password$/,
		],
		["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", /is no private key without a password$/],
		[readFileSync(certificate, "utf8"), /is no private key without a password$/],
		[rsa(1_024).export(pkcs8), /has 1024 bits; a board takes RSA of 2048 to 4096$/],
		[rsa(4_104).export(pkcs8), /has 4104 bits; a board takes RSA of 2048 to 4096$/],
		[ec("secp256k1").export(pkcs8), /is on the curve secp256k1; a board takes P-256, P-384, P-521$/],
		[
			generateKeyPairSync("ed25519").privateKey.export(pkcs8),
			/is of the kind ed25519; a board takes RSA, and EC on P-256, P-384, P-521$/,
		],
	];
	for (const [key, reason] of refused) throws(() => builds(String(key)), new RegExp(`^tls\\.key: ${reason.source}`));
});

test("an update goes encrypted where options of TLS are given, or not at all", () => {
	const image = join(folder, "image.bin");
	writeFileSync(image, "firmware");
	const update =
		(broker: string, ...options: string[]) =>
		() =>
			parseUpdateCommand(["--broker", broker, "--id", "a", "--key", "key.pem", ...options, image]);
	const pinned = ["--fingerprint", "0f".repeat(32)];
	for (const broker of ["mqtt://broker.lan", "ws://broker.lan", "broker.lan", "public:hivemq"]) {
		for (const options of [pinned, ["--cafile", authority.certificate]]) {
			throws(update(broker, ...options), /^--cafile, --fingerprint and --tls-alpn are for mqtts:\/\/ and wss:\/\/$/);
		}
		update(broker)();
	}
	for (const broker of ["mqtts://broker.lan", "WSS://broker.lan", "ssl://broker.lan", "public-tls:hivemq"]) {
		deepEqual((update(broker, ...pinned)() as PushOptions).tls, { fingerprint: "0f".repeat(32) });
		throws(update(broker, ...pinned, "--cafile", authority.certificate), /^--fingerprint does not go with --cafile/);
	}
	throws(update("mqtts://broker.lan", "--fingerprint", "0f"), /^--fingerprint: needs the 64 hexadecimal digits/);
});
