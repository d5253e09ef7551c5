/*
 * One task beside the engine, for what takes long: a step of a TLS handshake keeps
 * a board's processor for up to some seconds, and the engine goes on meanwhile.
 */

#ifndef TASK_H
#define TASK_H

#include <stdbool.h>

/* Calls `work` in the task, and then `done` where the engine runs. False while the task is at work, and without memory. */
bool taskStart(void *machine, void (*work)(void *data), void (*done)(void *machine, void *data), void *data);

/* Returns when the task is not at work any more; `done` may be still to come. */
void taskWait(void);

/*
 * Has the engine call `done` in a later turn; called by the task. The host provides
 * it. False: it cannot.
 */
bool taskPost(void *machine, void (*done)(void *machine, void *data), void *data);

#endif
