#include "server.h"
#include "der.h"
#include "hooks.h"

#include <stdlib.h>
#include <string.h>

#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_internal.h>
#include <mbedtls/ssl_ticket.h>

#define MESSAGE_MAXIMUM (MBEDTLS_SSL_OUT_CONTENT_LEN)
#define WIRE_MAXIMUM (1 << 20)
#define RECORDS_MAXIMUM (4096)

ServerData serverStatus;

static struct {
	ServerSettings				settings;
	mbedtls_ssl_config			config;
	mbedtls_ssl_cache_context	cache;
	mbedtls_ssl_ticket_context	tickets;
	mbedtls_x509_crt			chain, authorities;
	int							suites[2];
	/* Mbed TLS does not take the chain for a server's: the message has it all the same. */
	bool						isUnfit;

	mbedtls_ssl_context			ssl;
	bool						isThere;
	const Step					*rules;
	size_t						ruleCount;
	/* Rules for a type of message that were used. */
	uint32_t					changedTypes;

	/* The session that the client has asked for. */
	uint8_t						sessionId[32];
	size_t						sessionIdLength;

	uint8_t						input[1 << 17];
	size_t						inputAt, inputLength;

	/* Bytes for the client, and the ends of records in them. */
	uint8_t						wire[WIRE_MAXIMUM];
	size_t						wireAt, wireLength;
	size_t						ends[RECORDS_MAXIMUM];
	size_t						endAt, endCount;
	uint32_t					recordNumber;
	/* One that waits for the next, to be swapped or joined with it. */
	uint8_t						held[5 + 0x10000];
	size_t						heldLength;
	StepKind					heldFor;
} server;

static void must(int result, const char *what)
{
	if (!result)
		return;
	fprintf(stderr, "server: %s: -0x%04x\n", what, (unsigned)-result);
	abort();
}

static Side enter(Side other)
{
	const Side side = hooks.side;

	hooks.side = other;
	return side;
}

/* Records */

static void append(const uint8_t *bytes, size_t length)
{
	if (server.wireLength + length > WIRE_MAXIMUM || RECORDS_MAXIMUM == server.endCount)
		return;
	memcpy(server.wire + server.wireLength, bytes, length);
	server.wireLength += length;
	server.ends[server.endCount++] = server.wireLength;
}

/* `bytes` in place of `removed` bytes. */
static size_t splice(uint8_t *record, size_t length, size_t room, size_t at, size_t removed, const uint8_t *bytes,
	size_t count)
{
	at %= length + 1;
	if (removed > length - at)
		removed = length - at;
	if (length - removed + count > room)
		return length;
	memmove(record + at + count, record + at + removed, length - at - removed);
	if (count > 0)
		memcpy(record + at, bytes, count);
	return length - removed + count;
}

static size_t overwrite(uint8_t *record, size_t length, size_t at, const uint8_t *bytes, size_t count)
{
	size_t i;

	for (i = 0; length > 0 && i < count; i++)
		record[(at + i) % length] = bytes[i];
	return length;
}

static void setLength(uint8_t *record, size_t length)
{
	record[3] = (uint8_t)(length >> 8);
	record[4] = (uint8_t)length;
}

static void split(const uint8_t *record, size_t length, size_t at)
{
	uint8_t part[5 + 0x10000];

	at = length > 5 ? at % (length - 5) : 0;
	memcpy(part, record, 5 + at);
	setLength(part, at);
	append(part, 5 + at);
	memcpy(part + 5, record + 5 + at, length - 5 - at);
	setLength(part, length - 5 - at);
	append(part, length - at);
}

static void joinHeld(uint8_t *record, size_t *length, size_t room)
{
	if (kRecordSwap == server.heldFor) {
		append(record, *length);
		append(server.held, server.heldLength);
		*length = 0;
	} else {
		*length = splice(record, *length, room, 5, 0, server.held + 5, server.heldLength - 5);
		setLength(record, *length - 5);
	}
	server.heldLength = 0;
}

static void flushHeld(void)
{
	if (server.heldLength > 0)
		append(server.held, server.heldLength);
	server.heldLength = 0;
}

