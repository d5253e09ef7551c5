/** Which certificates a board takes for those of its broker. The arithmetic of signatures is not here: the SDK does it. */
import { decodeCertificate } from "../../../../../hosts/moddable/tls/certificate.ts";
import { hex } from "../../../../../hosts/moddable/tls/der.ts";
import { decodePem } from "../../../../../hosts/moddable/tls/pem.ts";
import { checkCertificates, type Trust } from "../../../../../hosts/moddable/tls/trust.ts";
import type { Bytes } from "../../../../../src/host.ts";
import { deepEqual, equal, ok, test, throws } from "../../../../harness/harness.ts";
import {
	AUTHORITY,
	BELOW,
	BROKER,
	CLIENT,
	DEEP,
	FAKE,
	INTERMEDIATE,
	RESTRICTED,
	SECOND,
} from "../../../../harness/tls-certificates.ts";

const der = (pem: string): Bytes => decodePem(pem, "CERTIFICATE")[0]!;
const signature = (pem: string) => hex(decodeCertificate(der(pem)).signature);
const key = (pem: string) => hex(decodeCertificate(der(pem)).publicKey.content);
/** Who has signed what. */
const SIGNED: readonly (readonly [string, string])[] = [
	[AUTHORITY, AUTHORITY],
	[AUTHORITY, BROKER],
	[AUTHORITY, INTERMEDIATE],
	[AUTHORITY, CLIENT],
	[AUTHORITY, RESTRICTED],
	[INTERMEDIATE, SECOND],
	[INTERMEDIATE, BELOW],
	[SECOND, DEEP],
	[CLIENT, FAKE],
];

const DURING = Date.UTC(2027, 0, 1);
const UNKNOWN = /^certificate: no trusted authority has issued it \(tls\.ca\)$/;

function check(chain: string[], { ca = [AUTHORITY], host = "broker.test", time = DURING as number | undefined } = {}) {
	const trust: Trust = {
		host,
		authorities: ca.map((pem) => decodeCertificate(der(pem))),
		time,
		isSignedBy: (certificate, issuer) =>
			SIGNED.some(
				([by, what]) => key(by) === hex(issuer.publicKey.content) && signature(what) === hex(certificate.signature),
			),
	};
	return checkCertificates(chain.map(der), trust);
}

test("a certificate that a trusted authority has issued is taken, alone or with its authority behind it", () => {
	equal(hex(check([BROKER]).der), hex(der(BROKER)));
	check([BROKER, AUTHORITY]);
});

test("a certificate of nobody that is trusted is not taken", () => {
	throws(() => check([BROKER], { ca: [] }), UNKNOWN);
	throws(() => check([BROKER], { ca: [INTERMEDIATE] }), UNKNOWN);
	throws(() => check([BROKER, AUTHORITY], { ca: [INTERMEDIATE] }), UNKNOWN);
	throws(() => check([AUTHORITY], { ca: [], host: "authority" }), UNKNOWN);
});

test("a certificate that is trusted itself is taken, whoever issued it", () => {
	check([BROKER], { ca: [BROKER] });
});

test("the name of the issuer alone proves nothing", () => {
	const forged = der(BROKER);
	forged[forged.length - 1]! ^= 1;
	const { publicKey } = decodeCertificate(forged);
	equal(hex(publicKey.content), key(BROKER));
	const trust = { host: "broker.test", authorities: [decodeCertificate(der(AUTHORITY))], time: DURING };
	throws(() => checkCertificates([forged], { ...trust, isSignedBy: () => false }), UNKNOWN);
});

test("the way to the authority may lead over others, in any order", () => {
	check([BELOW, INTERMEDIATE], { host: "common.test" });
	check([BELOW, AUTHORITY, INTERMEDIATE], { host: "common.test" });
	check([BELOW], { host: "common.test", ca: [INTERMEDIATE] });
	throws(() => check([BELOW], { host: "common.test" }), UNKNOWN);
});

test("a certificate of the authority's behind a stranger's proves nothing of the stranger", () => {
	throws(() => check([FAKE, BROKER]), UNKNOWN);
	throws(() => check([FAKE, BROKER, AUTHORITY]), UNKNOWN);
});

test("who is no authority issues nothing", () => {
	throws(() => check([FAKE, CLIENT]), /^certificate: one of its issuers is no authority$/);
	throws(() => check([FAKE], { ca: [CLIENT] }), UNKNOWN);
});

