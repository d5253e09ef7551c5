/*
 * Hostile signatures for hosts/esp32/update/update-signature.c, held against Mbed
 * TLS's own reader of ASN.1 and its ECDSA: what is not one of DER's only form has
 * to be refused as that, all else to be verified as there.
 *
 *   hostile-signatures SEED COUNT [FIRST]
 *
 * The seed and its own number decide each signature. Most are only read, as ECDSA
 * takes some thousand times as long.
 */

#include "../../../../hosts/esp32/update/update-signature.h"
#include "../../../fuzz-tls/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/asn1.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecdsa.h>

#define NUMBER_BYTES (32)
#define KEY_BYTES (65)
#define SIGNATURE_MAXIMUM (400)
#define MANIFEST_MAXIMUM (1024)
/* One in so many is verified, too. */
#define VERIFIED (1000)
#define SIGNED (16)

static const char *const notDer = "the signature is not one of ECDSA in DER";
static const char *const noKey = "an update key is no public key of P-256";
static const char *const isWrong = "the signature is wrong";

/* The order of P-256 (SEC 2, section 2.4.2). */
static const uint8_t order[NUMBER_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

typedef struct {
	size_t	length;
	uint8_t	bytes[SIGNATURE_MAXIMUM];
} Signature;

typedef struct {
	uint8_t	manifest[MANIFEST_MAXIMUM];
	size_t	length;
	uint8_t	numbers[2 * NUMBER_BYTES];
} Signed;

static mbedtls_ecp_group group;
static mbedtls_ecp_point point;
static uint8_t key[KEY_BYTES];
static Signed signedManifests[SIGNED];

static void need(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	exit(3);
}

static int drawBytes(void *random, unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)randomNext(random);
	return 0;
}

static void hashOf(const uint8_t *bytes, size_t count, uint8_t digest[UPDATE_HASH_BYTES])
{
	size_t length = 0;

	need(PSA_SUCCESS == psa_hash_compute(PSA_ALG_SHA_256, bytes, count, digest, UPDATE_HASH_BYTES, &length) && UPDATE_HASH_BYTES == length, "no hash");
}

/* A key, and manifests that it has signed. */
static void prepare(uint64_t seed)
{
	Random random;
	mbedtls_mpi secret, r, s;
	size_t length = 0;

	randomStart(&random, seed, UINT32_MAX);
	need(PSA_SUCCESS == psa_crypto_init(), "no crypto");
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&point);
	mbedtls_mpi_init(&secret);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	need(0 == mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1), "no curve");
	need(0 == mbedtls_ecp_gen_keypair(&group, &secret, &point, drawBytes, &random), "no key");
	need(0 == mbedtls_ecp_point_write_binary(&group, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &length, key, sizeof(key)) && KEY_BYTES == length, "no point");
	for (Signed *one = signedManifests; one < signedManifests + SIGNED; one++) {
		uint8_t digest[UPDATE_HASH_BYTES];

		one->length = randomBelow(&random, MANIFEST_MAXIMUM + 1);
		drawBytes(&random, one->manifest, one->length);
		hashOf(one->manifest, one->length, digest);
		/* Two of them with a number that has fewer bytes. */
		do {
			need(0 == mbedtls_ecdsa_sign(&group, &r, &s, &secret, digest, sizeof(digest), drawBytes, &random), "no signature");
		} while (one - signedManifests < 2 && mbedtls_mpi_size(&r) == NUMBER_BYTES && mbedtls_mpi_size(&s) == NUMBER_BYTES);
		need(0 == mbedtls_mpi_write_binary(&r, one->numbers, NUMBER_BYTES), "no number");
		need(0 == mbedtls_mpi_write_binary(&s, one->numbers + NUMBER_BYTES, NUMBER_BYTES), "no number");
	}
	mbedtls_mpi_free(&secret);
	mbedtls_mpi_free(&r);
	mbedtls_mpi_free(&s);
}

/* Appends a number in DER's only form. */
static void appendNumber(Signature *to, const uint8_t *number, size_t count)
{
	size_t sign;

	for (; count > 1 && 0 == number[0]; count--)
		number++;
	sign = count > 0 && number[0] >= 0x80;
	to->bytes[to->length++] = 0x02;
	to->bytes[to->length++] = (uint8_t)(count + sign);
	if (sign)
		to->bytes[to->length++] = 0;
	memcpy(to->bytes + to->length, number, count);
	to->length += count;
}

