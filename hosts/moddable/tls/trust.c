#include "connection.h"
#include "trust.h"
#include "mbedtls-versions.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <mbedtls/asn1.h>

/* Tags of names in a SAN (RFC 5280, section 4.2.1.6). */
#define SAN_NAME (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2)
#define SAN_ADDRESS (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7)

/* Object identifiers: id-kp-serverAuth, id-at-commonName, and the last byte of those of extensions (RFC 5280). */
static const char kServerAuth[] = "\x2b\x06\x01\x05\x05\x07\x03\x01";
static const unsigned char kCommonName[] = {0x55, 0x04, 0x03};
enum { kSubjectKeyId = 14, kNameConstraints = 30, kAuthorityKeyId = 35 };

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)

/* The flags of mbedtls_x509_crt_verify for what is too weak. */
#define TOO_WEAK (MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY)
/* Those for dates: by a clock that is not the station's, if at all. */
#define DATES (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)

/* Bytes of RSA's public exponent, with one for the sign. */
#define EXPONENT_BYTES (5)

/* SHA-1 and RSA below 2,048 bits are out (RFC 9325, sections 4.2 and 4.5). */
static const mbedtls_x509_crt_profile kProfile = {
	.allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
		MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
	.allowed_pks = 0xfffffff,
	.allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) | MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1) |
		MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP521R1),
	.rsa_min_bitlen = 2048,
};

/* A search for a way from the broker's certificate to an authority, by names. */
typedef struct {
	const mbedtls_x509_crt	*chain[TRUST_CHAIN_MAXIMUM];
	size_t					count;
	const mbedtls_x509_crt	*authorities;
	int64_t					time;
	/* Certificates whose issuers were looked for: what begins there is known to lead nowhere. */
	bool					seen[TRUST_CHAIN_MAXIMUM];
	/* The way so far. */
	uint8_t					way[TRUST_CHAIN_MAXIMUM];
	size_t					length;
	/* Signatures that may still be checked, and what that may cost. */
	int						signatures;
	int						cost;
	/* The fault of the way that came farthest. */
	Trust					fault;
	/* Of the way that is trusted. */
	int64_t					validTo;
} Search;

const char *trustReason(Trust trust)
{
	switch (trust) {
		case kTrusted: return "";
		case kTrustNoCertificate: return "certificate: the broker has none";
		case kTrustOtherHost: return "certificate: host name does not match";
		case kTrustOtherCertificate: return "certificate: is another one than tls.fingerprint says";
		case kTrustPurpose: return "certificate: it, or one of its issuers, is not meant for this";
		case kTrustUnknownIssuer: return "certificate: no trusted authority has issued it (tls.ca)";
		case kTrustNoAuthority: return "certificate: one of its issuers is no authority";
		case kTrustTooManyIssuers: return "certificate: has too many issuers";
		case kTrustUnknownRestriction: return "certificate: has a restriction that is not known here";
		case kTrustTooWeak: return "certificate: it, or one of its issuers, has a key or a signature that is too weak";
		case kTrustTooCostly:
			return "certificate: it, or one of its issuers, has a key that takes a board too long";
		case kTrustNotYetValid: return "certificate: is not valid yet";
		case kTrustExpired: return "certificate: has expired";
		case kTrustNoMemory: break;
	}
	return "not enough memory for TLS";
}

unsigned char trustAlert(Trust trust)
{
	switch (trust) {
		case kTrustUnknownIssuer: return MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA;
		case kTrustNotYetValid:
		case kTrustExpired: return MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED;
		case kTrustPurpose:
		case kTrustTooWeak:
		case kTrustTooCostly: return MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT;
		case kTrustNoMemory: return MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR;
		default: return MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
	}
}

