/** Keys that sign and verify updates: ECDSA over P-256. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const CURVE = "prime256v1";
/** Only its owner reads it. */
const PRIVATE_MODE = 0o600;
/** Before the coordinates of a point that is not compressed (SEC 1, section 2.3.3). */
const UNCOMPRESSED = 4;
const COORDINATE_BYTES = 32;

/** The private key in a PEM file. Throws an Error in one line, without anything of the file. */
export function readPrivateKey(path: string): KeyObject {
	const text = readFile(path).toString("latin1");
	let key: KeyObject;
	try {
		key = createPrivateKey(text);
	} catch {
		throw new Error(`${path}: is no private key in PEM, or needs a password`);
	}
	if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== CURVE) {
		throw new Error(`${path}: is no key of P-256; npm run update -- --new-key FILE makes one`);
	}
	return key;
}

/** Throws an Error that names the file and the fault. */
export function readFile(path: string): Buffer {
	try {
		return readFileSync(path);
	} catch (error) {
		throw new Error(`${path}: ${reasonOf(error)}`);
	}
}

/** Makes a key pair, writes the private key to a new file, and returns the public key for the setting `updateKey`. */
export function createKeyFile(path: string): string {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: CURVE });
	try {
		writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: PRIVATE_MODE, flag: "wx" });
	} catch (error) {
		throw new Error(`${path}: ${reasonOf(error)}`);
	}
	return publicPoint(privateKey).toString("hex");
}

/** The public key that belongs to a private one: a point that is not compressed, 65 bytes. */
export function publicPoint(privateKey: KeyObject): Buffer {
	const { x = "", y = "" } = createPublicKey(privateKey).export({ format: "jwk" });
	return Buffer.concat([Buffer.of(UNCOMPRESSED), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

/** ECDSA over SHA-256, in DER. */
export function signBytes(bytes: Uint8Array, privateKey: KeyObject): Buffer {
	return sign("sha256", bytes, privateKey);
}

/** Whether the owner of a public key (65 bytes) has signed them. Throws an Error where that is no key of P-256. */
export function isSigned(bytes: Uint8Array, signature: Uint8Array, point: Uint8Array): boolean {
	const coordinate = (index: number) =>
		Buffer.from(point.subarray(1 + index * COORDINATE_BYTES, 1 + (index + 1) * COORDINATE_BYTES)).toString("base64url");
	let key: KeyObject;
	try {
		const jwk = { kty: "EC", crv: "P-256", x: coordinate(0), y: coordinate(1) };
		key = createPublicKey({ key: jwk, format: "jwk" });
	} catch {
		throw new Error("an update key is no public key of P-256");
	}
	return verify("sha256", bytes, key, signature);
}

function reasonOf(error: unknown): string {
	const { code, message } = error as NodeJS.ErrnoException;
	if (code === "ENOENT") return "there is no such file";
	if (code === "EEXIST") return "is there already, and is left as it is";
	return code ?? message;
}
