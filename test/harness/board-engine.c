/*
 * The station on the SDK's own XS within a board's limits: opens what mcconfig
 * makes for mcsim, gives its machine a board's creation, and shows no screen.
 *
 *   board-engine MC_SO STATIC CHUNK MORE_CHUNK HEAP MORE_HEAP STACK
 *
 * The numbers are those of a manifest's `creation`: bytes of a board, and slots.
 * STATIC is 0 where there is no such block.
 *
 * SIGUSR1 prints figures as JSON, behind "figures ", and begins new peaks. The
 * end by XS prints them, too, and has the exit status 10 + XS's own, which XS
 * puts in words. A station that wants to be restarted ends with 3.
 */
#include "xsAll.h"
#include "screen.h"

#include <signal.h>
#include <dlfcn.h>
#include <glib-unix.h>
#include <sys/mman.h>

/* Of a slot on a board. Here it has twice as many. */
#define SLOT_BYTES 16
/*
 * So many slots in a row that nobody has touched are the end of what was used:
 * XS writes to the far end for other purposes. Use that comes as near to that end
 * is taken for all of the stack.
 */
#define UNTOUCHED_SLOTS 32
#define PAINT 0xa5

#define EXIT_USAGE 2
#define EXIT_RESTART 3
#define EXIT_ABORT 10

static txMachine* machine;
static txSize blockSize;
/* Slots: the highest use since the last figures. */
static long stackPeak;

static void (*collect)(txMachine*, txFlag);

static gboolean isPainted(const txSlot* slot)
{
	const unsigned char* bytes = (const unsigned char*)slot;
	for (size_t at = 0; at < sizeof(txSlot); at++)
		if (bytes[at] != PAINT) return FALSE;
	return TRUE;
}

static long stackDepth(const txSlot* slot)
{
	return machine->stackTop - slot;
}

/* Looks how far the stack was used since it was painted, and paints that again. */
static void measureStack(void)
{
	txSlot* lowest = machine->stack;
	for (txSlot* slot = lowest - 1; slot >= machine->stackBottom && lowest - slot <= UNTOUCHED_SLOTS; slot--)
		if (!isPainted(slot)) lowest = slot;
	stackPeak = MAX(stackPeak, stackDepth(lowest));
	memset(lowest, PAINT, (machine->stack - lowest) * sizeof(txSlot));
}

/*
 * Memory as on a board with one block: chunks from its beginning, the stack and
 * slots from its end. Here a slot has twice as many bytes, so the two lie apart
 * and are counted together. mc.so is linked so that XS asks for memory here.
 */
static struct {
	txByte* chunks;
	txSlot* slots;
	long chunkBytes;
	long slotCount;
} block;

static long reserved(void)
{
	return block.chunkBytes + block.slotCount * SLOT_BYTES;
}

static void reserveBlock(void)
{
	block.chunks = malloc(blockSize);
	block.slots = (txSlot*)malloc(blockSize / SLOT_BYTES * sizeof(txSlot)) + blockSize / SLOT_BYTES;
}

void* __wrap_fxAllocateChunks(txMachine* the, txSize size)
{
	if (blockSize == 0) {
		block.chunkBytes += size;
		return malloc(size);
	}
	txBlock* chunks = the->firstBlock;
	if (!chunks) {
		if (reserved() + size > blockSize) return NULL;
		block.chunkBytes = size;
		return block.chunks;
	}
	/* XS wants chunks of so many bytes and a header, and adds them to a block that ends where they begin. */
	const long missing = size - (long)sizeof(txBlock) - (chunks->limit - chunks->current);
	if (reserved() + missing > blockSize) return NULL;
	block.chunkBytes += missing;
	chunks->limit += missing - size;
	the->maximumChunksSize += missing - size;
	return chunks->limit;
}

/* What chunks have and do not use. */
static void giveBack(txMachine* the)
{
	txBlock* chunks = the->firstBlock;
	const long unused = chunks->limit - chunks->current;
	chunks->limit -= unused;
	the->maximumChunksSize -= unused;
	block.chunkBytes -= unused;
}

static txSlot* takeSlots(txMachine* the, txSize count)
{
	if (blockSize == 0) return malloc(count * sizeof(txSlot));
	if (reserved() + count * SLOT_BYTES > blockSize && the->firstBlock && the->stack) {
		collect(the, XS_COMPACT_FLAG | XS_ORGANIC_FLAG);
		giveBack(the);
	}
	if (reserved() + count * SLOT_BYTES > blockSize) return NULL;
	the->growHeapDirection = -1;
	return block.slots - block.slotCount - count;
}

txSlot* __wrap_fxAllocateSlots(txMachine* the, txSize count)
{
	txSlot* slots = takeSlots(the, count);
	if (!slots) return NULL;
	block.slotCount += count;
	/* The first are the stack. */
	return memset(slots, PAINT, count * sizeof(txSlot));
}

