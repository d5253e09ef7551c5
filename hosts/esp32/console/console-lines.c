#include "console-lines.h"
#include "console-protocol.h"
#include "../machine/crc32.h"

#include <stdio.h>
#include <string.h>

#define LINE_END "\r\n"

static void put(ConsoleOut out, const char *bytes, size_t length)
{
	while (length > 0 && !out->cut) {
		const size_t piece = length < CONSOLE_PIECE_BYTES ? length : CONSOLE_PIECE_BYTES;

		out->cut = out->stalled = !out->write(bytes, piece, !out->stalled);
		bytes += piece;
		length -= piece;
	}
}

static void putText(ConsoleOut out, const char *text)
{
	put(out, text, strlen(text));
}

static void begin(ConsoleOut out)
{
	if (!out->cut)
		return;
	out->cut = false;
	putText(out, LINE_END);
}

void consoleLog(ConsoleOut out, const char *const parts[], size_t count)
{
	begin(out);
	for (size_t part = 0; part < count; part++) {
		const char *text = parts[part];
		char piece[CONSOLE_PIECE_BYTES];
		size_t length;

		do {
			for (length = 0; length < sizeof(piece) && *text; length++, text++)
				piece[length] = CONSOLE_BEGIN == *text ? '?' : *text;
			put(out, piece, length);
		} while (*text);
	}
	putText(out, LINE_END);
}

void consoleReply(ConsoleOut out, char command, const char *text)
{
	const char head[] = { CONSOLE_BEGIN, command, 0 };
	char crc[CONSOLE_CRC_DIGITS + 1];

	snprintf(crc, sizeof(crc), "%08lx", (unsigned long)crc32Of(crc32Of(0, &command, 1), text, strlen(text)));
	out->cut = false;
	/* Whatever was said before, the chip's own messages included, is another line. */
	putText(out, LINE_END);
	putText(out, head);
	putText(out, text);
	putText(out, crc);
	putText(out, LINE_END);
}

void consolePacket(ConsoleOut out, const void *bytes, size_t length)
{
	begin(out);
	put(out, bytes, length);
	putText(out, LINE_END);
}
