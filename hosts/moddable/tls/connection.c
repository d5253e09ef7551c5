#include "connection.h"
#include "trust.h"
#include "mbedtls-versions.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

#if TLS_MBEDTLS_4
	#include <psa/crypto.h>
#else
	#include <mbedtls/ctr_drbg.h>
	#include <mbedtls/entropy.h>
#endif

/* Certificates in `tls.ca`: all are in RAM during a handshake. */
#define AUTHORITIES_MAXIMUM (16)
/* Encrypted bytes that wait for TCP, at most: a client's certificates, or what is written at once. */
#define OUTPUT_MAXIMUM (20 * 1024)
/* Encrypted bytes that are taken from TCP at once: a segment. */
#define INPUT_MAXIMUM (1500)

/* Bytes of SHA-256 that are enough to find a change. */
#define SUM_BYTES (16)

/*
 * What is saved begins with these: a sum of all of it and of the settings, until when
 * the broker's certificates are valid, and when the ticket came, or TLS_TIME_UNKNOWN:
 * Mbed TLS saves that by a clock that begins anew with each start of the board.
 */
typedef struct {
	uint8_t	sum[SUM_BYTES];
	int64_t	validTo;
	int64_t	ticketTime;
} SavedHeader;

struct TlsConnectionRecord {
	mbedtls_ssl_context	ssl;
	mbedtls_ssl_config	config;
	mbedtls_x509_crt	authorities;
	mbedtls_x509_crt	certificate;
	mbedtls_pk_context	key;
#if !TLS_MBEDTLS_4
	mbedtls_entropy_context		entropy;
	mbedtls_ctr_drbg_context	random;
#endif
	char				*host;
	/* The broker has to have this very certificate. */
	bool				isPinned;
	uint8_t				pin[TRUST_FINGERPRINT_BYTES];
	/* What Mbed TLS asks for by ALPN, as long as the connection lasts. */
	char				*alpn;
	const char			*protocols[2];
	/* The settings' time, and Mbed TLS's clock at that time. */
	int64_t				time;
	int64_t				clock;
	TlsState			state;
	/* The broker has proved who it is: in this connection, or in the one that this one resumes. */
	bool				isProved;
	bool				isResuming;
	bool				hasNewSession;
	bool				heardAnything;
	uint8_t				settings[SUM_BYTES];
	int64_t				validTo;

	uint8_t				input[INPUT_MAXIMUM];
	size_t				inputAt, inputLength;
	uint8_t				*output;
	size_t				outputAt, outputLength, outputCapacity;

	char				reason[96];
};

/* Forward secrecy and authenticated encryption only (RFC 9325, section 4.2). A library passes over what it has not. */
static const int kCipherSuites[] = {
#if defined(MBEDTLS_TLS1_3_AES_128_GCM_SHA256)
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#endif
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0
};

static const char kNoMemory[] = "not enough memory for TLS";
static const char kNoVersion[] = "the broker speaks no version of TLS that is spoken here";

/* Reasons */

static void __attribute__((format(printf, 2, 3))) fail(TlsConnection connection, const char *format, ...)
{
	va_list values;

	connection->state = kTlsFailed;
	va_start(values, format);
	vsnprintf(connection->reason, sizeof(connection->reason), format, values);
	va_end(values);
}

#define ENDED "the broker ended TLS: "
#define NOT_ACCEPTED "the broker does not accept the client certificate"

/* What an alert of the broker is likely to mean, or its name (RFC 8446, section 6.2; RFC 6066, section 9). */
static const struct {
	int			alert;
	const char	*reason;
} kAlerts[] = {
	{MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE,
		"the broker refuses the TLS handshake; it may want a client certificate (tls.certificate)"},
	{MBEDTLS_SSL_ALERT_MSG_BAD_CERT, NOT_ACCEPTED},
	{MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT, NOT_ACCEPTED},
	{MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN, NOT_ACCEPTED},
	{MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED, NOT_ACCEPTED},
	{MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR, NOT_ACCEPTED},
	{MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED, NOT_ACCEPTED ": it has been revoked"},
	{MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED, NOT_ACCEPTED ": it has expired"},
	{MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA, NOT_ACCEPTED ": it does not know who issued it"},
	{MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION, kNoVersion},
	{MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME, "the broker does not know itself by this host name"},
	/* certificate_required */
	{116, "the broker wants a client certificate (tls.certificate)"},
	{MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL, "the broker does not speak the protocol of tls.alpn"},
	{MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE, ENDED "unexpected message"},
	{MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC, ENDED "bad record mac"},
	{MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW, ENDED "record overflow"},
	{MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER, ENDED "illegal parameter"},
	{MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR, ENDED "decode error"},
	{MBEDTLS_SSL_ALERT_MSG_INSUFFICIENT_SECURITY, ENDED "insufficient security"},
	{MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR, ENDED "internal error"},
	{MBEDTLS_SSL_ALERT_MSG_INAPROPRIATE_FALLBACK, ENDED "inappropriate fallback"},
	{MBEDTLS_SSL_ALERT_MSG_USER_CANCELED, ENDED "user canceled"},
	{MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_EXT, ENDED "unsupported extension"},
};

