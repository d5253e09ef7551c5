/*
 * How many bytes TLS has allocated, ours and Mbed TLS's: as they were asked for, without what an allocator adds. Where
 * the linker can hand Mbed TLS's calls of `calloc` and `free` to us (`--wrap`); elsewhere nothing is counted.
 */
#ifndef VELETA_HEAP_H
#define VELETA_HEAP_H

#include <stdint.h>

#if defined(TLS_HEAP)

uint32_t heapSize(void);
uint32_t heapHighest(void);
/* Before TLS has anything: what others have allocated until now is not counted. */
void heapBegins(void);

#else

static inline uint32_t heapSize(void)
{
	return 0;
}

static inline uint32_t heapHighest(void)
{
	return 0;
}

static inline void heapBegins(void)
{
}

#endif

#endif
