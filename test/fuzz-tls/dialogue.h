/* A plan's steps, and what has to hold after each of them. */

#ifndef DIALOGUE_H
#define DIALOGUE_H

#include <stdint.h>

#include "plan.h"

/* Processor time that a dialogue may take, in seconds. */
#define HANG_S (60)

#define REASONS_MAXIMUM (256)

/* What dialogues came to. */
typedef struct {
	/* Records of the server that the client took while the connection was neither failed nor closed. */
	uint64_t	records;
	uint64_t	dialogues, connections, opened, resumed, closed;
	/* Bytes that were read, sessions that were saved. */
	uint64_t	bytes, saved;
	/* The client's heap, and the signatures it checked for one connection, at most. */
	size_t		peak;
	unsigned	certificateChecks, checks;
	/* Ends of connections; "" those that did not fail. */
	struct {
		char		text[112];
		uint64_t	count;
	} reasons[REASONS_MAXIMUM];
	size_t		reasonCount;
} Tally;

/* What was to hold does not. */
_Noreturn void dialogueViolated(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The program's: tells what is wrong and what repeats it, and ends. */
_Noreturn void onViolation(const char *text);

void dialogueRun(const Plan *plan, Tally *tally);

#endif