/* Dates */

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days(int64_t year, int month, int day)
{
	/* Years that begin in March have their leap day at their end. */
	const int64_t y = month > 2 ? year : year - 1;
	const int64_t m = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t seconds(const mbedtls_x509_time *time)
{
	return ((days(time->year, time->mon, time->day) * 24 + time->hour) * 60 + time->min) * 60 + time->sec;
}

static Trust dateFault(const mbedtls_x509_crt *certificate, int64_t time)
{
	if (TLS_TIME_UNKNOWN == time)
		return kTrusted;
	if (time < seconds(&certificate->valid_from))
		return kTrustNotYetValid;
	return time > seconds(&certificate->valid_to) ? kTrustExpired : kTrusted;
}

/* Bytes */

static bool equal(const mbedtls_x509_buf *one, const mbedtls_x509_buf *other)
{
	return one->len == other->len && 0 == memcmp(one->p, other->p, one->len);
}

static bool isSame(const mbedtls_x509_crt *one, const mbedtls_x509_crt *other)
{
	return equal(&one->raw, &other->raw);
}

/* Extensions that Mbed TLS passes over */

/* The value of an extension of id-ce. */
static bool extension(const mbedtls_x509_crt *certificate, unsigned char id, mbedtls_x509_buf *value)
{
	const unsigned char oid[] = {0x55, 0x1d, id};
	unsigned char *at = certificate->v3_ext.p;
	const unsigned char *end = at + certificate->v3_ext.len;
	size_t length;
	int critical;

	if (!at || mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE))
		return false;
	while (at < end) {
		const unsigned char *next;

		if (mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE))
			return false;
		next = at + length;
		if (mbedtls_asn1_get_tag(&at, next, &length, MBEDTLS_ASN1_OID))
			return false;
		if (sizeof(oid) == length && 0 == memcmp(at, oid, length)) {
			at += length;
			mbedtls_asn1_get_bool(&at, next, &critical);
			value->p = at;
			return 0 == mbedtls_asn1_get_tag(&value->p, next, &value->len, MBEDTLS_ASN1_OCTET_STRING);
		}
		at = (unsigned char *)next;
	}
	return false;
}

static bool subjectKeyId(const mbedtls_x509_crt *certificate, mbedtls_x509_buf *key)
{
	mbedtls_x509_buf value;

	if (!extension(certificate, kSubjectKeyId, &value))
		return false;
	key->p = value.p;
	return 0 == mbedtls_asn1_get_tag(&key->p, value.p + value.len, &key->len, MBEDTLS_ASN1_OCTET_STRING);
}

static bool authorityKeyId(const mbedtls_x509_crt *certificate, mbedtls_x509_buf *key)
{
	mbedtls_x509_buf value;
	const unsigned char *end;

	if (!extension(certificate, kAuthorityKeyId, &value))
		return false;
	end = value.p + value.len;
	key->p = value.p;
	return 0 == mbedtls_asn1_get_tag(&key->p, end, &key->len, SEQUENCE) &&
		0 == mbedtls_asn1_get_tag(&key->p, end, &key->len, MBEDTLS_ASN1_CONTEXT_SPECIFIC);
}

static bool hasNameConstraints(const mbedtls_x509_crt *certificate)
{
	mbedtls_x509_buf value;

	return extension(certificate, kNameConstraints, &value);
}

/* Names */

/* By name, and by the key's identifier where both name one. */
static bool isIssuer(const mbedtls_x509_crt *issuer, const mbedtls_x509_crt *certificate)
{
	mbedtls_x509_buf key, wanted;

	return equal(&issuer->subject_raw, &certificate->issuer_raw) &&
		!(subjectKeyId(issuer, &key) && authorityKeyId(certificate, &wanted) && !equal(&key, &wanted));
}

size_t trustAddress(const char *host, uint8_t address[16])
{
	if (1 == inet_pton(AF_INET, host, address))
		return 4;
	return 1 == inet_pton(AF_INET6, host, address) ? 16 : 0;
}

static bool isForAddress(const mbedtls_x509_crt *certificate, const uint8_t *address, size_t length)
{
	const mbedtls_x509_sequence *name;

	for (name = &certificate->subject_alt_names; name; name = name->next)
		if (SAN_ADDRESS == name->buf.tag && length == name->buf.len && 0 == memcmp(name->buf.p, address, length))
			return true;
	return false;
}

