/*
 * The XS engine with the memory of a board, as a child process: `engine.ts` speaks to it.
 *
 * Messages go both ways over file descriptors 3 (to the engine) and 4: their length in 32 bits, a byte that tells the
 * kind, and that many bytes; numbers in the order of this computer. One command is under way at a time.
 *
 *   to the engine            | from the engine
 *   e  script                | .  figures, and the program's actions             done
 *   l  limits                | !  text                                           an exception that nothing caught
 *   c  event                 | x  figures and text                               the end, as a board's: its reason
 *   g  collects garbage      | ?  bytes                                          the program's own question
 *   a  the answer to ?       | f  text                                           the end: the flash's file refuses
 *
 * Descriptor 5, where it is open, is the flash: see `globals.c`.
 *
 * With the arguments `lock` and a number of ms it is no engine: it locks the file of descriptor 3, which Node cannot, and
 * ends, with 1 where others have the lock that long. The lock is that of the open file, as long as one of the processes that share it has it open: its
 * caller, and the engines that get it as their flash. The system gives it back when the last of them is dead, in whichever
 * container it was, and to no number of a process that another one has.
 */
#include "globals.h"
#include "board.h"
#include "tls.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FROM_HOST = 3, TO_HOST = 4, FLASH = 5 };

/* Exit codes of `lock`. */
enum { LOCKED = 0, LOCKED_BY_OTHERS = 1, NO_LOCKS = 2 };
#define LOCK_FILE 3
/* From one try to the next, in ms. */
#define LOCK_TRY 20

/* A thread of its own, whose stack can be measured. Compiling a program takes a lot of it. */
#define NATIVE_STACK_BYTES (4 * 1024 * 1024)
/* Exit codes from here on: XS's own reasons for an end. */
#define EXIT_ABORTED 10

static void failed(const char* what)
{
	perror(what);
	_exit(1);
}

/* False where the host has closed its side before the first byte. */
static bool readAll(void* to, size_t length)
{
	char* at = to;
	while (length > 0) {
		ssize_t count = read(FROM_HOST, at, length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			failed("read");
		if (count == 0) {
			if (at == (char*)to)
				return false;
			_exit(1);
		}
		at += count;
		length -= (size_t)count;
	}
	return true;
}

static void writeAll(const void* from, size_t length)
{
	const char* at = from;
	while (length > 0) {
		ssize_t count = write(TO_HOST, at, length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			_exit(1); /* The host has gone. */
		at += count;
		length -= (size_t)count;
	}
}

static bool receive(char* kind, struct buffer* message)
{
	uint32_t length;
	clearBuffer(message);
	if (!readAll(&length, sizeof(length)) || !readAll(kind, 1))
		return false;
	return length == 0 || readAll(growBuffer(message, length), length);
}

/* In one write: a reader is woken once. */
static void send(char kind, const void* first, size_t firstLength, const void* second, size_t secondLength)
{
	static struct buffer message;
	uint32_t length = (uint32_t)(firstLength + secondLength);
	clearBuffer(&message);
	appendBuffer(&message, &length, sizeof(length));
	appendBuffer(&message, &kind, 1);
	appendBuffer(&message, first, firstLength);
	appendBuffer(&message, second, secondLength);
	writeAll(message.bytes, message.length);
}

void askHost(const void* question, size_t length, struct buffer* answer)
{
	char kind;
	send('?', question, length, NULL, 0);
	if (!receive(&kind, answer))
		_exit(0);
	if (kind != 'a')
		_exit(1);
}

void endForFlash(const char* reason)
{
	send('f', reason, strlen(reason), NULL, 0);
	_exit(1);
}

void machineEnded(xsMachine* the, int status, const char* reason)
{
	struct figures figures;
	readFigures(the, &figures);
	readTlsFigures(&figures);
	figures.flashReads = takeFlashReads();
	send('x', &figures, sizeof(figures), reason, strlen(reason));
	_exit(EXIT_ABORTED + status);
}

static void done(xsMachine* the)
{
	struct figures figures;
	struct buffer* actions = takeActions();
	readFigures(the, &figures);
	readTlsFigures(&figures);
	figures.flashReads = takeFlashReads();
	send('.', &figures, sizeof(figures), actions->bytes, actions->length);
}

/* The common part of both kinds of commands that run the program. */
static void run(xsMachine* the, char kind, struct buffer* message)
{
	static struct buffer text;
	volatile bool caught = false;
	beginCommand(the);
	xsBeginHost(the);
	{
		xsVars(1);
		xsTry {
			if (kind == 'e') {
				xsVar(0) = xsStringBuffer(message->bytes, (xsIntegerValue)message->length);
				xsCall1(xsGlobal, xsID("eval"), xsVar(0));
			} else
				callHandler(the, message);
		}
		xsCatch {
			xsTry {
				const char* said = xsToString(xsException);
				clearBuffer(&text);
				appendBuffer(&text, said, strlen(said));
			}
			xsCatch {
				clearBuffer(&text);
			}
			caught = true;
			xsException = xsUndefined;
		}
	}
	xsEndHost(the);
	do
		runJobs(the);
	while (runTask(the));
	if (!caught)
		return done(the);
	clearBuffer(takeActions());
	send('!', text.bytes, text.length, NULL, 0);
}

static void* loop(void* nativeStack)
{
	static struct buffer message;
	char kind;
	xsMachine* the = createMachine(nativeStack);
	if (!the)
		failed("createMachine");
	installGlobals(the, FLASH);
	installTls(the);
	while (receive(&kind, &message)) {
		switch (kind) {
		case 'e':
		case 'c':
			run(the, kind, &message);
			break;
		case 'l':
			if (message.length != sizeof(struct limits))
				_exit(1);
			limitMachine(the, (struct limits*)message.bytes);
			beginTlsFigures();
			done(the);
			break;
		case 'g':
			collectGarbage(the);
			done(the);
			break;
		default:
			_exit(1);
		}
	}
	_exit(0);
}

/* `wait`: ms that the lock is waited for. */
static int lock(int wait)
{
	/* A Ctrl-C is the caller's. */
	signal(SIGINT, SIG_IGN);
	for (int waited = 0; flock(LOCK_FILE, LOCK_EX | LOCK_NB); waited += LOCK_TRY) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			fputs(strerror(errno), stderr);
			return NO_LOCKS;
		}
		if (waited >= wait)
			return LOCKED_BY_OTHERS;
		usleep(LOCK_TRY * 1000);
	}
	return LOCKED;
}

int main(int count, char** arguments)
{
	pthread_t id;
	pthread_attr_t attributes;
	void* stack;
	if (count > 1)
		return count == 3 && strcmp(arguments[1], "lock") == 0 ? lock(atoi(arguments[2])) : NO_LOCKS;
	signal(SIGPIPE, SIG_IGN);
	/* A write beyond a limit (`ulimit -f`) is then an error as any other. */
	signal(SIGXFSZ, SIG_IGN);
	if (posix_memalign(&stack, 4096, NATIVE_STACK_BYTES))
		failed("posix_memalign");
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, NATIVE_STACK_BYTES);
	if (pthread_create(&id, &attributes, loop, stack))
		failed("pthread_create");
	pthread_join(id, NULL);
	return 0;
}
