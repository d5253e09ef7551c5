/* The machine's functions for other files in C. */

#ifndef __MACHINE_H__
#define __MACHINE_H__

#include "machine-rules.h"

/*
 * Notes why the machine is about to restart, for its diagnostics afterwards.
 * The first note is kept: an update's note comes before the restart's own.
 */
void machineNoteRestart(RestartCause cause);

/* Notes that the JavaScript engine is about to restart the machine, and replaces an earlier note. */
void machineNoteAbort(const char *reason);

/* The watchdog that progress feeds waits for the next feed: what follows takes its time. */
void machineStopWatch(void);

/* Is called right before deep sleep, as ESP-IDF calls its shutdown handlers before a restart. */
void machineBeforeSleep(void (*callback)(void));

/* The id of a station whose settings have none. */
void machineId(char text[STATION_ID_BYTES]);

/* Why the machine restarted; false if the restart was wanted. */
bool machineRestartTrouble(char text[RESTART_REASON_BYTES]);

#endif