static char lower(unsigned char character)
{
	return character >= 'A' && character <= 'Z' ? character + ('a' - 'A') : character;
}

static bool equalNames(const unsigned char *one, const char *other, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (lower(one[i]) != lower((unsigned char)other[i]))
			return false;
	return true;
}

/* `*.` stands for one whole label, in front of at least two (RFC 6125, section 6.4.3). A dot at the end is the root's. */
static bool matches(const mbedtls_x509_buf *name, const char *host)
{
	const size_t length = name->len > 1 && '.' == name->p[name->len - 1] ? name->len - 1 : name->len;
	const char *rest = strchr(host, '.');

	if (strlen(host) == length && equalNames(name->p, host, length))
		return true;
	return length > 2 && '*' == name->p[0] && '.' == name->p[1] && rest && rest > host &&
		memchr(name->p + 2, '.', length - 2) && !memchr(name->p + 1, '*', length - 1) &&
		strlen(rest) == length - 1 && equalNames(name->p + 1, rest, length - 1);
}

/* The common name counts where there are no other host names, as it does for OpenSSL. */
static bool isForName(const mbedtls_x509_crt *certificate, const char *host)
{
	const mbedtls_x509_sequence *alternative;
	const mbedtls_x509_name *name;
	bool hasNames = false;

	for (alternative = &certificate->subject_alt_names; alternative; alternative = alternative->next) {
		if (SAN_NAME != alternative->buf.tag)
			continue;
		if (matches(&alternative->buf, host))
			return true;
		hasNames = true;
	}
	for (name = hasNames ? NULL : &certificate->subject; name; name = name->next)
		if (sizeof(kCommonName) == name->oid.len && 0 == memcmp(name->oid.p, kCommonName, sizeof(kCommonName)) &&
			matches(&name->val, host))
			return true;
	return false;
}

static bool isFor(const mbedtls_x509_crt *certificate, const char *host)
{
	uint8_t address[16];
	const size_t length = trustAddress(host, address);

	return length > 0 ? isForAddress(certificate, address, length) : isForName(certificate, host);
}

/* What certificates are for */

/* Of RSA's public key (RFC 8017, appendix A.1.1): the more bits, the more multiplications; 65,537 is usual. */
static bool hasLongExponent(const mbedtls_x509_crt *certificate)
{
	unsigned char *at = certificate->pk_raw.p;
	const unsigned char *end = at + certificate->pk_raw.len;
	size_t length;

	if (mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE) || mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE))
		return false;
	at += length;
	if (mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_BIT_STRING) || 0 == length)
		return false;
	/* The number of unused bits; a point of a curve is no sequence. */
	at++;
	if (mbedtls_asn1_get_tag(&at, end, &length, SEQUENCE) || mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_INTEGER))
		return false;
	at += length;
	return 0 == mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_INTEGER) && length > EXPONENT_BYTES;
}

static bool mayServe(const mbedtls_x509_crt *certificate)
{
	return 0 == mbedtls_x509_crt_check_extended_key_usage(certificate, kServerAuth, sizeof(kServerAuth) - 1);
}

/* `depth` issuers come between the issuer and the broker's certificate. */
static Trust issuerFault(const mbedtls_x509_crt *issuer, bool isTrusted, int depth)
{
	const int pathLength = tlsPathLength(issuer);

	if (hasNameConstraints(issuer))
		return kTrustUnknownRestriction;
	if (!mayServe(issuer))
		return kTrustPurpose;
	/* Before version 3 a certificate could not say that it is an authority's: one in `tls.ca` need not. */
	if (!tlsIsAuthority(issuer) && !(isTrusted && issuer->version < 3))
		return kTrustNoAuthority;
	if (mbedtls_x509_crt_check_key_usage(issuer, MBEDTLS_X509_KU_KEY_CERT_SIGN))
		return kTrustNoAuthority;
	return pathLength >= 0 && depth > pathLength ? kTrustTooManyIssuers : kTrusted;
}

