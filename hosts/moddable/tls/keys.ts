/** Keys and signatures, on the SDK's arithmetic. */
import { Digest } from "crypt";
import Curve from "curve";
import ECDSA from "ecdsa";
import ECPoint from "ecp";
import PKCS1_5 from "pkcs1_5";
import type { Bytes } from "../../../src/host.js";
import { BAD_CERTIFICATE, TlsError } from "./alerts.js";
import type { Certificate } from "./certificate.js";
import {
	bitsOf,
	contentOf,
	type DerValue,
	decodeDer,
	identifierOf,
	malformed,
	OCTET_STRING,
	unsignedOf,
	valuesIn,
} from "./der.js";
import { decodePem } from "./pem.js";

/** As the SDK's classes take them. */
export interface RsaKey {
	readonly modulus: bigint;
	readonly exponent: bigint;
}
export interface EcKey {
	readonly curve: Curve;
	readonly pub: ECPoint;
}
type PublicKey = RsaKey | EcKey;

/** Bits of an RSA modulus: the fewest that are held to be safe, the most that a board computes in reasonable time. */
const MODULUS_BITS = Object.freeze({ lowest: 2_048, highest: 4_096 });
/**
 * The only public exponent in practice. With a small one a signature can be forged
 * for the SDK, which does not look at the padding's end.
 */
const EXPONENT = 65_537;

/** Object identifiers in hexadecimal (RFC 3279, RFC 5480). */
const RSA_ENCRYPTION = "2a864886f70d010101";
const EC_PUBLIC_KEY = "2a8648ce3d0201";
const CURVES: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = Object.freeze({
	"2a8648ce3d030107": Object.freeze({ name: "secp256r1", bytes: 32 }),
	"2b81040022": Object.freeze({ name: "secp384r1", bytes: 48 }),
});
/** SHA-256, SHA-384 and SHA-512, with RSA and ECDSA (RFC 4055, RFC 5758); SHA-1 and MD5 prove nothing any more. */
const HASHES: Readonly<Record<string, string>> = Object.freeze({
	"2a864886f70d01010b": "SHA256",
	"2a864886f70d01010c": "SHA384",
	"2a864886f70d01010d": "SHA512",
	"2a8648ce3d040302": "SHA256",
	"2a8648ce3d040303": "SHA384",
	"2a8648ce3d040304": "SHA512",
});
/** The beginning of the identifiers of ECDSA. */
const ECDSA_WITH_SHA2 = "2a8648ce3d0403";
/** The last number of SHA-2's object identifiers, 2.16.840.1.101.3.4.2.x. */
const SHA2: Readonly<Record<string, number>> = Object.freeze({ SHA256: 1, SHA384: 2, SHA512: 3 });

/** A SubjectPublicKeyInfo; throws a `TlsError` for a key that is too weak, or of an unknown kind. */
export function decodePublicKey(info: DerValue): PublicKey {
	const [algorithm, bits] = valuesIn(info);
	const [type, parameters] = valuesIn(algorithm);
	const key = bitsOf(bits);
	switch (identifierOf(type)) {
		case RSA_ENCRYPTION: {
			const [modulus, exponent] = valuesIn(decodeDer(key)[0]);
			return checkedRsa({ modulus: numberOf(unsignedOf(modulus)), exponent: numberOf(unsignedOf(exponent)) });
		}
		case EC_PUBLIC_KEY: {
			const { name, bytes } = CURVES[identifierOf(parameters)] ?? { name: "", bytes: 0 };
			// Not compressed (SEC 1, section 2.3.4).
			if (bytes === 0 || key[0] !== 4 || key.length !== 1 + 2 * bytes) break;
			const pub = new ECPoint(numberOf(key.subarray(1, 1 + bytes)), numberOf(key.subarray(1 + bytes)));
			return { curve: new Curve(name), pub };
		}
	}
	throw new TlsError("certificate: a key of a kind that is not known here", BAD_CERTIFICATE);
}