/* A number that a signature might have, or just not. */
static void drawNumber(Random *random, const uint8_t *own, uint8_t number[NUMBER_BYTES + 2], size_t *count)
{
	*count = NUMBER_BYTES;
	switch (randomBelow(random, 8)) {
		default:
			memcpy(number, own, NUMBER_BYTES);
			break;
		case 0:
			memcpy(number, order, NUMBER_BYTES);
			number[NUMBER_BYTES - 1] = (uint8_t)(number[NUMBER_BYTES - 1] + randomBetween(random, 0, 2) - 1);
			break;
		case 1:
			*count = randomBetween(random, 1, NUMBER_BYTES + 2);
			drawBytes(random, number, *count);
			break;
		case 2:
			*count = randomBetween(random, 1, NUMBER_BYTES + 2);
			memset(number, randomOneIn(random, 2) ? 0xff : 0, *count);
			number[0] = (uint8_t)randomBelow(random, 3);
			number[*count - 1] = (uint8_t)randomBelow(random, 3);
			break;
		case 3:
			*count = randomOneIn(random, 4) ? 0 : NUMBER_BYTES;
			memcpy(number, own, *count);
			break;
	}
}

static void insert(Signature *to, size_t at, uint8_t byte)
{
	if (to->length == SIGNATURE_MAXIMUM)
		return;
	memmove(to->bytes + at + 1, to->bytes + at, to->length - at);
	to->bytes[at] = byte;
	to->length++;
}

static uint8_t drawByte(Random *random)
{
	static const uint8_t likely[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x20, 0x21, 0x22, 0x30, 0x31, 0x44, 0x45, 0x46, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff };

	return randomOneIn(random, 2) ? (uint8_t)randomNext(random) : likely[randomBelow(random, sizeof(likely))];
}

/* One step away from DER. */
static void mutate(Random *random, Signature *one)
{
	/* Tags and lengths, more often than not. */
	const size_t second = one->length > 4 ? 4u + one->bytes[3] : 0;
	const size_t fields[] = { 0, 1, 2, 3, 4, second, second + 1, second + 2 };
	size_t at = randomOneIn(random, 3) ? randomBelow(random, (uint32_t)one->length + 1) : fields[randomBelow(random, 8)];

	if (at > one->length)
		at = one->length;
	switch (randomBelow(random, 8)) {
		case 0:
			one->length = at;
			break;
		case 1:
			insert(one, at, drawByte(random));
			break;
		case 2:
			/* As it should be, in a longer form. */
			insert(one, at, 0x81);
			break;
		case 3:
			if (at < one->length)
				memmove(one->bytes + at, one->bytes + at + 1, --one->length - at);
			break;
		case 4:
			if (at < one->length)
				one->bytes[at] = (uint8_t)(one->bytes[at] + randomBetween(random, 0, 4) - 2);
			break;
		case 5:
			/* A 0 more, with all lengths as they have to be. */
			insert(one, randomOneIn(random, 2) || 0 == second ? 4 <= one->length ? 4 : 0 : second + 2 <= one->length ? second + 2 : one->length, 0);
			if (one->length > 3) {
				one->bytes[1]++;
				one->bytes[3] = (uint8_t)(one->bytes[3] + randomBelow(random, 2));
			}
			break;
		case 6:
			for (uint32_t more = randomBetween(random, 1, 200); more > 0; more--)
				insert(one, one->length, drawByte(random));
			if (one->length > 1 && randomOneIn(random, 2))
				one->bytes[1] = (uint8_t)(one->length - 2);
			break;
		default:
			if (at < one->length)
				one->bytes[at] = drawByte(random);
			break;
	}
}

/* `isRight`: one that nobody has changed. */
static void draw(Random *random, const Signed *source, bool isRight, Signature *one)
{
	uint8_t number[NUMBER_BYTES + 2];
	size_t count;

	one->length = 2;
	if (!isRight && randomOneIn(random, 16)) {
		one->length = randomBelow(random, SIGNATURE_MAXIMUM + 1);
		for (size_t i = 0; i < one->length; i++)
			one->bytes[i] = drawByte(random);
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (isRight)
			appendNumber(one, source->numbers + i * NUMBER_BYTES, NUMBER_BYTES);
		else {
			drawNumber(random, source->numbers + i * NUMBER_BYTES, number, &count);
			appendNumber(one, number, count);
		}
	}
	one->bytes[0] = 0x30;
	one->bytes[1] = (uint8_t)(one->length - 2);
	for (uint32_t steps = isRight ? 0 : randomBelow(random, 4); steps > 0; steps--)
		mutate(random, one);
}

