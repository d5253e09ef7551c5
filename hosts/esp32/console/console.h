/* What other C of this host needs of `console.c`. */

#ifndef __CONSOLE__
#define __CONSOLE__

/* Waits a fifth of a second at most until what was said has left the chip. Before deep sleep; a restart does it by itself. */
void consoleFlush(void);

#endif