/* The machine lives as long as the program. */
void __wrap_fxFreeChunks(txMachine* the, void* chunks)
{
	(void)the;
	(void)chunks;
}

void __wrap_fxFreeSlots(txMachine* the, void* slots)
{
	(void)the;
	(void)slots;
}

static void printFigures(long peakSlots, long peakChunks)
{
	printf("figures {\"stack\":%ld,\"slots\":%ld,\"chunks\":%ld,\"peakSlots\":%ld,\"peakChunks\":%ld,\"reserved\":%ld}\n",
		stackPeak, (long)machine->currentHeapCount, (long)machine->currentChunksSize, peakSlots, peakChunks,
		reserved());
}

static gboolean onFigures(gpointer unused)
{
	(void)unused;
	const long peakSlots = machine->peakHeapCount;
	const long peakChunks = machine->peakChunksSize;
	collect(machine, XS_COMPACT_FLAG | XS_COLLECT_KEYS_FLAG);
	printFigures(peakSlots, peakChunks);
	stackPeak = 0;
	machine->peakHeapCount = machine->currentHeapCount;
	machine->peakChunksSize = machine->currentChunksSize;
	return G_SOURCE_CONTINUE;
}

static void endByXs(int status)
{
	stackPeak = MAX(stackPeak, stackDepth(machine->stack));
	printFigures(machine->peakHeapCount, machine->peakChunksSize);
	_exit(EXIT_ABORT + status);
}

static void onAbort(txScreen* screen, int status)
{
	machine = screen->machine;
	/* It may be that there is none yet. */
	if (machine) endByXs(status);
	_exit(EXIT_ABORT + status);
}

/* What is for the panel; of that, readings are printed. */
static void onPost(txScreen* screen, char* message, int size)
{
	(void)screen;
	(void)size;
	if (strncmp(message, "{\"report\":", 10) == 0) printf("%s\n", message);
	if (strncmp(message, "{\"restart\":", 11) == 0) {
		measureStack();
		printFigures(machine->peakHeapCount, machine->peakChunksSize);
		_exit(EXIT_RESTART);
	}
}

static void onScreen(txScreen* screen)
{
	(void)screen;
}

static void onStart(txScreen* screen, double interval)
{
	(void)screen;
	(void)interval;
}

static void* symbol(void* library, const char* name)
{
	void* address = dlsym(library, name);
	if (!address) {
		fprintf(stderr, "board-engine: %s\n", dlerror());
		exit(EXIT_USAGE);
	}
	return address;
}

/* mcconfig's own creation is among the constants. */
static void create(void* library, char** sizes)
{
	void* (*preparationAndCreation)(txCreation**) = symbol(library, "xsPreparationAndCreation");
	txCreation* creation;
	preparationAndCreation(&creation);
	const uintptr_t page = (uintptr_t)creation & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1);
	if (mprotect((void*)page, (uintptr_t)(creation + 1) - page, PROT_READ | PROT_WRITE) != 0) {
		perror("board-engine");
		exit(EXIT_USAGE);
	}
	blockSize = atoi(sizes[0]);
	creation->initialChunkSize = atoi(sizes[1]);
	creation->incrementalChunkSize = atoi(sizes[2]);
	creation->initialHeapCount = atoi(sizes[3]);
	creation->incrementalHeapCount = atoi(sizes[4]);
	creation->stackCount = atoi(sizes[5]);
}

static void launchIn(void* library, txScreen* screen)
{
	void (*launch)(txScreen*) = symbol(library, "fxScreenLaunch");
	launch(screen);
	machine = screen->machine;
	if (reserved() == 0) {
		fprintf(stderr, "board-engine: mc.so has allocators of its own\n");
		exit(EXIT_USAGE);
	}
	measureStack();
	memset(machine->stackBottom, PAINT, (machine->stack - machine->stackBottom) * sizeof(txSlot));
}

int main(int argc, char** argv)
{
	/* A broker may be gone when something is written to it: that is an error, and no reason to end. */
	signal(SIGPIPE, SIG_IGN);
	if (argc != 8) {
		fprintf(stderr, "usage: board-engine MC_SO STATIC CHUNK MORE_CHUNK HEAP MORE_HEAP STACK\n");
		return EXIT_USAGE;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	void* library = dlopen(argv[1], RTLD_NOW);
	if (!library) {
		fprintf(stderr, "board-engine: %s\n", dlerror());
		return EXIT_USAGE;
	}
	create(library, argv + 2);
	collect = symbol(library, "fxCollect");
	reserveBlock();
	static txScreen screen;
	screen.abort = onAbort;
	screen.bufferChanged = onScreen;
	screen.formatChanged = onScreen;
	screen.post = onPost;
	screen.start = onStart;
	screen.stop = onScreen;
	g_mutex_init(&screen.workersMutex);
	launchIn(library, &screen);
	g_unix_signal_add(SIGUSR1, onFigures, NULL);
	printf("board-engine runs\n");
	for (;;) {
		g_main_context_iteration(NULL, TRUE);
		measureStack();
	}
}