/* Whether it is what a writer of DER makes of the numbers that a lenient reader finds, which are in range for 32 bytes. */
static bool isDer(const Signature *one, mbedtls_mpi *r, mbedtls_mpi *s)
{
	unsigned char *at = (unsigned char *)one->bytes;
	const unsigned char *end = one->bytes + one->length;
	uint8_t number[NUMBER_BYTES];
	Signature again = { .length = 2 };
	size_t length;

	if (0 != mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE))
		return false;
	if (0 != mbedtls_asn1_get_mpi(&at, end, r) || 0 != mbedtls_asn1_get_mpi(&at, end, s))
		return false;
	for (int i = 0; i < 2; i++) {
		const mbedtls_mpi *value = i ? s : r;

		if (mbedtls_mpi_cmp_int(value, 0) <= 0 || 0 != mbedtls_mpi_write_binary(value, number, sizeof(number)))
			return false;
		appendNumber(&again, number, sizeof(number));
	}
	again.bytes[0] = 0x30;
	again.bytes[1] = (uint8_t)(again.length - 2);
	return again.length == one->length && 0 == memcmp(again.bytes, one->bytes, one->length);
}

static const char *verdictOf(const Signature *one, const uint8_t *manifest, size_t count, bool verified)
{
	/* Of exactly their lengths, so that the address sanitizer sees a read behind them. */
	uint8_t *signature = malloc(one->length), *bytes = malloc(count);
	const char *problem;

	if (one->length)
		memcpy(signature, one->bytes, one->length);
	if (count)
		memcpy(bytes, manifest, count);
	/* Without a key it is read, and no more. */
	problem = updateVerify(bytes, count, signature, one->length, key, verified ? KEY_BYTES : 0);
	free(signature);
	free(bytes);
	return problem ? problem : "valid";
}

int main(int count, char **arguments)
{
	const uint64_t seed = count > 2 ? strtoull(arguments[1], NULL, 10) : 0;
	const uint32_t total = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 0;
	const uint32_t first = count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 0;
	uint32_t read = 0, verified = 0, valid = 0;
	bool failed = false;
	mbedtls_mpi r, s;

	need(total > 0, "hostile-signatures SEED COUNT [FIRST]");
	prepare(seed);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	for (uint32_t number = first; !failed && number < first + total; number++) {
		Random random;
		Signature one;
		uint8_t manifest[MANIFEST_MAXIMUM];
		const char *expected, *verdict;
		const Signed *source;
		bool der, isVerified;

		randomStart(&random, seed, number);
		source = signedManifests + randomBelow(&random, SIGNED);
		isVerified = randomOneIn(&random, VERIFIED);
		draw(&random, source, isVerified && randomOneIn(&random, 2), &one);
		der = isDer(&one, &r, &s);
		read += der;
		expected = der ? noKey : notDer;
		if (isVerified) {
			verified++;
			memcpy(manifest, source->manifest, source->length);
			if (source->length && randomOneIn(&random, 4))
				manifest[randomBelow(&random, (uint32_t)source->length)] ^= (uint8_t)(1 << randomBelow(&random, 8));
			if (der) {
				uint8_t digest[UPDATE_HASH_BYTES];

				hashOf(manifest, source->length, digest);
				expected = 0 == mbedtls_ecdsa_verify(&group, digest, sizeof(digest), &point, &r, &s) ? "valid" : isWrong;
			}
		}
		verdict = verdictOf(&one, manifest, isVerified ? source->length : 0, isVerified);
		valid += 0 == strcmp(verdict, "valid");
		if (0 != strcmp(verdict, expected)) {
			printf("%u of seed %llu: %s, and not: %s\n", number, (unsigned long long)seed, verdict, expected);
			for (size_t i = 0; i < one.length; i++)
				printf("%02x", one.bytes[i]);
			puts("");
			failed = true;
		}
	}
	if (!failed)
		printf("%u signatures, %u in DER, %u verified, %u valid\n", total, read, verified, valid);
	mbedtls_mpi_free(&r);
	mbedtls_mpi_free(&s);
	mbedtls_ecp_group_free(&group);
	mbedtls_ecp_point_free(&point);
	return failed;
}
