#include "globals.h"
#include "board.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of a block of NOR flash, which is erased as a whole. */
#define FLASH_BLOCK 4096
/* An erased byte. */
#define ERASED 0xff

/* An event from the host, see `protocol.ts`: box, kind, id, count, monotonic ms, wall-clock ms; then bytes. */
#pragma pack(push, 1)
struct event {
	uint8_t box;
	uint8_t kind;
	uint8_t id;
	uint32_t count;
	double now;
	double time;
};
/* An action of the program: then bytes. */
struct action {
	uint8_t kind;
	uint8_t id;
	double value;
	uint32_t length;
};
#pragma pack(pop)

#define BOXES 256

static struct buffer actions;
/* Bytes that events brought, in the order of their arrival, until the program takes them. */
static struct buffer boxes[BOXES];
static int flash;
static size_t flashSize;
static uint32_t flashReads;

extern void modInstallTextDecoder(xsMachine* the);
extern void modInstallTextEncoder(xsMachine* the);
/* Of xsmc.h, whose macros and those of xs.h exclude each other. */
extern xsIntegerValue _xsmcGetBuffer(xsMachine* the, xsSlot* slot, void** data, xsUnsignedValue* count, xsBooleanValue writable);

/* Buffers */

void clearBuffer(struct buffer* buffer)
{
	buffer->length = 0;
}

char* growBuffer(struct buffer* buffer, size_t length)
{
	size_t needed = buffer->length + length;
	char* end;
	if (needed > buffer->capacity) {
		buffer->capacity = needed * 2;
		buffer->bytes = realloc(buffer->bytes, buffer->capacity);
		if (!buffer->bytes) {
			perror("realloc");
			_exit(1);
		}
	}
	end = buffer->bytes + buffer->length;
	buffer->length = needed;
	return end;
}

void appendBuffer(struct buffer* buffer, const void* bytes, size_t length)
{
	if (length > 0)
		memcpy(growBuffer(buffer, length), bytes, length);
}

struct buffer* takeActions(void)
{
	static struct buffer taken;
	struct buffer empty = taken;
	taken = actions;
	actions = empty;
	clearBuffer(&actions);
	return &taken;
}

/* The bytes of an ArrayBuffer or a Uint8Array, valid until the program goes on. Throws a TypeError for anything else. */
static const void* bytesOf(xsMachine* the, xsSlot* value, size_t* length)
{
	void* bytes;
	xsUnsignedValue count;
	_xsmcGetBuffer(the, value, &bytes, &count, 0);
	*length = count;
	return bytes;
}

/* Events and actions */

void callHandler(xsMachine* the, struct buffer* message)
{
	struct event event;
	if (message->length < sizeof(event))
		xsUnknownError("an event of %d bytes", (int)message->length);
	memcpy(&event, message->bytes, sizeof(event));
	appendBuffer(&boxes[event.box], message->bytes + sizeof(event), message->length - sizeof(event));
	xsCall5(xsGlobal, xsID("onEvent"), xsInteger(event.kind), xsInteger(event.id), xsNumber(event.count),
		xsNumber(event.now), xsNumber(event.time));
}

/* `act(kind, id = 0, value = 0, data?)`: data is a text, an ArrayBuffer or a Uint8Array. */
static void act(xsMachine* the)
{
	int count = xsToInteger(xsArgc);
	struct action action = {.kind = (uint8_t)xsToInteger(xsArg(0))};
	const void* data = NULL;
	size_t length = 0;
	if (count > 1)
		action.id = (uint8_t)xsToInteger(xsArg(1));
	if (count > 2)
		action.value = xsToNumber(xsArg(2));
	if (count > 3 && xsTypeOf(xsArg(3)) != xsUndefinedType) {
		if (xsTypeOf(xsArg(3)) == xsStringType) {
			data = xsToString(xsArg(3));
			length = strlen(data);
		} else
			data = bytesOf(the, &xsArg(3), &length);
	}
	action.length = (uint32_t)length;
	appendBuffer(&actions, &action, sizeof(action));
	appendBuffer(&actions, data, length);
}