static void failByAlert(TlsConnection connection, int alert)
{
	size_t i;

	for (i = 0; i < sizeof(kAlerts) / sizeof(*kAlerts); i++)
		if (alert == kAlerts[i].alert)
			return fail(connection, "%s", kAlerts[i].reason);
	fail(connection, ENDED "alert %d", alert);
}

/* TLS's own codes are this one and lower ones, those of X.509 and of keys above; PSA's are between these two. */
#define HIGHEST_OF_TLS (-0x5d80)
#define HIGHEST_OF_PSA (-0x80)
#define LOWEST_OF_PSA (-0x100)

/* Whether the broker's certificates could not be read: the code is then one of X.509, ASN.1 or keys. */
static bool isOfCertificate(TlsConnection connection, int result)
{
	return MBEDTLS_SSL_SERVER_CERTIFICATE == tlsHandshakeStage(&connection->ssl) && result > HIGHEST_OF_TLS &&
		!(result > LOWEST_OF_PSA && result < HIGHEST_OF_PSA);
}

static void failByResult(TlsConnection connection, int result)
{
	switch (result) {
		case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
			return failByAlert(connection, tlsReceivedAlert(&connection->ssl));
		case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
			fail(connection, "by the broker");
			connection->state = kTlsClosed;
			return;
		case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
			return fail(connection, "%s", kNoVersion);
	}
	if (tlsIsOfMemory(result))
		return fail(connection, "%s", kNoMemory);
	if (isOfCertificate(connection, result)) {
		if (TLS_UNKNOWN_EXTENSION == result || MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE == result)
			return fail(connection, "%s", trustReason(kTrustUnknownRestriction));
		return fail(connection, "certificate: cannot be read here (-0x%04x)", (unsigned)-result);
	}
	if (!connection->heardAnything)
		return fail(connection, "the broker does not speak TLS on this port");
	fail(connection, "TLS failed (-0x%04x)", (unsigned)-result);
}

/* Bytes that go in and come out */

static int receive(void *data, unsigned char *bytes, size_t length)
{
	TlsConnection connection = data;
	const size_t there = connection->inputLength - connection->inputAt;
	const size_t count = length < there ? length : there;

	if (0 == count)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(bytes, connection->input + connection->inputAt, count);
	connection->inputAt += count;
	return (int)count;
}

static int send(void *data, const unsigned char *bytes, size_t length)
{
	TlsConnection connection = data;
	const size_t waiting = connection->outputLength - connection->outputAt;

	if (waiting + length > OUTPUT_MAXIMUM)
		return MBEDTLS_ERR_SSL_ALLOC_FAILED;
	if (connection->outputAt > 0) {
		memmove(connection->output, connection->output + connection->outputAt, waiting);
		connection->outputAt = 0;
		connection->outputLength = waiting;
	}
	if (waiting + length > connection->outputCapacity) {
		uint8_t *output = realloc(connection->output, waiting + length);

		if (!output)
			return MBEDTLS_ERR_SSL_ALLOC_FAILED;
		connection->output = output;
		connection->outputCapacity = waiting + length;
	}
	memcpy(connection->output + waiting, bytes, length);
	connection->outputLength = waiting + length;
	return (int)length;
}

bool tlsPush(TlsConnection connection, const void *bytes, size_t length)
{
	if (length > tlsWanted(connection))
		return false;
	memcpy(connection->input, bytes, length);
	connection->inputAt = 0;
	connection->inputLength = length;
	return true;
}

size_t tlsWanted(TlsConnection connection)
{
	return connection->inputAt < connection->inputLength ? 0 : INPUT_MAXIMUM;
}

size_t tlsWaiting(TlsConnection connection)
{
	return connection->outputLength - connection->outputAt;
}

