/*
 * Lines that leave through a serial port, which may have no reader: the part that
 * needs neither chip nor engine, so that a computer can test it.
 *
 * What a port does not take of a line is left out. So a line of the log may end
 * anywhere, and behind that a new line begins. Texts of others are in the log, a
 * broker's reason among them: such a line must not read as a reply.
 */

#ifndef __CONSOLE_LINES__
#define __CONSOLE_LINES__

#include <stdbool.h>
#include <stddef.h>

/* Written at a time; all or nothing of it is taken. */
#define CONSOLE_PIECE_BYTES (128)

/* Whether a port has taken a piece. `patient`: it may wait a moment for room. */
typedef bool (*ConsoleWrite)(const char *bytes, size_t length, bool patient);

/* A port's way out. All zero at first, but for `write`. */
typedef struct {
	ConsoleWrite	write;
	/* The last piece found no room. */
	bool			stalled;
	/* A line was left out from some place on: the next one begins on a new line. */
	bool			cut;
} ConsoleOutRecord, *ConsoleOut;

/* A line of the log, in parts. It has no tilde, with which a reply begins: `?` instead. */
void consoleLog(ConsoleOut out, const char *const parts[], size_t count);

/* The reply to a request, at the beginning of a line. */
void consoleReply(ConsoleOut out, char command, const char *text);

/*
 * Bytes of another protocol, with the end of a line behind them: a reader of the
 * log sees where it goes on, and clients look for packets at the beginning of one.
 */
void consolePacket(ConsoleOut out, const void *bytes, size_t length);

#endif