function checkedRsa(key: RsaKey): RsaKey {
	const bits = BigInt.bitLength(key.modulus);
	if (bits < MODULUS_BITS.lowest || bits > MODULUS_BITS.highest || Number(key.exponent) !== EXPONENT) {
		const { lowest, highest } = MODULUS_BITS;
		throw new TlsError(`certificate: an RSA key that has not ${lowest} to ${highest} bits`, BAD_CERTIFICATE);
	}
	return key;
}

export function isSignedBy({ signed, algorithm, signature }: Certificate, issuer: Certificate): boolean {
	const hash = HASHES[algorithm];
	if (hash === undefined) throw new TlsError("certificate: signed in a way that is not accepted", BAD_CERTIFICATE);
	const digest = new Digest(hash).process(signed);
	const key = decodePublicKey(issuer.publicKey);
	if ("modulus" in key) {
		if (algorithm.startsWith(ECDSA_WITH_SHA2)) return false;
		const rsa = new PKCS1_5(key, false, [2, 16, 840, 1, 101, 3, 4, 2, SHA2[hash]!]);
		// The SDK takes the digest out of the signature's block; comparing the whole block checks the padding, too.
		return rsa.rsa.process(numberOf(signature)) === rsa.emsaEncode(digest, rsa.modulusSize - 1);
	}
	// An authority of the same name may have a key of another kind.
	if (!algorithm.startsWith(ECDSA_WITH_SHA2)) return false;
	const plain = rangedSignature(signature, key);
	// The leftmost bits of a hash that is longer than the order (FIPS 186-4, section 6.4).
	return new ECDSA(key.pub, key.curve).verify(digest.slice(0, key.curve.orderSize), plain);
}

/** Throws a `TlsError` for a signature of the broker's key out of range, which the SDK does not check. */
export function checkEcdsaSignature(signature: Bytes, info: DerValue): void {
	const key = decodePublicKey(info);
	if ("modulus" in key) throw new TlsError("TLS: a signature of another kind than the certificate's key");
	rangedSignature(signature, key);
}

/**
 * The two numbers of a signature in DER, one behind the other. Both have to be in
 * range (FIPS 186-4, section 6.4): a 0 can make a forged signature valid.
 */
function rangedSignature(signature: Bytes, { curve }: EcKey): Bytes {
	const { n, orderSize } = curve;
	const numbers = valuesIn(decodeDer(signature)[0]).map(unsignedOf);
	const plain = new Uint8Array(2 * orderSize);
	let end = 0;
	for (const number of numbers) {
		end += orderSize;
		// A number without bytes is 0.
		if (number.length === 0 || end > plain.length || numberOf(number) >= n)
			throw new TlsError("TLS: a signature that cannot be");
		plain.set(number, end - number.length);
	}
	if (end < plain.length) throw malformed();
	return plain;
}

/** A private key in PEM, as the SDK's RSA takes it. */
export function decodePrivateKey(pem: string): object {
	const [wrapped] = decodePem(pem, "PRIVATE KEY");
	const [plain] = decodePem(pem, "RSA PRIVATE KEY");
	try {
		// PKCS #8 (RFC 5208) is PKCS #1 (RFC 8017, appendix A.1.2) with the algorithm in front.
		const [, algorithm, octets] = wrapped ? valuesIn(decodeDer(wrapped)[0]) : [];
		const isRsa = !algorithm || identifierOf(valuesIn(algorithm)[0]) === RSA_ENCRYPTION;
		const der = octets ? contentOf(octets, OCTET_STRING) : plain;
		if (!der || !isRsa) throw new Error();
		const [, ...values] = valuesIn(decodeDer(der)[0]);
		const numbers = values.map((value) => numberOf(unsignedOf(value)));
		const [modulus, exponent, privExponent, prim1, prim2, exponent1, exponent2, coefficient] = numbers;
		return { modulus, exponent, privExponent, prim1, prim2, exponent1, exponent2, coefficient };
	} catch {
		throw new TlsError("tls.key: a board takes RSA keys without a password");
	}
}

function numberOf(bytes: Bytes): bigint {
	return BigInt.fromArrayBuffer(bytes.slice().buffer) as unknown as bigint;
}