static void sendRecord(const uint8_t *bytes, size_t length)
{
	static uint8_t record[5 + 0x10000];
	const uint32_t number = server.recordNumber++;
	size_t i;
	bool isHeld = false;

	memcpy(record, bytes, length);
	if (server.heldLength > 0)
		joinHeld(record, &length, sizeof(record));
	for (i = 0; i < server.ruleCount && length > 0; i++) {
		const Step *rule = server.rules + i;
		const uint32_t second = rule->numbers[1], third = rule->numbers[2];

		if (rule->kind < kRecordDrop || rule->kind > kRecordVersion || rule->numbers[0] != number)
			continue;
		switch (rule->kind) {
			case kRecordDrop: length = 0; break;
			case kRecordTwice: append(record, length); break;
			case kRecordSet: overwrite(record, length, second, rule->bytes, rule->length); break;
			case kRecordInsert:
				length = splice(record, length, sizeof(record), second, 0, rule->bytes, rule->length);
				break;
			case kRecordDelete: length = splice(record, length, sizeof(record), second, third, NULL, 0); break;
			case kRecordBefore: append(rule->bytes, rule->length); break;
			case kRecordSplit:
				if (length > 5)
					split(record, length, second);
				length = 0;
				break;
			case kRecordLength: record[3] = (uint8_t)(second >> 8), record[4] = (uint8_t)second; break;
			case kRecordType: record[0] = (uint8_t)second; break;
			case kRecordVersion: record[1] = (uint8_t)(second >> 8), record[2] = (uint8_t)second; break;
			default:
				isHeld = true;
				server.heldFor = rule->kind;
		}
	}
	if (isHeld && length > 5) {
		memcpy(server.held, record, length);
		server.heldLength = length;
	} else if (length > 0)
		append(record, length);
}

/* Mbed TLS gives whole records. */
static int sendBytes(void *unused, const unsigned char *bytes, size_t length)
{
	size_t at = 0;

	(void)unused;
	while (length - at >= 5) {
		const size_t count = 5 + (size_t)(bytes[at + 3] << 8 | bytes[at + 4]);

		if (count > length - at)
			break;
		sendRecord(bytes + at, count);
		at += count;
	}
	return (int)length;
}

static int receiveBytes(void *unused, unsigned char *bytes, size_t length)
{
	const size_t there = server.inputLength - server.inputAt;
	const size_t count = length < there ? length : there;

	(void)unused;
	if (0 == count)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(bytes, server.input + server.inputAt, count);
	server.inputAt += count;
	return (int)count;
}

/* Certificates */

typedef struct {
	uint8_t	*der;
	size_t	length;
} Listed;

#define LIST_MAXIMUM (4000)

static Listed list[LIST_MAXIMUM];
static size_t listCount;

static void listAdd(const uint8_t *der, size_t length)
{
	if (LIST_MAXIMUM == listCount)
		return;
	list[listCount].der = malloc(length + 1);
	if (!list[listCount].der)
		abort();
	memcpy(list[listCount].der, der, length);
	list[listCount++].length = length;
}

static void listClear(void)
{
	while (listCount > 0)
		free(list[--listCount].der);
}

/* Names with a `*N` behind, and commas. */
static void listNamed(const char *names)
{
	char name[32];
	unsigned count;
	int used;

	while (1 == sscanf(names, "%31[^,*]%n", name, &used)) {
		const Certificate *certificate = certificateOf(name);

		names += used;
		count = 1;
		if (1 == sscanf(names, "*%u%n", &count, &used))
			names += used;
		for (; certificate && count > 0 && listCount < LIST_MAXIMUM; count--)
			listAdd(certificate->der, certificate->length);
		names += ',' == *names;
	}
}

static void listReplace(size_t index, const uint8_t *der, size_t length)
{
	free(list[index].der);
	list[index].der = malloc(length + 1);
	if (!list[index].der)
		abort();
	memcpy(list[index].der, der, length);
	list[index].length = length;
}

/* The signature of what is to be signed: the first node of three. */
static void resign(size_t index, const char *name)
{
	uint8_t out[MESSAGE_MAXIMUM], hash[32], signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE + 1] = {0};
	mbedtls_pk_context *key = keyOf(name);
	unsigned char *at = list[index].der;
	const unsigned char *end = at + list[index].length, *tbs;
	size_t length, signatureLength = 0;
	uint32_t node;

	if (!key || mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE))
		return;
	tbs = at;
	if (mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE))
		return;
	at += length;
	if (mbedtls_sha256_ret(tbs, (size_t)(at - tbs), hash, 0) ||
		mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof(hash), signature + 1, &signatureLength, hooksRandom, NULL))
		return;
	if (mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE))
		return;
	at += length;
	/* The head of the bit string, to the end. */
	length = (size_t)(at - list[index].der);
	if (length + signatureLength + 16 > sizeof(out))
		return;
	memcpy(out, list[index].der, length);
	length += derHead(MBEDTLS_ASN1_BIT_STRING, signatureLength + 1, out + length);
	memcpy(out + length, signature, signatureLength + 1);
	length += signatureLength + 1;
	/* And the sequence around it, whose length is another one. */
	node = (uint32_t)(tbs - list[index].der);
	listReplace(index, out + node, length - node);
	length = derHead(MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, list[index].length, out);
	memcpy(out + length, list[index].der, list[index].length);
	listReplace(index, out, length + list[index].length);
}

