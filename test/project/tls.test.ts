/** TLS without an SDK: what a board believes held against OpenSSL, files in PEM, and what goes into a build. */
import { createPublicKey, verify } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { buildSettings } from "../../commands/device-settings.ts";
import { type Certificate, decodeCertificate } from "../../hosts/moddable/tls/certificate.ts";
import { wholeOf } from "../../hosts/moddable/tls/der.ts";
import { decodePem } from "../../hosts/moddable/tls/pem.ts";
import { checkCertificates } from "../../hosts/moddable/tls/trust.ts";
import { withPemFiles } from "../../hosts/node/pem-files.ts";
import { connectTls, tlsReason } from "../../hosts/node/tls.ts";
import { buildFeatures } from "../../tools/features.js";
import { Certificates, type Identity } from "../harness/certificates.ts";
import { deepEqual, equal, match, ok, throws } from "../harness/harness.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-tls-"));
after(() => rmSync(folder, { recursive: true }));
const certificates = new Certificates(join(folder, "certificates"));
const read = ({ certificate }: Identity) => readFileSync(certificate, "utf8");

function isSignedBy({ signed, signature, algorithm }: Certificate, issuer: Certificate): boolean {
	const key = createPublicKey({ key: Buffer.from(wholeOf(issuer.publicKey)), format: "der", type: "spki" });
	match(algorithm, /^2a864(886f70d01010b|8ce3d040302)$/);
	return verify("sha256", signed, key, signature);
}

/** What a board says of a broker, in the time of this computer; "" if nothing. */
function boardSays(broker: Identity, authority: Identity, host: string): string {
	try {
		const authorities = decodePem(read(authority), "CERTIFICATE").map(decodeCertificate);
		checkCertificates(decodePem(read(broker), "CERTIFICATE"), { host, authorities, time: Date.now(), isSignedBy });
		return "";
	} catch (error) {
		return (error as Error).message;
	}
}

/** What OpenSSL says, in the words of the Node side. */
async function nodeSays({ certificate, key }: Identity, authority: Identity, host: string): Promise<string> {
	const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) });
	server.on("tlsClientError", () => {});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	const socket = connectTls({ address: "127.0.0.1", host, port, ca: read(authority) });
	try {
		return await new Promise((resolve) => {
			socket.on("secureConnect", () => resolve(""));
			socket.on("error", (error) => resolve(tlsReason(error) ?? String(error)));
		});
	} finally {
		socket.destroy();
		server.close();
	}
}

const authority = certificates.authority();
const rsaAuthority = certificates.authority("another authority", "rsa");
const intermediate = certificates.issue(authority, { commonName: "intermediate", authority: true, kind: "ec384" });
const constrained = certificates.issue(authority, {
	commonName: "constrained",
	authority: true,
	extensions: ["nameConstraints=critical,permitted;DNS:other.test"],
});
const noAuthority = certificates.issue(authority, { commonName: "no authority" });
const forClients = certificates.issue(authority, {
	commonName: "for clients",
	authority: true,
	extensions: ["extendedKeyUsage=clientAuth"],
});
const sameName = certificates.authority("an authority", "rsa");
const old = certificates.issue(authority, { commonName: "old", authority: true, days: -1 });
const cases: Record<string, { broker: Identity; trusted?: Identity; host?: string; agree?: boolean }> = {
	"one of the authority's": { broker: certificates.issue(authority) },
	"one of the authority's, by its address": { broker: certificates.issue(authority), host: "127.0.0.1" },
	"one of an authority's with RSA": {
		broker: certificates.issue(rsaAuthority, { kind: "rsa" }),
		trusted: rsaAuthority,
	},
	"one of an intermediate authority's": {
		broker: certificates.chain(certificates.issue(intermediate), intermediate),
	},
	"one of an intermediate authority's, which is missing": { broker: certificates.issue(intermediate) },
	"one that is trusted itself": { broker: certificates.selfSigned({ commonName: "self" }) },
	"one that has issued itself": { broker: certificates.selfSigned() },
	"one of nobody that is trusted": { broker: certificates.issue(rsaAuthority) },
	"one of nobody that is trusted, with one that is": {
		broker: certificates.chain(certificates.selfSigned(), certificates.issue(authority), authority),
	},
	"one of the authority's for another host": { broker: certificates.issue(authority, { names: ["DNS:other.test"] }) },
	"one for an address, by a name": { broker: certificates.issue(authority, { names: ["IP:127.0.0.1"] }) },
	"one with a wildcard": { broker: certificates.issue(authority, { names: ["DNS:*.casa.test"] }), host: "a.casa.test" },
	"one with a wildcard, two labels": {
		broker: certificates.issue(authority, { names: ["DNS:*.casa.test"] }),
		host: "a.b.casa.test",
	},
	"one with a common name only": { broker: certificates.issue(authority, { names: [] }) },
	"one with another common name only": { broker: certificates.issue(authority, { names: [], commonName: "other" }) },
	"one that has expired": { broker: certificates.issue(authority, { days: -1 }) },
	"one whose issuer has expired": { broker: certificates.chain(certificates.issue(old), old) },
	"one whose issuer is no authority": { broker: certificates.chain(certificates.issue(noAuthority), noAuthority) },
	"one for clients": { broker: certificates.issue(authority, { extensions: ["extendedKeyUsage=clientAuth"] }) },
	"one whose issuer is for clients": { broker: certificates.chain(certificates.issue(forClients), forClients) },
	"one of an authority's whose name another one has": {
		broker: certificates.issue(sameName),
		trusted: { ...sameName, certificate: certificates.chain(authority, sameName).certificate },
	},
	"one of another authority's of that name": { broker: certificates.issue(sameName) },
	"one for servers": { broker: certificates.issue(authority, { extensions: ["extendedKeyUsage=serverAuth"] }) },
	"one whose issuer may issue for others only": {
		broker: certificates.chain(certificates.issue(constrained), constrained),
		// Both refuse it, for reasons that are put differently.
		agree: false,
	},
};
cases["one that is trusted itself"]!.trusted = cases["one that is trusted itself"]!.broker;

