/**
 * Where a board and OpenSSL judge certificates in different words, or differ, and
 * why that is right or has to be borne. What is not here is a fault.
 */

export interface Difference {
	/** In words; "" if the broker is trusted. */
	readonly board: string;
	readonly openssl: string;
	readonly why: string;
	/** Chains, as `family: what`, or the beginnings of several. */
	readonly of: readonly string[];
}

const TRUSTED = "";
const UNKNOWN_ISSUER = "certificate: no trusted authority has issued it (tls.ca)";
const SIGNATURE = "certificate: its signature is wrong";
const TOO_MANY = "certificate: has too many issuers";
const OTHER_HOST = "certificate: host name does not match";
const PURPOSE = "certificate: it, or one of its issuers, is not meant for this";
const NO_AUTHORITY = "certificate: one of its issuers is no authority";
const RESTRICTION = "certificate: has a restriction that is not known here";
const WEAK = "certificate: it, or one of its issuers, has a key or a signature that is too weak";
const UNREADABLE = "certificate: cannot be read here";
const UNREADABLE_CA = "tls.ca: holds a certificate that cannot be read here";
const EXPIRED = "certificate: has expired";
const NOT_YET = "certificate: is not valid yet";
const REFUSED = "the broker refuses the TLS handshake; it may want a client certificate (tls.certificate)";

/** A board trusts, and OpenSSL does not. */
const MORE: readonly Difference[] = [
	{
		board: TRUSTED,
		openssl: SIGNATURE,
		why: "OpenSSL tries one issuer of a name, the first; a board tries the others, too",
		of: [
			"intermediates: the same name, another key before it",
			"renewed: another key, by the second",
			"renewed: 2 authorities of one name, by number 1",
			"renewed: 7 authorities of one name, by number 6",
			"renewed: 8 authorities of one name, by number 6",
			"renewed: 16 authorities of one name, by number 6",
		],
	},
	{
		board: TRUSTED,
		openssl: UNKNOWN_ISSUER,
		why: "OpenSSL follows one of two cross-signed certificates, the first; a board both",
		of: [
			"cross-signed: the first's first, trusted: second, expired: neither",
			"cross-signed: the second's first, trusted: first, expired: neither",
			"cross-signed: two have certified each other, and the root one",
		],
	},
	{
		board: TRUSTED,
		openssl: TOO_MANY,
		why: "OpenSSL follows one of two ways, the first; on a board one that is short enough will do",
		of: ["path length: two ways, the long way first"],
	},
	{
		board: TRUSTED,
		openssl: UNKNOWN_ISSUER,
		why: "who trusts a certificate need not trust its issuers: for OpenSSL each way ends at one that has issued itself",
		of: [
			"trusted on the way: the broker's own, without its issuer",
			"trusted on the way: the nearest issuer",
			"trusted on the way: an issuer farther away",
		],
	},
	{
		board: TRUSTED,
		openssl: PURPOSE,
		why: "anyExtendedKeyUsage does not restrict (RFC 5280, section 4.2.1.12); OpenSSL wants a server's usage by name",
		of: [
			...["the broker's", "an issuer's", "the root's"].flatMap((whose) => [
				`extended key usage: ${whose}: any`,
				`extended key usage: ${whose}: client and any`,
			]),
		],
	},
	{
		board: TRUSTED,
		openssl: PURPOSE,
		why: "of version 1, and trusted: OpenSSL wants it to have issued itself",
		of: ["basic constraints: an issuer's that is trusted: version 1"],
	},
];

