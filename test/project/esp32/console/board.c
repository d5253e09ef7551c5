/*
 * A board's serial port on a computer, with the code that the board has for it
 * (console-protocol.c, console-lines.c and improv.c in hosts/esp32/console); the program
 * behind it is whoever runs this, and so is the Wi-Fi.
 *
 *   board            takes stdin as what the port receives, and writes to stdout:
 *                    `request TEXT` for the program, `reply TEXT` as it is sent,
 *                    `packet HEX` of Improv. To improv.c the program is SETTINGS.
 *   board SEED IN OUT NOISE RESTARTS
 *                    a pseudo-terminal instead, whose name is the first line of
 *                    stdout. Then `request TEXT` there, and on stdin the lines
 *                    `reply TEXT` and `log TEXT`. Of the bytes that come in, and of
 *                    those that go out, every so many is lost; before every so many
 *                    lines that go out there is noise; 0 is never. By chance, from
 *                    SEED. So many times it restarts, and forgets all, after
 *                    RESTART_BYTES that have come in.
 *                    A request of improv.c is `ask TEXT`, or `ask secrets`, and its
 *                    reply `answer TEXT`. It restarts with `restart SSID`. Of the
 *                    Wi-Fi stdin says `joined SSID`, also without one, and `network
 *                    RSSI YES|NO SSID` of what a scan will find; `scan 0` that it
 *                    cannot begin, `scan 1` that it begins, `scan 2` that it ends,
 *                    `scan 3` that it fails.
 *   board SEED IN OUT NOISE RESTARTS FLASH STATE
 *                    with a flash of 4 MB in the file FLASH, which the board can
 *                    erase; STATE is of the firmware that runs there: flash.h
 *   board noise SEED BYTES
 *                    so many bytes of noise, with pieces of both protocols in it;
 *                    whole requests in between have to be answered
 *   board settings SSID PASSWORD
 *                    takes settings from stdin, a line each, and writes a line for
 *                    each: their id, a blank, and the settings with this network
 */

#define _GNU_SOURCE

#include "console-lines.h"
#include "console-protocol.h"
#include "erase.h"
#include "flash.h"
#include "improv.h"
#include "settings-text.h"
#include "../machine/crc32.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define RESTART_BYTES 900
/* As console.ts has it. */
#define LOOK_MS 20
#define NETWORKS 64
#define SETTINGS "{\"wifi\":{\"ssid\":\"home\",\"password\":\"very secret\"},\"id\":\"terrace\"}"

static ConsoleLineRecord line;
static ConsoleRecord console;
static int terminal = -1;
static uint32_t chance = 1;
static uint32_t lossIn, lossOut, noise;
static uint32_t restarts, received;
static bool hasFlash;

static const ImprovHost host;
static ImprovPacketRecord packet;
static ImprovRecord improv = { .host = &host };
static ImprovNote note;
static char joined[IMPROV_SSID_BYTES + 1];
static ImprovNetwork networks[NETWORKS];
static int networkCount, networkNext, scanState = 2;
/* The port is not read until the program has replied to improv.c. */
static bool asking;
/* In noise time goes by as it is told. */
static bool noisy;
static uint32_t time_ms, replies, packets, scans;
static uint8_t lastPacket[9 + IMPROV_DATA_MAXIMUM + 1];

static uint32_t next(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 17;
	chance ^= chance << 5;
	return chance;
}

static bool happens(uint32_t every)
{
	return every > 0 && 0 == next() % every;
}

static void send(const char *text, size_t length)
{
	for (; length > 0; length--, text++) {
		if (!happens(lossOut) && 1 != write(terminal, text, 1))
			exit(1);
	}
}

static bool sendPiece(const char *bytes, size_t length, bool patient)
{
	(void)patient;
	send(bytes, length);
	return true;
}

static ConsoleOutRecord out = { .write = sendPiece };

static void sendNoise(void)
{
	static const char bytes[] = "\x80~\x00\xffrst:0x1 (POWERON)\r\n~+ok 99\r\n~";

	if (happens(noise))
		send(bytes, sizeof(bytes) - 1);
}

static void reply(const char *text)
{
	if (noisy) {
		replies++;
		return;
	}
	if (terminal < 0) {
		printf("reply %c%s\n", console.command, text);
		return;
	}
	sendNoise();
	consoleReply(&out, console.command, text);
}

