/** Hashes and the check of a manifest's signature, in C: built for this computer, with keys and signatures of Node's. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

const FOLDER = mkdtempSync(join(tmpdir(), "veleta-signature-"));
const PROGRAM = join(FOLDER, "check-signatures");
const MANIFEST_BYTES = 400;
/** The order of P-256 (SEC 2, section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const NOT_DER = "the signature is not one of ECDSA in DER";
const WRONG = "the signature is wrong";
const NO_KEY = "an update key is no public key of P-256";
const NO_HASH = "no SHA-256";

interface Case {
	readonly key?: Buffer;
	readonly signature: Buffer;
	readonly bytes?: Buffer;
}

const content = randomBytes(MANIFEST_BYTES);
const own = keyPair();

before(() => {
	if (!existsSync("/usr/include/psa/crypto.h")) throw new Error("mbedTLS is missing: apt-get install libmbedtls-dev");
	const sources = ["test/harness/check-signatures.c", "hosts/esp32/update/update-signature.c"];
	const checks = ["-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
	execFileSync("gcc", ["-std=gnu17", ...checks, "-o", PROGRAM, ...sources, "-lmbedcrypto"], { stdio: "inherit" });
});

after(() => rmSync(FOLDER, { recursive: true }));

function file(name: string, bytes: Buffer): string {
	const path = join(FOLDER, name);
	writeFileSync(path, bytes);
	return path;
}

function keyPair(namedCurve = "P-256"): { privateKey: KeyObject; point: Buffer } {
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
	const { x = "", y = "" } = publicKey.export({ format: "jwk" });
	return {
		privateKey,
		point: Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]),
	};
}

const signed = ({ privateKey } = own, bytes: Buffer = content) => sign("sha256", bytes, privateKey);

const digitsOf = (bytes: Buffer) => bytes.toString("hex") || "-";

/** What the program answers to each line. */
function answers(lines: readonly string[]): string[] {
	const input = lines.map((line) => `${line}\n`).join("");
	return execFileSync(PROGRAM, { input, encoding: "utf8" }).split("\n").slice(0, -1);
}

/** What the program says of each. */
function verdicts(cases: readonly Case[]): string[] {
	return answers(
		cases.map(({ key = own.point, signature, bytes = content }) =>
			["verify", ...[key, signature, bytes].map(digitsOf)].join(" "),
		),
	);
}

/** Of every case, and no other. */
function all(verdict: string, cases: readonly Case[]): void {
	const given = verdicts(cases);
	assert.equal(given.length, cases.length);
	given.forEach((said, index) => {
		assert.equal(said, verdict, `${index}: ${digitsOf(cases[index]!.signature)}`);
	});
}

