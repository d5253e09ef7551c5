#include "tls.h"
#include "heap.h"
#include "task.h"
#include <pthread.h>

/* Of `binding.c`. */
extern void xs_tls_open(xsMachine* the);
extern void xs_tls_handshake(xsMachine* the);
extern void xs_tls_state(xsMachine* the);
extern void xs_tls_reason(xsMachine* the);
extern void xs_tls_ended(xsMachine* the);
extern void xs_tls_wanted(xsMachine* the);
extern void xs_tls_push(xsMachine* the);
extern void xs_tls_pull(xsMachine* the);
extern void xs_tls_read(xsMachine* the);
extern void xs_tls_write(xsMachine* the);
extern void xs_tls_close(xsMachine* the);
extern void xs_tls_save(xsMachine* the);
extern void xs_tls_free(xsMachine* the);

/* What the thread has posted; there is one thread, and it has one thing to do at a time. */
static struct {
	void (*done)(void* machine, void* data);
	void* data;
} posted;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t isPosted = PTHREAD_COND_INITIALIZER;
/* The engine's own. */
static bool isAwaited;

bool taskPost(void* machine, void (*done)(void* machine, void* data), void* data)
{
	(void)machine;
	pthread_mutex_lock(&mutex);
	posted.done = done;
	posted.data = data;
	pthread_cond_signal(&isPosted);
	pthread_mutex_unlock(&mutex);
	return true;
}

static void handshake(xsMachine* the)
{
	xs_tls_handshake(the);
	/* It has not thrown. */
	isAwaited = true;
}

bool runTask(xsMachine* the)
{
	void (*done)(void* machine, void* data);
	if (!isAwaited)
		return false;
	isAwaited = false;
	pthread_mutex_lock(&mutex);
	while (!posted.done)
		pthread_cond_wait(&isPosted, &mutex);
	done = posted.done;
	posted.done = NULL;
	pthread_mutex_unlock(&mutex);
	/* It posts before it has ended, and `done` may have more for it. */
	taskWait();
	(*done)(the, posted.data);
	return true;
}

void beginTlsFigures(void)
{
	heapBegins();
}

void readTlsFigures(struct figures* figures)
{
	figures->tlsHeap = heapSize();
	figures->highestTlsHeap = heapHighest();
}

void installTls(xsMachine* machine)
{
	static const struct {
		const char* name;
		xsCallback callback;
		int length;
	} functions[] = {
		{"open", xs_tls_open, 6},
		{"handshake", handshake, 2},
		{"state", xs_tls_state, 1},
		{"reason", xs_tls_reason, 1},
		{"ended", xs_tls_ended, 1},
		{"wanted", xs_tls_wanted, 1},
		{"push", xs_tls_push, 2},
		{"pull", xs_tls_pull, 2},
		{"read", xs_tls_read, 2},
		{"write", xs_tls_write, 2},
		{"close", xs_tls_close, 1},
		{"save", xs_tls_save, 1},
		{"free", xs_tls_free, 1},
	};
	xsBeginHost(machine);
	{
		xsVars(2);
		xsVar(0) = xsNewObject();
		for (size_t index = 0; index < sizeof(functions) / sizeof(*functions); index++) {
			xsVar(1) = xsNewHostFunction(functions[index].callback, functions[index].length);
			xsDefine(xsVar(0), xsID(functions[index].name), xsVar(1), xsDefault);
		}
		xsDefine(xsGlobal, xsID("mbedtls"), xsVar(0), xsDontEnum);
	}
	xsEndHost(machine);
}
