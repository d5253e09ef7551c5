/*
 * The keys and certificates of this fuzzer's servers, authorities and clients. They
 * are made at the start, always the same.
 */

#ifndef IDENTITIES_H
#define IDENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mbedtls/pk.h>

/* 2027-01-01; certificates are valid for a year before it and after it. */
#define NOON (1798761600)
#define YEAR (365 * 24 * 3600)

/* The name that most of the certificates are for. */
#define HOST "broker.test"

typedef struct {
	const char	*name;
	uint8_t		*der;
	size_t		length;
} Certificate;

typedef struct {
	const char	*name;
	/* From the server's own certificate upward; the key, where it is not its own. */
	const char	*chain, *key;
	/* The authority that a client has to trust: a client with this `ca` may open a connection. NULL: none may. */
	const char	*trustedBy;
	/* What the client says else. */
	const char	*reason;
} Identity;

void identitiesMake(void);

/* NULL where there is none of the name. */
const Certificate *certificateOf(const char *name);
mbedtls_pk_context *keyOf(const char *name);

extern const Identity kIdentities[];
extern const size_t kIdentityCount;
const Identity *identityOf(const char *name);

/* Names of certificates and keys, for whoever draws one. */
const char *certificateName(uint32_t number);

/* Certificates by name, separated by commas, in PEM; to be freed. */
char *pemOf(const char *list);
char *keyPemOf(const char *name);

#endif
