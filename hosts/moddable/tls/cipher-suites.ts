/**
 * In place of the SDK's list, which begins with suites that are no longer held to
 * be safe: keys without forward secrecy, and CBC, whose padding the SDK does not
 * check. Constants as in `ssl/constants`.
 */
import { AES, ECDHE_RSA, GCM, SHA256 } from "ssl/constants";

/** With ECDHE and AES-128-GCM (RFC 5289): the certificate's key tells with which signature. */
const suite = (low: number) => ({
	value: [0xc0, low],
	isExportable: false,
	keyExchangeAlgorithm: ECDHE_RSA,
	cipherAlgorithm: AES,
	cipherKeySize: 16,
	cipherBlockSize: 16,
	hashAlgorithm: SHA256,
	hashSize: 32,
	encryptionMode: GCM,
	/** Bytes of the nonce: the part that is sent, and the part that is not. */
	ivSize: 8,
	saltSize: 4,
});

/** TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256. */
const suites = [suite(0x2b), suite(0x2f)];
// Deeply, as XS can: the linker leaves it in flash.
(Object.freeze as (value: object, deep: boolean) => void)(suites, true);

export { suites as default };