/* The message's list, as long as it fits. */
static size_t certificates(uint8_t *body, size_t length)
{
	static uint8_t out[MESSAGE_MAXIMUM];
	size_t i, at, count;
	bool isChanged = server.isUnfit;

	for (i = 0; i < server.ruleCount; i++)
		isChanged |= kCertificates == server.rules[i].kind || kDer == server.rules[i].kind ||
			kResign == server.rules[i].kind;
	if (!isChanged || length < 3)
		return length;
	listClear();
	for (at = 3; at + 3 <= length; at += 3 + count) {
		count = (size_t)(body[at] << 16 | body[at + 1] << 8 | body[at + 2]);
		if (at + 3 + count > length)
			break;
		listAdd(body + at + 3, count);
	}
	if (server.isUnfit) {
		listClear();
		listNamed(server.settings.identity->chain);
	}
	for (i = 0; i < server.ruleCount; i++) {
		const Step *rule = server.rules + i;
		const size_t index = listCount > 0 ? rule->numbers[0] % listCount : 0;

		if (kCertificates == rule->kind) {
			listClear();
			listNamed(rule->word);
		} else if (kDer == rule->kind && listCount > 0) {
			count = derChange(list[index].der, list[index].length, rule->numbers[1], rule->word, rule->bytes, rule->length,
				out, sizeof(out) - 64);
			if (count > 0)
				listReplace(index, out, count);
		} else if (kResign == rule->kind && listCount > 0)
			resign(index, rule->word);
	}
	for (i = 0, at = 3; i < listCount && at + 3 + list[i].length <= MESSAGE_MAXIMUM - 4; i++) {
		body[at++] = (uint8_t)(list[i].length >> 16);
		body[at++] = (uint8_t)(list[i].length >> 8);
		body[at++] = (uint8_t)list[i].length;
		memcpy(body + at, list[i].der, list[i].length);
		at += list[i].length;
	}
	body[0] = 0;
	body[1] = (uint8_t)((at - 3) >> 8);
	body[2] = (uint8_t)(at - 3);
	listClear();
	return at;
}

/* Handshake messages */

static int writeMessage(mbedtls_ssl_context *ssl, const uint8_t *message, size_t length)
{
	if (length < 4 || length > MESSAGE_MAXIMUM)
		return 0;
	ssl->out_msgtype = MBEDTLS_SSL_MSG_HANDSHAKE;
	ssl->out_msglen = length;
	memmove(ssl->out_msg, message, length);
	return hooksWriteMessage(ssl);
}

static int onMessage(mbedtls_ssl_context *ssl)
{
	static uint8_t message[MESSAGE_MAXIMUM];
	uint8_t *body = message + 4;
	const size_t room = sizeof(message) - 4;
	const Step *after = NULL;
	size_t length = ssl->out_msglen - 4, i;
	const uint32_t type = ssl->out_msg[0] % 32;
	uint8_t echo[1 + sizeof(server.sessionId)] = {(uint8_t)server.sessionIdLength};
	int times = 1, result = 0;

	memcpy(echo + 1, server.sessionId, server.sessionIdLength);
	if (ssl != &server.ssl || server.changedTypes >> type & 1)
		return hooksWriteMessage(ssl);
	server.changedTypes |= 1u << type;
	memcpy(message, ssl->out_msg, 4 + length);
	if (MBEDTLS_SSL_HS_CERTIFICATE == type)
		length = certificates(body, length);
	for (i = 0; i < server.ruleCount; i++) {
		const Step *rule = server.rules + i;

		if (rule->kind < kMessageDrop || rule->kind > kMessageAfter || rule->numbers[0] != type)
			continue;
		switch (rule->kind) {
			case kMessageDrop: times = 0; break;
			case kMessageTwice: times = 2; break;
			case kMessageSet: overwrite(body, length, rule->numbers[1], rule->bytes, rule->length); break;
			case kMessageInsert:
				length = splice(body, length, room, rule->numbers[1], 0, rule->bytes, rule->length);
				break;
			case kMessageDelete:
				length = splice(body, length, room, rule->numbers[1], rule->numbers[2], NULL, 0);
				break;
			case kMessageBody: length = splice(body, length, room, 0, length, rule->bytes, rule->length); break;
			case kMessageEcho:
				/* In place of the id of the ServerHello. */
				if (length > 35)
					length = splice(body, length, room, 34, 1u + body[34], echo, 1 + server.sessionIdLength);
				break;
			case kMessageBefore:
				if (!result)
					result = writeMessage(ssl, rule->bytes, rule->length);
				break;
			default: after = rule;
		}
	}
	for (; times > 0 && !result; times--)
		result = writeMessage(ssl, message, 4 + length);
	if (after && !result)
		result = writeMessage(ssl, after->bytes, after->length);
	return result;
}

