/* Tests of session-record.c on the computer that they run on. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session-record.h"

static int checks;

static void check(bool condition, const char *what, int detail)
{
	checks++;
	if (condition)
		return;
	printf("failed: %s (%d)\n", what, detail);
	exit(1);
}

static bool isZero(const SessionRecord *record)
{
	static const SessionRecord zero;

	return 0 == memcmp(record, &zero, sizeof(zero));
}

int main(void)
{
	static SessionRecord record;
	static uint8_t session[SESSION_BYTES + 1];
	uint8_t *bytes = (uint8_t *)&record;

	for (size_t i = 0; i < sizeof(session); i++)
		session[i] = (uint8_t)(i * 31 + 1);
	check(sizeof(record) <= 2560, "the record's place in RTC memory", (int)sizeof(record));

	for (size_t length = 1; length <= SESSION_BYTES; length++) {
		sessionRecordSet(&record, session, length);
		check(length == sessionRecordLength(&record), "a session that was kept is there", (int)length);
		check(0 == memcmp(record.bytes, session, length), "as it was", (int)length);
	}

	/* What a restart in the middle of a change leaves, or a cell that lost its charge. */
	sessionRecordSet(&record, session, 100);
	for (size_t bit = 0; bit < 8 * sizeof(record); bit++) {
		const size_t byte = bit / 8;
		const bool counts = byte < offsetof(SessionRecord, bytes) + 100 || byte >= offsetof(SessionRecord, check);

		bytes[byte] ^= 1 << (bit % 8);
		check((0 == sessionRecordLength(&record)) == counts, "a changed bit is noticed", (int)bit);
		bytes[byte] ^= 1 << (bit % 8);
	}
	check(100 == sessionRecordLength(&record), "and nothing else", 0);

	sessionRecordSet(&record, session, SESSION_BYTES);
	sessionRecordSet(&record, session, 1);
	check(0 != record.bytes[0] && 0 == record.bytes[1], "nothing is left of what was there before", 1);
	sessionRecordSet(&record, session, SESSION_BYTES);
	sessionRecordSet(&record, session, SESSION_BYTES + 1);
	check(0 == sessionRecordLength(&record) && isZero(&record), "what is too long is not kept, nor what was before", 0);
	sessionRecordSet(&record, session, 1);
	sessionRecordSet(&record, session, (size_t)1 << 32);
	check(0 == sessionRecordLength(&record) && isZero(&record), "however long", 0);
	sessionRecordSet(&record, session, 1);
	sessionRecordSet(&record, session, 0);
	check(0 == sessionRecordLength(&record) && isZero(&record), "no bytes forget", 0);

	/* What memory may hold when the power comes on. */
	for (int value = 0; value < 256; value++) {
		memset(&record, value, sizeof(record));
		check(0 == sessionRecordLength(&record), "memory with one value everywhere is no session", value);
	}
	srand(1);
	for (int turn = 0; turn < 10000; turn++) {
		for (size_t i = 0; i < sizeof(record); i++)
			bytes[i] = (uint8_t)(rand() >> 8);
		check(0 == sessionRecordLength(&record), "memory with anything is no session", turn);
	}
	/* An old session, with a length that noise has changed. */
	for (int turn = 0; turn < 10000; turn++) {
		sessionRecordSet(&record, session, 1000);
		record.length = (uint32_t)rand() * 2u;
		check(1000 == record.length || 0 == sessionRecordLength(&record), "a length of noise is no length", turn);
	}
	printf("%d checks\n", checks);
	return 0;
}
