/*
 * For tests of hosts/moddable/tls/connection.c on this computer, linked with
 * Debian's Mbed TLS: reads lines of `NAME=VALUE …`, one for each connection, and
 * prints a line of JSON for each. `tls-client.ts` has the names.
 *
 * The linker puts the functions `__wrap_…` in front of Mbed TLS's and libc's
 * (`--wrap`), which count signatures that are checked, and bytes of heap.
 */
#include "../../hosts/moddable/tls/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <mbedtls/pk.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAXIMUM (4096)
#define VALUE_MAXIMUM (1024)
#define FILE_MAXIMUM (4 * 1024 * 1024)
/* A connection without any byte for so many ms hangs. */
#define HANG_MS (60000)

static struct {
	int64_t live, peak;
	unsigned certificateChecks, keyChecks;
} counts;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);

static void *counted(void *block)
{
	counts.live += (int64_t)malloc_usable_size(block);
	if (counts.live > counts.peak)
		counts.peak = counts.live;
	return block;
}

void *__wrap_malloc(size_t size)
{
	return counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
	size_t before = malloc_usable_size(block);
	void *result = __real_realloc(block, size);

	if (!result && 0 != size)
		return NULL;
	counts.live -= (int64_t)before;
	return counted(result);
}

char *__wrap_strdup(const char *text)
{
	char *copy = __wrap_malloc(strlen(text) + 1);

	return copy ? strcpy(copy, text) : NULL;
}

void __wrap_free(void *block)
{
	counts.live -= (int64_t)malloc_usable_size(block);
	__real_free(block);
}

/* Mbed TLS checks certificates by mbedtls_pk_verify_ext, and ServerKeyExchange by mbedtls_pk_verify_restartable. */
int __real_mbedtls_pk_verify_ext(mbedtls_pk_type_t type, const void *options, mbedtls_pk_context *key,
	mbedtls_md_type_t algorithm, const unsigned char *hash, size_t hashLength, const unsigned char *signature, size_t length);
int __wrap_mbedtls_pk_verify_ext(mbedtls_pk_type_t type, const void *options, mbedtls_pk_context *key,
	mbedtls_md_type_t algorithm, const unsigned char *hash, size_t hashLength, const unsigned char *signature, size_t length)
{
	counts.certificateChecks++;
	return __real_mbedtls_pk_verify_ext(type, options, key, algorithm, hash, hashLength, signature, length);
}

int __real_mbedtls_pk_verify(mbedtls_pk_context *key, mbedtls_md_type_t algorithm, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length);
int __wrap_mbedtls_pk_verify(mbedtls_pk_context *key, mbedtls_md_type_t algorithm, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length)
{
	counts.certificateChecks++;
	return __real_mbedtls_pk_verify(key, algorithm, hash, hashLength, signature, length);
}

int __real_mbedtls_pk_verify_restartable(mbedtls_pk_context *key, mbedtls_md_type_t algorithm, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length, mbedtls_pk_restart_ctx *restart);
int __wrap_mbedtls_pk_verify_restartable(mbedtls_pk_context *key, mbedtls_md_type_t algorithm, const unsigned char *hash,
	size_t hashLength, const unsigned char *signature, size_t length, mbedtls_pk_restart_ctx *restart)
{
	counts.keyChecks++;
	return __real_mbedtls_pk_verify_restartable(key, algorithm, hash, hashLength, signature, length, restart);
}

static char line[LINE_MAXIMUM];

/* The value of a name in the line, or NULL. */
static const char *valueOf(const char *name, char value[VALUE_MAXIMUM])
{
	size_t length = strlen(name);

	for (const char *at = line; at; at = strchr(at, ' ')) {
		at += strspn(at, " ");
		if (0 == strncmp(at, name, length) && '=' == at[length]) {
			snprintf(value, VALUE_MAXIMUM, "%.*s", (int)strcspn(at + length + 1, " \n"), at + length + 1);
			return value;
		}
	}
	return NULL;
}

static int64_t numberOf(const char *name, int64_t otherwise)
{
	char value[VALUE_MAXIMUM];

	return valueOf(name, value) ? strtoll(value, NULL, 10) : otherwise;
}

/* The file that the value names; exactly as long as it is, so that the address sanitizer sees a read behind it. */
static uint8_t *fileOf(const char *name, size_t *length)
{
	char path[VALUE_MAXIMUM];
	FILE *file;
	uint8_t *all, *bytes;

	*length = 0;
	if (!valueOf(name, path))
		return NULL;
	file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(3);
	}
	all = __real_malloc(FILE_MAXIMUM);
	*length = fread(all, 1, FILE_MAXIMUM, file);
	fclose(file);
	bytes = __real_malloc(*length + 1);
	memcpy(bytes, all, *length);
	bytes[*length] = 0;
	__real_free(all);
	return bytes;
}

static char *textOf(const char *name)
{
	size_t length;

	return (char *)fileOf(name, &length);
}