size_t tlsPull(TlsConnection connection, void *bytes, size_t length)
{
	const size_t waiting = tlsWaiting(connection);
	const size_t count = length < waiting ? length : waiting;

	if (count > 0)
		memcpy(bytes, connection->output + connection->outputAt, count);
	connection->outputAt += count;
	if (connection->outputAt == connection->outputLength) {
		free(connection->output);
		connection->output = NULL;
		connection->outputAt = connection->outputLength = connection->outputCapacity = 0;
	}
	return count;
}

/* Settings */

/* Mbed TLS takes PEM with its zero at the end. */
static size_t pemLength(const char *text)
{
	return strlen(text) + 1;
}

static const char *readAuthorities(TlsConnection connection, const char *ca)
{
	const mbedtls_x509_crt *certificate;
	int count = 0, result;

	if (!ca)
		return connection->isPinned ? NULL : "tls.ca: a board needs it, or tls.fingerprint: it knows no authorities of its own";
	result = mbedtls_x509_crt_parse(&connection->authorities, (const unsigned char *)ca, pemLength(ca));
	if (tlsIsOfMemory(result))
		return kNoMemory;
	if (result < 0 && !strstr(ca, "-----BEGIN CERTIFICATE-----"))
		return "tls.ca: holds no certificate";
	if (result)
		return "tls.ca: holds a certificate that cannot be read here";
	for (certificate = &connection->authorities; certificate; certificate = certificate->next)
		count++;
	return count > AUTHORITIES_MAXIMUM ? "tls.ca: holds more than 16 certificates" : NULL;
}

