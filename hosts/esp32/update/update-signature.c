/*
 * The signature of an update, see update-signature.h. This file compiles on
 * Linux too, where a test runs it.
 */

#include "update-signature.h"

#include <stdbool.h>
#include <string.h>

#define HASH_BYTES (32)
/* Bytes of each of the two numbers of a signature, without a sign. */
#define NUMBER_BYTES (32)
#define KEY_BYTES (1 + 2 * NUMBER_BYTES)
#define KEY_BITS (256)

/* Bytes of the longest signature: a sequence of two numbers, each with a tag, a length, and a byte for the sign. */
#define SIGNATURE_MAXIMUM (2 + 2 * (2 + 1 + NUMBER_BYTES))

/* DER (ITU-T X.690): the tags in a signature. */
#define SEQUENCE (0x30)
#define INTEGER (0x02)
#define TAG_AND_LENGTH_BYTES (2)
/* A first byte from here on is the sign of a negative number, or of a length of more than one byte. */
#define HIGH_BIT (0x80)

const char *updateHashBegin(UpdateHash *hash)
{
	memset(hash, 0, sizeof(*hash));
	if (PSA_SUCCESS != psa_crypto_init() || PSA_SUCCESS != psa_hash_setup(&hash->operation, PSA_ALG_SHA_256))
		return "no SHA-256";
	return NULL;
}

const char *updateHashAppend(UpdateHash *hash, const void *bytes, size_t count)
{
	return PSA_SUCCESS == psa_hash_update(&hash->operation, bytes, count) ? NULL : "no SHA-256";
}

void updateHashEnd(UpdateHash *hash)
{
	psa_hash_abort(&hash->operation);
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

static int digitOf(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	return -1;
}

/* Returns the number of bytes, or 0 if the text cannot be a signature. */
static size_t takeDigits(const char *text, uint8_t bytes[SIGNATURE_MAXIMUM])
{
	size_t length = 0;

	for (; text[0]; text += 2) {
		const int high = digitOf(text[0]), low = high < 0 ? -1 : digitOf(text[1]);

		if (low < 0 || SIGNATURE_MAXIMUM == length)
			return 0;
		bytes[length++] = (uint8_t)(high << 4 | low);
	}
	return length;
}

/* The two numbers of a signature, one behind the other: PSA's form. */
static bool takeSignature(const char *signature, uint8_t numbers[2 * NUMBER_BYTES])
{
	uint8_t bytes[SIGNATURE_MAXIMUM];
	const size_t length = takeDigits(signature, bytes);
	const uint8_t *at = bytes, *end = bytes + length;

	if (length < TAG_AND_LENGTH_BYTES || SEQUENCE != at[0] || at[1] >= HIGH_BIT || length - TAG_AND_LENGTH_BYTES != at[1])
		return false;
	at = takeNumber(at + TAG_AND_LENGTH_BYTES, end, numbers);
	if (at)
		at = takeNumber(at, end, numbers + NUMBER_BYTES);
	return at == end;
}

static const char *verify(const uint8_t hash[HASH_BYTES], const char *signature, const uint8_t *key, size_t keyLength)
{
	psa_key_attributes_t attributes = psa_key_attributes_init();
	psa_key_id_t id;
	psa_status_t status;
	uint8_t numbers[2 * NUMBER_BYTES];

	if (!takeSignature(signature, numbers))
		return "the signature is not one of ECDSA in DER";
	psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
	psa_set_key_bits(&attributes, KEY_BITS);
	psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_HASH);
	psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
	if (KEY_BYTES != keyLength || PSA_SUCCESS != psa_import_key(&attributes, key, keyLength, &id))
		return "updateKey is no public key of P-256";
	status = psa_verify_hash(id, PSA_ALG_ECDSA(PSA_ALG_SHA_256), hash, HASH_BYTES, numbers, sizeof(numbers));
	psa_destroy_key(id);
	if (PSA_SUCCESS == status)
		return NULL;
	return PSA_ERROR_INVALID_SIGNATURE == status ? "the signature is wrong" : "the signature cannot be verified";
}

const char *updateHashVerify(UpdateHash *hash, const char *signature, const uint8_t *key, size_t keyLength)
{
	uint8_t digest[HASH_BYTES];
	size_t length = 0;

	if (PSA_SUCCESS != psa_hash_finish(&hash->operation, digest, sizeof(digest), &length) || HASH_BYTES != length) {
		updateHashEnd(hash);
		return "no SHA-256";
	}
	return verify(digest, signature, key, keyLength);
}