static void printText(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if ('"' == *text || '\\' == *text)
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int connected(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (0 != connect(tcp, (struct sockaddr *)&address, sizeof(address))) {
		perror("connect");
		exit(3);
	}
	fcntl(tcp, F_SETFL, O_NONBLOCK);
	return tcp;
}

static uint8_t patternAt(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7);
}

typedef struct {
	TlsConnection tls;
	int tcp;
	/* From the line. */
	size_t piece;
	uint64_t send;
	int64_t stop, deadline;
	bool waits;
	/* Of the encrypted bytes: 0 before the first, then 1 for those to the broker and 2 for those of it. */
	int direction;
	unsigned flights;
	uint64_t bytesOut, bytesIn;
	/* Of the decrypted ones. */
	uint64_t written, read;
	unsigned events;
	/* It was open, if it is not any more. */
	bool isOpen;
	bool hasEnded, isWrong;
	size_t largestWanted;
} Run;

static void moved(Run *run, int direction)
{
	if (direction != run->direction && kTlsOpen != tlsState(run->tls))
		run->flights++;
	run->direction = direction;
}

/* Returns whether the program has to end here: the connection is freed in whatever state it is. */
static bool isStop(Run *run)
{
	return ++run->events == run->stop;
}

/* Sends what TCP takes. */
static void flush(Run *run)
{
	uint8_t bytes[2048];

	while (tlsWaiting(run->tls) > 0) {
		struct pollfd writable = { .fd = run->tcp, .events = POLLOUT };
		size_t length, sent = 0;

		if (poll(&writable, 1, 0) <= 0 || !(writable.revents & POLLOUT) || (writable.revents & (POLLERR | POLLHUP)))
			return;
		length = tlsPull(run->tls, bytes, sizeof(bytes) < run->piece ? sizeof(bytes) : run->piece);
		moved(run, 1);
		run->bytesOut += length;
		while (sent < length) {
			ssize_t count = send(run->tcp, bytes + sent, length - sent, MSG_NOSIGNAL);

			if (count > 0)
				sent += (size_t)count;
			else if (EAGAIN != errno)
				return;
		}
	}
}

/* Takes bytes of the broker; returns whether there were some. */
static bool receive(Run *run)
{
	uint8_t bytes[16384];
	size_t wanted = tlsWanted(run->tls);
	ssize_t count;

	if (wanted > run->largestWanted)
		run->largestWanted = wanted;
	if (wanted > run->piece)
		wanted = run->piece;
	if (wanted > sizeof(bytes))
		wanted = sizeof(bytes);
	if (0 == wanted)
		return false;
	count = recv(run->tcp, bytes, wanted, 0);
	if (count > 0) {
		moved(run, 2);
		run->bytesIn += (uint64_t)count;
		if (!tlsPush(run->tls, bytes, (size_t)count))
			run->isWrong = true;
		return true;
	}
	if (0 == count || EAGAIN != errno)
		run->hasEnded = true;
	return false;
}

/* Writes the pattern, and checks what comes back. */
static void exchange(Run *run)
{
	uint8_t bytes[4096];
	size_t count;

	while (0 != (count = tlsRead(run->tls, bytes, sizeof(bytes) < run->piece ? sizeof(bytes) : run->piece)))
		for (size_t i = 0; i < count; i++)
			if (bytes[i] != patternAt(run->read++) && run->send > 0)
				run->isWrong = true;
	while (run->written < run->send && kTlsOpen == tlsState(run->tls) && 0 == tlsWaiting(run->tls)) {
		for (count = 0; count < sizeof(bytes) && run->written + count < run->send; count++)
			bytes[count] = patternAt(run->written + count);
		count = tlsWrite(run->tls, bytes, count);
		if (0 == count)
			return;
		run->written += count;
		flush(run);
	}
}

/* Returns "" or what ended it before its end. */
static const char *go(Run *run)
{
	int64_t last = now();

	for (;;) {
		TlsState state;
		struct pollfd ready = { .fd = run->tcp };
		int64_t left = (run->deadline ? run->deadline : HANG_MS) - (now() - last);

		if (kTlsHandshake == tlsState(run->tls)) {
			tlsHandshake(run->tls);
			if (isStop(run))
				return "stopped";
		}
		if (kTlsOpen == tlsState(run->tls)) {
			run->isOpen = true;
			/* A resumed connection is open before its last message is sent. */
			flush(run);
			exchange(run);
		}
		flush(run);
		state = tlsState(run->tls);
		run->isOpen |= kTlsOpen == state;
		if (kTlsClosed == state || kTlsFailed == state)
			return "";
		if (kTlsOpen == state && !run->waits && run->read >= run->send && run->written >= run->send)
			return "";
		if (run->hasEnded) {
			tlsEnded(run->tls);
			return "ended";
		}
		if (left <= 0)
			return run->deadline ? "deadline" : "hangs";
		if (0 == tlsWanted(run->tls)) {
			/* What was pushed is not used up: the next round has to. */
			if (kTlsOpen != state)
				run->isWrong = true;
		}
		ready.events = (short)(POLLIN | (tlsWaiting(run->tls) > 0 ? POLLOUT : 0));
		poll(&ready, 1, (int)left);
		if (receive(run)) {
			if (!run->deadline)
				last = now();
			if (isStop(run))
				return "stopped";
		}
	}
}