/* The value of a hexadecimal digit, or -1. */
static int digitOf(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

static const char *readFingerprint(TlsConnection connection, const char *text)
{
	size_t i;

	if (!text)
		return NULL;
	for (i = 0; i < sizeof(connection->pin); i++) {
		const int high = digitOf(text[0]), low = high < 0 ? -1 : digitOf(text[1]);

		if (low < 0)
			break;
		connection->pin[i] = (uint8_t)(high << 4 | low);
		text += 2;
		if (':' == *text && i + 1 < sizeof(connection->pin))
			text++;
	}
	if (i < sizeof(connection->pin) || *text)
		return "tls.fingerprint: needs the 64 hexadecimal digits of a SHA-256";
	connection->isPinned = true;
	return NULL;
}

static const char *readOwn(TlsConnection connection, const char *certificate, const char *key)
{
	int result;

	if (!certificate || !key)
		return NULL;
	result = mbedtls_x509_crt_parse(&connection->certificate, (const unsigned char *)certificate,
		pemLength(certificate));
	if (tlsIsOfMemory(result))
		return kNoMemory;
	if (result)
		return "tls.certificate: is no certificate";
	result = mbedtls_pk_parse_key(&connection->key, (const unsigned char *)key, pemLength(key), NULL, 0);
	if (tlsIsOfMemory(result))
		return kNoMemory;
	if (result)
		return "tls.key: is no private key without a password";
	result = mbedtls_pk_check_pair(&connection->certificate.pk, &connection->key);
	if (tlsIsOfMemory(result))
		return kNoMemory;
	if (result)
		return "tls.key: does not belong to tls.certificate";
	if (mbedtls_ssl_conf_own_cert(&connection->config, &connection->certificate, &connection->key))
		return kNoMemory;
	return NULL;
}

typedef struct {
	const void	*bytes;
	size_t		length;
} Part;

/* The parts' SHA-256; returns whether there was memory for it. */
static bool hashOf(const Part *parts, size_t count, uint8_t whole[TRUST_FINGERPRINT_BYTES])
{
	mbedtls_md_context_t hash;
	size_t i;
	int result;

	mbedtls_md_init(&hash);
	result = mbedtls_md_setup(&hash, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0);
	if (!result)
		result = mbedtls_md_starts(&hash);
	for (i = 0; !result && i < count; i++)
		result = mbedtls_md_update(&hash, parts[i].bytes, parts[i].length);
	if (!result)
		result = mbedtls_md_finish(&hash, whole);
	mbedtls_md_free(&hash);
	return !result;
}

/* The beginning of it. */
static bool sumUp(const Part *parts, size_t count, uint8_t sum[SUM_BYTES])
{
	uint8_t whole[TRUST_FINGERPRINT_BYTES];

	if (!hashOf(parts, count, whole))
		return false;
	memcpy(sum, whole, SUM_BYTES);
	return true;
}

/* With its zero: no two lists of texts are the same bytes. */
static Part partOf(const char *text)
{
	return (Part){text ? text : "", text ? strlen(text) + 1 : 1};
}

/* Of the settings that a saved session depends on. */
static const char *sumSettings(TlsConnection connection, const TlsSettings *settings)
{
	const Part parts[] = {partOf(settings->host), partOf(settings->ca), partOf(settings->certificate),
		partOf(settings->key), partOf(settings->fingerprint), partOf(settings->alpn)};

	return sumUp(parts, sizeof(parts) / sizeof(*parts), connection->settings) ? NULL : kNoMemory;
}

/*
 * Of all that is saved, too: a changed session could be one that the broker takes
 * and that fails, again and again, in place of a new one.
 */
static bool sumSaved(TlsConnection connection, const SavedHeader *header, const uint8_t *session, size_t length,
	uint8_t sum[SUM_BYTES])
{
	const Part parts[] = {
		{connection->settings, SUM_BYTES},
		{&header->validTo, sizeof(header->validTo)},
		{&header->ticketTime, sizeof(header->ticketTime)},
		{session, length}};

	return sumUp(parts, sizeof(parts) / sizeof(*parts), sum);
}

/* Seconds since the ticket came; none where no clock says it. */
static int64_t ticketAge(TlsConnection connection, const SavedHeader *header)
{
	if (TLS_TIME_UNKNOWN == connection->time || TLS_TIME_UNKNOWN == header->ticketTime ||
		connection->time < header->ticketTime)
		return 0;
	return connection->time - header->ticketTime;
}

static void resume(TlsConnection connection, const uint8_t *saved, size_t length)
{
	mbedtls_ssl_session session;
	SavedHeader header;
	uint8_t sum[SUM_BYTES];

	if (!saved || length <= sizeof(header))
		return;
	memcpy(&header, saved, sizeof(header));
	saved += sizeof(header);
	length -= sizeof(header);
	if (!sumSaved(connection, &header, saved, length, sum) || memcmp(header.sum, sum, SUM_BYTES))
		return;
	if (TLS_TIME_UNKNOWN != connection->time && connection->time > header.validTo)
		return;
	mbedtls_ssl_session_init(&session);
	if (0 == mbedtls_ssl_session_load(&session, saved, length)) {
		tlsSetTicketClock(&session, connection->clock - ticketAge(connection, &header) * 1000);
		if (0 == mbedtls_ssl_set_session(&connection->ssl, &session)) {
			connection->isResuming = true;
			connection->validTo = header.validTo;
		}
	}
	mbedtls_ssl_session_free(&session);
}

static const char *setUpRandom(TlsConnection connection)
{
#if TLS_MBEDTLS_4
	(void)connection;
	return psa_crypto_init() ? kNoMemory : NULL;
#else
	if (mbedtls_ctr_drbg_seed(&connection->random, mbedtls_entropy_func, &connection->entropy, NULL, 0))
		return "TLS: no random numbers";
	mbedtls_ssl_conf_rng(&connection->config, mbedtls_ctr_drbg_random, &connection->random);
	return NULL;
#endif
}

static const char *setUp(TlsConnection connection, const TlsSettings *settings)
{
	mbedtls_ssl_config *config = &connection->config;
	const char *problem = setUpRandom(connection);
	uint8_t address[16];

	if (problem)
		return problem;
	if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
		MBEDTLS_SSL_PRESET_DEFAULT))
		return kNoMemory;
	problem = readFingerprint(connection, settings->fingerprint);
	if (!problem)
		problem = readAuthorities(connection, settings->ca);
	if (!problem)
		problem = readOwn(connection, settings->certificate, settings->key);
	if (!problem)
		problem = sumSettings(connection, settings);
	if (problem)
		return problem;
	tlsSetVersions(config);
	mbedtls_ssl_conf_ciphersuites(config, kCipherSuites);
	/* Not by the library: it checks as many signatures as the broker likes. See checkCertificates. */
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
#if defined(MBEDTLS_SSL_RENEGOTIATION)
	mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
	if (connection->alpn) {
		connection->protocols[0] = connection->alpn;
		if (mbedtls_ssl_conf_alpn_protocols(config, connection->protocols))
			return "tls.alpn: needs 1 to 255 bytes";
	}
	mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#if defined(MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED)
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(config,
		MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
	if (mbedtls_ssl_setup(&connection->ssl, config))
		return kNoMemory;
	/* Server name indication takes no addresses (RFC 6066, section 3). */
	if (mbedtls_ssl_set_hostname(&connection->ssl, trustAddress(connection->host, address) > 0 ? NULL : connection->host))
		return kNoMemory;
	mbedtls_ssl_set_bio(&connection->ssl, connection, send, receive, NULL);
	resume(connection, settings->saved, settings->savedLength);
	return NULL;
}

