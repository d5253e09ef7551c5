/*
 * The signature of an update: ECDSA over P-256 and SHA-256, by the PSA crypto
 * API. Nothing here needs an ESP32.
 */

#ifndef UPDATE_SIGNATURE_H
#define UPDATE_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include <psa/crypto.h>

/*
 * A hash under way. Its size depends on the configuration of mbedTLS, and the
 * SDK's makefile does not compile this file with ESP-IDF's: so there is room for
 * the largest hash, SHA-512, twice over.
 */
typedef union {
	psa_hash_operation_t	operation;
	uint8_t					room[512];
} UpdateHash;

/* Each returns NULL, or the fault in a few words. */
const char *updateHashBegin(UpdateHash *hash);
const char *updateHashAppend(UpdateHash *hash, const void *bytes, size_t count);

/*
 * Whether `signature` (DER in hexadecimal digits) signs all appended bytes, by the
 * owner of the public key (an uncompressed point, 65 bytes). Ends the hash in any
 * case.
 */
const char *updateHashVerify(UpdateHash *hash, const char *signature, const uint8_t *key, size_t keyLength);

/* Ends a hash without verifying; leaves alone a hash that has ended, or never began and is all zeros. */
void updateHashEnd(UpdateHash *hash);

#endif
