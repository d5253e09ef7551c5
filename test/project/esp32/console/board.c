/*
 * A board's serial port on a computer, with the code that the board has for it
 * (console-protocol.c and console-lines.c in hosts/esp32/console); the program behind it is whoever runs this.
 *
 *   board            takes stdin as what the port receives, and writes to stdout:
 *                    `request TEXT` for the program, `reply TEXT` as it is sent
 *   board SEED IN OUT NOISE RESTARTS
 *                    a pseudo-terminal instead, whose name is the first line of
 *                    stdout. Then `request TEXT` there, and on stdin the lines
 *                    `reply TEXT` and `log TEXT`. Of the bytes that come in, and of
 *                    those that go out, every so many is lost; before every so many
 *                    lines that go out there is noise; 0 is never. By chance, from
 *                    SEED. So many times it restarts, and forgets all, after
 *                    RESTART_BYTES that have come in.
 *   board SEED IN OUT NOISE RESTARTS FLASH STATE
 *                    with a flash of 4 MB in the file FLASH, which the board can
 *                    erase; STATE is of the firmware that runs there: flash.h
 */

#define _GNU_SOURCE

#include "console-lines.h"
#include "console-protocol.h"
#include "erase.h"
#include "flash.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define RESTART_BYTES 900

static ConsoleLineRecord line;
static ConsoleRecord console;
static int terminal = -1;
static uint32_t chance = 1;
static uint32_t lossIn, lossOut, noise;
static uint32_t restarts, received;
static bool hasFlash;

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
	if (terminal < 0) {
		printf("reply %c%s\n", console.command, text);
		return;
	}
	sendNoise();
	consoleReply(&out, console.command, text);
}

static void receive(uint8_t byte)
{
	char text[CONSOLE_REPLY_BYTES];
	const char *request;

	if (restarts > 0 && ++received >= RESTART_BYTES) {
		restarts--;
		received = 0;
		free(console.settings);
		memset(&console, 0, sizeof(console));
		memset(&line, 0, sizeof(line));
	}
	if (happens(lossIn) || !consoleReceive(&line, byte))
		return;
	request = consoleRequest(&console, line.text, text);
	if (!request)
		reply(text);
	else {
		printf("request %s\n", request);
		fflush(stdout);
		if ('!' == request[0])
			reply("ok");
		if ('*' == request[0] && hasFlash) {
			if (eraseAll(text))
				printf("restart\n");
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
}

int main(int argc, char *argv[])
{
	uint8_t bytes[256];
	ssize_t count;

	if (argc < 6) {
		while ((count = read(0, bytes, sizeof(bytes))) > 0) {
			for (ssize_t i = 0; i < count; i++)
				receive(bytes[i]);
		}
		free(console.settings);
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
		struct pollfd ends[] = { { .fd = terminal, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
		static char text[65536];

		poll(ends, 2, -1);
		if (ends[0].revents & POLLIN) {
			count = read(terminal, bytes, sizeof(bytes));
			for (ssize_t i = 0; i < count; i++)
				receive(bytes[i]);
		}
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
