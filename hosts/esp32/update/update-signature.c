/*
 * Hashes, and the signature of an update's manifest, see update-signature.h. This
 * file compiles on Linux too, where a test runs it.
 */

#include "update-signature.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of each of the two numbers of a signature, without a sign. */
#define NUMBER_BYTES (32)
#define KEY_BYTES (1 + 2 * NUMBER_BYTES)
#define KEY_BITS (256)

/* DER (ITU-T X.690): the tags in a signature. */
#define SEQUENCE (0x30)
#define INTEGER (0x02)
#define TAG_AND_LENGTH_BYTES (2)
/* A first byte from here on is the sign of a negative number, or of a length of more than one byte. */
#define HIGH_BIT (0x80)

static const char *noHash(UpdateHash *hash)
{
	psa_hash_abort(&hash->operation);
	return "no SHA-256";
}

const char *updateHashBegin(UpdateHash *hash)
{
	memset(hash, 0, sizeof(*hash));
	if (PSA_SUCCESS != psa_crypto_init() || PSA_SUCCESS != psa_hash_setup(&hash->operation, PSA_ALG_SHA_256))
		return noHash(hash);
	return NULL;
}

const char *updateHashAppend(UpdateHash *hash, const void *bytes, size_t count)
{
	return PSA_SUCCESS == psa_hash_update(&hash->operation, bytes, count) ? NULL : noHash(hash);
}

const char *updateHashEnd(UpdateHash *hash, char text[UPDATE_HASH_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[UPDATE_HASH_BYTES];
	size_t length = 0;

	if (PSA_SUCCESS != psa_hash_finish(&hash->operation, digest, sizeof(digest), &length) || sizeof(digest) != length)
		return noHash(hash);
	for (size_t i = 0; i < sizeof(digest); i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 0x0f];
	}
	text[UPDATE_HASH_TEXT - 1] = 0;
	return NULL;
}

/*
 * A positive number in its only form, padded to NUMBER_BYTES. Returns the place
 * behind it, or NULL.
 */
static const uint8_t *takeNumber(const uint8_t *at, const uint8_t *end, uint8_t *number)
{
	size_t length;

	if (end - at < TAG_AND_LENGTH_BYTES || INTEGER != at[0])
		return NULL;
	length = at[1];
	at += TAG_AND_LENGTH_BYTES;
	if (0 == length || length > (size_t)(end - at) || at[0] >= HIGH_BIT)
		return NULL;
	if (0 == at[0]) {
		/* A leading 0 is allowed only where the next byte would be a sign. This rules out the number 0, too. */
		if (1 == length || at[1] < HIGH_BIT)
			return NULL;
		at++;
		length--;
	}
	if (length > NUMBER_BYTES)
		return NULL;
	memset(number, 0, NUMBER_BYTES - length);
	memcpy(number + NUMBER_BYTES - length, at, length);
	return at + length;
}

/* The two numbers of a signature, one behind the other: PSA's form. */
static bool takeSignature(const uint8_t *signature, size_t length, uint8_t numbers[2 * NUMBER_BYTES])
{
	const uint8_t *at = signature, *end = signature + length;

	if (length < TAG_AND_LENGTH_BYTES || SEQUENCE != at[0] || at[1] >= HIGH_BIT || length - TAG_AND_LENGTH_BYTES != at[1])
		return false;
	at = takeNumber(at + TAG_AND_LENGTH_BYTES, end, numbers);
	if (at)
		at = takeNumber(at, end, numbers + NUMBER_BYTES);
	return at == end;
}

const char *updateVerify(const void *bytes, size_t count, const uint8_t *signature, size_t signatureLength, const uint8_t *key, size_t keyLength)
{
	psa_key_attributes_t attributes = psa_key_attributes_init();
	psa_key_id_t id;
	psa_status_t status;
	uint8_t numbers[2 * NUMBER_BYTES];

	if (!takeSignature(signature, signatureLength, numbers))
		return "the signature is not one of ECDSA in DER";
	psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
	psa_set_key_bits(&attributes, KEY_BITS);
	psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_MESSAGE);
	psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
	if (PSA_SUCCESS != psa_crypto_init() || KEY_BYTES != keyLength || PSA_SUCCESS != psa_import_key(&attributes, key, keyLength, &id))
		return "an update key is no public key of P-256";
	status = psa_verify_message(id, PSA_ALG_ECDSA(PSA_ALG_SHA_256), bytes, count, numbers, sizeof(numbers));
	psa_destroy_key(id);
	if (PSA_SUCCESS == status)
		return NULL;
	return PSA_ERROR_INVALID_SIGNATURE == status ? "the signature is wrong" : "the signature cannot be verified";
}