/* The way */

/* The later a check, the more of the way was in order. */
static void note(Search *search, Trust fault)
{
	if (kTrustUnknownIssuer == search->fault || kTrustTooManyIssuers == fault || kTrustTooCostly == fault)
		search->fault = fault;
}

/* Of checking a signature with this key. */
static int costOf(const mbedtls_x509_crt *issuer)
{
	const size_t bits = mbedtls_pk_get_bitlen(&issuer->pk);

	return bits <= 256 || bits > 521 ? 1 : bits <= 384 ? 2 : 4;
}

/* Counts a certificate that could be the issuer by its name. */
static void count(const mbedtls_x509_crt *issuer, const mbedtls_x509_crt *certificate, int *signatures, int *cost)
{
	if (!isIssuer(issuer, certificate))
		return;
	*signatures += 1;
	*cost += costOf(issuer);
}

/* How many signatures Mbed TLS may check: one for each certificate that could be an issuer. */
static void countSignatures(const mbedtls_x509_crt *way, const mbedtls_x509_crt *authority, int *signatures, int *cost)
{
	const mbedtls_x509_crt *certificate, *later;

	*signatures = *cost = 0;
	for (certificate = way; certificate; certificate = certificate->next) {
		count(authority, certificate, signatures, cost);
		for (later = certificate->next; later; later = later->next)
			count(later, certificate, signatures, cost);
	}
}

/* Issuers on the way, without those that issued themselves a new certificate (RFC 5280, section 6.1.4, l). */
static int depthOf(const Search *search)
{
	int depth = 0;
	size_t i;

	for (i = 1; i < search->length; i++) {
		const mbedtls_x509_crt *issuer = search->chain[search->way[i]];

		depth += !equal(&issuer->subject_raw, &issuer->issuer_raw);
	}
	return depth;
}

/* Has Mbed TLS check the way, to this authority. */
static Trust verify(Search *search, const mbedtls_x509_crt *authority)
{
	/* Copies, as each has a pointer to the next: the way leaves out, and has an order of its own. */
	mbedtls_x509_crt *copies = calloc(search->length + 1, sizeof(mbedtls_x509_crt));
	mbedtls_x509_crt *root = copies + search->length;
	uint32_t flags = 0;
	Trust trust = kTrusted;
	size_t i;
	int signatures, cost, result;

	if (!copies)
		return kTrustNoMemory;
	for (i = 0; i < search->length; i++) {
		copies[i] = *search->chain[search->way[i]];
		copies[i].next = i + 1 < search->length ? &copies[i + 1] : NULL;
	}
	*root = *authority;
	root->next = NULL;
	countSignatures(copies, root, &signatures, &cost);
	if (signatures > search->signatures)
		trust = kTrustTooManyIssuers;
	else if (cost > search->cost)
		trust = kTrustTooCostly;
	else {
		search->signatures -= signatures;
		search->cost -= cost;
		result = mbedtls_x509_crt_verify_with_profile(copies, root, NULL, &kProfile, NULL, &flags, NULL, NULL);
		if (MBEDTLS_ERR_X509_CERT_VERIFY_FAILED == result)
			flags &= ~(uint32_t)DATES;
		else if (result)
			flags = MBEDTLS_X509_BADCERT_OTHER;
		if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
			trust = kTrustUnknownIssuer;
		else if (flags & TOO_WEAK)
			trust = kTrustTooWeak;
		else if (flags)
			trust = kTrustUnknownIssuer;
	}
	free(copies);
	return trust;
}