/** A board refuses, and OpenSSL does not. */
const LESS: readonly Difference[] = [
	{
		board: TOO_MANY,
		openssl: TRUSTED,
		why: "six issuers between broker and root are far more than there are in use: each signature costs a board some 100 ms",
		of: ["intermediates: 7", "intermediates: 8", "intermediates: 9", "intermediates: 10"],
	},
	{
		board: RESTRICTION,
		openssl: TRUSTED,
		why: "Mbed TLS cannot judge it: a restriction that is passed over would be none (RFC 5280, section 4.2)",
		of: [
			"name constraints: ",
			"unknown extension: policies, critical",
			"unknown extension: an issuer's, about policies",
		],
	},
	{
		board: RESTRICTION,
		openssl: TRUSTED,
		why: "Mbed TLS reads all certificates of a broker, before anybody knows which of them matter",
		of: ["unknown extension: one's that does not belong there, critical"],
	},
	{
		board: UNREADABLE,
		openssl: TRUSTED,
		why: "Mbed TLS has neither RSA-PSS keys nor Ed25519, and reads all certificates of a broker",
		of: [
			"keys: an issuer's: rsa-pss",
			"keys: an issuer's: ed25519",
			"keys: one's that does not belong there: rsa-pss",
			"keys: one's that does not belong there: ed25519",
		],
	},
	{
		board: UNREADABLE_CA,
		openssl: TRUSTED,
		why: "what cannot be read is told at once, and not when a broker turns up that needs it",
		of: ["name constraints: ", "keys: the root's: ", "keys: another root's: "],
	},
	{
		board: REFUSED,
		openssl: TRUSTED,
		why: "Mbed TLS does not offer signatures by RSA-PSS keys, nor Ed25519",
		of: ["keys: the broker's: rsa-pss", "keys: the broker's: ed25519"],
	},
	{
		board: WEAK,
		openssl: TRUSTED,
		why: "RSA below 2,048 bits is out (RFC 9325, section 4.5), and so are curves that no browser knows",
		of: [
			"keys: the broker's: rsa1024",
			...["rsa1024", "P-224", "secp256k1"].flatMap((kind) => [
				`keys: an issuer's: ${kind}`,
				`keys: the root's: ${kind}`,
			]),
		],
	},
	{
		board: PURPOSE,
		openssl: TRUSTED,
		why: "the key signs in the handshake (RFC 5246, section 7.4.2): there are no cipher suites here in which it deciphers",
		of: ["key usage: the broker's, with RSA: key"],
	},
	{
		board: NO_AUTHORITY,
		openssl: TRUSTED,
		why: "from version 3 on an authority has to say that it is one (RFC 5280, section 6.1.4, k); OpenSSL takes the key's usage for it",
		of: ["basic constraints: the root's: missing, but", "basic constraints: the root's, which is sent: missing, but"],
	},
	{
		board: UNKNOWN_ISSUER,
		openssl: TRUSTED,
		why: "Mbed TLS counts the one that has issued itself where the root's path length is 0",
		of: ["path length: 0, and one that has issued itself, named by its key"],
	},
	{
		board: OTHER_HOST,
		openssl: TRUSTED,
		why: "a wildcard stands for a whole label (RFC 9525, section 6.3); Node takes it for a part of one, too",
		of: [
			"names: a part of a label, at its beginning",
			"names: a part of a label, at its end",
			"names: a part of a label, in",
		],
	},
];

