#include "dialogue.h"
#include "hooks.h"
#include "identities.h"
#include "server.h"

#include "../../hosts/moddable/tls/connection.h"
#include "../../hosts/moddable/tls/trust.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <mbedtls/sha256.h>

/* What connection.c takes for bytes that wait. */
#define WAITING_MAXIMUM (20 * 1024)
#define WANTED (1500)
/* The sum of the settings and a time, in front of a saved session. */
#define SAVED_HEADER (32)
#define ROOM_MAXIMUM (20000)
/*
 * Of the client's heap: the two buffers of Mbed TLS are 33 KB, and 20 KB that wait are
 * there twice while they grow. What a broker makes of it with certificates is bounded by
 * the message only: 7,500 names of 2 bytes each are 300 KB in RAM (der-amplified.txt).
 * Debian's gatherer of entropy is not the board's.
 */
#define HEAP_MAXIMUM (88 * 1000 + sizeof(mbedtls_entropy_context))
#define HOSTILE_HEAP_MAXIMUM (700 * 1000)

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

_Noreturn void dialogueViolated(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	onViolation(text);
}

typedef struct {
	Tally				*tally;
	/* Nothing is changed or disturbed: all has to arrive. */
	bool				isClean;
	/* The certificates that the server sends may be good ones that are not its own. */
	bool				isResigned;
	bool				hasHostileCertificates;
	ServerSettings		server;

	char				host[300], ca[264], identity[264], clock[16];
	size_t				piece, reading;
	uint64_t			failAt;
	bool				failsOn;

	uint8_t				saved[TLS_SAVED_MAXIMUM];
	size_t				savedLength;
	bool				isSavedChanged;

	TlsConnection		client;
	TlsState			state;
	const char			*problem;
	bool				isResuming;
	/* Of the last connection, when it is gone. */
	char				reason[112];
	bool				wasOpen;
	uint64_t			read, written;
	/* Records that were not ours are on the wire. */
	bool				isDisturbed;
} Dialogue;

/* Settings */

/* The day of NOON, years before and years after. */
static int64_t timeOf(const char *clock)
{
	if (0 == strcmp(clock, "unknown"))
		return TLS_TIME_UNKNOWN;
	return NOON + (0 == strcmp(clock, "before") ? -3LL * YEAR : 0 == strcmp(clock, "after") ? 3LL * YEAR : 0);
}

static char *textOf(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	return copy;
}

/* The certificate that alone is trusted, by a `ca` such as `pin:leaf`; NULL where authorities are. */
static const char *pinOf(const char *word)
{
	return 0 == strncmp(word, "pin:", 4) ? word + 4 : NULL;
}

/* As OpenSSL shows it, or what is no fingerprint. */
static char *fingerprintOf(const char *word)
{
	const Certificate *certificate;
	uint8_t sum[32];
	char *text;
	size_t i;

	if (!word)
		return NULL;
	certificate = certificateOf(word);
	if (!certificate)
		return textOf(word);
	text = calloc(1, 3 * sizeof(sum) + 1);
	if (!text || mbedtls_sha256_ret(certificate->der, certificate->length, sum, 0))
		abort();
	for (i = 0; i < sizeof(sum); i++)
		sprintf(text + 3 * i, "%02X%s", sum[i], i + 1 < sizeof(sum) ? ":" : "");
	return text;
}

static char *authoritiesOf(const char *word)
{
	size_t i;
	char *pem, *all;

	if (0 == strcmp(word, "-") || pinOf(word))
		return NULL;
	if (0 == strcmp(word, "garbage"))
		return textOf("-----BEGIN CERTIFICATE-----\nMIIBfTCCASOgAwIBAgIU\n-----END CERTIFICATE-----\n");
	if (0 == strcmp(word, "empty"))
		return textOf("");
	if (strcmp(word, "mixed") && strcmp(word, "many"))
		return pemOf(word);
	/* One that cannot be read among others; 17. */
	pem = pemOf("root");
	all = calloc(18, strlen(pem));
	if (!all)
		abort();
	for (i = 0; i < 17; i++)
		strcat(all, pem);
	free(pem);
	if (0 == strcmp(word, "mixed"))
		memset(strchr(all, '\n') + 20, 'A', 40);
	return all;
}

