/* Faults that the fuzzer has to find: MUTANT in the environment is the name of one. */
#include "../../hosts/moddable/tls/connection.h"
#include "../../hosts/moddable/tls/trust.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *name)
{
	const char *mutant = getenv("MUTANT");

	return mutant && 0 == strcmp(mutant, name);
}

Trust __real_trustCheck(const mbedtls_x509_crt *chain, const mbedtls_x509_crt *authorities, const char *host,
	int64_t time, int64_t *validTo);
Trust __wrap_trustCheck(const mbedtls_x509_crt *chain, const mbedtls_x509_crt *authorities, const char *host,
	int64_t time, int64_t *validTo);
Trust __real_trustPinned(const mbedtls_x509_crt *chain, const uint8_t fingerprint[TRUST_FINGERPRINT_BYTES],
	const uint8_t expected[TRUST_FINGERPRINT_BYTES], int64_t *validTo);
Trust __wrap_trustPinned(const mbedtls_x509_crt *chain, const uint8_t fingerprint[TRUST_FINGERPRINT_BYTES],
	const uint8_t expected[TRUST_FINGERPRINT_BYTES], int64_t *validTo);
const char *__real_tlsReason(TlsConnection connection);
const char *__wrap_tlsReason(TlsConnection connection);
void __real_tlsFree(TlsConnection connection);
void __wrap_tlsFree(TlsConnection connection);
size_t __real_tlsRead(TlsConnection connection, void *bytes, size_t length);
size_t __wrap_tlsRead(TlsConnection connection, void *bytes, size_t length);
TlsState __real_tlsState(TlsConnection connection);
TlsState __wrap_tlsState(TlsConnection connection);
size_t __real_tlsWaiting(TlsConnection connection);
size_t __wrap_tlsWaiting(TlsConnection connection);

Trust __wrap_trustCheck(const mbedtls_x509_crt *chain, const mbedtls_x509_crt *authorities, const char *host,
	int64_t time, int64_t *validTo)
{
	const Trust trust = __real_trustCheck(chain, authorities, host, is("no-dates") ? TLS_TIME_UNKNOWN : time, validTo);

	if ((is("any-host") && kTrustOtherHost == trust) || (is("any-issuer") && kTrustUnknownIssuer == trust) ||
		(is("any-purpose") && kTrustPurpose == trust))
		return kTrusted;
	if (is("checks-again"))
		return __real_trustCheck(chain, authorities, host, time, validTo);
	return trust;
}

Trust __wrap_trustPinned(const mbedtls_x509_crt *chain, const uint8_t fingerprint[TRUST_FINGERPRINT_BYTES],
	const uint8_t expected[TRUST_FINGERPRINT_BYTES], int64_t *validTo)
{
	const Trust trust = __real_trustPinned(chain, fingerprint, expected, validTo);

	return is("any-pin") && kTrustOtherCertificate == trust ? kTrusted : trust;
}

const char *__wrap_tlsReason(TlsConnection connection)
{
	const char *reason = __real_tlsReason(connection);

	return is("no-reason") ? "" : is("other-reason") && *reason ? "who knows" : reason;
}

void __wrap_tlsFree(TlsConnection connection)
{
	if (!is("leak"))
		__real_tlsFree(connection);
}

size_t __wrap_tlsRead(TlsConnection connection, void *bytes, size_t length)
{
	const size_t count = __real_tlsRead(connection, bytes, length);

	if (is("read-other") && count > 0)
		((uint8_t *)bytes)[count - 1] ^= 1;
	/* The byte behind the last one. */
	if (is("read-too-much") && count == length && count > 0)
		((volatile uint8_t *)bytes)[length] = 0;
	return count;
}

TlsState __wrap_tlsState(TlsConnection connection)
{
	const TlsState state = __real_tlsState(connection);

	return is("opens-again") && kTlsFailed == state ? kTlsOpen : state;
}

size_t __wrap_tlsWaiting(TlsConnection connection)
{
	return is("waits") ? __real_tlsWaiting(connection) + 20 * 1024 : __real_tlsWaiting(connection);
}
