/*
 * Whether a certificate chain proves the identity of the broker (RFC 5280, section
 * 6.1; RFC 6125). The signatures and the rules of X.509 are checked by Mbed TLS;
 * here is which certificates it is to look at, so that the work has a bound, and
 * what it leaves out: dates by the station's own clock, IP addresses, what the
 * issuers are meant for, and restrictions that it does not know.
 */

#ifndef TLS_TRUST_H
#define TLS_TRUST_H

#include <stdint.h>

#include <mbedtls/x509_crt.h>

/* Certificates that a broker may send. */
#define TRUST_CHAIN_MAXIMUM (10)
/*
 * Signatures of certificates that are checked for one handshake, and what that may
 * cost: P-256 counts 1, 0.4 s of a board (RISC-V at 160 MHz), P-384 counts 2, P-521
 * counts 4, RSA 1. The broker makes one more signature.
 */
#define TRUST_SIGNATURES_MAXIMUM (7)
#define TRUST_COST_MAXIMUM (8)

/* SHA-256. */
#define TRUST_FINGERPRINT_BYTES (32)

typedef enum {
	kTrusted,
	kTrustNoCertificate,
	kTrustOtherHost,
	kTrustOtherCertificate,
	kTrustPurpose,
	kTrustUnknownIssuer,
	kTrustNoAuthority,
	kTrustTooManyIssuers,
	kTrustUnknownRestriction,
	kTrustTooWeak,
	kTrustTooCostly,
	kTrustNotYetValid,
	kTrustExpired,
	kTrustNoMemory
} Trust;

/*
 * `chain` has the broker's certificates, its own first; `authorities` those that
 * the user trusts. `host` is a name or an IP address. `time` is in seconds since
 * 1970, or TLS_TIME_UNKNOWN. If the chain is trusted, `validTo` is the time from
 * which on it is not.
 */
Trust trustCheck(const mbedtls_x509_crt *chain, const mbedtls_x509_crt *authorities, const char *host, int64_t time,
	int64_t *validTo);

/*
 * The same where the user trusts one certificate, by its SHA-256: then its name, its dates and who issued it say
 * nothing. `fingerprint` is that of the broker's.
 */
Trust trustPinned(const mbedtls_x509_crt *chain, const uint8_t fingerprint[TRUST_FINGERPRINT_BYTES],
	const uint8_t expected[TRUST_FINGERPRINT_BYTES], int64_t *validTo);

/* The bytes of an IP address; returns their number, or 0 for a name. */
size_t trustAddress(const char *host, uint8_t address[16]);

/* In words, and the alert for the broker (RFC 8446, section 6.2). */
const char *trustReason(Trust trust);
unsigned char trustAlert(Trust trust);

#endif