/* The server */

static void setUpChain(const Identity *identity)
{
	const char *names = identity->chain;
	char name[32];
	int used;

	mbedtls_x509_crt_init(&server.chain);
	server.isUnfit = 0 == strcmp(identity->name, "purpose");
	while (1 == sscanf(names, "%31[^,]%n", name, &used)) {
		const Certificate *certificate = certificateOf(name);

		server.isUnfit = server.isUnfit ||
			mbedtls_x509_crt_parse_der(&server.chain, certificate->der, certificate->length);
		names += used + (',' == names[used]);
	}
	if (server.isUnfit) {
		const Certificate *leaf = certificateOf("leaf");

		must(mbedtls_x509_crt_parse_der(&server.chain, leaf->der, leaf->length), "leaf");
	}
	sscanf(identity->chain, "%31[^,]", name);
	must(mbedtls_ssl_conf_own_cert(&server.config, &server.chain, keyOf(identity->key ? identity->key : name)), "key");
}

void serverBegin(const ServerSettings *settings)
{
	const Side side = enter(kServer);
	mbedtls_ssl_config *config = &server.config;
	const Certificate *root = certificateOf("root");

	server.settings = *settings;
	serverStatus = (ServerData){0};
	hooks.onMessage = onMessage;
	mbedtls_ssl_config_init(config);
	must(mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
		MBEDTLS_SSL_PRESET_DEFAULT), "defaults");
	mbedtls_ssl_conf_rng(config, hooksRandom, NULL);
	setUpChain(settings->identity);
	mbedtls_ssl_cache_init(&server.cache);
	mbedtls_ssl_ticket_init(&server.tickets);
	mbedtls_x509_crt_init(&server.authorities);
	must(mbedtls_x509_crt_parse_der(&server.authorities, root->der, root->length), "root");
	mbedtls_ssl_conf_ca_chain(config, &server.authorities, NULL);
	mbedtls_ssl_conf_authmode(config, settings->requires ? MBEDTLS_SSL_VERIFY_REQUIRED :
		settings->wants ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_NONE);
	if (settings->cache)
		mbedtls_ssl_conf_session_cache(config, &server.cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
	if (settings->tickets) {
		must(mbedtls_ssl_ticket_setup(&server.tickets, hooksRandom, NULL, MBEDTLS_CIPHER_AES_256_GCM, 86400), "tickets");
		mbedtls_ssl_conf_session_tickets_cb(config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &server.tickets);
	}
	mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
	if (settings->suite) {
		server.suites[0] = settings->suite;
		mbedtls_ssl_conf_ciphersuites(config, server.suites);
	}
	hooks.side = side;
}

static void disconnect(void)
{
	const Side side = enter(kServer);

	if (server.isThere)
		mbedtls_ssl_free(&server.ssl);
	server.isThere = false;
	server.inputAt = server.inputLength = server.wireAt = server.wireLength = 0;
	server.endAt = server.endCount = server.heldLength = server.sessionIdLength = 0;
	hooks.side = side;
}

void serverEnd(void)
{
	const Side side = enter(kServer);

	disconnect();
	mbedtls_ssl_config_free(&server.config);
	mbedtls_ssl_cache_free(&server.cache);
	mbedtls_ssl_ticket_free(&server.tickets);
	mbedtls_x509_crt_free(&server.chain);
	mbedtls_x509_crt_free(&server.authorities);
	hooks.side = side;
}

void serverBecomes(const Identity *identity)
{
	ServerSettings settings = server.settings;

	serverEnd();
	settings.identity = identity;
	serverBegin(&settings);
}

void serverConnect(const Step *rules, size_t count)
{
	const Side side = enter(kServer);

	disconnect();
	server.rules = rules;
	server.ruleCount = count;
	server.changedTypes = 0;
	server.recordNumber = 0;
	serverStatus = (ServerData){0};
	mbedtls_ssl_init(&server.ssl);
	must(mbedtls_ssl_setup(&server.ssl, &server.config), "setup");
	mbedtls_ssl_set_bio(&server.ssl, NULL, sendBytes, receiveBytes, NULL);
	server.isThere = true;
	hooks.side = side;
}