/* A certificate and its key; `mismatch`, `no-certificate` and `no-key` are faults. */
static void identityPem(const char *word, char **certificate, char **key)
{
	*certificate = *key = NULL;
	if (0 == strcmp(word, "-"))
		return;
	if (0 == strcmp(word, "mismatch") || 0 == strcmp(word, "no-certificate") || 0 == strcmp(word, "no-key")) {
		*certificate = 0 == strcmp(word, "no-certificate") ? textOf("no PEM") : pemOf("client");
		*key = 0 == strcmp(word, "no-key") ? textOf("no PEM") : keyPemOf("root");
	} else {
		*certificate = pemOf(word);
		*key = keyPemOf(word);
	}
}

/* What has to hold */

static bool contains(const char *list, const char *name)
{
	const size_t length = strlen(name);
	const char *at;

	for (at = strstr(list, name); at; at = strstr(at + 1, name))
		if ((at == list || ',' == at[-1]) && (0 == at[length] || ',' == at[length]))
			return true;
	return false;
}

static bool is(const Dialogue *dialogue, const char *identity)
{
	return 0 == strcmp(dialogue->server.identity->name, identity);
}

static bool isForHost(const Dialogue *dialogue)
{
	if (is(dialogue, "other"))
		return 0 == strcmp(dialogue->host, "other.test");
	/* The dot at the end is the root's. */
	if (0 == strcasecmp(dialogue->host, HOST) || 0 == strcmp(dialogue->host, HOST "."))
		return true;
	return is(dialogue, "direct") &&
		(0 == strcasecmp(dialogue->host, "roof.casa.test") || 0 == strcmp(dialogue->host, "192.0.2.7"));
}

/* Whether this client has one of the server's issuers, or the server itself, among its authorities. */
static bool trusts(const Dialogue *dialogue)
{
	const Identity *identity = dialogue->server.identity;
	const char *names = identity->chain, *trustedBy = identity->trustedBy;
	char name[32];
	int used;

	if (is(dialogue, "evil") || is(dialogue, "behind"))
		trustedBy = "evilroot";
	else if (is(dialogue, "loop"))
		trustedBy = "here";
	else if (is(dialogue, "many"))
		trustedBy = dialogue->hasHostileCertificates ? "root" : "twin";
	/* What they lack, or have too much of, are certificates that a plan may give or take. */
	else if (dialogue->hasHostileCertificates && is(dialogue, "gap"))
		trustedBy = "root";
	else if (is(dialogue, "expired") || is(dialogue, "future") || is(dialogue, "other"))
		trustedBy = "root";
	if (!trustedBy)
		return false;
	if (contains(dialogue->ca, trustedBy) || (0 == strcmp("root", trustedBy) && 0 == strcmp(dialogue->ca, "many")))
		return true;
	for (; identity->trustedBy && 1 == sscanf(names, "%31[^,]%n", name, &used); names += used + (',' == names[used]))
		if (contains(dialogue->ca, name))
			return true;
	return false;
}

/* Whether the server has the certificate that alone is trusted, and its key. */
static bool hasPinned(const Dialogue *dialogue)
{
	const Identity *identity = dialogue->server.identity;
	const char *pin = pinOf(dialogue->ca);
	const size_t length = strlen(pin);

	/* Mbed TLS does not read what it does not understand. */
	if (is(dialogue, "critical") || is(dialogue, "policy"))
		return false;
	return !identity->key && 0 == strncmp(identity->chain, pin, length) &&
		(0 == identity->chain[length] || ',' == identity->chain[length]);
}

/* Whether this server is one that this client may trust, whatever it sends. */
static bool mayOpen(const Dialogue *dialogue)
{
	const bool isOutdated = is(dialogue, "expired") || is(dialogue, "future");

	if (dialogue->isResigned)
		return true;
	if (pinOf(dialogue->ca))
		return hasPinned(dialogue);
	if (!isForHost(dialogue) || !trusts(dialogue))
		return false;
	if (0 == strcmp(dialogue->clock, "unknown"))
		return true;
	if (isOutdated)
		return false;
	if (0 == strcmp(dialogue->clock, "before"))
		return dialogue->isResuming;
	return strcmp(dialogue->clock, "after") || (dialogue->isResuming && dialogue->isSavedChanged);
}