/* `take(box, maximum)`: an ArrayBuffer of at most `maximum` bytes from the box, or undefined if it is empty. */
static void take(xsMachine* the)
{
	struct buffer* box = &boxes[(uint8_t)xsToInteger(xsArg(0))];
	double maximum = xsToInteger(xsArgc) > 1 ? xsToNumber(xsArg(1)) : (double)box->length;
	size_t length = maximum < (double)box->length ? (size_t)maximum : box->length;
	if (length == 0)
		return;
	xsResult = xsArrayBuffer(box->bytes, (xsIntegerValue)length);
	box->length -= length;
	memmove(box->bytes, box->bytes + length, box->length);
}

/* `takeText(box)`: all bytes of the box as a text. */
static void takeText(xsMachine* the)
{
	struct buffer* box = &boxes[(uint8_t)xsToInteger(xsArg(0))];
	xsResult = xsStringBuffer(box->bytes, (xsIntegerValue)box->length);
	clearBuffer(box);
}

/* `drop(box)`: empties the box. */
static void drop(xsMachine* the)
{
	clearBuffer(&boxes[(uint8_t)xsToInteger(xsArg(0))]);
}

/* `ask(question)`: the host's answer to bytes, at once. */
static void ask(xsMachine* the)
{
	static struct buffer question;
	static struct buffer answer;
	size_t length;
	const void* bytes = bytesOf(the, &xsArg(0), &length);
	clearBuffer(&question);
	appendBuffer(&question, bytes, length);
	askHost(question.bytes, question.length, &answer);
	xsResult = xsArrayBuffer(answer.bytes, (xsIntegerValue)answer.length);
}

/* `aside(begins)`: memory and time until `aside(false)` are not counted as the program's. */
static void asideGlobal(xsMachine* the)
{
	setAside(the, xsToBoolean(xsArg(0)));
}

static void callAside(xsMachine* the)
{
	setAside(the, true);
	xsTry {
		xsIntegerValue count = xsToInteger(xsArgc);
		xsVars(3);
		xsVar(0) = xsGet(xsFunction, xsID("method"));
		xsVar(1) = count > 0 ? xsArg(0) : xsUndefined;
		xsVar(2) = count > 1 ? xsArg(1) : xsUndefined;
		xsResult = xsCallFunction2(xsVar(0), xsThis, xsVar(1), xsVar(2));
	}
	xsCatch {
		setAside(the, false);
		xsThrow(xsException);
	}
	setAside(the, false);
}

/*
 * `asideMethod(method)`: the method of at most two arguments, whose memory and time are not counted as the program's. A
 * wrapper in JavaScript would be counted itself.
 */
static void asideMethod(xsMachine* the)
{
	xsResult = xsNewHostFunction(callAside, 2);
	xsDefine(xsResult, xsID("method"), xsArg(0), xsDontEnum);
}

/*
 * Flash: a file that is written through, so that a write is there even if this process is killed the moment after. It is
 * not mapped: the memory of a mapped file would change though the disk is full, and the file not. What the file refuses
 * ends the engine: a board's flash does not fill up, and a number that is not in it could be given a second time.
 */

static void flashFailed(const char* operation, int error)
{
	char text[200];
	snprintf(text, sizeof(text), "%s (%s)", operation, error ? strerror(error) : "it is cut short");
	endForFlash(text);
}

static void readFile(uint8_t* to, size_t length, size_t offset)
{
	while (length > 0) {
		ssize_t count = pread(flash, to, length, (off_t)offset);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			flashFailed("cannot be read", count < 0 ? errno : 0);
		to += count;
		offset += (size_t)count;
		length -= (size_t)count;
	}
}

/* A short write is followed by one of the rest, which tells why. */
static void writeFile(const uint8_t* from, size_t length, size_t offset)
{
	while (length > 0) {
		ssize_t count = pwrite(flash, from, length, (off_t)offset);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			flashFailed("cannot be written", count < 0 ? errno : ENOSPC);
		from += count;
		offset += (size_t)count;
		length -= (size_t)count;
	}
}