for (const [what, { broker, trusted = authority, host = "localhost", agree = true }] of Object.entries(cases)) {
	test(`a board and OpenSSL judge alike: ${what}`, async () => {
		const board = boardSays(broker, trusted, host);
		const node = await nodeSays(broker, trusted, host);
		if (agree) equal(simple(board), simple(node));
		else ok(board !== "" && node !== "", `${board}, ${node}`);
	});
}

/** OpenSSL has one error for two reasons. */
const simple = (reason: string) =>
	reason.replace("one of its issuers is no authority", "it, or one of its issuers, is not meant for this");

test("a certificate whose content was changed is not the authority's any more", () => {
	const [der] = decodePem(read(certificates.issue(authority)), "CERTIFICATE");
	const authorities = [decodeCertificate(decodePem(read(authority), "CERTIFICATE")[0]!)];
	const at = Buffer.from(der!).indexOf("localhost", 0, "latin1");
	der![at] = "L".charCodeAt(0);
	const trust = { host: "localhost", authorities, time: Date.now(), isSignedBy };
	throws(() => checkCertificates([der!], trust), /no trusted authority has issued it/);
});

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

test("a build with settings that a board cannot do with is refused", () => {
	const file = join(folder, "config.json");
	const ca = authority.certificate;
	const says = (settings: object, problem: RegExp) => {
		writeFileSync(file, JSON.stringify(settings));
		throws(() => buildSettings({ file }), problem);
	};
	says({ broker: "mqtts://broker.test" }, /^tls\.ca: a board needs it for mqtts:\/\//);
	const { certificate, key } = certificates.issue(authority);
	const own = { ca, certificate, key };
	says({ broker: "mqtts://broker.test", tls: own }, /^tls\.key: a board takes RSA keys without a password$/);
	says({ tls: { ca: "none.pem" } }, /tls\.ca: none\.pem: there is no such file$/);
});

test("a build has the SDK's TLS only when it is asked for, and then without its check of certificates", async () => {
	const features = async (tls: boolean) => {
		const out = mkdtempSync(join(folder, "features-"));
		await buildFeatures(out, { tls });
		return { out, manifest: JSON.parse(readFileSync(join(out, "features.json"), "utf8")) };
	};
	deepEqual((await features(false)).manifest, {});
	const { out, manifest } = await features(true);
	equal(manifest.include, "$(MODDABLE)/modules/crypt/tls_419.json");
	for (const [name, replaced] of Object.entries({ "ssl/cert": "ssl_cert", "ssl/ciphersuites": "ssl_ciphersuites" })) {
		ok(manifest.modules["~"].includes(`$(MODULES)/crypt/ssl/${replaced}`), `${name} is the SDK's, too`);
		match(readFileSync(join(out, `${manifest.modules[name]}.js`), "utf8"), /export (default|\{)/);
	}
});
