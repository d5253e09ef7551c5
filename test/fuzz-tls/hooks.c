#include "hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/havege.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl_internal.h>

#if defined(__SANITIZE_ADDRESS__)
	#include <sanitizer/asan_interface.h>
#else
	#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
	#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

Hooks hooks;

/* Memory: each block has in front of it who it belongs to. */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void __real_free(void *block);
void __wrap_free(void *block);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);

typedef struct {
	size_t		size;
	uint32_t	side;
	uint32_t	mark;
} Header;

#define MARK (0x5a17e7a1)
/* In place of a side. */
#define SPARE (kSides)

static bool isToFail(void)
{
	if (kClient != hooks.side)
		return false;
	hooks.allocations++;
	return hooks.failAt > 0 && (hooks.failsOn ? hooks.allocations >= hooks.failAt : hooks.allocations == hooks.failAt);
}

/* What is remembered is computed with blocks of our own: the sanitizer's make it three times as slow. */
#define SMALLEST (64)
#define CLASSES (8)

static Header *spare[CLASSES];
/* How deep: a signature needs points. */
static int remembering;

static int classOf(size_t size)
{
	int class = 0;

	while (class < CLASSES && size > (size_t)SMALLEST << class)
		class++;
	return class;
}

static Header *takeSpare(size_t size)
{
	const int class = classOf(size);
	Header *header = CLASSES == class ? NULL : spare[class];

	if (header)
		spare[class] = *(Header **)(header + 1);
	else
		header = __real_malloc(sizeof(Header) + (CLASSES == class ? size : (size_t)SMALLEST << class));
	return header;
}

static bool keepSpare(Header *header)
{
	const int class = classOf(header->size);

	if (CLASSES == class)
		return false;
	*(Header **)(header + 1) = spare[class];
	spare[class] = header;
	return true;
}

void *__wrap_malloc(size_t size)
{
	Header *header;

	if (isToFail() || size > SIZE_MAX / 2)
		return NULL;
	header = remembering ? takeSpare(size) : __real_malloc(sizeof(Header) + size);
	if (!header)
		return NULL;
	*header = (Header){size, remembering ? SPARE : hooks.side, MARK};
	if (remembering)
		return header + 1;
	if (kClient == hooks.side) {
		hooks.live += size;
		if (hooks.live > hooks.peak)
			hooks.peak = hooks.live;
	}
	ASAN_POISON_MEMORY_REGION(header, sizeof(Header));
	return header + 1;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *block = size > 0 && count > SIZE_MAX / 2 / size ? NULL : __wrap_malloc(count * size);

	return block ? memset(block, 0, count * size) : NULL;
}

void __wrap_free(void *block)
{
	Header *header = block;

	if (!block)
		return;
	header--;
	ASAN_UNPOISON_MEMORY_REGION(header, sizeof(Header));
	if (MARK != header->mark)
		abort();
	header->mark = 0;
	if (kClient == header->side)
		hooks.live -= header->size;
	if (SPARE != header->side || !keepSpare(header))
		__real_free(header);
}

/* Always to another place: who has kept the old one is found. */
void *__wrap_realloc(void *block, size_t size)
{
	void *other = __wrap_malloc(size);
	Header header;

	if (!other || !block)
		return other;
	ASAN_UNPOISON_MEMORY_REGION((Header *)block - 1, sizeof(Header));
	header = ((Header *)block)[-1];
	memcpy(other, block, header.size < size ? header.size : size);
	__wrap_free(block);
	return other;
}

char *__wrap_strdup(const char *text)
{
	char *copy = __wrap_malloc(strlen(text) + 1);

	return copy ? strcpy(copy, text) : NULL;
}

/* Time and random numbers */

time_t __wrap_time(time_t *result);
int __wrap_mbedtls_entropy_func(void *data, unsigned char *bytes, size_t length);
int __wrap_mbedtls_ctr_drbg_random(void *data, unsigned char *bytes, size_t length);
void __wrap_mbedtls_havege_init(mbedtls_havege_state *state);

time_t __wrap_time(time_t *result)
{
	if (result)
		*result = (time_t)hooks.time;
	return (time_t)hooks.time;
}

int __wrap_mbedtls_entropy_func(void *data, unsigned char *bytes, size_t length)
{
	(void)data;
	memset(bytes, 7, length);
	return hooks.hasNoEntropy ? MBEDTLS_ERR_ENTROPY_SOURCE_FAILED : 0;
}

