/*
 * The remembered TLS session. Nothing of ESP-IDF is needed here: the tests compile
 * this file for the computer that they run on.
 */

#include "session-record.h"
#include "../machine/crc32.h"

#include <string.h>

/* Any number that is unlikely in memory after the power came on. */
#define RECORD_MAGIC (0x744c5331)

_Static_assert(sizeof(SessionRecord) == 2560, "the record has padding");

/* `length` is within bounds. */
static uint32_t checkOf(const SessionRecord *record)
{
	return crc32Of(crc32Of(0, &record->length, sizeof(record->length)), record->bytes, record->length);
}

void sessionRecordSet(SessionRecord *record, const void *bytes, size_t length)
{
	/* All of it: a session is secret. */
	memset(record, 0, sizeof(*record));
	if (0 == length || length > SESSION_BYTES)
		return;
	record->magic = RECORD_MAGIC;
	record->length = (uint32_t)length;
	memcpy(record->bytes, bytes, length);
	record->check = checkOf(record);
}

size_t sessionRecordLength(const SessionRecord *record)
{
	if (RECORD_MAGIC != record->magic || 0 == record->length || record->length > SESSION_BYTES)
		return 0;
	return checkOf(record) == record->check ? record->length : 0;
}
