/* The functions of `mbedtls.ts`, for XS. */

#include "xsmc.h"
#if !defined(TLS_HEADLESS)
	#include "xsHost.h"
	#include "mc.xs.h"
#endif

#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "task.h"

typedef struct {
	TlsConnection	tls;
	/* While the task is at work, these are kept from the garbage collector. */
	xsSlot			self;
	xsSlot			done;
	bool			isBusy;
	/* Freed by the program; by us when the task is done. */
	bool			isFreed;
} ConnectionRecord, *Connection;

static void freeConnection(Connection connection)
{
	tlsFree(connection->tls);
	free(connection);
}

/* The garbage collector's call, and that of the machine's end. */
static void destroy(void *data)
{
	Connection connection = data;

	if (!connection)
		return;
	if (connection->isBusy)
		taskWait();
	freeConnection(connection);
}

static Connection connectionOf(xsMachine *the)
{
	Connection connection = xsmcGetHostData(xsArg(0));

	if (!connection || connection->isFreed)
		xsUnknownError("the connection is closed");
	if (connection->isBusy)
		xsUnknownError("the handshake is under way");
	return connection;
}

/* NULL for undefined. Strings stay where they are until XS allocates. */
static const char *textOf(xsMachine *the, int index)
{
	return xsUndefinedType == xsmcTypeOf(xsArg(index)) ? NULL : xsmcToString(xsArg(index));
}

void xs_tls_open(xsMachine *the)
{
	TlsSettings settings = {.time = TLS_TIME_UNKNOWN};
	Connection connection;
	const char *problem;
	void *saved;
	xsUnsignedValue length;

	xsResult = xsNewHostObject(destroy);
	if (xsUndefinedType != xsmcTypeOf(xsArg(1)))
		settings.time = (int64_t)xsmcToNumber(xsArg(1));
	settings.host = xsmcToString(xsArg(0));
	settings.ca = textOf(the, 2);
	settings.certificate = textOf(the, 3);
	settings.key = textOf(the, 4);
	settings.fingerprint = textOf(the, 5);
	settings.alpn = textOf(the, 6);
	if (xsUndefinedType != xsmcTypeOf(xsArg(7))) {
		xsmcGetBufferReadable(xsArg(7), &saved, &length);
		settings.saved = saved;
		settings.savedLength = length;
	}
	connection = calloc(1, sizeof(ConnectionRecord));
	if (!connection)
		xsUnknownError("not enough memory for TLS");
	connection->tls = tlsOpen(&settings, &problem);
	if (!connection->tls) {
		free(connection);
		xsUnknownError("%s", problem);
	}
	xsmcSetHostData(xsResult, connection);
}

static void work(void *data)
{
	Connection connection = data;

	tlsHandshake(connection->tls);
}

static void done(void *machine, void *data)
{
	Connection connection = data;

	xsBeginHost((xsMachine *)machine);
	connection->isBusy = false;
	xsmcVars(1);
	xsVar(0) = connection->done;
	xsForget(connection->self);
	xsForget(connection->done);
	if (connection->isFreed) {
		xsmcSetHostData(connection->self, NULL);
		freeConnection(connection);
	} else
		xsCallFunction0(xsVar(0), xsGlobal);
	xsEndHost((xsMachine *)machine);
}

void xs_tls_handshake(xsMachine *the)
{
	Connection connection = connectionOf(the);

	connection->self = xsArg(0);
	connection->done = xsArg(1);
	xsRemember(connection->self);
	xsRemember(connection->done);
	connection->isBusy = true;
	if (taskStart(the, work, done, connection))
		return;
	connection->isBusy = false;
	xsForget(connection->self);
	xsForget(connection->done);
	xsUnknownError("TLS: an earlier handshake is still under way, or there is not enough memory");
}

void xs_tls_state(xsMachine *the)
{
	Connection connection = connectionOf(the);

	xsmcSetInteger(xsResult, tlsState(connection->tls));
}

void xs_tls_reason(xsMachine *the)
{
	Connection connection = connectionOf(the);

	xsmcSetString(xsResult, (char *)tlsReason(connection->tls));
}

void xs_tls_ended(xsMachine *the)
{
	Connection connection = connectionOf(the);

	tlsEnded(connection->tls);
}

void xs_tls_wanted(xsMachine *the)
{
	Connection connection = connectionOf(the);

	xsmcSetInteger(xsResult, (xsIntegerValue)tlsWanted(connection->tls));
}

void xs_tls_push(xsMachine *the)
{
	Connection connection = connectionOf(the);
	void *bytes;
	xsUnsignedValue length;

	xsmcGetBufferReadable(xsArg(1), &bytes, &length);
	if (!tlsPush(connection->tls, bytes, length))
		xsRangeError("more bytes than wanted");
}

/* Makes the result an ArrayBuffer of so many bytes, and returns where they are. */
static void *resultOf(xsMachine *the, size_t length)
{
	void *bytes;
	xsUnsignedValue count;

	xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)length);
	xsmcGetBufferWritable(xsResult, &bytes, &count);
	return bytes;
}

static size_t maximumOf(xsMachine *the)
{
	const xsNumberValue maximum = xsmcToNumber(xsArg(1));

	return maximum > 0 ? maximum < 0x7fffffff ? (size_t)maximum : 0x7fffffff : 0;
}

void xs_tls_pull(xsMachine *the)
{
	Connection connection = connectionOf(the);
	const size_t maximum = maximumOf(the);
	const size_t waiting = tlsWaiting(connection->tls);
	const size_t length = waiting < maximum ? waiting : maximum;

	if (length > 0)
		tlsPull(connection->tls, resultOf(the, length), length);
}

void xs_tls_read(xsMachine *the)
{
	Connection connection = connectionOf(the);
	const size_t maximum = maximumOf(the);
	const size_t readable = maximum > 0 ? tlsReadable(connection->tls) : 0;
	const size_t length = readable < maximum ? readable : maximum;

	if (length > 0)
		tlsRead(connection->tls, resultOf(the, length), length);
}

void xs_tls_write(xsMachine *the)
{
	Connection connection = connectionOf(the);
	void *bytes;
	xsUnsignedValue length;

	xsmcGetBufferReadable(xsArg(1), &bytes, &length);
	xsmcSetInteger(xsResult, (xsIntegerValue)tlsWrite(connection->tls, bytes, length));
}

void xs_tls_close(xsMachine *the)
{
	Connection connection = connectionOf(the);

	tlsClose(connection->tls);
}

void xs_tls_save(xsMachine *the)
{
	Connection connection = connectionOf(the);
	void *room = tlsHasNewSession(connection->tls) ? malloc(TLS_SAVED_MAXIMUM) : NULL;
	size_t length;

	/* Without memory the next connection makes a full handshake. */
	if (!room)
		return;
	length = tlsSave(connection->tls, room, TLS_SAVED_MAXIMUM);
	xsTry {
		if (length > 0)
			memcpy(resultOf(the, length), room, length);
	}
	xsCatch {
		free(room);
		xsThrow(xsException);
	}
	free(room);
}

void xs_tls_free(xsMachine *the)
{
	Connection connection = xsmcGetHostData(xsArg(0));

	if (!connection || connection->isFreed)
		return;
	if (connection->isBusy) {
		connection->isFreed = true;
		return;
	}
	xsmcSetHostData(xsArg(0), NULL);
	freeConnection(connection);
}