/* Debian's entropy by the processor's caches, of which nothing is used here, takes its time. */
void __wrap_mbedtls_havege_init(mbedtls_havege_state *state)
{
	memset(state, 0, sizeof(*state));
}

int hooksRandom(void *unused, unsigned char *bytes, size_t length)
{
	size_t i;

	(void)unused;
	for (i = 0; i < length; i++)
		bytes[i] = (unsigned char)(randomNext(&hooks.randoms[hooks.side]) >> 24);
	return 0;
}

int __wrap_mbedtls_ctr_drbg_random(void *data, unsigned char *bytes, size_t length)
{
	return hooksRandom(data, bytes, length);
}

/* What is remembered */

#define MEMOS (1 << 14)
#define KEY_MAXIMUM (2048)
#define VALUE_MAXIMUM (512)

typedef struct {
	uint8_t		*key;
	size_t		keyLength;
	int			result;
	uint16_t	valueLength;
	uint8_t		*value;
} Memo;

static Memo memos[MEMOS];

typedef struct {
	uint8_t	bytes[KEY_MAXIMUM];
	size_t	length;
	bool	isTooLong;
} Key;

static void keyAppend(Key *key, const void *bytes, size_t length)
{
	const uint16_t prefix = (uint16_t)length;

	if (key->length + sizeof(prefix) + length > KEY_MAXIMUM) {
		key->isTooLong = true;
		return;
	}
	memcpy(key->bytes + key->length, &prefix, sizeof(prefix));
	memcpy(key->bytes + key->length + sizeof(prefix), bytes, length);
	key->length += sizeof(prefix) + length;
}

static void keyAppendNumber(Key *key, const mbedtls_mpi *number)
{
	/* As it is in memory: this is no place to allocate. */
	keyAppend(key, &number->s, sizeof(number->s));
	keyAppend(key, number->p, number->n * sizeof(mbedtls_mpi_uint));
}

static void keyAppendPublic(Key *key, const mbedtls_pk_context *pk)
{
	const mbedtls_pk_type_t type = mbedtls_pk_get_type(pk);

	keyAppend(key, &type, sizeof(type));
	if (MBEDTLS_PK_RSA == type) {
		const mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);

		keyAppendNumber(key, &rsa->N);
		keyAppendNumber(key, &rsa->E);
	} else if (MBEDTLS_PK_ECKEY == type || MBEDTLS_PK_ECDSA == type) {
		const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);

		keyAppend(key, &ec->grp.id, sizeof(ec->grp.id));
		keyAppendNumber(key, &ec->Q.X);
		keyAppendNumber(key, &ec->Q.Y);
	} else
		key->isTooLong = true;
}

static Memo *memoOf(const Key *key)
{
	uint64_t hash = 0xcbf29ce484222325;
	size_t i;

	if (hooks.isHonest || key->isTooLong)
		return NULL;
	for (i = 0; i < key->length; i++)
		hash = (hash ^ key->bytes[i]) * 0x100000001b3;
	return &memos[(hash ^ hash >> 32) % MEMOS];
}

static bool knows(const Memo *memo, const Key *key)
{
	return memo->key && memo->keyLength == key->length && 0 == memcmp(memo->key, key->bytes, key->length);
}

static void remember(Memo *memo, const Key *key, int result, const void *value, size_t length)
{
	free(memo->key);
	free(memo->value);
	memo->key = malloc(key->length);
	memo->value = malloc(length);
	if (!memo->key || !memo->value)
		abort();
	memcpy(memo->key, key->bytes, key->length);
	memcpy(memo->value, value, length);
	memo->keyLength = key->length;
	memo->valueLength = (uint16_t)length;
	memo->result = result;
}

/* Work that is remembered is nobody's: the client's allocations do not depend on what was remembered before. */
static Side enter(void)
{
	const Side side = hooks.side;

	hooks.side = kNobody;
	remembering++;
	return side;
}

static void leave(Side side)
{
	remembering--;
	hooks.side = side;
}

/* Elliptic curves */

int __real_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *group, mbedtls_ecp_point *result, const mbedtls_mpi *number,
	const mbedtls_ecp_point *point, int (*random)(void *, unsigned char *, size_t), void *data,
	mbedtls_ecp_restart_ctx *restart);
int __wrap_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *group, mbedtls_ecp_point *result, const mbedtls_mpi *number,
	const mbedtls_ecp_point *point, int (*random)(void *, unsigned char *, size_t), void *data,
	mbedtls_ecp_restart_ctx *restart);

