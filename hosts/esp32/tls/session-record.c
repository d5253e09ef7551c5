/*
 * The remembered TLS session. Nothing of ESP-IDF is needed here: the tests compile
 * this file for the computer that they run on.
 */

#include "session-record.h"

#include <string.h>

/* Any number that is unlikely in memory after the power came on. */
#define RECORD_MAGIC (0x744c5331)
/* CRC-32 as in IEEE 802.3, with the bits of each byte from the lowest. */
#define CRC_POLYNOMIAL (0xedb88320)

_Static_assert(sizeof(SessionRecord) == 2560, "the record has padding");

static uint32_t crcOf(uint32_t crc, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) ? CRC_POLYNOMIAL : 0);
	}
	return crc;
}

/* `length` is within bounds. */
static uint32_t checkOf(const SessionRecord *record)
{
	const uint32_t crc = crcOf(~(uint32_t)0, &record->length, sizeof(record->length));

	return ~crcOf(crc, record->bytes, record->length);
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
