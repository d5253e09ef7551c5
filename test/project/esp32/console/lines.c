/*
 * A board's way out to its serial port on a computer, with the code that the board has for it
 * (hosts/esp32/console/console-lines.c). stdout is what the port takes. On stdin, a line each:
 *
 *     room N        the port takes so many bytes more
 *     log TEXT      a warning with this text
 *     info TEXT     the text alone
 *     reply TEXT    to a request; its first character is the request's
 */

#define _GNU_SOURCE

#include "console-lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t room;

static bool take(const char *bytes, size_t length, bool patient)
{
	(void)patient;
	if (0 == length || length > CONSOLE_PIECE_BYTES)
		abort();
	if (length > room)
		return false;
	room -= length;
	fwrite(bytes, 1, length, stdout);
	return true;
}

int main(void)
{
	ConsoleOutRecord out = { .write = take };
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, stdin)) > 0) {
		/* Of its own size, so that reading past the end is found. */
		char *text = strndup(line, (size_t)length - ('\n' == line[length - 1]));

		if (0 == strncmp(text, "room ", 5))
			room = (size_t)atol(text + 5);
		else if (0 == strncmp(text, "log ", 4)) {
			const char *parts[] = { "warning", ": ", text + 4 };

			consoleLog(&out, parts, 3);
		} else if (0 == strncmp(text, "info ", 5)) {
			const char *parts[] = { text + 5 };

			consoleLog(&out, parts, 1);
		} else if (0 == strncmp(text, "reply ", 6))
			consoleReply(&out, text[6], text + 7);
		else
			abort();
		free(text);
	}
	free(line);
	return 0;
}