static size_t checkedRange(xsMachine* the, const char* operation, double offset, double length)
{
	if (!(offset >= 0 && length >= 0 && offset + length <= (double)flashSize))
		xsRangeError("%s of %.0f bytes at %.0f in a flash of %d", operation, length, offset, (int)flashSize);
	return (size_t)offset;
}

static void flashStatus(xsMachine* the)
{
	xsResult = xsNewObject();
	xsSet(xsResult, xsID("blockLength"), xsInteger(FLASH_BLOCK));
	xsSet(xsResult, xsID("blocks"), xsInteger((xsIntegerValue)(flashSize / FLASH_BLOCK)));
}

/* Room for bytes of the flash, outside of the machine. */
static uint8_t* roomFor(size_t length)
{
	static struct buffer room;
	clearBuffer(&room);
	return (uint8_t*)growBuffer(&room, length);
}

static void flashRead(xsMachine* the)
{
	double length = xsToNumber(xsArg(0));
	size_t offset = checkedRange(the, "read", xsToNumber(xsArg(1)), length);
	uint8_t* bytes = roomFor((size_t)length);
	readFile(bytes, (size_t)length, offset);
	flashReads++;
	xsResult = xsArrayBuffer(bytes, (xsIntegerValue)length);
}

uint32_t takeFlashReads(void)
{
	uint32_t reads = flashReads;
	flashReads = 0;
	return reads;
}

/* Clears bits, and sets none. */
static void flashWrite(xsMachine* the)
{
	double at = xsToNumber(xsArg(1));
	size_t length;
	const uint8_t* bytes = bytesOf(the, &xsArg(0), &length);
	size_t offset = checkedRange(the, "write", at, (double)length);
	uint8_t* image = roomFor(length);
	readFile(image, length, offset);
	for (size_t index = 0; index < length; index++)
		image[index] &= bytes[index];
	writeFile(image, length, offset);
}

static void flashEraseBlock(xsMachine* the)
{
	size_t offset = checkedRange(the, "erase", xsToNumber(xsArg(0)) * FLASH_BLOCK, FLASH_BLOCK);
	uint8_t* erased = roomFor(FLASH_BLOCK);
	memset(erased, ERASED, FLASH_BLOCK);
	writeFile(erased, FLASH_BLOCK, offset);
}

static void define(xsMachine* the, xsSlot* object, const char* name, xsCallback callback, int length)
{
	xsVar(1) = xsNewHostFunction(callback, length);
	xsDefine(*object, xsID(name), xsVar(1), xsDontEnum);
}

void installGlobals(xsMachine* machine, int descriptor)
{
	struct stat file;
	if (fstat(descriptor, &file) == 0 && file.st_size > 0) {
		flash = descriptor;
		flashSize = (size_t)file.st_size;
	}
	modInstallTextDecoder(machine);
	modInstallTextEncoder(machine);
	xsBeginHost(machine);
	{
		xsVars(3);
		xsVar(2) = xsGlobal;
		define(the, &xsVar(2), "act", act, 4);
		define(the, &xsVar(2), "take", take, 2);
		define(the, &xsVar(2), "takeText", takeText, 1);
		define(the, &xsVar(2), "drop", drop, 1);
		define(the, &xsVar(2), "ask", ask, 1);
		define(the, &xsVar(2), "aside", asideGlobal, 1);
		define(the, &xsVar(2), "asideMethod", asideMethod, 1);
		if (flashSize > 0) {
			xsVar(0) = xsNewObject();
			define(the, &xsVar(0), "status", flashStatus, 0);
			define(the, &xsVar(0), "read", flashRead, 2);
			define(the, &xsVar(0), "write", flashWrite, 2);
			define(the, &xsVar(0), "eraseBlock", flashEraseBlock, 1);
			xsDefine(xsGlobal, xsID("flash"), xsVar(0), xsDontEnum);
		}
	}
	xsEndHost(machine);
}
