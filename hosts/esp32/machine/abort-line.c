/*
 * When JavaScript cannot go on (memory is full, an error was not caught), the SDK
 * prints `XS abort: ` and the reason to stdout and restarts the chip. stdout leads
 * nowhere in a release build. Each task has its own, so this file reads that of
 * the task that runs JavaScript. Nothing of ESP-IDF is needed: the tests compile
 * this file for the computer that they run on.
 */

#define _GNU_SOURCE

#include "abort-line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* As the SDK's fxAbort prints it; manifest.json has it print (`abortHook`). */
#define PREFIX "XS abort: "
#define PREFIX_LENGTH (sizeof(PREFIX) - 1)

static void (*told)(const char *reason);
static char line[PREFIX_LENGTH + ABORT_REASON_BYTES];
static size_t length;

/* The SDK's reason ends with a blank if it has no details. */
static void endLine(void)
{
	while (length > 0 && ' ' == line[length - 1])
		length--;
	line[length] = 0;
	length = 0;
	if (0 == strncmp(line, PREFIX, PREFIX_LENGTH))
		told(line + PREFIX_LENGTH);
}

static ssize_t writeBytes(void *cookie, const char *bytes, size_t count)
{
	(void)cookie;
	for (size_t i = 0; i < count; i++) {
		const char c = bytes[i];

		if ('\n' == c)
			endLine();
		else if (length < sizeof(line) - 1)
			line[length++] = (c >= ' ' && c <= '~') ? c : '?';
	}
	return (ssize_t)count;
}

void abortLineWatch(void (*onAbort)(const char *reason))
{
	/* A buffer of its own for stdio: at the abort there may be no memory for one. */
	static char buffer[sizeof(line)];
	const cookie_io_functions_t functions = { .write = writeBytes };
	FILE *stream = fopencookie(NULL, "w", functions);

	if (!stream)
		return;
	told = onAbort;
	setvbuf(stream, buffer, _IOLBF, sizeof(buffer));
	stdout = stream;
}
