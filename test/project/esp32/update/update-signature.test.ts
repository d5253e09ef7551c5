/** The check of an update's signature, in C: built for this computer, with keys and signatures of Node's. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";

const FOLDER = mkdtempSync(join(tmpdir(), "veleta-signature-"));
const PROGRAM = join(FOLDER, "check-signatures");
const IMAGE_BYTES = 100_003;
/** The order of P-256 (SEC 2, section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const NOT_DER = "the signature is not one of ECDSA in DER";
const WRONG = "the signature is wrong";
const NO_KEY = "updateKey is no public key of P-256";

interface Case {
	readonly key?: Buffer;
	readonly signature: Buffer | string;
	readonly piece?: number;
	readonly image?: string;
}

let image = "";
const content = randomBytes(IMAGE_BYTES);
const own = keyPair();

before(() => {
	if (!existsSync("/usr/include/psa/crypto.h")) throw new Error("mbedTLS is missing: apt-get install libmbedtls-dev");
	const sources = ["test/harness/check-signatures.c", "hosts/esp32/update/update-signature.c"];
	const checks = ["-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
	execFileSync("gcc", ["-std=gnu17", ...checks, "-o", PROGRAM, ...sources, "-lmbedcrypto"], { stdio: "inherit" });
	image = file("image", content);
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

const digitsOf = (signature: Buffer | string) => signature.toString("hex");

/** What the program says of each. */
function verdicts(cases: readonly Case[]): string[] {
	const lines = cases.map(
		({ key = own.point, signature, piece = 1_024, image: path = image }) =>
			`${key.toString("hex") || "-"} ${digitsOf(signature) || "-"} ${piece} ${path}\n`,
	);
	const output = execFileSync(PROGRAM, { input: lines.join(""), encoding: "utf8" });
	return output.split("\n").slice(0, -1);
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

test("a signature of the key's owner is valid, whatever pieces the image comes in", () => {
	all(
		"valid",
		[1, 7, 64, 1_000, 1_024, IMAGE_BYTES].map((piece) => ({ signature: signed(), piece })),
	);
});

test("signatures of all lengths are valid", () => {
	const lengths = new Set<number>();
	const cases: Case[] = [];
	for (let attempt = 0; attempt < 2_000 && lengths.size < 4; attempt++) {
		const signature = signed();
		if (lengths.has(signature.length)) continue;
		lengths.add(signature.length);
		cases.push({ signature, piece: IMAGE_BYTES });
	}
	assert.ok(lengths.size >= 3, "70, 71 and 72 bytes, and now and then fewer");
	all("valid", cases);
});

test("a signature of somebody else, of another image, or of a damaged one is wrong", () => {
	const flipped = (at: number) => {
		const bytes = Buffer.from(content);
		bytes[at]! ^= 1;
		return file(`flipped-${at}`, bytes);
	};
	all(WRONG, [
		{ signature: signed(keyPair()) },
		{ signature: signed(own, Buffer.from("another")) },
		{ signature: signed(), key: keyPair().point },
		{ signature: signed(), image: flipped(0) },
		{ signature: signed(), image: flipped(IMAGE_BYTES - 1) },
		{ signature: signed(), image: file("truncated", content.subarray(0, -1)) },
		{ signature: signed(), image: file("longer", Buffer.concat([content, Buffer.of(0)])) },
		{ signature: signed(), image: file("empty", Buffer.alloc(0)) },
		{ signature: sequence(integer(1n), integer(1n)) },
	]);
});

test("no bit of a signature may differ", () => {
	const signature = signed();
	const cases = Array.from({ length: signature.length * 8 }, (_, bit): Case => {
		const changed = Buffer.from(signature);
		changed[bit >> 3]! ^= 1 << (bit & 7);
		return { signature: changed, piece: IMAGE_BYTES };
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
		].map((signature) => ({ signature, piece: IMAGE_BYTES })),
	);
});

test("what are no hexadecimal digits in lower case is refused", () => {
	const digits = signed().toString("hex");
	all(
		NOT_DER,
		[
			...[digits.slice(0, -1), `${digits}0`, `${digits}3`, digits.toUpperCase(), `x${digits.slice(1)}`],
			...[`3${digits}`, `${digits.slice(0, -1)}g`, `${digits.slice(0, -1)}/`, `${digits.slice(0, -1)}:`],
			...[`${digits.slice(0, -2)}0x`, `${digits.slice(0, -2)}+1`, "0".repeat(1_000), "zz"],
		].map((signature) => ({ signature, piece: IMAGE_BYTES })),
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
		].map((key) => ({ key, signature: signed(), piece: IMAGE_BYTES })),
	);
});