/* The way ends at this authority. */
static Trust tryAuthority(Search *search, const mbedtls_x509_crt *authority)
{
	Trust fault = issuerFault(authority, true, depthOf(search));
	int64_t validTo = seconds(&authority->valid_to);
	size_t i;

	for (i = 0; kTrusted == fault && i < search->length; i++) {
		const mbedtls_x509_crt *certificate = search->chain[search->way[i]];

		fault = dateFault(certificate, search->time);
		if (seconds(&certificate->valid_to) < validTo)
			validTo = seconds(&certificate->valid_to);
	}
	if (kTrusted == fault)
		fault = dateFault(authority, search->time);
	if (kTrusted == fault)
		fault = verify(search, authority);
	search->validTo = validTo;
	return fault;
}

/*
 * Goes on from the last certificate of the way; the calls are at most as deep as
 * the chain is long. Each certificate is looked at once, on the first way that leads
 * to it, and the issuers nearest to the broker come first in a chain: so a way that
 * is longer than an authority allows may hide a shorter one.
 */
static bool follow(Search *search)
{
	const mbedtls_x509_crt *current = search->chain[search->way[search->length - 1]];
	const mbedtls_x509_crt *authority;
	Trust fault;
	size_t i;

	for (authority = search->authorities; authority; authority = authority->next) {
		if (!isIssuer(authority, current))
			continue;
		fault = tryAuthority(search, authority);
		if (kTrusted == fault)
			return true;
		note(search, fault);
	}
	for (i = 1; i < search->count; i++) {
		if (search->seen[i] || !isIssuer(search->chain[i], current))
			continue;
		fault = issuerFault(search->chain[i], false, depthOf(search));
		if (kTrusted != fault) {
			note(search, fault);
			continue;
		}
		search->seen[i] = true;
		search->way[search->length++] = (uint8_t)i;
		if (follow(search))
			return true;
		search->length--;
	}
	return false;
}

/* The fault of the broker's own certificate, which no issuer can mend. */
static Trust ownFault(const mbedtls_x509_crt *own, const char *host)
{
	if (!isFor(own, host))
		return kTrustOtherHost;
	if (!mayServe(own) || mbedtls_x509_crt_check_key_usage(own, MBEDTLS_X509_KU_DIGITAL_SIGNATURE))
		return kTrustPurpose;
	return hasNameConstraints(own) ? kTrustUnknownRestriction : kTrusted;
}

Trust trustPinned(const mbedtls_x509_crt *chain, const uint8_t fingerprint[TRUST_FINGERPRINT_BYTES],
	const uint8_t expected[TRUST_FINGERPRINT_BYTES], int64_t *validTo)
{
	*validTo = INT64_MAX;
	if (memcmp(fingerprint, expected, TRUST_FINGERPRINT_BYTES))
		return kTrustOtherCertificate;
	return hasLongExponent(chain) ? kTrustTooCostly : kTrusted;
}

Trust trustCheck(const mbedtls_x509_crt *chain, const mbedtls_x509_crt *authorities, const char *host, int64_t time,
	int64_t *validTo)
{
	Search search = {
		.authorities = authorities,
		.time = time,
		.length = 1,
		.signatures = TRUST_SIGNATURES_MAXIMUM,
		.cost = TRUST_COST_MAXIMUM,
		.fault = kTrustUnknownIssuer,
	};
	const mbedtls_x509_crt *certificate;
	Trust fault;

	for (certificate = chain; certificate && certificate->raw.p; certificate = certificate->next) {
		if (TRUST_CHAIN_MAXIMUM == search.count)
			return kTrustTooManyIssuers;
		if (hasLongExponent(certificate))
			return kTrustTooCostly;
		search.chain[search.count++] = certificate;
	}
	if (0 == search.count)
		return kTrustNoCertificate;
	fault = ownFault(chain, host);
	if (kTrusted != fault)
		return fault;
	/* The user trusts this very certificate. */
	for (certificate = authorities; certificate; certificate = certificate->next)
		if (isSame(certificate, chain)) {
			*validTo = seconds(&chain->valid_to);
			return dateFault(chain, time);
		}
	search.seen[0] = true;
	if (!follow(&search))
		return search.fault;
	*validTo = search.validTo;
	return kTrusted;
}