static uint32_t now(void)
{
	struct timespec time;

	if (noisy)
		return time_ms;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint32_t)(time.tv_sec * 1000 + time.tv_nsec / 1000000);
}

static void restart(void)
{
	free(console.settings);
	memset(&console, 0, sizeof(console));
	memset(&line, 0, sizeof(line));
	memset(&packet, 0, sizeof(packet));
	free(improv.settings);
	memset(&improv, 0, sizeof(improv));
	improv.host = &host;
	asking = false;
	improvResume(&improv, &note, now());
}

static void sendPacket(size_t port, const uint8_t *bytes, size_t length)
{
	(void)port;
	if (noisy) {
		packets++;
		memcpy(lastPacket, bytes, length);
	}
	else if (terminal < 0) {
		printf("packet ");
		for (size_t i = 0; i < length; i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
	else {
		if (happens(noise))
			send("noise: IMPROV\x01\r\n", 16);
		consolePacket(&out, bytes, length);
	}
}

static const char *defaultId(void)
{
	return "a1b2c3";
}

static const char *joinedSsid(void)
{
	return joined[0] ? joined : NULL;
}

static bool scan(void)
{
	networkNext = 0;
	return scanState > 0;
}

static ImprovScan scanned(void)
{
	return 1 == scanState ? kImprovScans : 2 == scanState ? kImprovScanned : kImprovScanFailed;
}

static bool nextNetwork(ImprovNetwork *network)
{
	if (networkNext >= networkCount)
		return false;
	*network = networks[networkNext++];
	return true;
}

static void endScan(void)
{
	scans++;
}

static void restartFor(const char *ssid, size_t port)
{
	improvNoteWrite(&note, ssid, port);
	joined[0] = 0;
	if (!noisy)
		printf("restart %s\n", ssid);
	fflush(stdout);
	restart();
}

static const ImprovHost host = {
	.version = "1.2.3",
	.chip = "ESP32-C3",
	.defaultId = defaultId,
	.send = sendPacket,
	.joined = joinedSsid,
	.scan = scan,
	.scanned = scanned,
	.network = nextNetwork,
	.endScan = endScan,
	.restart = restartFor,
};

static void ask(const char *request)
{
	if (terminal < 0) {
		if (!noisy)
			printf("ask %s\n", 0 == strcmp(request, IMPROV_ASK_SETTINGS) ? "secrets" : request);
		improvReply(&improv, '{' == request[0] ? "ok" : SETTINGS);
		return;
	}
	printf("ask %s\n", 0 == strcmp(request, IMPROV_ASK_SETTINGS) ? "secrets" : request);
	fflush(stdout);
	asking = true;
}

static void look(void)
{
	const char *request = improvLook(&improv, now());

	if (request)
		ask(request);
}

static void receive(uint8_t byte)
{
	char text[CONSOLE_REPLY_BYTES];
	const char *request;
	ImprovByte kind;

	if (restarts > 0 && ++received >= RESTART_BYTES) {
		restarts--;
		received = 0;
		restart();
	}
	if (happens(lossIn))
		return;
	kind = improvReceive(&packet, byte);
	if (kImprovWhole == kind || kImprovBroken == kind) {
		request = improvCommand(&improv, 0, &packet, kind, now());
		if (request)
			ask(request);
		return;
	}
	if (kImprovPart == kind || !consoleReceive(&line, byte))
		return;
	request = consoleRequest(&console, line.text, text);
	if (!request)
		reply(text);
	else if (noisy)
		reply("ok");
	else {
		printf("request %s\n", request);
		fflush(stdout);
		if ('!' == request[0])
			reply("ok");
		if ('*' == request[0] && hasFlash) {
			if (eraseAll(text))
				printf("erased\n");
			fflush(stdout);
			reply(text);
		}
	}
}

static void openTerminal(void)
{
	struct termios raw;
	int other;

	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (terminal < 0 || grantpt(terminal) || unlockpt(terminal))
		exit(1);
	/* Kept open: for whoever opens the port it is there already, and it stays when they are gone. */
	other = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	if (other < 0 || tcgetattr(other, &raw))
		exit(1);
	cfmakeraw(&raw);
	tcsetattr(other, TCSANOW, &raw);
	printf("%s\n", ptsname(terminal));
	fflush(stdout);
}

static void command(char *text)
{
	text[strcspn(text, "\n")] = 0;
	if (0 == strncmp(text, "reply ", 6))
		reply(text + 6);
	else if (0 == strncmp(text, "log ", 4)) {
		const char *parts[] = { text + 4 };

		sendNoise();
		consoleLog(&out, parts, 1);
	}
	else if (0 == strncmp(text, "answer ", 7)) {
		asking = false;
		improvReply(&improv, text + 7);
	}
	else if (0 == strncmp(text, "joined ", 7))
		snprintf(joined, sizeof(joined), "%.*s", IMPROV_SSID_BYTES, text + 7);
	else if (0 == strncmp(text, "scan ", 5))
		scanState = atoi(text + 5);
	else if (0 == strncmp(text, "network ", 8) && networkCount < NETWORKS) {
		ImprovNetwork *network = &networks[networkCount++];
		char *at;

		network->rssi = (int)strtol(text + 8, &at, 10);
		network->secured = 'Y' == at[1];
		snprintf(network->ssid, sizeof(network->ssid), "%.*s", IMPROV_SSID_BYTES, strchr(at + 1, ' ') + 1);
	}
}

static void demand(bool is, const char *what)
{
	if (is)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void receiveAll(const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		receive(((const uint8_t *)bytes)[i]);
}

/* A packet with its checksum; of `length` bytes of data. */
static void receivePacket(uint8_t type, const uint8_t *data, size_t length)
{
	uint8_t bytes[9 + IMPROV_DATA_MAXIMUM + 1] = "IMPROV\x01";
	uint8_t sum = 0;

	bytes[7] = type;
	bytes[8] = (uint8_t)length;
	memcpy(bytes + 9, data, length);
	for (size_t i = 0; i < 9 + length; i++)
		sum += bytes[i];
	bytes[9 + length] = sum;
	receiveAll(bytes, 9 + length + 1);
}

/* The port has nothing more for so long. */
static void rest(uint32_t duration)
{
	for (uint32_t end = time_ms + duration; time_ms <= end; time_ms += LOOK_MS) {
		improvIdle(&packet, now());
		look();
	}
}

/* Of one kind, up to 300 bytes. */
static size_t makeNoise(void)
{
	static const uint8_t pieces[] = "IMPROV\x01\x03~\n+0 =?!-IMPROV\x01";
	uint8_t bytes[300];
	const size_t length = 1 + next() % sizeof(bytes);
	const uint32_t kind = next() % 6;

	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(next() >> 9);
	switch (kind) {
		case 1:
			for (size_t i = 0; i < length; i++)
				bytes[i] = pieces[next() % (sizeof(pieces) - 1)];
			break;
		case 2:
			memcpy(bytes, "IMPROV\x01\x03", length < 8 ? length : 8);
			break;
		case 3:
			/* A command whose lengths are any. */
			bytes[0] = (uint8_t)(next() % 6);
			if (length > 2 && next() % 2)
				bytes[1] = (uint8_t)(length < 256 ? length - 2 : 253);
			if (length > 2 && next() % 2)
				bytes[2] = (uint8_t)(next() % 40);
			receivePacket(next() % 8 ? 3 : (uint8_t)next(), bytes, length < 256 ? length : 255);
			return length;
		case 4: {
			/* A network. */
			const size_t ssid = 1 + next() % 40, password = next() % 70;
			uint8_t data[IMPROV_DATA_MAXIMUM] = { 1, (uint8_t)(2 + ssid + password), (uint8_t)ssid };

			for (size_t i = 0; i < ssid + password; i++)
				data[3 + i + (i >= ssid)] = (uint8_t)(next() % 8 ? 'a' + next() % 26 : next());
			data[3 + ssid] = (uint8_t)password;
			receivePacket(3, data, 4 + ssid + password);
			return 13 + ssid + password;
		}
		case 5: {
			const uint8_t request[] = { 4, 0 };

			receivePacket(3, request, sizeof(request));
			return 12;
		}
	}
	receiveAll(bytes, length);
	return length;
}

/* Whatever came before: after a gap both protocols answer, and a line also right behind a packet and before one. */
static int answersInNoise(size_t count)
{
	static const uint8_t state[] = { 2, 0 };
	size_t made = 0, wifis = 0;
	char question[16];

	snprintf(question, sizeof(question), "~?%08lx\n", (unsigned long)crc32Of(0, "?", 1));
	noisy = true;
	while (made < count) {
		uint32_t before;

		made += makeNoise();
		if (next() % 4 == 0)
			snprintf(joined, sizeof(joined), "%s", next() % 2 ? improv.ssid : "");
		scanState = (int)(next() % 4);
		networkCount = (int)(next() % NETWORKS);
		for (int i = 0; i < 3; i++) {
			ImprovNetwork *network = &networks[next() % NETWORKS];

			network->rssi = (int)(next() % 200) - 150;
			for (int at = 0; at < IMPROV_SSID_BYTES; at++)
				network->ssid[at] = (char)(next() % 4 ? 'a' : next() % 32 ? (int)next() : 0);
		}
		wifis += improv.joining;
		if (next() % 16)
			rest(IMPROV_GAP_MS);
		else {
			rest(30000);
			demand(!improv.joining && kImprovNoScan == improv.scan, "a command has no end");
		}
		before = replies;
		receiveAll(question, strlen(question));
		demand(replies == before + 1, "a line was not answered");
		packets = 0;
		receivePacket(3, state, sizeof(state));
		demand(packets >= 2, "a packet was not answered");
		before = replies;
		receiveAll(question, strlen(question));
		demand(replies == before + 1, "a line behind a packet was not answered");
		demand(improv.toldCount <= IMPROV_NETWORKS_MAXIMUM, "too many networks");
	}
	printf("%zu bytes, %lu replies, %zu Wi-Fis, %lu scans ended early\n", made, (unsigned long)replies, wifis, (unsigned long)scans);
	restart();
	return 0;
}

/* Each in memory of its own size: the sanitizer sees a step behind the end. */
static int addNetwork(const char *ssid, const char *password)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&text, &size, stdin)) > 0) {
		char *settings, *made = malloc(CONSOLE_SETTINGS_MAXIMUM + 1);
		char id[SETTINGS_ID_BYTES] = "";

		text[length - 1] = 0;
		settings = strdup(text);
		if (!made || !settings)
			exit(1);
		printf("%s ", settingsId(settings, id) ? id : "");
		puts(settingsWithNetwork(made, CONSOLE_SETTINGS_MAXIMUM + 1, settings, ssid, password) ? made : "no");
		free(made);
		free(settings);
	}
	free(text);
	return 0;
}