/** Both refuse, in other words. */
const WORDS: readonly Difference[] = [
	{
		board: UNKNOWN_ISSUER,
		openssl: SIGNATURE,
		why: "for a board an issuer is who has signed: one that has the name only is none",
		of: [
			"plain: of one with the authority's name",
			"renewed: another key, by the first, which",
			"renewed: 2 authorities of one name, by none",
			"renewed: 7 authorities of one name, by none",
			"path length: 0, and one that has issued itself",
			"signatures: the broker's is damaged",
			"signatures: an issuer's is damaged",
			"signatures: the broker's name is changed",
			...[4, 6, 9].map((number) => `attacks: ${number} of one name and key`),
		],
	},
	{
		board: TOO_MANY,
		openssl: SIGNATURE,
		why: "a board gives up after seven signatures, or ten certificates; OpenSSL after the first that is wrong",
		of: [
			"renewed: 8 authorities of one name, by number 7",
			"renewed: 8 authorities of one name, by none",
			"renewed: 16 authorities of one name, by number 15",
			"renewed: 16 authorities of one name, by none",
			"attacks: ",
		],
	},
	{
		board: EXPIRED,
		openssl: UNKNOWN_ISSUER,
		why: "OpenSSL goes on with the other of two cross-signed certificates, and has the last fault; a board that of the way that leads to tls.ca",
		of: [
			"cross-signed: the first's first, trusted: first, expired: the first's",
			"cross-signed: the second's first, trusted: first, expired: the first's",
			"cross-signed: the first's first, trusted: second, expired: the second's",
			"cross-signed: the second's first, trusted: second, expired: the second's",
		],
	},
	{
		board: OTHER_HOST,
		openssl: UNKNOWN_ISSUER,
		why: "two faults: a board looks at the name first, as it costs nothing",
		of: ["trusted on the way: the broker's own, for another host", "names: another host, of a stranger"],
	},
	{
		board: OTHER_HOST,
		openssl: EXPIRED,
		why: "two faults: a board looks at the name first, as it costs nothing",
		of: ["names: another host, and expired"],
	},
	{
		board: UNKNOWN_ISSUER,
		openssl: EXPIRED,
		why: "two faults: a certificate that is not the one in tls.ca, and has expired",
		of: ["trusted on the way: the broker's own, which has expired"],
	},
	{
		board: NOT_YET,
		openssl: EXPIRED,
		why: "two faults in one: it ends before it begins",
		of: ["the broker's", "an issuer's", "the root's"].map((whose) => `dates: ${whose}: it ends before it begins`),
	},
	{
		board: NO_AUTHORITY,
		openssl: UNKNOWN_ISSUER,
		why: "one in tls.ca has the key and the name of the issuer, but is no authority",
		of: ["issued itself: trusted: another one with its key"],
	},
	{
		board: NO_AUTHORITY,
		openssl: PURPOSE,
		why: "OpenSSL has one reason for two",
		of: [
			...["an issuer's", "the root's", "the root's, which is sent", "an issuer's that is trusted"].flatMap((whose) =>
				["no authority", "missing", "no extensions"].map((what) => `basic constraints: ${whose}: ${what}`),
			),
			"basic constraints: an issuer's: version 1",
		],
	},
	{
		board: UNREADABLE_CA,
		openssl: RESTRICTION,
		why: "Mbed TLS does not judge name constraints: what cannot be read is told at once",
		of: ["name constraints: "],
	},
	{
		board: UNREADABLE_CA,
		openssl: RESTRICTION,
		why: "what cannot be read is told at once",
		of: ["unknown extension: the root's, critical"],
	},
	{
		board: UNREADABLE,
		openssl: UNKNOWN_ISSUER,
		why: "a key usage without a bit is none (RFC 5280, section 4.2.1.3)",
		of: ["key usage: the broker's, with RSA: nothing", "key usage: an issuer's: nothing"],
	},
	{
		board: UNREADABLE_CA,
		openssl: UNKNOWN_ISSUER,
		why: "a key usage without a bit is none (RFC 5280, section 4.2.1.3)",
		of: ["key usage: the root's: nothing"],
	},
	{
		board: UNREADABLE,
		openssl: "format error in certificate's notAfter field",
		why: "Mbed TLS does not read a certificate with such a date at all",
		of: ["dates: the broker's: ", "dates: an issuer's: "],
	},
	{
		board: UNREADABLE_CA,
		openssl: "format error in certificate's notAfter field",
		why: "Mbed TLS does not read a certificate with such a date at all",
		of: ["dates: the root's: "],
	},
	{
		board: UNREADABLE,
		openssl: SIGNATURE,
		why: "Mbed TLS does not read a certificate that names two algorithms (RFC 5280, section 4.1.1.2)",
		of: ["signatures: two algorithms"],
	},
	{
		board: WEAK,
		openssl: REFUSED,
		why: "OpenSSL does not offer such curves; Mbed TLS does",
		of: ["keys: the broker's: P-224", "keys: the broker's: secp256k1"],
	},
];

export const DIFFERENCES: readonly Difference[] = [...MORE, ...LESS, ...WORDS];
