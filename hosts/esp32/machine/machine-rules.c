/*
 * Restart reasons and durations. Nothing of ESP-IDF is needed here: the tests
 * compile this file for the computer that they run on.
 */

#include "machine-rules.h"

#include <stdio.h>
#include <string.h>

/* Any number that is unlikely in memory after the power came on. */
#define NOTE_MAGIC (0x76656c31)

/* By the values of esp_reset_reason_t, which machine.c checks. */
static const char *const chipReasons[] = {
	"unknown", "power-on", "reset pin", "program error", "panic", "interrupt watchdog", "task watchdog", "watchdog",
	"deep sleep", "brownout", "SDIO", "USB", "JTAG", "eFuse error", "power glitch", "CPU lock-up"
};
#define CHIP_REASONS ((int)(sizeof(chipReasons) / sizeof(chipReasons[0])))

enum {
	kChipPowerOn = 1,
	kChipResetPin = 2,
	kChipSoftware = 3,
	kChipPanic = 4,
	kChipWatchdog = 7,
	kChipDeepSleep = 8,
	kChipSDIO = 10,
	kChipUSB = 11,
	kChipJTAG = 12,
	kChipLockUp = 15
};

/* No progress takes less than a second; a DHT needs two. */
#define FEED_SHORTEST_MS (1000.0)
/* Longer than any interval between readings. */
#define FEED_LONGEST_MS (8 * 86400000.0)
/* Time for the radio to fall silent. */
#define SLEEP_SHORTEST_MS (100.0)
/* Longer than any interval between readings, within the sleep timer's range on each chip. */
#define SLEEP_LONGEST_MS (25 * 3600000.0)

static uint32_t checkOf(const RestartNote *note)
{
	uint32_t check = ~(note->magic ^ (note->cause * 31) ^ (note->seconds * 17));

	for (size_t i = 0; i < sizeof(note->detail); i++)
		check = (check ^ (uint8_t)note->detail[i]) * 16777619;
	return check;
}

void restartNoteWrite(RestartNote *note, RestartCause cause, uint32_t seconds)
{
	memset(note, 0, sizeof(*note));
	note->magic = NOTE_MAGIC;
	note->cause = cause;
	note->seconds = seconds;
	note->check = checkOf(note);
}

void restartNoteAbort(RestartNote *note, const char *detail)
{
	restartNoteWrite(note, kRestartAborted, 0);
	snprintf(note->detail, sizeof(note->detail), "%s", detail);
	note->check = checkOf(note);
}

RestartCause restartNoteCause(const RestartNote *note)
{
	if (NOTE_MAGIC != note->magic || checkOf(note) != note->check || note->cause > kRestartAborted)
		return kRestartUnexplained;
	return (RestartCause)note->cause;
}

void restartReason(char text[RESTART_REASON_BYTES], int chip, const RestartNote *note)
{
	const RestartCause cause = restartNoteCause(note);
	const char *reason = (chip >= 0 && chip < CHIP_REASONS) ? chipReasons[chip] : chipReasons[0];

	/* The watchdog ends in a panic, and where that hangs, in one of the chip's own watchdogs. */
	if (kRestartUnfed == cause && ((chip >= kChipPanic && chip <= kChipWatchdog) || kChipLockUp == chip)) {
		snprintf(text, RESTART_REASON_BYTES, "no progress for %lu s", (unsigned long)note->seconds);
		return;
	}
	if (kRestartAborted == cause && kChipSoftware == chip && note->detail[0]) {
		snprintf(text, RESTART_REASON_BYTES, "%s: %.*s", reason, RESTART_DETAIL_BYTES - 1, note->detail);
		return;
	}
	if (kChipSoftware == chip) {
		/* Without a note it was the JavaScript engine: it restarts the chip when it runs out of memory, say. */
		if (kRestartRequested == cause)
			reason = "request";
		else if (kRestartForUpdate == cause)
			reason = "update";
		else if (kRestartForRollBack == cause)
			reason = "roll-back";
	}
	snprintf(text, RESTART_REASON_BYTES, "%s", reason);
}

bool restartIsTrouble(int chip, const RestartNote *note)
{
	const RestartCause cause = restartNoteCause(note);

	switch (chip) {
		case kChipPowerOn:
		case kChipResetPin:
		case kChipDeepSleep:
		case kChipSDIO:
		case kChipUSB:
		case kChipJTAG:
			return false;
		case kChipSoftware:
			return kRestartRequested != cause && kRestartForUpdate != cause;
	}
	return true;
}

/* NaN makes every comparison false, and so gets `otherwise`. */
static uint64_t microseconds(double milliseconds, double shortest, double longest, double otherwise)
{
	if (milliseconds < shortest)
		milliseconds = shortest;
	else if (milliseconds > longest)
		milliseconds = longest;
	else if (!(milliseconds >= shortest))
		milliseconds = otherwise;
	return (uint64_t)(milliseconds * 1000);
}

uint64_t feedMicroseconds(double milliseconds)
{
	return microseconds(milliseconds, FEED_SHORTEST_MS, FEED_LONGEST_MS, FEED_LONGEST_MS);
}

uint64_t sleepMicroseconds(double milliseconds)
{
	return microseconds(milliseconds, SLEEP_SHORTEST_MS, SLEEP_LONGEST_MS, SLEEP_SHORTEST_MS);
}

void stationId(char text[STATION_ID_BYTES], const uint8_t address[6])
{
	snprintf(text, STATION_ID_BYTES, "%02x%02x%02x", address[3], address[4], address[5]);
}