static void multiply(Memo *memo, const Key *key, mbedtls_ecp_group_id id, const mbedtls_mpi *number,
	const mbedtls_ecp_point *point)
{
	const Side side = enter();
	uint8_t value[2 * MBEDTLS_ECP_MAX_BYTES];
	mbedtls_ecp_group group;
	mbedtls_ecp_point product;
	int result;

	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&product);
	result = mbedtls_ecp_group_load(&group, id);
	if (!result)
		result = __real_mbedtls_ecp_mul_restartable(&group, &product, number, point, hooksRandom, NULL, NULL);
	memset(value, 0, sizeof(value));
	if (!result && (mbedtls_mpi_write_binary(&product.X, value, MBEDTLS_ECP_MAX_BYTES) ||
		mbedtls_mpi_write_binary(&product.Y, value + MBEDTLS_ECP_MAX_BYTES, MBEDTLS_ECP_MAX_BYTES)))
		abort();
	remember(memo, key, result, value, sizeof(value));
	mbedtls_ecp_point_free(&product);
	mbedtls_ecp_group_free(&group);
	leave(side);
}

int __wrap_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *group, mbedtls_ecp_point *result, const mbedtls_mpi *number,
	const mbedtls_ecp_point *point, int (*random)(void *, unsigned char *, size_t), void *data,
	mbedtls_ecp_restart_ctx *restart)
{
	Key key = {.length = 0};
	Memo *memo;
	int problem;

	keyAppend(&key, "m", 1);
	keyAppend(&key, &group->id, sizeof(group->id));
	keyAppendNumber(&key, number);
	keyAppendNumber(&key, &point->X);
	keyAppendNumber(&key, &point->Y);
	keyAppendNumber(&key, &point->Z);
	memo = memoOf(&key);
	if (!memo)
		return __real_mbedtls_ecp_mul_restartable(group, result, number, point, random, data, restart);
	if (!knows(memo, &key))
		multiply(memo, &key, group->id, number, point);
	if (memo->result)
		return memo->result;
	problem = mbedtls_mpi_read_binary(&result->X, memo->value, MBEDTLS_ECP_MAX_BYTES);
	if (!problem)
		problem = mbedtls_mpi_read_binary(&result->Y, memo->value + MBEDTLS_ECP_MAX_BYTES, MBEDTLS_ECP_MAX_BYTES);
	return problem ? problem : mbedtls_mpi_lset(&result->Z, 1);
}

/* Signatures */

int __real_mbedtls_pk_verify_ext(mbedtls_pk_type_t type, const void *options, mbedtls_pk_context *pk,
	mbedtls_md_type_t md, const unsigned char *hash, size_t hashLength, const unsigned char *signature, size_t length);
int __wrap_mbedtls_pk_verify_ext(mbedtls_pk_type_t type, const void *options, mbedtls_pk_context *pk,
	mbedtls_md_type_t md, const unsigned char *hash, size_t hashLength, const unsigned char *signature, size_t length);
int __wrap_mbedtls_pk_verify(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length);
int __wrap_mbedtls_pk_verify_restartable(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length, mbedtls_pk_restart_ctx *restart);

static int verify(mbedtls_pk_type_t type, const void *options, mbedtls_pk_context *pk, mbedtls_md_type_t md,
	const unsigned char *hash, size_t hashLength, const unsigned char *signature, size_t length)
{
	Key key = {.isTooLong = NULL != options || 0 == hashLength};
	Memo *memo;
	Side side;

	keyAppend(&key, "v", 1);
	keyAppend(&key, &type, sizeof(type));
	keyAppendPublic(&key, pk);
	keyAppend(&key, &md, sizeof(md));
	keyAppend(&key, hash, hashLength);
	keyAppend(&key, signature, length);
	memo = memoOf(&key);
	if (!memo)
		return __real_mbedtls_pk_verify_ext(type, options, pk, md, hash, hashLength, signature, length);
	if (!knows(memo, &key)) {
		side = enter();
		remember(memo, &key,
			__real_mbedtls_pk_verify_ext(type, options, pk, md, hash, hashLength, signature, length), "", 1);
		leave(side);
	}
	return memo->result;
}

int __wrap_mbedtls_pk_verify_ext(mbedtls_pk_type_t type, const void *options, mbedtls_pk_context *pk,
	mbedtls_md_type_t md, const unsigned char *hash, size_t hashLength, const unsigned char *signature, size_t length)
{
	hooks.certificateChecks += kClient == hooks.side;
	return verify(type, options, pk, md, hash, hashLength, signature, length);
}

