/*
 * What the engine with TLS has beside the plain one: the functions of `hosts/moddable/tls/mbedtls.ts` as a global
 * `mbedtls`, and a thread for handshakes. The plain engine knows nothing of Mbed TLS.
 */
#ifndef VELETA_TLS_H
#define VELETA_TLS_H

#include "board.h"
#include <stdbool.h>

#if defined(TLS_HEADLESS)

void installTls(xsMachine* the);
/*
 * Waits for the thread, and calls back the program that has given it work; false if nobody has. So a command is over
 * when nothing is left to do: what a program does depends on no race between two threads.
 */
bool runTask(xsMachine* the);
/* From here on it is counted what TLS allocates. */
void beginTlsFigures(void);
void readTlsFigures(struct figures* figures);

#else

static inline void installTls(xsMachine* the)
{
}

static inline bool runTask(xsMachine* the)
{
	return false;
}

static inline void beginTlsFigures(void)
{
}

static inline void readTlsFigures(struct figures* figures)
{
	figures->tlsHeap = figures->highestTlsHeap = 0;
}

#endif

#endif
