/* The engine's globals beside the language, and how the host's events reach a program. */
#ifndef VELETA_GLOBALS_H
#define VELETA_GLOBALS_H

#include "xs.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes outside of the machine: the host's bytes do not count as the program's memory. */
struct buffer {
	char* bytes;
	size_t length;
	size_t capacity;
};

void clearBuffer(struct buffer* buffer);
/* Makes room for more bytes at the end, and returns where they go. Ends the process where there is no memory. */
char* growBuffer(struct buffer* buffer, size_t length);
void appendBuffer(struct buffer* buffer, const void* bytes, size_t length);

void installGlobals(xsMachine* the, int flash);
void callHandler(xsMachine* the, struct buffer* event);
/* Valid until the next call. */
struct buffer* takeActions(void);
/* Reads of the flash since the last call. */
uint32_t takeFlashReads(void);

/* Provided by `main.c`. */
void askHost(const void* question, size_t length, struct buffer* answer);
/* Ends the process; the host is told why. Nothing of what the program did in this command reaches the host. */
void endForFlash(const char* reason);

#endif