TlsConnection tlsOpen(const TlsSettings *settings, const char **problem)
{
	TlsConnection connection = calloc(1, sizeof(TlsConnectionRecord));
	const size_t length = strlen(settings->host);

	*problem = kNoMemory;
	if (!connection)
		return NULL;
	mbedtls_ssl_init(&connection->ssl);
	mbedtls_ssl_config_init(&connection->config);
	mbedtls_x509_crt_init(&connection->authorities);
	mbedtls_x509_crt_init(&connection->certificate);
	mbedtls_pk_init(&connection->key);
#if !TLS_MBEDTLS_4
	mbedtls_entropy_init(&connection->entropy);
	mbedtls_ctr_drbg_init(&connection->random);
#endif
	connection->time = settings->time;
	connection->clock = tlsClock();
	connection->host = strdup(settings->host);
	/* The zone of an IPv6 address is in no certificate. */
	if (connection->host)
		connection->host[strcspn(connection->host, "%")] = 0;
	/* Nor is the dot of the root, which is not in the server's name, either (RFC 6066, section 3). */
	if (connection->host && length > 1 && '.' == connection->host[length - 1])
		connection->host[length - 1] = 0;
	connection->alpn = settings->alpn ? strdup(settings->alpn) : NULL;
	if (connection->host && !connection->alpn == !settings->alpn)
		*problem = setUp(connection, settings);
	if (!*problem)
		return connection;
	tlsFree(connection);
	return NULL;
}

/* What only a handshake needs: its authorities, and a private key. */
static void freeSettings(TlsConnection connection)
{
	mbedtls_x509_crt_free(&connection->authorities);
	mbedtls_x509_crt_free(&connection->certificate);
	mbedtls_pk_free(&connection->key);
}

void tlsFree(TlsConnection connection)
{
	if (!connection)
		return;
	mbedtls_ssl_free(&connection->ssl);
	mbedtls_ssl_config_free(&connection->config);
	freeSettings(connection);
#if !TLS_MBEDTLS_4
	mbedtls_ctr_drbg_free(&connection->random);
	mbedtls_entropy_free(&connection->entropy);
#endif
	free(connection->host);
	free(connection->alpn);
	free(connection->output);
	free(connection);
}

/* The handshake */

static Trust checkFingerprint(TlsConnection connection, const mbedtls_x509_crt *chain)
{
	uint8_t fingerprint[TRUST_FINGERPRINT_BYTES];

	if (!chain || !chain->raw.p)
		return kTrustNoCertificate;
	if (!hashOf(&(Part){chain->raw.p, chain->raw.len}, 1, fingerprint))
		return kTrustNoMemory;
	return trustPinned(chain, fingerprint, connection->pin, &connection->validTo);
}

static void checkCertificates(TlsConnection connection)
{
	const mbedtls_x509_crt *chain = tlsPeerCertificates(&connection->ssl);
	const Trust trust = connection->isPinned
		? checkFingerprint(connection, chain)
		: trustCheck(chain, &connection->authorities, connection->host, connection->time, &connection->validTo);

	if (kTrusted == trust) {
		connection->isProved = true;
		return;
	}
	mbedtls_ssl_send_alert_message(&connection->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, trustAlert(trust));
	fail(connection, "%s", trustReason(trust));
}

static void handshakeIsOver(TlsConnection connection)
{
	/* The certificates of a session that is resumed were checked when it was new. */
	if (!connection->isProved && !connection->isResuming) {
		mbedtls_ssl_send_alert_message(&connection->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
			trustAlert(kTrustNoCertificate));
		return fail(connection, "%s", trustReason(kTrustNoCertificate));
	}
	connection->state = kTlsOpen;
	/* In TLS 1.3 it takes a ticket, which comes later. */
	connection->hasNewSession = !tlsIsVersion13(&connection->ssl);
	freeSettings(connection);
}

