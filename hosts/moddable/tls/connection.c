#include "connection.h"
#include "trust.h"
#include "mbedtls-versions.h"

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

/* What is saved begins with these: who it is for, and until when the certificates of both are valid. */
typedef struct {
	uint8_t	settings[16];
	int64_t	validTo;
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
	int64_t				time;
	TlsState			state;
	/* The broker has proved who it is: in this connection, or in the one that this one resumes. */
	bool				isProved;
	bool				isResuming;
	bool				hasNewSession;
	bool				heardAnything;
	SavedHeader			header;

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
static const char kNotAccepted[] = "the broker does not accept the client certificate";

/* Reasons */

static void fail(TlsConnection connection, const char *reason)
{
	connection->state = kTlsFailed;
	snprintf(connection->reason, sizeof(connection->reason), "%s", reason);
}

/* An alert of the broker (RFC 8446, section 6.2; RFC 6066, section 9). */
static void failByAlert(TlsConnection connection, int alert)
{
	char text[sizeof(connection->reason)];

	switch (alert) {
		case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE:
			return fail(connection,
				"the broker refuses the TLS handshake; it may want a client certificate (tls.certificate)");
		case MBEDTLS_SSL_ALERT_MSG_BAD_CERT:
		case MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT:
		case MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN:
		case MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED:
		case MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR:
			return fail(connection, kNotAccepted);
		case MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED:
			snprintf(text, sizeof(text), "%s: it has been revoked", kNotAccepted);
			return fail(connection, text);
		case MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED:
			snprintf(text, sizeof(text), "%s: it has expired", kNotAccepted);
			return fail(connection, text);
		case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA:
			snprintf(text, sizeof(text), "%s: it does not know who issued it", kNotAccepted);
			return fail(connection, text);
		case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION:
			return fail(connection, "the broker speaks no version of TLS that is spoken here");
		case MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME:
			return fail(connection, "the broker does not know itself by this host name");
		case 116:	/* certificate_required */
			return fail(connection, "the broker wants a client certificate (tls.certificate)");
		default:
			snprintf(text, sizeof(text), "the broker ended TLS: alert %d", alert);
			fail(connection, text);
	}
}

/* Whether the code, or the code of the lower level that it includes, is one of X.509's or ASN.1's. */
static bool isOfCertificate(int result)
{
	const int high = -result & 0xff80;

	return high >= 0x2080 && high <= 0x2a00;
}

static void failByResult(TlsConnection connection, int result)
{
	char text[sizeof(connection->reason)];

	switch (result) {
		case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
			return failByAlert(connection, tlsReceivedAlert(&connection->ssl));
		case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
			connection->state = kTlsClosed;
			snprintf(connection->reason, sizeof(connection->reason), "by the broker");
			return;
		case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
			return fail(connection, "the broker speaks no version of TLS that is spoken here");
		case MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE:
			return fail(connection, trustReason(kTrustUnknownRestriction));
	}
	if (tlsIsOfMemory(result))
		return fail(connection, kNoMemory);
	if (isOfCertificate(result))
		snprintf(text, sizeof(text), "certificate: cannot be read here (-0x%04x)", (unsigned)-result);
	else if (!connection->heardAnything)
		snprintf(text, sizeof(text), "the broker does not speak TLS on this port");
	else
		snprintf(text, sizeof(text), "TLS failed (-0x%04x)", (unsigned)-result);
	fail(connection, text);
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
		return "tls.ca: a board knows no authorities of its own";
	result = mbedtls_x509_crt_parse(&connection->authorities, (const unsigned char *)ca, pemLength(ca));
	if (tlsIsOfMemory(result))
		return kNoMemory;
	if (result > 0)
		return "tls.ca: holds a certificate that cannot be read here";
	if (result < 0)
		return "tls.ca: holds no certificate";
	for (certificate = &connection->authorities; certificate; certificate = certificate->next)
		count++;
	return count > AUTHORITIES_MAXIMUM ? "tls.ca: holds more than 16 certificates" : NULL;
}

#if !TLS_MBEDTLS_4
	#define RANDOM(connection) mbedtls_ctr_drbg_random, &connection->random
#endif

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
#if TLS_MBEDTLS_4 || TLS_MBEDTLS_2
	result = mbedtls_pk_parse_key(&connection->key, (const unsigned char *)key, pemLength(key), NULL, 0);
#else
	result = mbedtls_pk_parse_key(&connection->key, (const unsigned char *)key, pemLength(key), NULL, 0,
		RANDOM(connection));
#endif
	if (tlsIsOfMemory(result))
		return kNoMemory;
	if (result)
		return "tls.key: is no private key without a password";
#if TLS_MBEDTLS_4 || TLS_MBEDTLS_2
	result = mbedtls_pk_check_pair(&connection->certificate.pk, &connection->key);
#else
	result = mbedtls_pk_check_pair(&connection->certificate.pk, &connection->key, RANDOM(connection));
#endif
	if (tlsIsOfMemory(result))
		return kNoMemory;
	if (result)
		return "tls.key: does not belong to tls.certificate";
	if (mbedtls_ssl_conf_own_cert(&connection->config, &connection->certificate, &connection->key))
		return kNoMemory;
	return NULL;
}

