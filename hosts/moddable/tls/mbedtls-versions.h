/*
 * What differs between Mbed TLS 4.x, which ESP-IDF 6 has, and 2.28, which Debian
 * 12 has. Fields of its structures that have no function are read here and
 * nowhere else: a version without such a field does not compile.
 */

#ifndef MBEDTLS_VERSIONS_H
#define MBEDTLS_VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <mbedtls/version.h>
#include <mbedtls/platform_time.h>
#if MBEDTLS_VERSION_MAJOR < 4
	#include <mbedtls/asn1.h>
	#include <mbedtls/bignum.h>
	#include <mbedtls/cipher.h>
	#include <mbedtls/ecp.h>
	#include <mbedtls/md.h>
	#include <mbedtls/oid.h>
	#include <mbedtls/pem.h>
#else
	#include <psa/crypto.h>
#endif
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/pk.h>

#define TLS_MBEDTLS_4 (MBEDTLS_VERSION_MAJOR >= 4)

#if 3 == MBEDTLS_VERSION_MAJOR
	#error "Mbed TLS 3 is neither a board's nor Debian's: it was never tried"
#endif

#ifndef MBEDTLS_PRIVATE
	#define MBEDTLS_PRIVATE(name) name
#endif

#if !defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE)
	#error "Mbed TLS has to keep the peer's certificate (MBEDTLS_SSL_KEEP_PEER_CERTIFICATE): it is checked after it was parsed"
#endif

/* The former name of what is BAD_PROTOCOL_VERSION in 4.x. */
#if !TLS_MBEDTLS_4
	#define MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
#endif

/* The code for a certificate with a critical extension that Mbed TLS does not know; since 4.0 for some other wrong ones, too. */
#if TLS_MBEDTLS_4
	#define TLS_UNKNOWN_EXTENSION MBEDTLS_ERR_ASN1_UNEXPECTED_TAG
#else
	#define TLS_UNKNOWN_EXTENSION (MBEDTLS_ERR_X509_INVALID_EXTENSIONS + MBEDTLS_ERR_ASN1_UNEXPECTED_TAG)
#endif

/* Whether there was no memory: before 4.0 each part of the library says so in its own code, and adds its own to another's. */
static inline bool tlsIsOfMemory(int result)
{
#if TLS_MBEDTLS_4
	return PSA_ERROR_INSUFFICIENT_MEMORY == result || MBEDTLS_ERR_SSL_ALLOC_FAILED == result ||
		MBEDTLS_ERR_X509_ALLOC_FAILED == result;
#else
	switch (-result & 0x7f) {
		case -MBEDTLS_ERR_MPI_ALLOC_FAILED:
		case -MBEDTLS_ERR_ASN1_ALLOC_FAILED: return result < 0;
	}
	switch (-result & 0xff80) {
		case -MBEDTLS_ERR_SSL_ALLOC_FAILED:
		case -MBEDTLS_ERR_X509_ALLOC_FAILED:
		case -MBEDTLS_ERR_PEM_ALLOC_FAILED:
		case -MBEDTLS_ERR_PK_ALLOC_FAILED:
		case -MBEDTLS_ERR_ECP_ALLOC_FAILED:
		case -MBEDTLS_ERR_MD_ALLOC_FAILED:
		case -MBEDTLS_ERR_CIPHER_ALLOC_FAILED: return result < 0;
	}
	return false;
#endif
}

static inline int tlsHandshakeStage(const mbedtls_ssl_context *ssl)
{
	return ssl->MBEDTLS_PRIVATE(state);
}

/* The broker's certificates during the handshake, its own first; of the session that is to be resumed, if there is one. */
static inline const mbedtls_x509_crt *tlsPeerCertificates(const mbedtls_ssl_context *ssl)
{
	const mbedtls_ssl_session *session = ssl->MBEDTLS_PRIVATE(session_negotiate);

	return session ? session->MBEDTLS_PRIVATE(peer_cert) : NULL;
}

/* The description of the alert that ended the connection (RFC 8446, section 6), or -1. */
static inline int tlsReceivedAlert(const mbedtls_ssl_context *ssl)
{
	return ssl->MBEDTLS_PRIVATE(in_msg) ? ssl->MBEDTLS_PRIVATE(in_msg)[1] : -1;
}

static inline bool tlsIsAuthority(const mbedtls_x509_crt *certificate)
{
	return certificate->MBEDTLS_PRIVATE(ca_istrue);
}

/* How many issuers may come between the issuer and the broker's certificate; -1: any number. */
static inline int tlsPathLength(const mbedtls_x509_crt *issuer)
{
	return issuer->MBEDTLS_PRIVATE(max_pathlen) - 1;
}

static inline bool tlsIsVersion13(const mbedtls_ssl_context *ssl)
{
#if !TLS_MBEDTLS_4
	(void)ssl;
	return false;
#else
	return MBEDTLS_SSL_VERSION_TLS1_3 == mbedtls_ssl_get_version_number(ssl);
#endif
}

/*
 * Mbed TLS's clock, in ms, and when by it a session's ticket came. TLS 1.3 tells the
 * broker the difference, and does not resume where it is negative or more than the
 * ticket's lifetime; a session of TLS 1.2 does not know it.
 */
static inline int64_t tlsClock(void)
{
#if !TLS_MBEDTLS_4
	return 0;
#else
	return mbedtls_ms_time();
#endif
}

static inline int64_t tlsTicketClock(const mbedtls_ssl_session *session)
{
#if !TLS_MBEDTLS_4
	(void)session;
	return 0;
#else
	return session->MBEDTLS_PRIVATE(ticket_reception_time);
#endif
}

static inline void tlsSetTicketClock(mbedtls_ssl_session *session, int64_t clock)
{
#if !TLS_MBEDTLS_4
	(void)session;
	(void)clock;
#else
	session->MBEDTLS_PRIVATE(ticket_reception_time) = clock;
#endif
}

static inline void tlsSetVersions(mbedtls_ssl_config *config)
{
#if !TLS_MBEDTLS_4
	mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#else
	mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#endif
}

#endif
