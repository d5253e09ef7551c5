/* What other files in C tell the machine. */

#ifndef __MACHINE_H__
#define __MACHINE_H__

#include "machine-rules.h"

/*
 * Says why the machine is about to restart, for its diagnostics afterwards.
 * What was said first is kept: an update says so before whoever restarts.
 */
void machineNoteRestart(RestartCause cause);

#endif
