#include "heap.h"
#if defined(TLS_HEAP)
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The linker's names: what is called without the prefix elsewhere. */
extern void* __real_calloc(size_t number, size_t size);
extern void __real_free(void* block);

/* In no order. `realloc` is the system's own. */
static struct block {
	void* at;
	size_t size;
} *blocks;
static size_t count, capacity;
static size_t current, highest;
/* A handshake has a thread of its own. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void* taken(void* at, size_t size)
{
	if (!at)
		return NULL;
	pthread_mutex_lock(&mutex);
	if (count == capacity) {
		capacity = capacity ? 2 * capacity : 256;
		blocks = realloc(blocks, capacity * sizeof(*blocks));
		if (!blocks) {
			perror("realloc");
			_exit(1);
		}
	}
	blocks[count++] = (struct block){at, size};
	current += size;
	if (current > highest)
		highest = current;
	pthread_mutex_unlock(&mutex);
	return at;
}

/* Blocks that are not in the table are others'. Returns the size. */
static size_t given(void* at)
{
	size_t size = 0;
	pthread_mutex_lock(&mutex);
	for (size_t index = count; at && index-- > 0;) {
		if (blocks[index].at != at)
			continue;
		size = blocks[index].size;
		blocks[index] = blocks[--count];
		break;
	}
	current -= size;
	pthread_mutex_unlock(&mutex);
	return size;
}

void* __wrap_calloc(size_t number, size_t size)
{
	return taken(__real_calloc(number, size), number * size);
}

void __wrap_free(void* at)
{
	given(at);
	__real_free(at);
}

/* Of our own C for TLS only, which `tools/engine.js` compiles with these names: the engine has buffers, too. */

void* heapMalloc(size_t size)
{
	return taken(malloc(size), size);
}

/* Until the bytes have moved, both blocks are taken. */
void* heapRealloc(void* at, size_t size)
{
	void* block = heapMalloc(size);
	size_t before;
	if (!block || !at)
		return block;
	before = given(at);
	memcpy(block, at, before < size ? before : size);
	__real_free(at);
	return block;
}

char* heapStrdup(const char* text)
{
	size_t size = strlen(text) + 1;
	char* copy = heapMalloc(size);
	if (copy)
		memcpy(copy, text, size);
	return copy;
}

uint32_t heapSize(void)
{
	return (uint32_t)current;
}

uint32_t heapHighest(void)
{
	return (uint32_t)highest;
}

void heapBegins(void)
{
	count = 0;
	current = highest = 0;
}

#endif