/** DER of a number as it should be. */
function integer(value: bigint): Buffer {
	const digits = value.toString(16);
	const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex");
	return tagged(0x02, bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

const tagged = (tag: number, bytes: Buffer) => Buffer.concat([Buffer.of(tag, bytes.length), bytes]);
const sequence = (...parts: Buffer[]) => tagged(0x30, Buffer.concat(parts));

/** The two numbers of a signature. */
function numbersOf(signature: Buffer): [bigint, bigint] {
	const rLength = signature[3]!;
	const r = signature.subarray(4, 4 + rLength);
	return [BigInt(`0x${r.toString("hex")}`), BigInt(`0x${signature.subarray(6 + rLength).toString("hex")}`)];
}

test("the hash is Node's, whatever pieces the bytes come in", () => {
	const cases = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1_000, 100_003].flatMap((length) => {
		const bytes = randomBytes(length);
		const path = file(`bytes-${length}`, bytes);
		const sha256 = createHash("sha256").update(bytes).digest("hex");
		const pieces = [...Array.from({ length: 130 }, (_, index) => index + 1), 992, 1_024, 4_096, 100_003];
		return pieces.map((piece) => ({ line: `hash ${piece} ${path}`, sha256 }));
	});
	assert.deepEqual(
		answers(cases.map(({ line }) => line)),
		cases.map(({ sha256 }) => sha256),
	);
	// FIPS 180-2, appendix B.1 and B.2.
	const known = file("known", Buffer.from("abc"));
	const longer = file("longer", Buffer.from("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
	assert.deepEqual(answers([`hash 2 ${known}`, `hash 5 ${longer}`]), [
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	]);
});

test("a hash that has ended takes nothing more, and does not end twice", () => {
	assert.deepEqual(answers(["ended"]), [[NO_HASH, NO_HASH, NO_HASH].join(", ")]);
});

test("a signature of the key's owner is valid, whatever is signed", () => {
	const { point: key, privateKey } = keyPair();
	all(
		"valid",
		[0, 1, 31, 32, 33, 63, 64, 65, 400, 1_024, 4_000].map((length) => {
			const bytes = randomBytes(length);
			return { key, bytes, signature: sign("sha256", bytes, privateKey) };
		}),
	);
});

test("signatures of all lengths are valid", () => {
	const lengths = new Set<number>();
	const cases: Case[] = [];
	for (let attempt = 0; attempt < 2_000 && lengths.size < 4; attempt++) {
		const signature = signed();
		if (lengths.has(signature.length)) continue;
		lengths.add(signature.length);
		cases.push({ signature });
	}
	assert.ok(lengths.size >= 3, "70, 71 and 72 bytes, and now and then fewer");
	all("valid", cases);
});

test("a signature of somebody else, of another manifest, or of a damaged one is wrong", () => {
	const flipped = (at: number) => {
		const bytes = Buffer.from(content);
		bytes[at]! ^= 1;
		return bytes;
	};
	all(WRONG, [
		{ signature: signed(keyPair()) },
		{ signature: signed(own, Buffer.from("another")) },
		{ signature: signed(), key: keyPair().point },
		{ signature: signed(), bytes: flipped(0) },
		{ signature: signed(), bytes: flipped(MANIFEST_BYTES - 1) },
		{ signature: signed(), bytes: content.subarray(0, -1) },
		{ signature: signed(), bytes: Buffer.concat([content, Buffer.of(0)]) },
		{ signature: signed(), bytes: Buffer.alloc(0) },
		// Of the hash, as if it were the manifest.
		{ signature: signed(own, createHash("sha256").update(content).digest()) },
		{ signature: sequence(integer(1n), integer(1n)) },
	]);
});

test("no bit of a signature may differ", () => {
	const signature = signed();
	const cases = Array.from({ length: signature.length * 8 }, (_, bit): Case => {
		const changed = Buffer.from(signature);
		changed[bit >> 3]! ^= 1 << (bit & 7);
		return { signature: changed };
	});
	const given = verdicts(cases);
	assert.equal(given.length, cases.length);
	for (const verdict of given) assert.ok(verdict === WRONG || verdict === NOT_DER, verdict);
	assert.ok(given.includes(WRONG) && given.includes(NOT_DER));
});

test("numbers out of range are refused", () => {
	const [r, s] = numbersOf(signed());
	all(WRONG, [
		{ signature: sequence(integer(ORDER), integer(s)) },
		{ signature: sequence(integer(r), integer(ORDER)) },
		{ signature: sequence(integer(2n ** 256n - 1n), integer(s)) },
		{ signature: sequence(integer(r + 1n), integer(s)) },
	]);
	all(NOT_DER, [
		{ signature: sequence(integer(0n), integer(s)) },
		{ signature: sequence(integer(r), integer(0n)) },
		{ signature: sequence(integer(0n), integer(0n)) },
		{ signature: sequence(integer(r + 2n ** 256n), integer(s)) },
		{ signature: sequence(integer(r), integer(s + 2n ** 256n)) },
		{ signature: sequence(integer(r), integer(2n ** 320n)) },
	]);
	all(WRONG, [{ signature: sequence(integer(r), integer(1n)) }, { signature: sequence(integer(1n), integer(s)) }]);
	const negated = sequence(integer(r), integer(ORDER - s));
	assert.deepEqual(verdicts([{ signature: negated }]), ["valid"], "the other root, which ECDSA allows");
});

test("what is not DER in its only form is refused", () => {
	const [r, s] = numbersOf(signed());
	const [rDer, sDer] = [integer(r), integer(s)];
	const padded = (der: Buffer) => tagged(0x02, Buffer.concat([Buffer.of(0), der.subarray(2)]));
	const whole = sequence(rDer, sDer);
	const longForm = (der: Buffer) => Buffer.concat([Buffer.of(der[0]!, 0x81), der.subarray(1)]);
	all(
		NOT_DER,
		[
			...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)),
			Buffer.concat([whole, Buffer.of(0)]),
			sequence(rDer, sDer, Buffer.of(0)),
			sequence(rDer, sDer, integer(1n)),
			sequence(rDer),
			sequence(),
			sequence(padded(rDer), sDer),
			sequence(rDer, padded(sDer)),
			sequence(tagged(0x02, Buffer.alloc(0)), sDer),
			sequence(tagged(0x02, Buffer.of(0)), sDer),
			sequence(tagged(0x02, Buffer.of(0xff)), sDer),
			sequence(tagged(0x04, rDer.subarray(2)), sDer),
			tagged(0x31, Buffer.concat([rDer, sDer])),
			longForm(whole),
			sequence(longForm(rDer), sDer),
			Buffer.concat([Buffer.of(0x30, 0x80), rDer, sDer, Buffer.of(0, 0)]),
			Buffer.alloc(64, 1),
			randomBytes(500),
		].map((signature) => ({ signature })),
	);
});

test("a key that is no point of the curve is refused", () => {
	const { point } = own;
	const moved = Buffer.from(point);
	moved[64]! ^= 1;
	const compressed = Buffer.concat([Buffer.of(2 + (point[64]! & 1)), point.subarray(1, 33)]);
	all(
		NO_KEY,
		[
			moved,
			compressed,
			Buffer.alloc(65),
			Buffer.concat([Buffer.of(4), Buffer.alloc(64, 0xff)]),
			Buffer.concat([Buffer.of(3), point.subarray(1)]),
			point.subarray(0, 64),
			Buffer.concat([point, Buffer.of(0)]),
			Buffer.alloc(0),
			keyPair("P-384").point,
		].map((key) => ({ key, signature: signed() })),
	);
});