/* Ends in good order, and waits for the broker's end, so that nothing is lost to a reset. */
static void finish(Run *run)
{
	uint8_t bytes[4096];
	struct pollfd ready = { .fd = run->tcp, .events = POLLIN };
	ssize_t count;

	if (kTlsOpen == tlsState(run->tls)) {
		tlsClose(run->tls);
		for (int i = 0; tlsWaiting(run->tls) > 0 && i < 1000; i++) {
			struct pollfd writable = { .fd = run->tcp, .events = POLLOUT };

			poll(&writable, 1, 10);
			flush(run);
		}
	}
	shutdown(run->tcp, SHUT_WR);
	while (!run->hasEnded && poll(&ready, 1, HANG_MS) > 0) {
		count = recv(run->tcp, bytes, sizeof(bytes), 0);
		if (count <= 0 && (0 == count || EAGAIN != errno))
			break;
	}
}

static void keep(Run *run)
{
	char path[VALUE_MAXIMUM];
	static uint8_t saved[TLS_SAVED_MAXIMUM];
	size_t length;
	FILE *file;

	if (!valueOf("save", path))
		return;
	length = tlsSave(run->tls, saved, sizeof(saved));
	printf("\"saved\":%zu,", length);
	if (0 == length)
		return;
	printf("\"savedAgain\":%zu,", tlsSave(run->tls, saved, sizeof(saved)));
	file = fopen(path, "wb");
	fwrite(saved, 1, length, file);
	fclose(file);
}

static void job(void)
{
	static const char *const states[] = { "handshake", "open", "closed", "failed" };
	char host[VALUE_MAXIMUM];
	size_t savedLength;
	uint8_t *saved = fileOf("saved", &savedLength);
	char *ca = textOf("ca"), *certificate = textOf("certificate"), *key = textOf("key");
	char fingerprint[VALUE_MAXIMUM], alpn[VALUE_MAXIMUM];
	TlsSettings settings = {
		.host = valueOf("host", host),
		.ca = ca,
		.certificate = certificate,
		.key = key,
		.fingerprint = valueOf("fingerprint", fingerprint),
		.alpn = valueOf("alpn", alpn),
		.time = numberOf("time", TLS_TIME_UNKNOWN),
		.saved = saved,
		.savedLength = savedLength,
	};
	Run run = {
		.tcp = -1,
		.piece = (size_t)numberOf("piece", 1 << 20),
		.send = (uint64_t)numberOf("send", 0),
		.stop = numberOf("stop", 0),
		.deadline = numberOf("deadline", 0),
		.waits = 0 != numberOf("wait", 0),
	};
	const char *problem = NULL, *end = "";
	size_t waiting = 0;
	TlsState state = kTlsFailed;
	static char reason[VALUE_MAXIMUM];

	memset(&counts, 0, sizeof(counts));
	reason[0] = 0;
	run.tls = tlsOpen(&settings, &problem);
	/* They are copied. */
	__real_free(saved);
	__real_free(ca);
	__real_free(certificate);
	__real_free(key);
	putchar('{');
	if (run.tls) {
		if (numberOf("port", 0)) {
			run.tcp = connected((int)numberOf("port", 0));
			end = go(&run);
		} else {
			tlsHandshake(run.tls);
			end = "alone";
		}
		waiting = tlsWaiting(run.tls);
		state = tlsState(run.tls);
		if ('s' != end[0] && 'd' != end[0]) {
			keep(&run);
			if (run.tcp >= 0)
				finish(&run);
		}
		snprintf(reason, sizeof(reason), "%s", tlsReason(run.tls));
		if (kTlsFailed != state && kTlsClosed != state && '\0' != reason[0])
			run.isWrong = true;
	} else
		printf("\"problem\":"), printText(problem ? problem : "none is said"), putchar(',');
	tlsFree(run.tls);
	if (run.tcp >= 0)
		close(run.tcp);
	printf("\"state\":\"%s\",\"reason\":", states[state]);
	printText(reason);
	printf(",\"end\":\"%s\",\"flights\":%u,\"bytesOut\":%llu,\"bytesIn\":%llu,\"read\":%llu,\"events\":%u", end, run.flights,
		(unsigned long long)run.bytesOut, (unsigned long long)run.bytesIn, (unsigned long long)run.read, run.events);
	printf(",\"waiting\":%zu,\"isResumed\":%s", waiting,
		run.isOpen && 0 == counts.keyChecks ? "true" : "false");
	printf(",\"certificateChecks\":%u,\"keyChecks\":%u,\"peak\":%lld,\"left\":%lld,\"wanted\":%zu,\"isWrong\":%s}\n",
		counts.certificateChecks, counts.keyChecks, (long long)counts.peak, (long long)counts.live, run.largestWanted,
		run.isWrong ? "true" : "false");
	fflush(stdout);
}

int main(void)
{
	while (fgets(line, sizeof(line), stdin))
		job();
	return 0;
}