/* A sum of the settings that a saved session depends on. */
static const char *sumSettings(const TlsSettings *settings, uint8_t sum[16])
{
	const char *texts[] = {settings->host, settings->ca, settings->certificate, settings->key};
	mbedtls_md_context_t hash;
	uint8_t whole[32];
	size_t i;
	int result;

	mbedtls_md_init(&hash);
	result = mbedtls_md_setup(&hash, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0);
	if (!result)
		result = mbedtls_md_starts(&hash);
	/* Each with its zero: no two lists of texts are the same bytes. */
	for (i = 0; !result && i < sizeof(texts) / sizeof(*texts); i++)
		result = mbedtls_md_update(&hash, (const unsigned char *)(texts[i] ? texts[i] : ""),
			texts[i] ? strlen(texts[i]) + 1 : 1);
	if (!result)
		result = mbedtls_md_finish(&hash, whole);
	mbedtls_md_free(&hash);
	if (result)
		return kNoMemory;
	memcpy(sum, whole, 16);
	return NULL;
}

static void resume(TlsConnection connection, const uint8_t *saved, size_t length)
{
	mbedtls_ssl_session session;
	SavedHeader header;

	if (!saved || length <= sizeof(header))
		return;
	memcpy(&header, saved, sizeof(header));
	if (memcmp(header.settings, connection->header.settings, sizeof(header.settings)))
		return;
	if (TLS_TIME_UNKNOWN != connection->time && connection->time > header.validTo)
		return;
	mbedtls_ssl_session_init(&session);
	if (0 == mbedtls_ssl_session_load(&session, saved + sizeof(header), length - sizeof(header)) &&
		0 == mbedtls_ssl_set_session(&connection->ssl, &session)) {
		connection->isResuming = true;
		connection->header.validTo = header.validTo;
	}
	mbedtls_ssl_session_free(&session);
}

static const char *setUpRandom(TlsConnection connection)
{
#if TLS_MBEDTLS_4
	return psa_crypto_init() ? kNoMemory : NULL;
#else
	if (mbedtls_ctr_drbg_seed(&connection->random, mbedtls_entropy_func, &connection->entropy, NULL, 0))
		return "TLS: no random numbers";
	mbedtls_ssl_conf_rng(&connection->config, RANDOM(connection));
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
	problem = readAuthorities(connection, settings->ca);
	if (!problem)
		problem = readOwn(connection, settings->certificate, settings->key);
	if (!problem)
		problem = sumSettings(settings, connection->header.settings);
	if (problem)
		return problem;
	tlsSetVersions(config);
	mbedtls_ssl_conf_ciphersuites(config, kCipherSuites);
	/* Not by the library: it checks as many signatures as the broker likes. See checkCertificates. */
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
#if defined(MBEDTLS_SSL_RENEGOTIATION)
	mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
	mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) && TLS_MBEDTLS_4
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(config,
		MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
	if (mbedtls_ssl_setup(&connection->ssl, config))
		return kNoMemory;
	/* Server name indication takes no addresses (RFC 6066, section 3). */
	if (mbedtls_ssl_set_hostname(&connection->ssl, trustAddress(settings->host, address) > 0 ? NULL : settings->host))
		return kNoMemory;
	mbedtls_ssl_set_bio(&connection->ssl, connection, send, receive, NULL);
	resume(connection, settings->saved, settings->savedLength);
	return NULL;
}

TlsConnection tlsOpen(const TlsSettings *settings, const char **problem)
{
	TlsConnection connection = calloc(1, sizeof(TlsConnectionRecord));

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
	connection->host = strdup(settings->host);
	if (connection->host)
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
	free(connection->output);
	free(connection);
}

/* The handshake */

static void checkCertificates(TlsConnection connection)
{
	const Trust trust = trustCheck(tlsPeerCertificates(&connection->ssl), &connection->authorities, connection->host,
		connection->time, &connection->header.validTo);

	if (kTrusted == trust) {
		connection->isProved = true;
		return;
	}
	mbedtls_ssl_send_alert_message(&connection->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, trustAlert(trust));
	fail(connection, trustReason(trust));
}

static void handshakeIsOver(TlsConnection connection)
{
	/* The certificates of a session that is resumed were checked when it was new. */
	if (!connection->isProved && !connection->isResuming) {
		mbedtls_ssl_send_alert_message(&connection->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
			trustAlert(kTrustNoCertificate));
		return fail(connection, trustReason(kTrustNoCertificate));
	}
	connection->state = kTlsOpen;
	connection->hasNewSession = true;
	freeSettings(connection);
}

void tlsHandshake(TlsConnection connection)
{
	while (kTlsHandshake == connection->state) {
		const int stage = tlsHandshakeStage(&connection->ssl);
		int result;

		if (MBEDTLS_SSL_HANDSHAKE_OVER == stage)
			return handshakeIsOver(connection);
		result = mbedtls_ssl_handshake_step(&connection->ssl);
		if (MBEDTLS_ERR_SSL_WANT_READ == result)
			return;
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
		/* A record of no bytes, or a ticket: the next one, if there is something of it. */
		if (isUsedUp || MBEDTLS_ERR_SSL_WANT_READ == result)
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

size_t tlsSave(TlsConnection connection, void *bytes, size_t length)
{
	mbedtls_ssl_session session;
	size_t count = 0;
	uint8_t *at = bytes;

	if (!connection->hasNewSession || length < sizeof(SavedHeader))
		return 0;
	connection->hasNewSession = false;
	mbedtls_ssl_session_init(&session);
	memcpy(at, &connection->header, sizeof(SavedHeader));
	if (mbedtls_ssl_get_session(&connection->ssl, &session) ||
		mbedtls_ssl_session_save(&session, at + sizeof(SavedHeader), length - sizeof(SavedHeader), &count))
		count = 0;
	mbedtls_ssl_session_free(&session);
	return count > 0 ? sizeof(SavedHeader) + count : 0;
}
