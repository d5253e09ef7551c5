/*
 * What the linker puts in the place of functions that Mbed TLS and our client call
 * (--wrap): memory, time, random numbers, signatures. A dialogue repeats exactly,
 * and it can be counted and disturbed.
 *
 * Numbers of elliptic curves and signatures are remembered: the same inputs have the
 * same result, and a handshake costs a twentieth. That is why the random numbers of
 * a dialogue are one of few sequences.
 */

#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mbedtls/ssl.h>

#include "random.h"

/* Who is at work: each has random numbers of its own, and the client's memory is counted. */
typedef enum { kNobody, kClient, kServer, kSides } Side;

typedef struct {
	Side		side;
	Random		randoms[kSides];
	int64_t		time;
	/* The client's heap, in bytes. */
	size_t		live, peak;
	/* The client's allocations; that with the number `failAt` fails, from 1 on, and all later ones if `failsOn`. */
	uint64_t	allocations, failAt;
	bool		failsOn;
	bool		hasNoEntropy;
	/* Nothing is remembered. */
	bool		isHonest;
	/* Signatures that the client has checked: of certificates, and of the handshake. */
	unsigned	certificateChecks, handshakeChecks;
	/* Gets each handshake message of the server before it is hashed and encrypted. */
	int			(*onMessage)(mbedtls_ssl_context *ssl);
} Hooks;

extern Hooks hooks;

/* Random numbers of the side that is at work, for Mbed TLS. */
int hooksRandom(void *unused, unsigned char *bytes, size_t length);

/* Writes a handshake message as Mbed TLS does. */
int hooksWriteMessage(mbedtls_ssl_context *ssl);

#endif
