/*
 * Erases what the board was told and has measured, for somebody else to have it: a request of console-protocol.h.
 * Of the firmware that runs nothing is changed, nor of what was built into it.
 */

#ifndef __ERASE__
#define __ERASE__

#include <stdbool.h>

#include "console-protocol.h"

/* Gives the reply; true where the board has to restart now, whether everything was erased or not. Takes some ten seconds. */
bool eraseAll(char reply[CONSOLE_REPLY_BYTES]);

#endif
