/* A board's flash in a file of 4 MB, for erase.c: ESP-IDF's functions, which end the program where a real board would suffer. */

#ifndef __FLASH__
#define __FLASH__

/* `state`: of the firmware that runs: `valid`, `trial` or `waits`; `worn`: a flash that does not erase the readings. */
void flashOpen(const char *path, const char *state);

#endif