/* All that the client may say, besides numbers. */
static void checkReason(const char *reason)
{
	static const char *const kReasons[] = {
		"not enough memory for TLS",
		"the broker does not accept the client certificate",
		"the broker does not accept the client certificate: it has been revoked",
		"the broker does not accept the client certificate: it has expired",
		"the broker does not accept the client certificate: it does not know who issued it",
		"the broker refuses the TLS handshake; it may want a client certificate (tls.certificate)",
		"the broker speaks no version of TLS that is spoken here",
		"the broker does not know itself by this host name",
		"the broker wants a client certificate (tls.certificate)",
		"the broker does not speak the protocol of tls.alpn",
		"the broker does not speak TLS on this port",
		"closed by the broker during the TLS handshake",
		"by the broker",
	};
	char name[32];
	unsigned number;
	int end = 0;
	size_t i;
	Trust trust;

	for (i = 0; i < LENGTH(kReasons); i++)
		if (0 == strcmp(kReasons[i], reason))
			return;
	for (trust = kTrustNoCertificate; trust <= kTrustNoMemory; trust++)
		if (0 == strcmp(trustReason(trust), reason))
			return;
	if (1 == sscanf(reason, "certificate: cannot be read here (-0x%4x)%n", &number, &end) && end && !reason[end])
		return;
	if (1 == sscanf(reason, "TLS failed (-0x%4x)%n", &number, &end) && end && !reason[end])
		return;
	if (1 == sscanf(reason, "the broker ended TLS: %31[a-z ]%n", name, &end) && end && !reason[end])
		return;
	if (1 == sscanf(reason, "the broker ended TLS: alert %3u%n", &number, &end) && end && !reason[end] && number < 256)
		return;
	dialogueViolated("a reason that is none: %s", reason);
}

static void checkMemory(const Dialogue *dialogue)
{
	const size_t maximum = dialogue->hasHostileCertificates ? HOSTILE_HEAP_MAXIMUM : HEAP_MAXIMUM;

	if (hooks.peak > maximum)
		dialogueViolated("%zu bytes of heap for a connection, instead of at most %zu", hooks.peak, maximum);
}

/* The leaf of the session has to be that of the server, of a server that may be trusted. */
static void checkSession(const Dialogue *dialogue, const uint8_t *saved, size_t length)
{
	const Certificate *leaf;
	mbedtls_x509_crt parsed;
	mbedtls_ssl_session session;
	char name[32];

	if (dialogue->isResigned || (dialogue->isResuming && dialogue->isSavedChanged))
		return;
	mbedtls_ssl_session_init(&session);
	mbedtls_x509_crt_init(&parsed);
	sscanf(dialogue->server.identity->chain, "%31[^,]", name);
	leaf = certificateOf(name);
	if (mbedtls_x509_crt_parse_der(&parsed, leaf->der, leaf->length))
		abort();
	if (length < SAVED_HEADER || mbedtls_ssl_session_load(&session, saved + SAVED_HEADER, length - SAVED_HEADER))
		dialogueViolated("a saved session that cannot be read");
	if (!session.peer_cert || session.peer_cert->tbs.len != parsed.tbs.len ||
		memcmp(session.peer_cert->tbs.p, parsed.tbs.p, parsed.tbs.len))
		dialogueViolated("open with another certificate than the server's");
	mbedtls_ssl_session_free(&session);
	mbedtls_x509_crt_free(&parsed);
}

