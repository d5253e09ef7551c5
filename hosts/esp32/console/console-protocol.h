/*
 * Requests over a serial port, as `commands/board/serial-request.ts` sends them: the
 * part that needs neither chip nor engine, so that a computer can test it.
 *
 * A request is a line:
 *
 *     ~ TEXT CRC newline
 *
 * TEXT is printable ASCII without a tilde; CRC is eight hexadecimal digits, the
 * CRC-32 of TEXT (IEEE 802.3). A tilde begins a line anew, also in the middle of
 * it. Any other line is ignored, and the sender, which gets no reply, sends it
 * again: a serial port has no flow control, and people type into it.
 *
 * A reply is a line of the same form, with the tilde at its beginning. Its text
 * begins with the first character of the request's, and then has `ok` or `error`.
 * No line of the log has a tilde.
 */

#ifndef __CONSOLE_PROTOCOL__
#define __CONSOLE_PROTOCOL__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins a request, and a reply. */
#define CONSOLE_BEGIN '~'
#define CONSOLE_CRC_DIGITS (8)
/* Longest TEXT with its CRC. A longer line is ignored. */
#define CONSOLE_LINE_MAXIMUM (240)
/*
 * Bytes of settings. The partition nvs has 5 pages of 4,032 bytes to use. It
 * holds the old settings until the new ones are complete, and the radio's
 * calibration: a third of it is safe.
 */
#define CONSOLE_SETTINGS_MAXIMUM (7168)
/* Longest reply that is made here, with the zero that ends it. */
#define CONSOLE_REPLY_BYTES (48)

/* A line that is being received. All zero at first. */
typedef struct {
	bool		begun;
	uint16_t	length;
	char		text[CONSOLE_LINE_MAXIMUM + 1];
} ConsoleLineRecord, *ConsoleLine;

/* The state between requests. All zero at first. */
typedef struct {
	/* The last request's first character. */
	char		command;
	/* Settings that are being received; NULL before the first ones. */
	char		*settings;
	size_t		length;
} ConsoleRecord, *Console;

/* True when `byte` completes a request: then it is in `line->text`, until the next byte. */
bool consoleReceive(ConsoleLine line, uint8_t byte);

/*
 * Gives the request that the program has to carry out; or NULL, and a reply
 * without its command.
 *
 *     +OFFSET TEXT    puts a piece of settings where it belongs; `ok` says how many
 *                     bytes there are now. A piece that would leave a gap is not taken.
 *     =LENGTH         ends the settings, which are for the program, valid until the
 *                     next request. They are kept, as the reply may be lost.
 *     ? - ! *         are for the program as they are; kept settings are forgotten.
 *                     `!` restarts the board, `*` erases all that erase.h names before.
 */
const char *consoleRequest(Console console, const char *text, char reply[CONSOLE_REPLY_BYTES]);

#endif
