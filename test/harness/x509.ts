/** Certificates (RFC 5280) written byte by byte: those, too, that no tool would make. They take no process, and little time. */
import { generateKeyPairSync, type KeyObject, constants as padding, sign } from "node:crypto";

export interface KeyPair {
	readonly privateKey: KeyObject;
	readonly publicKey: KeyObject;
	readonly kind: KeyKind;
}

export type KeyKind =
	| "rsa1024"
	| "rsa2048"
	| "rsa3072"
	| "rsa4096"
	| "rsa-pss"
	| "P-224"
	| "P-256"
	| "P-384"
	| "P-521"
	| "secp256k1"
	| "ed25519";

export type Hash = "md5" | "sha1" | "sha256" | "sha384" | "sha512";

export interface Issue {
	/** What is to be certified, and who does. Without `issuer` it is the subject. */
	readonly subject?: Name;
	readonly issuer?: Name;
	readonly key: KeyPair;
	/** Without it, the certificate is signed by the subject's own key. */
	readonly signer?: KeyPair;
	readonly from?: Date | Time;
	readonly to?: Date | Time;
	/** 1 has no extensions. */
	readonly version?: 1 | 3;
	readonly hash?: Hash;
	/** The signature is one of RSA-PSS. */
	readonly pss?: boolean;
	readonly extensions?: readonly Buffer[];
	/** The last byte of the signature is another. */
	readonly isDamaged?: boolean;
}

/** A common name, or attributes by their object identifiers. */
export type Name = string | readonly (readonly [type: string, value: string | Buffer])[];

/** A time as it is to be written. */
export interface Time {
	readonly tag: 0x17 | 0x18;
	readonly text: string;
}

export const COMMON_NAME = "2.5.4.3";
export const ORGANIZATION = "2.5.4.10";

const pairs = new Map<string, KeyPair>();

/** The pair of that kind and number; the same one for each call. */
export function keyPair(kind: KeyKind = "P-256", number = 0): KeyPair {
	const name = `${kind} ${number}`;
	const pair = pairs.get(name) ?? { ...generate(kind), kind };
	pairs.set(name, pair);
	return pair;
}

function generate(kind: KeyKind) {
	if (kind === "ed25519") return generateKeyPairSync(kind);
	if (kind === "rsa-pss") return generateKeyPairSync(kind, { modulusLength: 2_048 });
	if (kind.startsWith("rsa")) return generateKeyPairSync("rsa", { modulusLength: Number(kind.slice(3)) });
	return generateKeyPairSync("ec", { namedCurve: kind });
}

/** DER */

export function der(tag: number, ...contents: Buffer[]): Buffer {
	const content = Buffer.concat(contents);
	const length = content.length;
	if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
	const digits = length.toString(16);
	const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex");
	return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, content]);
}

export const sequence = (...contents: Buffer[]) => der(0x30, ...contents);
export const octets = (...contents: Buffer[]) => der(0x04, ...contents);
const bits = (content: Buffer, unused = 0) => der(0x03, Buffer.of(unused), content);
const boolean = (value: boolean) => der(0x01, Buffer.of(value ? 0xff : 0));

function integer(value: number): Buffer {
	const digits = value.toString(16);
	const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex");
	return der(0x02, ...(bytes[0]! >= 0x80 ? [Buffer.of(0)] : []), bytes);
}

