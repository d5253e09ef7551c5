/* The JavaScript engine's last message when it gives up. */

#ifndef __ABORT_LINE_H__
#define __ABORT_LINE_H__

/* The longest reason that is handed on, with its end; the rest of a longer one is left out. */
#define ABORT_REASON_BYTES (80)

/*
 * From now on `onAbort` is called with the reason, in printable ASCII, in the
 * task that calls this and right before it restarts the chip. To be called once;
 * without memory for it, nothing happens.
 */
void abortLineWatch(void (*onAbort)(const char *reason));

#endif
