#include "xsAll.h"
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "board.h"

extern void fxGrowSlots(txMachine* the, txSize count); /* xsMemory.c has it in no header */

/* Address space for chunks, so that they stay one block: a second one would be another limit than a board's. */
#define CHUNKS_RESERVED ((size_t)256 * 1024 * 1024)
/* Slots of stack that exist: far more than any limit, since exceeding the limit is noticed a step later. */
#define STACK_RESERVED 131072
/* While a program is loaded. */
#define LOADING_SLOTS 1024
#define LOADING_SLOTS_STEP 2048
#define LOADING_CHUNKS 65536
#define LOADING_CHUNKS_STEP 65536
#define KEYS 4096
#define KEYS_STEP 1024
#define PARSER_BUFFER 65536

/* Bytes of a slot on a board, which has pointers of 32 bits. */
#define BOARD_SLOT_BYTES 16
#define BOARD_CHUNK_HEADER 8
/* Slots that a board's machine, which is a clone of a prepared one, keeps on its stack. */
#define BOARD_STACK_BASE 13
/* Slots that XS 13.3 takes more for each frame than the 8.2.3 SDK's XS, in all shapes of frames that were measured. */
#define FRAME_EXCESS 2
/* Kept free for the functions that XS calls without looking. */
#define NATIVE_MARGIN 16384
/* The thread's own stack is painted when the limits come, except the part in use by the painting. */
#define PAINT 0xa5
#define NATIVE_UNPAINTED 1024

/* Frames that are told when the machine ends. */
#define TRACE_FRAMES 24
#define TRACE_BYTES 2048

static char* nativeStackLow;
static char* nativeStackTop;

/* The state of the only machine. */
static struct {
	bool limited;
	struct limits limits;
	txSlot* base; /* the end of the stack while nothing runs */
	uint32_t slotsGranted; /* by the limits, and since then */
	uint32_t chunksGranted;
	uint32_t highestStack;
	uint32_t highestNativeStack; /* at the last look */
	uint32_t boardChunks;
} board;

/* Figures of the present command: the ends less the beginnings, modulo 2^32. */
static struct {
	uint32_t depth;
	uint32_t compute;
	uint32_t slots;
	uint32_t chunks;
} aside;

/* Memory */

static size_t roundToPage(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (size + page - 1) / page * page;
}

static bool fits(uint32_t slots, uint32_t chunks)
{
	if (!board.limited)
		return true;
	if (board.limits.total == 0)
		return slots <= board.limits.initialSlots && chunks <= board.limits.initialChunks;
	return (uint64_t)slots * BOARD_SLOT_BYTES + chunks <= board.limits.total;
}

void* fxAllocateChunks(txMachine* the, txSize size)
{
	txByte* base = (txByte*)the->firstBlock;
	txByte* end = base ? (txByte*)the->firstBlock->limit : NULL;
	size_t used;
	if (!fits(board.slotsGranted, board.chunksGranted + (uint32_t)size))
		return NULL;
	if (!base) {
		base = mmap(NULL, CHUNKS_RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base == MAP_FAILED)
			return NULL;
		end = base;
	}
	used = (size_t)(end - base);
	if (used + (size_t)size > CHUNKS_RESERVED || mprotect(base, roundToPage(used + (size_t)size), PROT_READ | PROT_WRITE))
		return NULL;
	if (board.limited)
		board.chunksGranted += (uint32_t)size;
	return end;
}

void fxFreeChunks(txMachine* the, void* chunks)
{
	munmap(chunks, CHUNKS_RESERVED);
}

