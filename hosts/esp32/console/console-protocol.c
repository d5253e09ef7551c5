#include "console-protocol.h"
#include "../machine/crc32.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits of a number in a request: enough for any valid offset, and too few to overflow. */
#define NUMBER_DIGITS (5)

/* Takes the CRC off a line that is complete, if it is the right one. */
static bool check(ConsoleLine line)
{
	char wanted[CONSOLE_CRC_DIGITS + 1];

	if (line->length <= CONSOLE_CRC_DIGITS)
		return false;
	line->length -= CONSOLE_CRC_DIGITS;
	snprintf(wanted, sizeof(wanted), "%08lx", (unsigned long)crc32Of(0, line->text, line->length));
	if (0 != memcmp(wanted, line->text + line->length, CONSOLE_CRC_DIGITS))
		return false;
	line->text[line->length] = 0;
	return true;
}

bool consoleReceive(ConsoleLine line, uint8_t byte)
{
	if (CONSOLE_BEGIN == byte) {
		line->begun = true;
		line->length = 0;
		return false;
	}
	if (!line->begun)
		return false;
	if ('\n' == byte) {
		line->begun = false;
		return check(line);
	}
	if (byte < ' ' || byte > '~' || line->length >= CONSOLE_LINE_MAXIMUM) {
		line->begun = false;
		return false;
	}
	line->text[line->length++] = (char)byte;
	return false;
}

/* A number of at most NUMBER_DIGITS digits, or -1; `end` points behind it. */
static long number(const char *text, const char **end)
{
	long value = 0;
	int digits = 0;

	while (digits < NUMBER_DIGITS && text[digits] >= '0' && text[digits] <= '9')
		value = 10 * value + (text[digits++] - '0');
	*end = text + digits;
	return digits > 0 ? value : -1;
}

static const char *append(Console console, const char *text)
{
	const char *piece;
	const long offset = number(text, &piece);
	size_t length;

	if (offset < 0 || ' ' != *piece)
		return "no offset";
	length = strlen(++piece);
	if (offset + length > CONSOLE_SETTINGS_MAXIMUM)
		return "too long";
	if (!console->settings) {
		console->settings = malloc(CONSOLE_SETTINGS_MAXIMUM + 1);
		if (!console->settings)
			return "no memory";
	}
	if ((size_t)offset <= console->length) {
		memcpy(console->settings + offset, piece, length);
		console->length = offset + length;
	}
	return NULL;
}

static void forget(Console console)
{
	free(console->settings);
	console->settings = NULL;
	console->length = 0;
}

const char *consoleRequest(Console console, const char *text, char reply[CONSOLE_REPLY_BYTES])
{
	const char *error, *end;

	console->command = text[0];
	switch (text[0]) {
		case '+':
			error = append(console, text + 1);
			if (error)
				snprintf(reply, CONSOLE_REPLY_BYTES, "error %s", error);
			else
				snprintf(reply, CONSOLE_REPLY_BYTES, "ok %lu", (unsigned long)console->length);
			return NULL;
		case '=':
			if (console->settings && number(text + 1, &end) == (long)console->length && 0 == *end) {
				console->settings[console->length] = 0;
				return console->settings;
			}
			snprintf(reply, CONSOLE_REPLY_BYTES, "error only %lu bytes are there", (unsigned long)console->length);
			return NULL;
		case '?':
		case '-':
		case '!':
		case '*':
			if (0 != text[1])
				break;
			forget(console);
			return text;
	}
	snprintf(reply, CONSOLE_REPLY_BYTES, "error no such request");
	return NULL;
}