static void check(Dialogue *dialogue)
{
	const TlsState before = dialogue->state;
	const TlsState state = tlsState(dialogue->client);
	const char *reason = tlsReason(dialogue->client);
	const size_t wanted = tlsWanted(dialogue->client);
	size_t i;

	dialogue->state = state;
	if (state != before && (before > kTlsOpen || kTlsHandshake == state))
		dialogueViolated("state %d after %d", state, before);
	for (i = 0; reason[i]; i++)
		if (reason[i] < ' ' || reason[i] > '~' || i > 94)
			dialogueViolated("a reason that cannot be printed, or is too long");
	if ((state <= kTlsOpen) != (0 == i))
		dialogueViolated("reason \"%s\" in state %d", reason, state);
	if (i > 0)
		checkReason(reason);
	if (tlsWaiting(dialogue->client) > WAITING_MAXIMUM)
		dialogueViolated("%zu bytes wait", tlsWaiting(dialogue->client));
	if (wanted != 0 && wanted != WANTED)
		dialogueViolated("%zu bytes are wanted", wanted);
	if (hooks.certificateChecks > TRUST_SIGNATURES_MAXIMUM ||
		hooks.certificateChecks + hooks.handshakeChecks > TRUST_SIGNATURES_MAXIMUM + 1)
		dialogueViolated("%u signatures of certificates were checked, and %u others", hooks.certificateChecks,
			hooks.handshakeChecks);
	checkMemory(dialogue);
	if (serverStatus.gotOther || serverStatus.got > dialogue->written)
		dialogueViolated("the server got what was not written");
	if (kTlsOpen == state && kTlsOpen != before) {
		if (!mayOpen(dialogue))
			dialogueViolated("open with a server that cannot be trusted");
		dialogue->wasOpen = true;
		dialogue->tally->opened++;
		dialogue->tally->resumed += 0 == hooks.handshakeChecks;
	}
}

/* Calls of the client, from buffers of exactly their length */