test("an authority that may have none below it has none", () => {
	throws(() => check([DEEP, SECOND, INTERMEDIATE]), /^certificate: has too many issuers$/);
	check([DEEP, SECOND], { ca: [SECOND] });
});

test("of an authority that was renewed with its key the one counts that is valid now", () => {
	const now = decodeCertificate(der(AUTHORITY));
	const before = { ...now, der: Uint8Array.of(0), validTo: DURING - 1 };
	const after = { ...now, der: Uint8Array.of(1), validFrom: DURING + 1 };
	const trust = { host: "broker.test", time: DURING, isSignedBy: () => true };
	for (const authorities of [
		[before, now],
		[now, before],
		[after, before, now],
	]) {
		ok(checkCertificates([der(BROKER)], { ...trust, authorities }));
	}
	throws(() => checkCertificates([der(BROKER)], { ...trust, authorities: [before] }), /has expired$/);
});

test("an authority for clients vouches for no broker", () => {
	const authorities = [{ ...decodeCertificate(der(AUTHORITY)), mayServe: false }];
	const trust = { host: "broker.test", time: DURING, isSignedBy: () => true, authorities };
	throws(() => checkCertificates([der(BROKER)], trust), /is not meant for this$/);
});

test("host names match whole, in any case; a wildcard is one label", () => {
	for (const host of ["broker.test", "BROKER.TEST", "a.casa.test", "192.0.2.7"]) check([BROKER], { host });
	for (const host of [
		"casa.test",
		"a.b.casa.test",
		".casa.test",
		"xbroker.test",
		"broker.test.",
		"192.0.2.8",
		"test",
		"",
	]) {
		throws(() => check([BROKER], { host }), /^certificate: host name does not match$/);
	}
});

test("a common name counts only where there are no other names", () => {
	throws(() => check([BROKER], { host: "common.test" }), /^certificate: host name does not match$/);
	check([BELOW, INTERMEDIATE], { host: "common.test" });
});

test("a client's certificate is not a broker's", () => {
	throws(() => check([CLIENT]), /^certificate: it, or one of its issuers, is not meant for this$/);
});

test("a restriction that is not known is not passed over", () => {
	throws(() => check([RESTRICTED]), /^certificate: has a restriction that is not known here$/);
});

test("dates count for each certificate of the way, once the time is known", () => {
	const from = Date.UTC(2026, 10, 21, 20, 56, 51);
	const to = Date.UTC(2027, 10, 21, 20, 56, 51);
	const { validFrom, validTo } = decodeCertificate(der(BROKER));
	deepEqual([validFrom, validTo], [from, to]);
	check([BROKER], { time: from });
	check([BROKER], { time: to });
	throws(() => check([BROKER], { time: from - 1 }), /^certificate: is not valid yet$/);
	throws(() => check([BROKER], { time: to + 1 }), /^certificate: has expired$/);
	throws(() => check([BROKER], { ca: [BROKER], time: to + 1 }), /^certificate: has expired$/);
	check([BROKER], { time: undefined });
});

test("a broker without certificates, and one with too many, is refused", () => {
	throws(() => check([]), /^certificate: the broker has none$/);
	throws(() => check(Array(7).fill(BROKER)), /^certificate: has too many issuers$/);
});

test("whatever is not a certificate is told to be malformed, and nothing else happens", () => {
	const good = der(BROKER);
	for (let at = 0; at < good.length; at++) {
		for (const value of [0, 0x7f, 0x80, 0x84, 0xff, good[at]! ^ 1]) {
			const bad = good.slice();
			bad[at] = value;
			try {
				decodeCertificate(bad);
			} catch (error) {
				ok(/^certificate: (malformed|more than 64 names or values)$/.test((error as Error).message), String(error));
			}
		}
		throws(() => decodeCertificate(good.slice(0, at)), /^certificate: /);
	}
});

test("PEM is read whatever its line ends are, and other blocks are passed over", () => {
	const text = `words\n${BROKER.replaceAll("\n", "\r\n")}-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n${AUTHORITY}`;
	deepEqual(decodePem(text, "CERTIFICATE").map(hex), [hex(der(BROKER)), hex(der(AUTHORITY))]);
	deepEqual(decodePem(text, "OTHER").map(hex), ["000000"]);
	deepEqual(decodePem("-----BEGIN X-----\nAA==\n-----END X-----", "X").map(hex), ["00"]);
	deepEqual(decodePem("", "X"), []);
	throws(() => decodePem("-----BEGIN X-----\nAA==\n", "X"), /^PEM: X has no end$/);
});