/* The first slots are the stack's: mapped, so that only those that are used take memory. */
txSlot* fxAllocateSlots(txMachine* the, txSize count)
{
	void* slots;
	if (!fits(board.slotsGranted + (uint32_t)count, board.chunksGranted))
		return NULL;
	if (board.limited)
		board.slotsGranted += (uint32_t)count;
	if (count != STACK_RESERVED)
		return c_malloc((size_t)count * sizeof(txSlot));
	slots = mmap(NULL, STACK_RESERVED * sizeof(txSlot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return slots == MAP_FAILED ? NULL : slots;
}

void fxFreeSlots(txMachine* the, void* slots)
{
	if (slots == the->stackBottom)
		munmap(slots, STACK_RESERVED * sizeof(txSlot));
	else
		c_free(slots);
}

/* Stack */

static uint32_t boardStack(txMachine* the)
{
	uint32_t frames = 0;
	for (txSlot* frame = the->frame; frame; frame = frame->next)
		frames++;
	uint32_t used = (uint32_t)(board.base - the->stack) + BOARD_STACK_BASE;
	return used > FRAME_EXCESS * frames ? used - FRAME_EXCESS * frames : 0;
}

/*
 * XS checks whether the stack reaches `stackBottom`. Here that is the greatest depth so far, not the allowed one:
 * whenever the stack goes deeper, XS calls `fxAbort`, which takes the figure and, within the limit, moves `stackBottom`
 * on and returns. So the highest use is known without a look at each step. XS then pushes its value, and the next check
 * finds it: hence STACK_RESERVED.
 */
static bool deepen(txMachine* the)
{
	uint32_t depth = boardStack(the);
	if (depth > board.limits.stack)
		return false;
	if (depth > board.highestStack)
		board.highestStack = depth;
	the->stackBottom = the->stack - 1;
	return true;
}

/* Only a use of more slots than these can be a new highest use, whatever the number of frames. */
static void watchStack(txMachine* the)
{
	uint32_t known = board.highestStack > BOARD_STACK_BASE ? board.highestStack - BOARD_STACK_BASE : 0;
	the->stackBottom = board.base - known;
}

char* fxCStackLimit(void)
{
	return nativeStackLow + NATIVE_MARGIN;
}

static void measureNativeStack(void)
{
	if (!nativeStackTop)
		return;
	volatile char* at = (char*)((uintptr_t)nativeStackTop - board.limits.nativeStack);
	while (at < nativeStackTop && *at == (char)PAINT)
		at++;
	board.highestNativeStack = (uint32_t)(nativeStackTop - at);
}

/* Ends */

/* The stack trace, the innermost call first. */
static void reportEnd(txMachine* the, int status, const char* reason)
{
	char text[TRACE_BYTES];
	int length = snprintf(text, sizeof(text), "%s", reason);
	const char* separator = ", in ";
	int count = 0;
	for (txSlot* frame = the->frame; frame && frame->next && count < TRACE_FRAMES; frame = frame->next) {
		char name[128] = "";
		fxBufferFrameName(the, name, sizeof(name), frame, "");
		length += snprintf(text + length, sizeof(text) - (size_t)length, "%s%s", separator, name);
		if (length >= (int)sizeof(text))
			break;
		separator = " < ";
		count++;
	}
	machineEnded(the, status, text);
}

void fxAbort(txMachine* the, int status)
{
	char here;
	bool native = &here <= the->stackLimit;
	if (status == XS_STACK_OVERFLOW_EXIT && board.limited && !native && deepen(the))
		return;
	switch (status) {
	case XS_STACK_OVERFLOW_EXIT:
		return reportEnd(the, status, native ? "native stack overflow" : "JavaScript stack overflow");
	case XS_NOT_ENOUGH_MEMORY_EXIT:
		return reportEnd(the, status, "memory full");
	case XS_NO_MORE_KEYS_EXIT:
		return reportEnd(the, status, "not enough keys");
	case XS_UNHANDLED_EXCEPTION_EXIT:
		return reportEnd(the, status, "unhandled exception");
	case XS_UNHANDLED_REJECTION_EXIT:
		return reportEnd(the, status, "unhandled rejection");
	default:
		return reportEnd(the, status, "unknown");
	}
}

/* No modules: a program is one script. */

txID fxFindModule(txMachine* the, txSlot* realm, txID moduleID, txSlot* slot)
{
	return XS_NO_ID;
}

void fxLoadModule(txMachine* the, txSlot* module, txID moduleID)
{
}

/* Jobs */

void fxQueuePromiseJobs(txMachine* the)
{
	the->promiseJobs = true;
}

void runJobs(txMachine* the)
{
	while (the->promiseJobs) {
		the->promiseJobs = false;
		fxRunPromiseJobs(the);
	}
	fxEndJob(the);
}

/* The machine */

txMachine* createMachine(void* nativeStack)
{
	txCreation creation = {
		.initialChunkSize = LOADING_CHUNKS,
		.incrementalChunkSize = LOADING_CHUNKS_STEP,
		.initialHeapCount = LOADING_SLOTS,
		.incrementalHeapCount = LOADING_SLOTS_STEP,
		.stackCount = STACK_RESERVED,
		.initialKeyCount = KEYS,
		.incrementalKeyCount = KEYS_STEP,
		.nameModulo = 1993,
		.symbolModulo = 127,
		.parserBufferSize = PARSER_BUFFER,
		.parserTableModulo = 1993,
	};
	nativeStackLow = nativeStack;
	fxInitializeSharedCluster();
	return fxCreateMachine(&creation, "veleta", NULL, XS_NO_ID);
}

/* Surplus slots become properties of an object that is kept, out of reach for any program. */
static void setFreeSlots(txMachine* the, uint32_t count)
{
	static txSlot ballast;
	uint32_t free = (uint32_t)(the->maximumHeapCount - the->currentHeapCount);
	if (free < count)
		return fxGrowSlots(the, (txSize)(count - free));
	if (free <= count + 1)
		return;
	txSlot* last = fxNewInstance(the);
	for (free--; free > count; free--) {
		last->next = fxNewSlot(the);
		last = last->next;
		last->flag = XS_INTERNAL_FLAG;
	}
	ballast = *the->stack;
	fxRemember(the, &ballast);
	the->stack++;
}

static void setFreeChunks(txMachine* the, uint32_t size)
{
	txBlock* block = the->firstBlock;
	txByte* limit = block->current + size;
	if (limit > block->limit && !fxAllocateChunks(the, (txSize)(limit - block->limit)))
		fxAbort(the, XS_NOT_ENOUGH_MEMORY_EXIT);
	the->maximumChunksSize += (txSize)(limit - block->limit);
	block->limit = limit;
}

/*
 * Bytes of chunks as a board counts them, after a collection: headers of 8 bytes and sizes that are multiples of 4, and
 * the elements of arrays, which are slots, in 16 bytes each.
 */
static void measureChunks(txMachine* the)
{
	uint32_t bytes = 0;
	txBlock* block = the->firstBlock;
	for (txByte* at = (txByte*)block + sizeof(txBlock); at < block->current; at = ((txChunk*)at)->temporary)
		bytes += BOARD_CHUNK_HEADER + (((uint32_t)((txChunk*)at)->size - (uint32_t)sizeof(txChunk) + 3) & ~3u);
	for (txSlot* heap = the->firstHeap; heap; heap = heap->next) {
		for (txSlot* slot = heap + 1; slot < heap->value.reference; slot++) {
			if (slot->kind != XS_ARRAY_KIND || !slot->value.array.address)
				continue;
			txChunk* chunk = (txChunk*)((txByte*)slot->value.array.address - sizeof(txChunk));
			bytes -= ((uint32_t)chunk->size - (uint32_t)sizeof(txChunk)) / sizeof(txSlot) * (sizeof(txSlot) - BOARD_SLOT_BYTES);
		}
	}
	board.boardChunks = bytes;
}

void limitMachine(txMachine* the, const struct limits* limits)
{
	char here;
	fxCollectGarbage(the);
	board.base = the->stack;
	board.limits = *limits;
	setFreeSlots(the, limits->initialSlots);
	setFreeChunks(the, limits->initialChunks);
	board.slotsGranted = limits->initialSlots;
	board.chunksGranted = limits->initialChunks;
	the->minimumHeapCount = (txSize)limits->incrementalSlots;
	the->minimumChunksSize = (txSize)limits->incrementalChunks;
	the->peakHeapCount = the->currentHeapCount;
	the->peakChunksSize = the->currentChunksSize;
	board.highestStack = 0;
	board.limited = true;
	if (limits->nativeStack) {
		nativeStackTop = &here;
		the->stackLimit = (char*)((uintptr_t)&here - limits->nativeStack);
		/* Volatile: a compiler would leave out writes that are never read. */
		volatile char* at = the->stackLimit;
		for (uint32_t count = limits->nativeStack - NATIVE_UNPAINTED; count > 0; count--)
			*at++ = (char)PAINT;
	}
	measureChunks(the);
	beginCommand(the);
#ifdef __GLIBC__
	/* What the parser took: several MB, in each of a computer's engines. */
	malloc_trim(0);
#endif
}

void setAside(txMachine* the, bool begins)
{
	uint32_t depth = aside.depth;
	aside.depth += begins ? 1 : depth > 0 ? -1 : 0;
	if ((depth > 0) == (aside.depth > 0))
		return;
	int sign = begins ? -1 : 1;
	aside.compute += (uint32_t)sign * the->meterIndex;
	aside.slots += (uint32_t)sign * (uint32_t)the->currentHeapCount;
	aside.chunks += (uint32_t)sign * (uint32_t)the->currentChunksSize;
}

void beginCommand(txMachine* the)
{
	memset(&aside, 0, sizeof(aside));
	the->meterIndex = 0;
	if (board.limited)
		watchStack(the);
}

void readFigures(txMachine* the, struct figures* figures)
{
	figures->compute = the->meterIndex - aside.compute;
	figures->asideCompute = aside.compute;
	figures->asideSlots = aside.slots;
	figures->asideChunks = aside.chunks;
	figures->slots = (uint32_t)the->currentHeapCount;
	figures->highestSlots = (uint32_t)the->peakHeapCount;
	figures->chunks = (uint32_t)the->currentChunksSize;
	figures->highestChunks = (uint32_t)the->peakChunksSize;
	figures->highestStack = board.highestStack;
	figures->highestNativeStack = board.highestNativeStack;
	figures->boardChunks = board.boardChunks;
}

void collectGarbage(txMachine* the)
{
	fxCollectGarbage(the);
	measureChunks(the);
	measureNativeStack();
}