void tlsHandshake(TlsConnection connection)
{
	while (kTlsHandshake == connection->state) {
		const int stage = tlsHandshakeStage(&connection->ssl);
		const bool isUsedUp = tlsWanted(connection) > 0;
		int result;

		if (MBEDTLS_SSL_HANDSHAKE_OVER == stage)
			return handshakeIsOver(connection);
		result = mbedtls_ssl_handshake_step(&connection->ssl);
		if (MBEDTLS_ERR_SSL_WANT_READ == result) {
			if (isUsedUp)
				return;
			continue;
		}
		if (stage > MBEDTLS_SSL_SERVER_HELLO)
			connection->heardAnything = true;
		if (result)
			return failByResult(connection, result);
		if (MBEDTLS_SSL_SERVER_CERTIFICATE == stage && stage != tlsHandshakeStage(&connection->ssl))
			checkCertificates(connection);
	}
}

void tlsEnded(TlsConnection connection)
{
	if (kTlsHandshake == connection->state)
		fail(connection, "closed by the broker during the TLS handshake");
}

TlsState tlsState(TlsConnection connection)
{
	return connection->state;
}

const char *tlsReason(TlsConnection connection)
{
	return connection->reason;
}

/* The program's bytes */

size_t tlsReadable(TlsConnection connection)
{
	while (kTlsOpen == connection->state) {
		const bool isUsedUp = tlsWanted(connection) > 0;
		size_t available = mbedtls_ssl_get_bytes_avail(&connection->ssl);
		int result;

		if (available > 0)
			return available;
		/* A read of no bytes decrypts a record. */
		result = mbedtls_ssl_read(&connection->ssl, NULL, 0);
		available = mbedtls_ssl_get_bytes_avail(&connection->ssl);
		if (available > 0)
			return available;
#if defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
		if (MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET == result)
			connection->hasNewSession = true;
		else
#endif
		if (result < 0 && MBEDTLS_ERR_SSL_WANT_READ != result)
			failByResult(connection, result);
		/* Mbed TLS also wants to be called again when it has only understood that a ticket comes. */
		if (isUsedUp && MBEDTLS_ERR_SSL_WANT_READ == result)
			return 0;
	}
	return 0;
}

size_t tlsRead(TlsConnection connection, void *bytes, size_t length)
{
	const size_t readable = tlsReadable(connection);
	int result;

	if (0 == readable || 0 == length)
		return 0;
	result = mbedtls_ssl_read(&connection->ssl, bytes, length < readable ? length : readable);
	return result > 0 ? (size_t)result : 0;
}

size_t tlsWrite(TlsConnection connection, const void *bytes, size_t length)
{
	/* A record that `send` does not take cannot be taken back, and would end the connection. */
	const size_t taken = tlsWaiting(connection) + TLS_RECORD_OVERHEAD;
	const size_t room = taken < OUTPUT_MAXIMUM ? OUTPUT_MAXIMUM - taken : 0;
	int result;

	if (kTlsOpen != connection->state || 0 == length || 0 == room)
		return 0;
	result = mbedtls_ssl_write(&connection->ssl, bytes, length < room ? length : room);
	if (result > 0)
		return (size_t)result;
	failByResult(connection, result);
	return 0;
}

void tlsClose(TlsConnection connection)
{
	if (kTlsOpen == connection->state)
		mbedtls_ssl_close_notify(&connection->ssl);
}

bool tlsHasNewSession(TlsConnection connection)
{
	return connection->hasNewSession;
}

size_t tlsSave(TlsConnection connection, void *bytes, size_t length)
{
	mbedtls_ssl_session session;
	SavedHeader header = {.validTo = connection->validTo, .ticketTime = connection->time};
	size_t count = 0;
	uint8_t *at = bytes;

	if (!connection->hasNewSession || length < sizeof(header))
		return 0;
	connection->hasNewSession = false;
	mbedtls_ssl_session_init(&session);
	if (mbedtls_ssl_get_session(&connection->ssl, &session) ||
		mbedtls_ssl_session_save(&session, at + sizeof(header), length - sizeof(header), &count))
		count = 0;
	if (TLS_TIME_UNKNOWN != connection->time && tlsIsVersion13(&connection->ssl))
		header.ticketTime += (tlsTicketClock(&session) - connection->clock) / 1000;
	if (count > 0 && !sumSaved(connection, &header, at + sizeof(header), count, header.sum))
		count = 0;
	mbedtls_ssl_session_free(&session);
	memcpy(at, &header, sizeof(header));
	return count > 0 ? sizeof(header) + count : 0;
}
