/** Root certificates by their names: which they are, and the table of them in `docs/brokers.md`. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseOptions } from "../../commands/start/options.ts";
import { withPemFiles } from "../../hosts/node/pem-files.ts";
import { ROOTS, rootsOf } from "../../hosts/node/roots.ts";

const certificatesIn = (pem: string) =>
	pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g)!.map((one) => new X509Certificate(one));

test("each name is those certificates, which have issued themselves", () => {
	for (const [name, roots] of Object.entries(ROOTS)) {
		const certificates = certificatesIn(rootsOf(`root:${name}`));
		assert.deepEqual(
			certificates.map(({ subject, fingerprint256, validTo }) => ({
				name: /CN=(.*)/.exec(subject)![1],
				fingerprint: fingerprint256,
				expires: new Date(validTo).toISOString().slice(0, 10),
			})),
			roots,
		);
		for (const certificate of certificates) {
			assert.ok(certificate.ca && certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey));
		}
	}
});

test("the page about brokers has each of them, its last day and its fingerprint", () => {
	const page = readFileSync("docs/brokers.md", "utf8");
	for (const [name, roots] of Object.entries(ROOTS)) {
		const row = page.split("\n").find((line) => line.startsWith(`| \`root:${name}\` |`))!;
		const cells = row.split("|").map((cell) => cell.trim());
		assert.equal(cells[3], roots.map((root) => root.name).join(", "));
		if (roots.length > 1) continue;
		const [{ expires, fingerprint }] = roots as [(typeof roots)[0]];
		assert.deepEqual(cells.slice(4, 6), [expires, `\`${fingerprint.replaceAll(":", "").toLowerCase()}\``]);
	}
});

test("tls.ca takes a name, and says which there are", () => {
	assert.deepEqual(withPemFiles({ tls: { ca: "root:isrg-x2" } }, "/nowhere"), { tls: { ca: rootsOf("root:isrg-x2") } });
	const thereAre =
		"there is no such root: there are letsencrypt, isrg-x1, isrg-x2, digicert-g2, gts-r1, gts-r4, amazon-1";
	for (const name of ["root:", "root:ISRG-X1", "root:toString", "root:isrg"]) {
		assert.throws(() => withPemFiles({ tls: { ca: name } }, "."), { message: `tls.ca: ${thereAre}` });
	}
	assert.throws(() => withPemFiles({ tls: { key: "root:isrg-x1" } }, "."), {
		message: "tls.key: root:isrg-x1: there is no such file",
	});
});

test("--cafile takes a name, too, as its help says", () => {
	const at = ["--broker", "mqtts://broker.test", "--id", "sim", "--cafile"];
	assert.equal(parseOptions([...at, "root:isrg-x2"])!.settings.tls.ca, rootsOf("root:isrg-x2"));
	assert.throws(() => parseOptions([...at, "root:isrg"]), {
		name: "UsageError",
		message: /^--cafile: there is no such root: there are letsencrypt/,
	});
});
