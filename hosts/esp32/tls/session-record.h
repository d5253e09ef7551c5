/* What resumes the last TLS connection, in memory that a restart and deep sleep leave alone. */

#ifndef __SESSION_RECORD_H__
#define __SESSION_RECORD_H__

#include <stddef.h>
#include <stdint.h>

/* Bytes of a session. One of TLS 1.2 has the broker's certificate, its ticket and some 140 bytes; one of 1.3 no certificate. */
#define SESSION_BYTES (2560 - 3 * 4)

/* Undefined when the power comes on. */
typedef struct {
	uint32_t	magic;
	uint32_t	length;
	uint8_t		bytes[SESSION_BYTES];
	uint32_t	check;
} SessionRecord;

/* Forgets what was kept before; a session that is too long, or has no bytes, is not kept. */
void sessionRecordSet(SessionRecord *record, const void *bytes, size_t length);

/* The length of the session, or 0 if none is kept. */
size_t sessionRecordLength(const SessionRecord *record);

#endif