static uint8_t *copyOf(const void *bytes, size_t length)
{
	uint8_t *copy = malloc(length);

	if (!copy)
		abort();
	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

#define CLIENT(call) do { hooks.side = kClient; call; hooks.side = kNobody; check(dialogue); } while (0)

static void tallyEnd(Dialogue *dialogue)
{
	Tally *tally = dialogue->tally;
	size_t i;

	for (i = 0; i < tally->reasonCount && strcmp(tally->reasons[i].text, dialogue->reason); i++)
		;
	if (REASONS_MAXIMUM == i)
		return;
	if (i == tally->reasonCount) {
		strcpy(tally->reasons[i].text, dialogue->reason);
		tally->reasonCount++;
	}
	tally->reasons[i].count++;
}

static void save(Dialogue *dialogue, size_t room)
{
	uint8_t *bytes = malloc(room);
	size_t length = 0;

	if (!bytes)
		abort();
	CLIENT(length = tlsSave(dialogue->client, bytes, room));
	if (length > room)
		dialogueViolated("%zu saved bytes where there is room for %zu", length, room);
	if (length > 0) {
		if (!dialogue->wasOpen)
			dialogueViolated("a session of a connection that was never open");
		checkSession(dialogue, bytes, length);
		dialogue->tally->saved++;
		if (length <= sizeof(dialogue->saved)) {
			memcpy(dialogue->saved, bytes, length);
			dialogue->savedLength = length;
			dialogue->isSavedChanged = dialogue->isSavedChanged && dialogue->isResuming;
		}
	}
	free(bytes);
}

static void freeClient(Dialogue *dialogue)
{
	Tally *tally = dialogue->tally;

	if (dialogue->client) {
		/* What it would save has to be in order, too. */
		if (dialogue->state > kTlsHandshake && !hooks.failAt)
			save(dialogue, TLS_SAVED_MAXIMUM);
		snprintf(dialogue->reason, sizeof(dialogue->reason), "%s", tlsReason(dialogue->client));
		tally->closed += kTlsClosed == dialogue->state;
		hooks.side = kClient;
		tlsFree(dialogue->client);
		hooks.side = kNobody;
		tallyEnd(dialogue);
	}
	dialogue->client = NULL;
	if (hooks.live > 0)
		dialogueViolated("%zu bytes are not freed", hooks.live);
	if (hooks.peak > tally->peak)
		tally->peak = hooks.peak;
	if (hooks.certificateChecks > tally->certificateChecks)
		tally->certificateChecks = hooks.certificateChecks;
	if (hooks.certificateChecks + hooks.handshakeChecks > tally->checks)
		tally->checks = hooks.certificateChecks + hooks.handshakeChecks;
}

static void openClient(Dialogue *dialogue, bool isResuming, const Step *rules, size_t count)
{
	TlsSettings settings = {.time = timeOf(dialogue->clock)};
	char *host = textOf(dialogue->host), *ca = authoritiesOf(dialogue->ca), *certificate, *key;
	char *fingerprint = fingerprintOf(pinOf(dialogue->ca));
	uint8_t *saved;

	/* It may save something. */
	freeClient(dialogue);
	saved = copyOf(dialogue->saved, dialogue->savedLength);
	identityPem(dialogue->identity, &certificate, &key);
	serverConnect(rules, count);
	settings.host = host;
	settings.ca = ca;
	settings.certificate = certificate;
	settings.key = key;
	settings.fingerprint = fingerprint;
	dialogue->isResuming = isResuming && dialogue->savedLength > 0;
	if (isResuming) {
		settings.saved = saved;
		settings.savedLength = dialogue->savedLength;
	}
	dialogue->state = kTlsHandshake;
	dialogue->read = dialogue->written = 0;
	dialogue->isDisturbed = dialogue->wasOpen = false;
	hooks.allocations = 0;
	hooks.failAt = dialogue->failAt;
	hooks.failsOn = dialogue->failsOn;
	hooks.peak = hooks.live;
	hooks.certificateChecks = hooks.handshakeChecks = 0;
	dialogue->tally->connections++;
	hooks.side = kClient;
	dialogue->client = tlsOpen(&settings, &dialogue->problem);
	hooks.side = kNobody;
	free(host);
	free(ca);
	free(certificate);
	free(key);
	free(fingerprint);
	free(saved);
	if (dialogue->client) {
		check(dialogue);
		return;
	}
	if (!dialogue->problem || strlen(dialogue->problem) > 95)
		dialogueViolated("no connection, and no problem");
	snprintf(dialogue->reason, sizeof(dialogue->reason), "%s", dialogue->problem);
	tallyEnd(dialogue);
	freeClient(dialogue);
}

static void handshake(Dialogue *dialogue)
{
	CLIENT(tlsHandshake(dialogue->client));
}

/* Of exactly this length; it stays until one of another length is asked for, as a new one each time costs much. */
static uint8_t *bufferOf(size_t length)
{
	static uint8_t *buffer;
	static size_t bufferLength;

	if (buffer && bufferLength == length)
		return buffer;
	free(buffer);
	buffer = malloc(length);
	bufferLength = length;
	if (!buffer)
		abort();
	return buffer;
}

static size_t readOnce(Dialogue *dialogue, size_t length)
{
	uint8_t *bytes = bufferOf(length);
	const TlsState before = dialogue->state;
	size_t count = 0, i;

	CLIENT(count = tlsRead(dialogue->client, bytes, length));
	if (count > length || (count > 0 && kTlsOpen != before))
		dialogueViolated("%zu bytes are read of at most %zu", count, length);
	for (i = 0; i < count; i++)
		if (bytes[i] != dataByte(dialogue->read + i))
			dialogueViolated("byte %llu is not what the server wrote", (unsigned long long)(dialogue->read + i));
	dialogue->read += count;
	dialogue->tally->bytes += count;
	if (dialogue->read > serverStatus.written)
		dialogueViolated("more is read than the server wrote");
	return count;
}

static void readAll(Dialogue *dialogue)
{
	while (dialogue->reading > 0 && kTlsOpen == dialogue->state && readOnce(dialogue, dialogue->reading) > 0)
		;
}

static bool pull(Dialogue *dialogue, size_t length)
{
	const size_t waiting = tlsWaiting(dialogue->client);
	uint8_t *bytes = malloc(length);
	size_t count = 0;

	if (!bytes)
		abort();
	CLIENT(count = tlsPull(dialogue->client, bytes, length));
	if (count != (waiting < length ? waiting : length) || tlsWaiting(dialogue->client) != waiting - count)
		dialogueViolated("%zu bytes are pulled of %zu that wait", count, waiting);
	if (count > 0)
		serverTake(bytes, count);
	free(bytes);
	return count > 0;
}

/* False when nothing can be pushed. */
static bool pushPiece(Dialogue *dialogue)
{
	const size_t wanted = tlsWanted(dialogue->client);
	size_t length = dialogue->piece < wanted ? dialogue->piece : wanted;
	const uint8_t *wire = serverWire(&length);
	const bool counts = dialogue->state <= kTlsOpen;
	uint8_t *bytes;
	bool isTaken = false;
	unsigned records;

	if (0 == length)
		return false;
	bytes = copyOf(wire, length);
	CLIENT(isTaken = tlsPush(dialogue->client, bytes, length));
	free(bytes);
	if (!isTaken)
		dialogueViolated("bytes that were wanted are not taken");
	records = serverArrived(length);
	if (counts)
		dialogue->tally->records += records;
	return true;
}

static void step(Dialogue *dialogue)
{
	if (kTlsHandshake == dialogue->state)
		handshake(dialogue);
	readAll(dialogue);
}

static void go(Dialogue *dialogue, uint32_t limit)
{
	bool isMoving = true;
	uint32_t pushes = 0;

	step(dialogue);
	while (isMoving && (0 == limit || pushes < limit)) {
		isMoving = false;
		while (tlsWaiting(dialogue->client) > 0 && pull(dialogue, 4096))
			isMoving = true;
		while (dialogue->state <= kTlsOpen && (0 == limit || pushes < limit) && pushPiece(dialogue)) {
			isMoving = true;
			pushes++;
			step(dialogue);
		}
	}
	if (!dialogue->isClean || limit > 0)
		return;
	if (mayOpen(dialogue)) {
		if (kTlsOpen != dialogue->state && kTlsClosed != dialogue->state)
			dialogueViolated("a server in order, and: %s", tlsReason(dialogue->client));
		if (kTlsOpen == dialogue->state && dialogue->reading > 0 && dialogue->read != serverStatus.written)
			dialogueViolated("%llu bytes are read of %llu", (unsigned long long)dialogue->read,
				(unsigned long long)serverStatus.written);
	} else if (dialogue->server.identity->reason && 0 == strcmp(dialogue->ca, "root") && 0 == strcmp(dialogue->host, HOST) &&
		0 == strcmp(dialogue->clock, "valid") && strcmp(tlsReason(dialogue->client), dialogue->server.identity->reason))
		dialogueViolated("%s instead of %s", tlsReason(dialogue->client), dialogue->server.identity->reason);
}

/* More than is wanted has to be refused. */
static void pushTooMany(Dialogue *dialogue, size_t length)
{
	const size_t wanted = tlsWanted(dialogue->client);
	uint8_t *bytes = calloc(1, length);
	bool isTaken = false;

	if (!bytes)
		abort();
	if (length > wanted) {
		CLIENT(isTaken = tlsPush(dialogue->client, bytes, length));
		if (isTaken)
			dialogueViolated("%zu bytes are taken where %zu are wanted", length, wanted);
	}
	free(bytes);
}

static void writeData(Dialogue *dialogue, size_t length)
{
	uint8_t *bytes = malloc(length);
	const TlsState before = dialogue->state;
	size_t count = 0, i;

	if (!bytes)
		abort();
	for (i = 0; i < length; i++)
		bytes[i] = dataByte(dialogue->written + i);
	CLIENT(count = tlsWrite(dialogue->client, bytes, length));
	if (count > length || (count > 0 && kTlsOpen != before))
		dialogueViolated("%zu bytes of %zu are written", count, length);
	dialogue->written += count;
	free(bytes);
}

static void readable(Dialogue *dialogue)
{
	size_t first = 0, second = 0;

	CLIENT(first = tlsReadable(dialogue->client));
	CLIENT(second = tlsReadable(dialogue->client));
	if (first > 0 && second != first)
		dialogueViolated("%zu bytes are readable, and then %zu", first, second);
}

/* Changes to what is saved */

static void changeSaved(Dialogue *dialogue, const Step *step)
{
	uint8_t *saved = dialogue->saved;
	size_t length = dialogue->savedLength, at = length > 0 ? step->numbers[0] % length : 0, i;
	const size_t count = step->numbers[1] < length - at ? step->numbers[1] : length - at;

	dialogue->isSavedChanged = true;
	switch (step->kind) {
		case kSavedSet:
			for (i = 0; i < step->length && at + i < length; i++)
				saved[at + i] = step->bytes[i];
			break;
		case kSavedInsert:
			if (length + step->length > sizeof(dialogue->saved))
				break;
			memmove(saved + at + step->length, saved + at, length - at);
			memcpy(saved + at, step->bytes, step->length);
			dialogue->savedLength += step->length;
			break;
		case kSavedDelete:
			memmove(saved + at, saved + at + count, length - at - count);
			dialogue->savedLength -= count;
			break;
		case kSavedCut: dialogue->savedLength = at; break;
		default:
			dialogue->savedLength = 0;
			dialogue->isSavedChanged = false;
	}
}

/* Steps */

static void expect(const Dialogue *dialogue, const Step *step)
{
	static const char *const kStates[] = {"handshake", "open", "closed", "failed"};
	const char *state = dialogue->client ? kStates[dialogue->state] : "none";
	const char *reason = dialogue->client ? tlsReason(dialogue->client) : dialogue->reason;

	if (strcmp(state, step->word) || strlen(reason) != step->length || memcmp(reason, step->bytes, step->length))
		dialogueViolated("expect %s %.*s: but %s %s", step->word, (int)step->length, (const char *)step->bytes, state,
			reason);
}

static void setUp(Dialogue *dialogue, const Step *step)
{
	const char *word = step->word;

	switch (step->kind) {
		case kHost: snprintf(dialogue->host, sizeof(dialogue->host), "%s", word); break;
		case kCa: snprintf(dialogue->ca, sizeof(dialogue->ca), "%s", word); break;
		case kIdentity: snprintf(dialogue->identity, sizeof(dialogue->identity), "%s", word); break;
		case kClock: snprintf(dialogue->clock, sizeof(dialogue->clock), "%.15s", word); break;
		case kPiece: dialogue->piece = step->numbers[0] > 0 ? step->numbers[0] : 1; break;
		case kReading: dialogue->reading = step->numbers[0] % ROOM_MAXIMUM; break;
		case kFailing:
		case kFailingOn:
			dialogue->failAt = step->numbers[0];
			dialogue->failsOn = kFailingOn == step->kind;
			break;
		case kNoEntropy: hooks.hasNoEntropy = true; break;
		default: break;
	}
}

static void become(Dialogue *dialogue, const char *word)
{
	const Identity *identity = identityOf(word);

	if (!identity)
		return;
	freeClient(dialogue);
	dialogue->server.identity = identity;
	serverBecomes(identity);
}

/* Calls that need a client. */
static void call(Dialogue *dialogue, const Step *step)
{
	const size_t number = step->numbers[0];
	const size_t room = number % ROOM_MAXIMUM;

	switch (step->kind) {
		case kGo: go(dialogue, step->numbers[0]); break;
		case kRaw: serverRaw(step->bytes, step->length); break;
		case kSend:
			/* Data that is sent so is not ours to expect. */
			if (MBEDTLS_SSL_MSG_APPLICATION_DATA != number)
				serverSend((uint8_t)number, step->bytes, step->length);
			break;
		case kData: serverData(number); break;
		case kNotify: serverNotify(); break;
		case kAgain: serverAgain(); break;
		case kWrite: writeData(dialogue, room); break;
		case kRead: readOnce(dialogue, room); break;
		case kReadable: readable(dialogue); break;
		case kPull: pull(dialogue, room); break;
		case kPush: pushTooMany(dialogue, room); break;
		case kHandshake: handshake(dialogue); break;
		case kClose: CLIENT(tlsClose(dialogue->client)); break;
		case kEnded: CLIENT(tlsEnded(dialogue->client)); break;
		case kSave: save(dialogue, room); break;
		case kFree: freeClient(dialogue); break;
		default: break;
	}
}

/* Steps that leave all in order. */
static bool isCleanStep(const Step *step)
{
	switch (step->kind) {
		case kServerIs: case kTickets: case kCache: case kWants: case kPool: case kHonest: case kHost: case kClock:
		case kPiece: case kReading: case kBecomes: case kSavedForget: case kOpen: case kResume: case kGo: case kData:
		case kNotify: case kWrite: case kRead: case kReadable: case kPull: case kPush: case kHandshake: case kSave:
		case kFree: case kExpect: return true;
		case kCa: return strcmp(step->word, "-") && strcmp(step->word, "garbage") && strcmp(step->word, "empty") &&
			strcmp(step->word, "mixed") && strcmp(step->word, "many") && !strstr(step->word, "twin");
		case kIdentity: return 0 == strcmp(step->word, "-") || 0 == strcmp(step->word, "client");
		default: return false;
	}
}

static void begin(Dialogue *dialogue, const Plan *plan)
{
	static const char *const kStrangers[] = {"evilroot", "evil", "nobody", "stranger"};
	uint32_t pool = 0;
	size_t i, j;
	bool isResigned = false, trustsStrangers = false;

	dialogue->isClean = true;
	dialogue->server.identity = kIdentities;
	for (i = 0; i < plan->count; i++) {
		const Step *step = plan->steps + i;
		const Identity *identity = kServerIs == step->kind ? identityOf(step->word) : NULL;

		dialogue->isClean &= isCleanStep(step);
		if (identity)
			dialogue->server.identity = identity;
		switch (step->kind) {
			case kTickets: dialogue->server.tickets = true; break;
			case kCache: dialogue->server.cache = true; break;
			case kWants: dialogue->server.wants = true; break;
			case kRequires: dialogue->server.requires = true; break;
			case kSuite: dialogue->server.suite = (int)step->numbers[0]; break;
			case kPool: pool = step->numbers[0]; break;
			case kHonest: hooks.isHonest = true; break;
			case kCa:
				trustsStrangers |= strstr(step->word, "evilroot") || strstr(step->word, "nobody");
				break;
			case kResign:
				isResigned = true;
				for (j = 0; j < LENGTH(kStrangers) && strcmp(kStrangers[j], step->word); j++)
					;
				dialogue->isResigned |= LENGTH(kStrangers) == j;
				break;
			default: break;
		}
		dialogue->hasHostileCertificates |= (step->kind >= kMessageSet && step->kind <= kResign) ||
			kRaw == step->kind || kRecordBefore == step->kind || kRecordInsert == step->kind;
	}
	dialogue->isResigned |= isResigned && trustsStrangers;
	for (i = 0; i < kSides; i++)
		randomStart(&hooks.randoms[i], pool, (uint32_t)i);
	hooks.time = NOON;
	strcpy(dialogue->host, HOST);
	strcpy(dialogue->ca, "root");
	strcpy(dialogue->identity, "-");
	strcpy(dialogue->clock, "valid");
	dialogue->piece = WANTED;
	dialogue->reading = 1000;
	serverBegin(&dialogue->server);
}

static void watch(void)
{
	const struct itimerval after = {.it_value = {.tv_sec = HANG_S}};

	setitimer(ITIMER_PROF, &after, NULL);
}

void dialogueRun(const Plan *plan, Tally *tally)
{
	Dialogue dialogue = {.tally = tally};
	size_t i, rules = 0;

	watch();
	hooks.isHonest = hooks.hasNoEntropy = false;
	begin(&dialogue, plan);
	for (i = 0; i < plan->count; i++) {
		const Step *step = plan->steps + i;

		if (kOpen == step->kind || kResume == step->kind) {
			openClient(&dialogue, kResume == step->kind, plan->steps + rules, i - rules);
			rules = i + 1;
		} else if (kExpect == step->kind)
			expect(&dialogue, step);
		else if (step->kind >= kSavedSet && step->kind <= kSavedForget)
			changeSaved(&dialogue, step);
		else if (kBecomes == step->kind)
			become(&dialogue, step->word);
		else if (step->kind < kOpen)
			setUp(&dialogue, step);
		else if (dialogue.client)
			call(&dialogue, step);
	}
	hooks.failAt = 0;
	freeClient(&dialogue);
	serverEnd();
	tally->dialogues++;
}