int __wrap_mbedtls_pk_verify(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length)
{
	hooks.handshakeChecks += kClient == hooks.side;
	return verify(mbedtls_pk_get_type(pk), NULL, pk, md, hash, hashLength, signature, length);
}

int __wrap_mbedtls_pk_verify_restartable(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length, mbedtls_pk_restart_ctx *restart)
{
	(void)restart;
	return __wrap_mbedtls_pk_verify(pk, md, hash, hashLength, signature, length);
}

int __real_mbedtls_pk_sign(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash, size_t hashLength,
	unsigned char *signature, size_t *length, int (*random)(void *, unsigned char *, size_t), void *data);
int __wrap_mbedtls_pk_sign(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash, size_t hashLength,
	unsigned char *signature, size_t *length, int (*random)(void *, unsigned char *, size_t), void *data);
int __wrap_mbedtls_pk_sign_restartable(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash,
	size_t hashLength, unsigned char *signature, size_t *length, int (*random)(void *, unsigned char *, size_t),
	void *data, mbedtls_pk_restart_ctx *restart);

/* ECDSA by RFC 6979, and RSA by PKCS #1 1.5: no random number decides the signature. */
int __wrap_mbedtls_pk_sign(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash, size_t hashLength,
	unsigned char *signature, size_t *length, int (*random)(void *, unsigned char *, size_t), void *data)
{
	Key key = {.isTooLong = 0 == hashLength};
	uint8_t value[VALUE_MAXIMUM + MBEDTLS_PK_SIGNATURE_MAX_SIZE];
	size_t count = 0;
	Memo *memo;

	keyAppend(&key, "s", 1);
	keyAppendPublic(&key, pk);
	keyAppend(&key, &md, sizeof(md));
	keyAppend(&key, hash, hashLength);
	memo = memoOf(&key);
	if (!memo)
		return __real_mbedtls_pk_sign(pk, md, hash, hashLength, signature, length, random, data);
	if (!knows(memo, &key)) {
		const Side side = enter();
		const int result = __real_mbedtls_pk_sign(pk, md, hash, hashLength, value, &count, hooksRandom, NULL);

		remember(memo, &key, result, value, count);
		leave(side);
	}
	*length = memo->valueLength;
	memcpy(signature, memo->value, memo->valueLength);
	return memo->result;
}

int __wrap_mbedtls_pk_sign_restartable(mbedtls_pk_context *pk, mbedtls_md_type_t md, const unsigned char *hash,
	size_t hashLength, unsigned char *signature, size_t *length, int (*random)(void *, unsigned char *, size_t),
	void *data, mbedtls_pk_restart_ctx *restart)
{
	(void)restart;
	return __wrap_mbedtls_pk_sign(pk, md, hash, hashLength, signature, length, random, data);
}

int __real_mbedtls_pk_check_pair(const mbedtls_pk_context *one, const mbedtls_pk_context *other);
int __wrap_mbedtls_pk_check_pair(const mbedtls_pk_context *one, const mbedtls_pk_context *other);

int __wrap_mbedtls_pk_check_pair(const mbedtls_pk_context *one, const mbedtls_pk_context *other)
{
	Key key = {.isTooLong = MBEDTLS_PK_ECKEY != mbedtls_pk_get_type(other)};
	Memo *memo;

	keyAppend(&key, "c", 1);
	keyAppendPublic(&key, one);
	keyAppendPublic(&key, other);
	if (!key.isTooLong)
		keyAppendNumber(&key, &mbedtls_pk_ec(*other)->d);
	memo = memoOf(&key);
	if (!memo)
		return __real_mbedtls_pk_check_pair(one, other);
	if (!knows(memo, &key)) {
		const Side side = enter();

		remember(memo, &key, __real_mbedtls_pk_check_pair(one, other), "", 1);
		leave(side);
	}
	return memo->result;
}

/* Handshake messages */

int __real_mbedtls_ssl_write_handshake_msg(mbedtls_ssl_context *ssl);
int __wrap_mbedtls_ssl_write_handshake_msg(mbedtls_ssl_context *ssl);

int hooksWriteMessage(mbedtls_ssl_context *ssl)
{
	return __real_mbedtls_ssl_write_handshake_msg(ssl);
}

int __wrap_mbedtls_ssl_write_handshake_msg(mbedtls_ssl_context *ssl)
{
	if (kServer == hooks.side && hooks.onMessage && MBEDTLS_SSL_MSG_HANDSHAKE == ssl->out_msgtype)
		return hooks.onMessage(ssl);
	return hooksWriteMessage(ssl);
}
