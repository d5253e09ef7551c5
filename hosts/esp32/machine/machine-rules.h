/* The machine's rules that need no chip: restart reasons, and durations. */

#ifndef __MACHINE_RULES_H__
#define __MACHINE_RULES_H__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Causes that the program notes before a restart. */
typedef enum {
	kRestartUnexplained,
	kRestartRequested,		/* by a command, or for new settings */
	kRestartForUpdate,
	kRestartForRollBack,
	kRestartUnfed,			/* by the watchdog that progress feeds */
	kRestartAborted			/* by the JavaScript engine, with its reason */
} RestartCause;

/* Bytes of the engine's reason, with its end; the rest is left out. */
#define RESTART_DETAIL_BYTES (48)

/*
 * Lies in RTC memory that a restart leaves alone. It is undefined when the power
 * comes on.
 */
typedef struct {
	uint32_t	magic;
	uint32_t	cause;
	uint32_t	seconds;		/* how long the watchdog was not fed */
	char		detail[RESTART_DETAIL_BYTES];
	uint32_t	check;
} RestartNote;

/* The longest reason with its end. */
#define RESTART_REASON_BYTES (16 + RESTART_DETAIL_BYTES)

void restartNoteWrite(RestartNote *note, RestartCause cause, uint32_t seconds);

/* Writes kRestartAborted; `detail` is printable ASCII. */
void restartNoteAbort(RestartNote *note, const char *detail);

/* The cause noted last, or kRestartUnexplained where the note is not intact. */
RestartCause restartNoteCause(const RestartNote *note);

/*
 * Why the machine restarted, in a few words of ASCII. `chip` is ESP-IDF's
 * esp_reset_reason_t. A note is believed only where the chip's own reason fits.
 */
void restartReason(char text[RESTART_REASON_BYTES], int chip, const RestartNote *note);

/* Whether the restart was unwanted: not by a person at the board or the computer, nor by the program. */
bool restartIsTrouble(int chip, const RestartNote *note);

/* The watchdog's time: from a second to eight days; for NaN eight days. */
uint64_t feedMicroseconds(double milliseconds);

/* The characters of a station's id with their end. */
#define STATION_ID_BYTES (7)

/* An id from the address of the chip's radio: its last three bytes in hexadecimal digits. The first three are the maker's. */
void stationId(char text[STATION_ID_BYTES], const uint8_t address[6]);

/* The time of a sleep: from a tenth of a second to 25 hours; for NaN a tenth of a second. */
uint64_t sleepMicroseconds(double milliseconds);

#endif
