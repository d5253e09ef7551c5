/*
 * Keeps what resumes the last TLS connection through restarts and deep sleep: a
 * station that sleeps would otherwise check certificates at each reading.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "esp_attr.h"

#include "session-record.h"

static RTC_NOINIT_ATTR SessionRecord session;

/* An ArrayBuffer, or undefined. */
void xs_tls_memory_load(xsMachine *the)
{
	const size_t length = sessionRecordLength(&session);

	if (length > 0)
		xsmcSetArrayBuffer(xsResult, session.bytes, (xsIntegerValue)length);
}

/* Takes an ArrayBuffer; one of no bytes forgets. */
void xs_tls_memory_save(xsMachine *the)
{
	void *bytes;
	xsUnsignedValue length;

	xsmcGetBufferReadable(xsArg(0), &bytes, &length);
	sessionRecordSet(&session, bytes, length);
}