int main(int argc, char *argv[])
{
	uint8_t bytes[256];
	ssize_t count;

	if (argc == 4 && 0 == strcmp(argv[1], "settings"))
		return addNetwork(argv[2], argv[3]);
	if (argc == 4) {
		chance = (uint32_t)atoi(argv[2]) * 2 + 1;
		return answersInNoise((size_t)atol(argv[3]));
	}
	if (argc < 6) {
		while ((count = read(0, bytes, sizeof(bytes))) > 0) {
			for (ssize_t i = 0; i < count; i++)
				receive(bytes[i]);
			look();
		}
		/* Whatever the last command has asked for. */
		for (int i = 0; i < 2 * NETWORKS; i++)
			look();
		restart();
		return 0;
	}
	chance = (uint32_t)atoi(argv[1]) * 2 + 1;
	lossIn = (uint32_t)atoi(argv[2]);
	lossOut = (uint32_t)atoi(argv[3]);
	noise = (uint32_t)atoi(argv[4]);
	restarts = (uint32_t)atoi(argv[5]);
	if (argc >= 8) {
		flashOpen(argv[6], argv[7]);
		hasFlash = true;
	}
	openTerminal();
	for (;;) {
		struct pollfd ends[] = { { .fd = terminal, .events = asking ? 0 : POLLIN }, { .fd = 0, .events = POLLIN } };
		static char text[65536];

		poll(ends, 2, LOOK_MS);
		if (!asking)
			look();
		/* A byte at a time: one may be the last before a question to the program. */
		if (!asking && !(ends[0].revents & POLLIN))
			improvIdle(&packet, now());
		if (!asking && ends[0].revents & POLLIN && 1 == read(terminal, bytes, 1))
			receive(bytes[0]);
		if (ends[1].revents & (POLLIN | POLLHUP)) {
			/* Unbuffered: poll does not see what stdio has read ahead. */
			static size_t length;
			char *end;

			count = read(0, text + length, sizeof(text) - 1 - length);
			if (count <= 0)
				return 0;
			length += (size_t)count;
			while ((end = memchr(text, '\n', length))) {
				const size_t used = (size_t)(end - text) + 1;
				char first[sizeof(text)];

				memcpy(first, text, used);
				first[used - 1] = 0;
				memmove(text, text + used, length - used);
				length -= used;
				command(first);
			}
		}
	}
}