export function identifier(dotted: string): Buffer {
	const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
	const bytes = [40 * first + second];
	for (const number of others) {
		const septets = [number & 0x7f];
		for (let rest = number >> 7; rest > 0; rest >>= 7) septets.unshift(0x80 | (rest & 0x7f));
		bytes.push(...septets);
	}
	return der(0x06, Buffer.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280, section 4.1.2.5). */
export function timeOf(date: Date): Time {
	const text = `${date.toISOString().replace(/[-:T]|\.\d+/g, "")}`;
	return date.getUTCFullYear() < 2_050 ? { tag: 0x17, text: text.slice(2) } : { tag: 0x18, text };
}

function time(value: Date | Time): Buffer {
	const { tag, text } = value instanceof Date ? timeOf(value) : value;
	return der(tag, Buffer.from(text, "latin1"));
}

export function nameOf(name: Name): Buffer {
	const attributes = typeof name === "string" ? [[COMMON_NAME, name] as const] : name;
	return sequence(
		...attributes.map(([type, value]) =>
			der(0x31, sequence(identifier(type), der(0x0c, Buffer.from(value as string)))),
		),
	);
}

/** Certificates */

const DAY_MS = 86_400_000;
export const inDays = (days: number) => new Date(Math.floor(Date.now() / 1_000) * 1_000 + days * DAY_MS);

const ECDSA: Readonly<Record<Hash, string>> = {
	md5: "",
	sha1: "1.2.840.10045.4.1",
	sha256: "1.2.840.10045.4.3.2",
	sha384: "1.2.840.10045.4.3.3",
	sha512: "1.2.840.10045.4.3.4",
};
const RSA: Readonly<Record<Hash, string>> = {
	md5: "1.2.840.113549.1.1.4",
	sha1: "1.2.840.113549.1.1.5",
	sha256: "1.2.840.113549.1.1.11",
	sha384: "1.2.840.113549.1.1.12",
	sha512: "1.2.840.113549.1.1.13",
};
const NULL = der(0x05);

/** RSASSA-PSS with SHA-256 and a salt as long (RFC 4055, section 3.1). */
function pssAlgorithm(): Buffer {
	const hash = sequence(identifier("2.16.840.1.101.3.4.2.1"), NULL);
	const mask = sequence(identifier("1.2.840.113549.1.1.8"), hash);
	const parameters = sequence(der(0xa0, hash), der(0xa1, mask), der(0xa2, integer(32)));
	return sequence(identifier("1.2.840.113549.1.1.10"), parameters);
}

function algorithmOf(kind: KeyKind, hash: Hash, pss: boolean): Buffer {
	if (pss) return pssAlgorithm();
	if (kind === "ed25519") return sequence(identifier("1.3.101.112"));
	return kind.startsWith("rsa") ? sequence(identifier(RSA[hash]), NULL) : sequence(identifier(ECDSA[hash]));
}

function signatureOf(bytes: Buffer, { privateKey, kind }: KeyPair, hash: Hash, pss: boolean): Buffer {
	if (kind === "ed25519") return sign(null, bytes, privateKey);
	const options = pss ? { padding: padding.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
	return sign(hash, bytes, { key: privateKey, ...options });
}

let serial = 0x4000;

/** In DER. */
export function certificate({
	subject = "localhost",
	issuer = subject,
	key,
	signer = key,
	from = inDays(-1),
	to = inDays(2),
	version = 3,
	hash = "sha256",
	pss = signer.kind === "rsa-pss",
	extensions = [],
	isDamaged = false,
}: Issue): Buffer {
	const algorithm = algorithmOf(signer.kind, hash, pss);
	const signed = sequence(
		...(version === 3 ? [der(0xa0, integer(2))] : []),
		integer(++serial),
		algorithm,
		nameOf(issuer),
		sequence(time(from), time(to)),
		nameOf(subject),
		key.publicKey.export({ type: "spki", format: "der" }),
		...(version === 3 && extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
	);
	const signature = signatureOf(signed, signer, hash, pss);
	if (isDamaged) signature[signature.length - 1]! ^= 1;
	return sequence(signed, algorithm, bits(signature));
}

export function pemOf(...certificates: readonly Buffer[]): string {
	return certificates
		.map((bytes) => {
			const lines = bytes.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
			return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
		})
		.join("");
}

/** Extensions (RFC 5280, section 4.2.1) */

export function extension(type: string, value: Buffer, isCritical = false): Buffer {
	return sequence(identifier(type), ...(isCritical ? [boolean(true)] : []), octets(value));
}

export function basicConstraints(isAuthority: boolean, pathLength?: number, isCritical = true): Buffer {
	const members = [...(isAuthority ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])];
	return extension("2.5.29.19", sequence(...members), isCritical);
}

/** Bits of KeyUsage, by their numbers. */
export const USAGE = {
	digitalSignature: 0,
	nonRepudiation: 1,
	keyEncipherment: 2,
	keyAgreement: 4,
	keyCertSign: 5,
	cRLSign: 6,
} as const;

export function keyUsage(usages: readonly (keyof typeof USAGE)[], isCritical = true): Buffer {
	const byte = usages.reduce((all, usage) => all | (0x80 >> USAGE[usage]), 0);
	let unused = 0;
	while (unused < 7 && !(byte & (1 << unused))) unused++;
	return extension("2.5.29.15", byte === 0 ? bits(Buffer.alloc(0)) : bits(Buffer.of(byte), unused), isCritical);
}

export const PURPOSE = {
	server: "1.3.6.1.5.5.7.3.1",
	client: "1.3.6.1.5.5.7.3.2",
	code: "1.3.6.1.5.5.7.3.3",
	any: "2.5.29.37.0",
} as const;

export function extendedKeyUsage(purposes: readonly (keyof typeof PURPOSE)[], isCritical = false): Buffer {
	return extension("2.5.29.37", sequence(...purposes.map((purpose) => identifier(PURPOSE[purpose]))), isCritical);
}

/** `DNS:…`, `IP:` in hexadecimal, `email:…`, `URI:…`. */
export function generalName(name: string): Buffer {
	const [, kind = "", value = ""] = /^(\w+):(.*)$/s.exec(name) ?? [];
	const tag = { email: 0x81, DNS: 0x82, URI: 0x86, IP: 0x87 }[kind]!;
	return der(tag, Buffer.from(value, kind === "IP" ? "hex" : "latin1"));
}

export function alternativeNames(...names: readonly string[]): Buffer {
	return extension("2.5.29.17", sequence(...names.map(generalName)));
}

export function nameConstraints(
	{ permitted = [], excluded = [] }: { permitted?: readonly string[]; excluded?: readonly string[] },
	isCritical = true,
): Buffer {
	const subtrees = (tag: number, names: readonly string[]) =>
		names.length === 0 ? [] : [der(tag, ...names.map((name) => sequence(generalName(name))))];
	return extension("2.5.29.30", sequence(...subtrees(0xa0, permitted), ...subtrees(0xa1, excluded)), isCritical);
}

export const subjectKeyIdentifier = (text: string) => extension("2.5.29.14", octets(Buffer.from(text)));
export const authorityKeyIdentifier = (text: string) => extension("2.5.29.35", sequence(der(0x80, Buffer.from(text))));
