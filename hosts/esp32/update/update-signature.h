/*
 * The hash of bytes, and the signature of an update's manifest: ECDSA over P-256
 * and SHA-256, by the PSA crypto API. Nothing here needs an ESP32.
 */

#ifndef UPDATE_SIGNATURE_H
#define UPDATE_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include <psa/crypto.h>

#define UPDATE_HASH_BYTES (32)
/* With the 0 at the end. */
#define UPDATE_HASH_TEXT (2 * UPDATE_HASH_BYTES + 1)

/*
 * A hash under way. Its size depends on the configuration of mbedTLS, and the
 * SDK's makefile does not compile this file with ESP-IDF's: so there is room for
 * the largest hash, SHA-512, twice over.
 */
typedef union {
	psa_hash_operation_t	operation;
	uint8_t					room[512];
} UpdateHash;

/* Each returns NULL, or the fault in a few words. Begin and append end the hash where they fail; end gives its digits. */
const char *updateHashBegin(UpdateHash *hash);
const char *updateHashAppend(UpdateHash *hash, const void *bytes, size_t count);
const char *updateHashEnd(UpdateHash *hash, char text[UPDATE_HASH_TEXT]);

/*
 * NULL if `signature` (DER) signs the bytes, by the owner of the public key (an
 * uncompressed point, 65 bytes); otherwise the fault.
 */
const char *updateVerify(const void *bytes, size_t count, const uint8_t *signature, size_t signatureLength, const uint8_t *key, size_t keyLength);

#endif