static void work(void)
{
	uint8_t bytes[2048];
	int result = 0, i;

	if (!server.isThere)
		return;
	while (!result && !serverStatus.isOver) {
		result = mbedtls_ssl_handshake(&server.ssl);
		if (!result)
			break;
		serverStatus.isOver = MBEDTLS_ERR_SSL_WANT_READ != result;
	}
	while (!result && !serverStatus.isOver) {
		result = mbedtls_ssl_read(&server.ssl, bytes, sizeof(bytes));
		for (i = 0; i < result; i++)
			serverStatus.gotOther |= dataByte(serverStatus.got++) != bytes[i];
		if (result > 0)
			result = 0;
		else
			serverStatus.isOver = MBEDTLS_ERR_SSL_WANT_READ != result;
	}
	flushHeld();
}

/* Where a ClientHello has its session id, behind the heads of record and message, version and random bytes. */
#define SESSION_ID_AT (5 + 4 + 2 + 32)

static void noteSessionId(void)
{
	const uint8_t *id = server.input + SESSION_ID_AT;

	if (server.sessionIdLength > 0 || server.inputLength <= SESSION_ID_AT || id[0] > sizeof(server.sessionId) ||
		server.inputLength <= SESSION_ID_AT + (size_t)id[0])
		return;
	server.sessionIdLength = id[0];
	memcpy(server.sessionId, id + 1, id[0]);
}

void serverTake(const uint8_t *bytes, size_t length)
{
	const Side side = enter(kServer);

	if (server.inputAt == server.inputLength)
		server.inputAt = server.inputLength = 0;
	if (server.inputLength + length <= sizeof(server.input)) {
		memcpy(server.input + server.inputLength, bytes, length);
		server.inputLength += length;
	}
	if (0 == server.inputAt)
		noteSessionId();
	work();
	hooks.side = side;
}

static bool isReady(void)
{
	return server.isThere && MBEDTLS_SSL_HANDSHAKE_OVER == server.ssl.state && server.ssl.transform_out;
}

bool serverSend(uint8_t type, const uint8_t *bytes, size_t length)
{
	const Side side = enter(kServer);
	bool isSent = isReady() && length <= MESSAGE_MAXIMUM;

	if (isSent) {
		server.ssl.out_msgtype = type;
		server.ssl.out_msglen = length;
		memcpy(server.ssl.out_msg, bytes, length);
		isSent = 0 == mbedtls_ssl_write_record(&server.ssl, 1);
		flushHeld();
	}
	hooks.side = side;
	return isSent;
}

bool serverData(size_t length)
{
	static uint8_t bytes[MESSAGE_MAXIMUM];
	size_t i;

	/* As TCP would: who does not read gets no more. */
	if (server.wireLength > WIRE_MAXIMUM / 2 || server.endCount > RECORDS_MAXIMUM / 2)
		return false;
	if (length > sizeof(bytes))
		length = sizeof(bytes);
	for (i = 0; i < length; i++)
		bytes[i] = dataByte(serverStatus.written + i);
	if (!serverSend(MBEDTLS_SSL_MSG_APPLICATION_DATA, bytes, length))
		return false;
	serverStatus.written += length;
	return true;
}

void serverNotify(void)
{
	const Side side = enter(kServer);

	if (server.isThere)
		(void)!mbedtls_ssl_close_notify(&server.ssl);
	hooks.side = side;
}

/* HelloRequest, in Mbed TLS's way. */
void serverAgain(void)
{
	const Side side = enter(kServer);

	if (isReady())
		(void)!mbedtls_ssl_renegotiate(&server.ssl);
	hooks.side = side;
}

void serverRaw(const uint8_t *bytes, size_t length)
{
	append(bytes, length);
}

const uint8_t *serverWire(size_t *length)
{
	const size_t there = server.wireLength - server.wireAt;

	if (*length > there)
		*length = there;
	return server.wire + server.wireAt;
}

unsigned serverArrived(size_t length)
{
	unsigned count = 0;

	server.wireAt += length;
	for (; server.endAt < server.endCount && server.ends[server.endAt] <= server.wireAt; server.endAt++)
		count++;
	if (server.wireAt == server.wireLength)
		server.wireAt = server.wireLength = server.endAt = server.endCount = 0;
	return count;
}
