/* What other files in C tell the machine. */

#ifndef __MACHINE_H__
#define __MACHINE_H__

#include "machine-rules.h"

/*
 * Says why the machine is about to restart, for its diagnostics afterwards.
 * What was said first is kept: an update says so before whoever restarts.
 */
void machineNoteRestart(RestartCause cause);

/* Says that the JavaScript engine is about to restart the machine, which goes before whatever was said. */
void machineNoteAbort(const char *reason);

/* Is called right before deep sleep, as ESP-IDF calls its shutdown handlers before a restart. */
void machineBeforeSleep(void (*callback)(void));

/* Why the machine started; false where somebody wanted it to. */
bool machineRestartTrouble(char text[RESTART_REASON_BYTES]);

#endif
