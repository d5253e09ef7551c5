/*
 * The memory of a board around an XS machine: stack, slots and chunks as its `creation` has them, no more.
 *
 * A program is loaded without limits, since on a board it lies in flash. `limit` then counts from the live memory on:
 * further memory has to fit. If it does not, the process ends as a board does: `XS abort`.
 */
#ifndef VELETA_BOARD_H
#define VELETA_BOARD_H

#include "xs.h"
#include <stdbool.h>

/* As in a manifest. Bytes are bytes; a slot has 16 bytes on a board, twice that here. */
struct limits {
	uint32_t stack; /* slots */
	uint32_t initialSlots;
	uint32_t incrementalSlots; /* 0: no more than the initial ones */
	uint32_t initialChunks; /* bytes */
	uint32_t incrementalChunks;
	uint32_t total; /* bytes of slots and chunks together, or 0: without growth the initial sizes */
	uint32_t nativeStack; /* bytes of this machine's stack, or 0: the thread's */
};

/* A machine's use of memory and time. The highest figures are those since `limit`. */
struct figures {
	uint32_t compute; /* of the last command: bytecodes, and work of built-in functions; without the work set aside */
	uint32_t asideCompute;
	uint32_t asideSlots; /* taken meanwhile; a collection in between would spoil the figure */
	uint32_t asideChunks;
	uint32_t slots;
	uint32_t highestSlots;
	uint32_t chunks; /* bytes */
	uint32_t highestChunks;
	uint32_t highestStack; /* slots, as on a board */
	uint32_t highestNativeStack; /* bytes, as of the last collection that was asked for */
	uint32_t boardChunks; /* bytes that a board would have in use, as of that collection, or of `limit` */
	uint32_t flashReads; /* of the last command */
	uint32_t tlsHeap; /* bytes that Mbed TLS has outside of the machine; 0 in the plain engine, see `tls.h` */
	uint32_t highestTlsHeap; /* since `limit` */
};

/* `nativeStack` is where the memory of this thread's stack begins. NULL where there is no memory. */
xsMachine* createMachine(void* nativeStack);
/* Garbage is collected before. */
void limitMachine(xsMachine* the, const struct limits* limits);
/* From here to the next call is a command, for which `compute` counts. */
void beginCommand(xsMachine* the);
/* From here on memory and time count as those of simulated hardware, not as the program's. */
void setAside(xsMachine* the, bool aside);
/* From here on nothing is unreachable. */
void collectGarbage(xsMachine* the);
void readFigures(xsMachine* the, struct figures* figures);
/* Runs promise jobs until none is left. */
void runJobs(xsMachine* the);

/* Provided by `main.c`: tells the reason why the machine cannot go on, and ends the process. */
void machineEnded(xsMachine* the, int status, const char* reason) __attribute__((noreturn));

#endif
