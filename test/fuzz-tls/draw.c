#include "draw.h"
#include "identities.h"
#include "random.h"

#include <stdio.h>
#include <string.h>

/* Sequences of random numbers: few, so that what costs most is remembered. */
#define POOLS (4)
/* A dialogue of so many does all the work itself. */
#define HONEST (500)
/* An allocation beyond this one does not occur in most connections. */
#define ALLOCATIONS (900)

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define PICK(array) ((array)[below(LENGTH(array))])

static Random random_;
static Plan *plan_;

static uint32_t below(uint32_t bound)
{
	return randomBelow(&random_, bound);
}

static uint32_t between(uint32_t least, uint32_t most)
{
	return randomBetween(&random_, least, most);
}

static bool oneIn(uint32_t times)
{
	return randomOneIn(&random_, times);
}

static Step *add(StepKind kind, uint32_t first, uint32_t second, uint32_t third)
{
	Step *step = planAdd(plan_, kind);

	if (step) {
		step->numbers[0] = first;
		step->numbers[1] = second;
		step->numbers[2] = third;
	}
	return step;
}

static void addWord(StepKind kind, const char *word)
{
	Step *step = add(kind, 0, 0, 0);

	if (step)
		strncpy(step->word, word, sizeof(step->word) - 1);
}

/* Bytes that are drawn */

typedef struct {
	uint8_t	bytes[40000];
	size_t	length;
} Bytes;

static const uint32_t kLengths[] = {0, 1, 2, 3, 4, 5, 31, 32, 33, 127, 128, 255, 256, 512, 4096, 16380, 16383, 16384,
	16385, 16640, 16717, 18432, 18433, 32767, 32768, 65535};

static void put(Bytes *bytes, const void *more, size_t count)
{
	if (bytes->length + count > sizeof(bytes->bytes))
		return;
	memcpy(bytes->bytes + bytes->length, more, count);
	bytes->length += count;
}

static void putNumber(Bytes *bytes, uint32_t number, int size)
{
	uint8_t all[4];
	int i;

	for (i = 0; i < size; i++)
		all[i] = (uint8_t)(number >> 8 * (size - 1 - i));
	put(bytes, all, (size_t)size);
}

static void putRandom(Bytes *bytes, size_t count)
{
	const int kind = (int)below(4);
	const uint8_t value = (uint8_t)below(256);

	for (; count > 0; count--)
		putNumber(bytes, 0 == kind ? value : 1 == kind ? 0 : below(256), 1);
}

/* Some bytes, of a length that is often short. */
static void putSome(Bytes *bytes)
{
	putRandom(bytes, oneIn(20) ? PICK(kLengths) % 20000 : oneIn(4) ? below(300) : between(1, 4));
}

static void addBytes(StepKind kind, uint32_t first, uint32_t second, const Bytes *bytes)
{
	planBytes(add(kind, first, second, 0), bytes->bytes, bytes->length);
}

static uint32_t position(void)
{
	return oneIn(3) ? below(8) : oneIn(2) ? below(64) : below(2000);
}

/* Settings */

static void drawServer(bool isTrusted)
{
	static const char *const kTrusted[] = {"direct", "direct", "one", "two", "disordered", "named", "rsa", "belowrsa",
		"p384", "own", "twins"};
	static const uint32_t kSuites[] = {0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9, 0xc009, 0x002f};
	char pin[40];
	const char *name = isTrusted ? PICK(kTrusted) : kIdentities[below((uint32_t)kIdentityCount)].name;

	addWord(kServerIs, name);
	if (oneIn(2))
		add(kTickets, 0, 0, 0);
	if (oneIn(2))
		add(kCache, 0, 0, 0);
	if (oneIn(10))
		add(oneIn(2) ? kWants : kRequires, 0, 0, 0);
	if (oneIn(12))
		add(kSuite, PICK(kSuites), 0, 0);
	add(kPool, below(POOLS), 0, 0);
	if (oneIn(HONEST))
		add(kHonest, 0, 0, 0);
	if (0 == strcmp(name, "own") || 0 == strcmp(name, "belowrsa"))
		addWord(kCa, 0 == strcmp(name, "own") ? (oneIn(2) ? "own" : "root,own") : "rsaroot");
	if (oneIn(12)) {
		const char *chain = identityOf(name)->chain;

		snprintf(pin, sizeof(pin), "pin:%.*s", (int)strcspn(chain, ","), chain);
		addWord(kCa, pin);
	}
}

static void drawClient(void)
{
	static const char *const kHosts[] = {"BROKER.Test", "roof.casa.test", "192.0.2.7", "a.roof.casa.test", "other.test",
		"::1", "x", ".test", "casa.test", "broker.test."};
	static const char *const kCas[] = {"-", "garbage", "empty", "mixed", "many", "evilroot", "inter", "root,evilroot",
		"leaf", "pin:leaf", "pin:leaf3", "pin:evil", "pin:inter", "nobody,root", "twin,twin2,twin3,root", "here,there"};
	static const char *const kIdentityNames[] = {"client", "client", "stranger", "clientrsa", "mismatch",
		"no-certificate", "no-key", "root"};
	static const char *const kClocks[] = {"unknown", "before", "after"};
	Bytes name = {.length = 0};

	if (oneIn(12))
		addWord(kHost, PICK(kHosts));
	if (oneIn(200)) {
		for (; name.length < 260;)
			putNumber(&name, 'a' + below(26), 1);
		name.bytes[between(200, 259)] = 0;
		addWord(kHost, (const char *)name.bytes);
	}
	if (oneIn(16))
		addWord(kCa, PICK(kCas));
	if (oneIn(10))
		addWord(kIdentity, PICK(kIdentityNames));
	if (oneIn(10))
		addWord(kClock, PICK(kClocks));
}

static void drawPieces(void)
{
	static const uint32_t kPieces[] = {1, 2, 4, 5, 6, 13, 100, 536, 1460};
	static const uint32_t kReadings[] = {1, 2, 100, 1000, 1500, 4096, 16384, 0};

	/* Of a byte each they cost much. */
	add(kPiece, oneIn(3) ? PICK(kPieces) : 1500, 0, 0);
	add(kReading, PICK(kReadings), 0, 0);
}

/* Any call, at any moment */
static void drawCall(void)
{
	switch (below(12)) {
		case 0: add(kWrite, oneIn(8) ? PICK(kLengths) : below(200), 0, 0); break;
		case 1: add(kRead, oneIn(8) ? PICK(kLengths) : below(40), 0, 0); break;
		case 2: add(kReadable, 0, 0, 0); break;
		case 3: add(kPull, oneIn(2) ? below(10) : below(3000), 0, 0); break;
		case 4: add(kHandshake, 0, 0, 0); break;
		case 5: add(kSave, oneIn(4) ? below(200) : oneIn(2) ? below(2000) : 4096, 0, 0); break;
		case 6: add(kPush, between(1490, 1600), 0, 0); break;
		case 7: add(kGo, between(1, 3), 0, 0); break;
		case 8: drawPieces(); break;
		case 9:
			if (oneIn(4))
				add(kClose, 0, 0, 0);
			break;
		case 10:
			if (oneIn(6))
				add(kEnded, 0, 0, 0);
			break;
		default:
			if (oneIn(10))
				add(kFree, 0, 0, 0);
	}
}

/* Data both ways, for a while. */
static void drawTraffic(void)
{
	uint32_t count = oneIn(2) ? between(20, 200) : between(1, 12);
	const bool isLarge = oneIn(20);
	bool isEmpty = true;

	for (; count > 0; count--) {
		/* Not two in a row: Mbed TLS ends a connection at the fourth empty record. */
		isEmpty = !isEmpty && oneIn(30);
		if (isLarge && !isEmpty)
			add(kData, oneIn(2) ? PICK(kLengths) + 1 : between(1, 16384), 0, 0);
		else
			add(kData, isEmpty ? 0 : between(1, 60), 0, 0);
		if (oneIn(6))
			add(kWrite, oneIn(20) ? PICK(kLengths) : below(300), 0, 0);
		if (oneIn(12))
			drawCall();
		if (oneIn(4))
			add(kGo, 0, 0, 0);
	}
	add(kGo, 0, 0, 0);
}

/* A later connection, with the session of the one before. */
static void drawResumption(void)
{
	add(kSave, 4096, 0, 0);
	add(kResume, 0, 0, 0);
	add(kGo, 0, 0, 0);
}

/* What may become of a record as of a message: `kinds` drop, repeat, set, insert and delete; `rule` is up to 5. */
static void drawEdit(const StepKind kinds[5], uint32_t rule, uint32_t which)
{
	Bytes bytes = {.length = 0};

	switch (rule) {
		case 0:
		case 1: add(kinds[rule], which, 0, 0); break;
		case 5: add(kinds[4], which, position(), oneIn(3) ? below(2000) : between(1, 4)); break;
		default:
			putSome(&bytes);
			addBytes(kinds[4 == rule ? 3 : 2], which, position(), &bytes);
	}
}

/* Records */

static void drawRecordRule(uint32_t highest)
{
	static const StepKind kEdits[] = {kRecordDrop, kRecordTwice, kRecordSet, kRecordInsert, kRecordDelete};
	const uint32_t number = below(highest);
	const uint32_t rule = between(0, 11);
	Bytes bytes = {.length = 0};

	switch (rule) {
		case 0: case 1: case 2: case 3: case 4: case 5: drawEdit(kEdits, rule, number); break;
		case 6: {
			const uint32_t length = oneIn(3) ? PICK(kLengths) : below(100);

			putNumber(&bytes, oneIn(10) ? below(256) : between(20, 24), 1);
			putNumber(&bytes, oneIn(8) ? below(0x400) : 0x0303, 2);
			putNumber(&bytes, length, 2);
			putRandom(&bytes, oneIn(4) ? below(20) : length % 20000);
			addBytes(kRecordBefore, number, 0, &bytes);
			break;
		}
		case 7: add(kRecordSwap, number, 0, 0); break;
		case 8: add(kRecordSplit, number, below(oneIn(2) ? 6 : 600), 0); break;
		case 9: add(kRecordJoin, number, 0, 0); break;
		case 10: add(kRecordLength, number, oneIn(2) ? PICK(kLengths) : below(0x10000), 0); break;
		default:
			if (oneIn(2))
				add(kRecordType, number, oneIn(3) ? below(256) : between(20, 24), 0);
			else
				add(kRecordVersion, number, oneIn(3) ? below(0x10000) : 0x0300 + below(5), 0);
	}
}

static void familyRecords(void)
{
	uint32_t rules = oneIn(2) ? 1 : between(1, 4);

	for (; rules > 0; rules--)
		drawRecordRule(oneIn(3) ? 40 : 8);
	add(kOpen, 0, 0, 0);
	if (oneIn(6))
		drawCall();
	add(kGo, 0, 0, 0);
	drawTraffic();
}

/* Handshake messages */

static const uint8_t kTypes[] = {2, 2, 11, 12, 12, 13, 14, 4, 20, 22};

static void putExtension(Bytes *bytes)
{
	static const uint16_t kExtensions[] = {0, 1, 4, 5, 10, 11, 13, 14, 16, 22, 23, 35, 43, 51, 0xff01, 0x1234};
	Bytes value = {.length = 0};
	const uint16_t type = PICK(kExtensions);

	if (!oneIn(3))
		switch (type) {
			case 1: putNumber(&value, between(0, 6), 1); break;
			case 11: putNumber(&value, 0x0100 + below(3), 2); break;
			case 16: put(&value, "\x00\x03\x02h2", 5); break;
			case 0xff01: putNumber(&value, 0, 1); break;
			default: break;
		}
	else
		putSome(&value);
	if (value.length > 3000)
		value.length = 3000;
	putNumber(bytes, type, 2);
	putNumber(bytes, oneIn(20) ? below(0x10000) : (uint32_t)value.length, 2);
	put(bytes, value.bytes, value.length);
}

static void putServerHello(Bytes *bytes)
{
	static const uint16_t kSuites[] = {0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x1301, 0x002f, 0xc009, 0x00ff, 0};
	static const uint16_t kVersions[] = {0x0300, 0x0301, 0x0302, 0x0304, 0x0203, 0x7f00, 0xfeff, 0xffff};
	Bytes extensions = {.length = 0};
	uint32_t count = oneIn(10) ? between(50, 300) : below(6), idLength = oneIn(2) ? 32 : oneIn(2) ? 0 : below(256);

	putNumber(bytes, oneIn(6) ? PICK(kVersions) : 0x0303, 2);
	putRandom(bytes, 32);
	putNumber(bytes, idLength, 1);
	putRandom(bytes, oneIn(16) ? below(40) : idLength);
	putNumber(bytes, PICK(kSuites), 2);
	putNumber(bytes, oneIn(10) ? below(256) : 0, 1);
	if (oneIn(8))
		return;
	for (; count > 0 && extensions.length < 12000; count--)
		putExtension(&extensions);
	putNumber(bytes, oneIn(16) ? PICK(kLengths) : (uint32_t)extensions.length, 2);
	put(bytes, extensions.bytes, extensions.length);
}

static void putServerKeyExchange(Bytes *bytes)
{
	static const uint16_t kCurves[] = {19, 21, 22, 23, 24, 25, 26, 28, 29, 30, 0, 0xffff};
	static const uint8_t kPoints[] = {65, 65, 65, 97, 133, 32, 33, 56, 0, 1, 255};
	const uint32_t point = PICK(kPoints), signature = oneIn(3) ? below(300) : 72;

	putNumber(bytes, oneIn(8) ? below(256) : 3, 1);
	putNumber(bytes, PICK(kCurves), 2);
	putNumber(bytes, point, 1);
	if (point > 0)
		putNumber(bytes, oneIn(4) ? below(256) : 4, 1);
	putRandom(bytes, oneIn(8) ? below(200) : point > 0 ? point - 1 : 0);
	putNumber(bytes, oneIn(3) ? below(9) : 4, 1);
	putNumber(bytes, oneIn(3) ? below(5) : 3, 1);
	putNumber(bytes, oneIn(8) ? below(0x10000) : signature, 2);
	putRandom(bytes, signature);
}

static void putCertificateRequest(Bytes *bytes)
{
	const uint32_t types = below(5), algorithms = 2 * below(oneIn(4) ? 200 : 8);
	const uint32_t names = oneIn(4) ? PICK(kLengths) % 16000 : below(100);

	putNumber(bytes, types, 1);
	putRandom(bytes, types);
	putNumber(bytes, oneIn(8) ? algorithms + 1 : algorithms, 2);
	putRandom(bytes, algorithms);
	putNumber(bytes, oneIn(8) ? below(0x10000) : names, 2);
	putRandom(bytes, names);
}

static void putTicket(Bytes *bytes)
{
	const uint32_t length = oneIn(2) ? PICK(kLengths) % 17000 : below(3000);

	putNumber(bytes, below(2) ? 0 : below(0x10000) << 16, 4);
	putNumber(bytes, oneIn(6) ? below(0x10000) : length, 2);
	putRandom(bytes, length);
}

static void putBody(Bytes *bytes, uint8_t type)
{
	switch (type) {
		case 2: putServerHello(bytes); break;
		case 12: putServerKeyExchange(bytes); break;
		case 13: putCertificateRequest(bytes); break;
		case 4: putTicket(bytes); break;
		default: putSome(bytes);
	}
}

static void putMessage(Bytes *bytes)
{
	static const uint8_t kOthers[] = {0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 22, 67, 255};
	const uint8_t type = PICK(kOthers);
	Bytes body = {.length = 0};

	if (oneIn(2))
		putBody(&body, type);
	if (body.length > 16000)
		body.length = 16000;
	putNumber(bytes, type, 1);
	putNumber(bytes, (uint32_t)body.length, 3);
	put(bytes, body.bytes, body.length);
}

static void drawMessageRule(void)
{
	static const StepKind kEdits[] = {kMessageDrop, kMessageTwice, kMessageSet, kMessageInsert, kMessageDelete};
	const uint8_t type = PICK(kTypes);
	const uint32_t rule = below(9);
	Bytes bytes = {.length = 0};

	switch (rule) {
		case 0: case 1: case 2: case 3: case 4: case 5: drawEdit(kEdits, rule, type); break;
		case 6:
			putBody(&bytes, type);
			addBytes(kMessageBody, type, 0, &bytes);
			break;
		case 7:
			putMessage(&bytes);
			addBytes(kMessageBefore, type, 0, &bytes);
			break;
		default:
			putMessage(&bytes);
			addBytes(kMessageAfter, type, 0, &bytes);
	}
}

static void familyMessages(void)
{
	uint32_t rules = oneIn(2) ? 1 : between(1, 4);

	for (; rules > 0; rules--)
		drawMessageRule();
	add(kOpen, 0, 0, 0);
	add(kGo, oneIn(8) ? between(1, 4) : 0, 0, 0);
	if (oneIn(4))
		drawCall();
	drawTraffic();
	if (oneIn(3))
		drawResumption();
}

/* Certificates */

static void drawList(void)
{
	static const char *const kLists[] = {"leaf*300", "leaf2,inter*60", "belowtwin,twin*9", "leaf,root*12",
		"leaf2,twin,twin2,twin3,inter,inter,inter", "belowhere,here,there,here,there", "leaf3,inter,second,inter0,root",
		"leaf3,second*4,inter*4", "root*11", "leaf,rsa*20", "belowtwin,twin2,twin3,twin", "p384*40", "own,own", "weak*30"};
	char list[264];
	uint32_t count = between(1, 12);

	if (oneIn(2)) {
		addWord(kCertificates, PICK(kLists));
		return;
	}
	for (list[0] = 0; count > 0 && strlen(list) < 200; count--) {
		strcat(list, certificateName(below(1000)));
		if (oneIn(8))
			strcat(list, oneIn(2) ? "*3" : "*30");
		if (count > 1)
			strcat(list, ",");
	}
	addWord(kCertificates, list);
}

static void drawDer(uint32_t certificate)
{
	static const char *const kChanges[] = {"tag", "value", "value", "first", "last", "times", "drop", "wrap", "long",
		"deep"};
	static const uint8_t kTags[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31,
		0x80, 0x82, 0x87, 0xa0, 0xa3, 0x1f, 0xff};
	static const struct {
		const char	*bytes;
		size_t		length;
	} kValues[] = {
		{"", 0}, {"\x00", 1}, {"\xff", 1}, {"\x7f", 1}, {"991231235959Z", 13}, {"500101000000Z", 13},
		{"000000000000Z", 13}, {"00000000000000Z", 15}, {"99991231235959Z", 15}, {"260229000000Z", 13},
		{"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8}, {"\x2b\x81\x04\x00\x22", 5}, {"\x55\x1d\x11", 3}, {"\x55\x1d\x13", 3},
		{"\x55\x1d\x0f", 3}, {"\x55\x1d\x25", 3}, {"\x55\x1d\x20", 3}, {"\x55\x1d\x1e", 3}, {"\x55\x1d\x0e", 3},
		{"\x55\x1d\x23", 3}, {"\x2a\x86\x48\xce\x3d\x04\x03\x02", 8}, {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9},
		{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", 9}, {"broker.test", 11}, {"*.test", 6}, {"*.casa.test", 11},
		{"broker.test\0.evil.test", 22}, {"\x55\x1d\x25\x00", 4}, {"\x80\x00\x00\x00\x01", 5}, {"\x30\x00", 2},
	};
	const char *change = PICK(kChanges);
	const uint32_t known = below(LENGTH(kValues));
	Bytes bytes = {.length = 0};
	Step *step;

	if (0 == strcmp(change, "tag") || 0 == strcmp(change, "wrap"))
		putNumber(&bytes, PICK(kTags), 1);
	else if (0 == strcmp(change, "times") || 0 == strcmp(change, "deep"))
		putNumber(&bytes, oneIn(3) ? below(4000) : between(2, 40), 2);
	else if (oneIn(3)) {
		const uint32_t length = oneIn(6) ? PICK(kLengths) % 16000 : below(100);

		/* A node of its own. */
		putNumber(&bytes, PICK(kTags), 1);
		if (length < 0x80)
			putNumber(&bytes, length, 1);
		else
			putNumber(&bytes, 0x820000 + length, 3);
		putRandom(&bytes, length);
	} else if (oneIn(2))
		put(&bytes, kValues[known].bytes, kValues[known].length);
	else
		putSome(&bytes);
	step = add(kDer, certificate, below(90), 0);
	if (step)
		strcpy(step->word, change);
	planBytes(step, bytes.bytes, bytes.length);
}

static void familyCertificates(void)
{
	static const char *const kSigners[] = {"root", "inter", "second", "evilroot", "nobody", "evil", "twin", "rsa"};
	uint32_t rules = oneIn(2) ? 1 : between(1, 4), certificate;

	if (oneIn(4))
		drawList();
	if (!oneIn(6))
		for (; rules > 0; rules--) {
			certificate = oneIn(3) ? below(4) : 0;
			drawDer(certificate);
			if (!oneIn(4)) {
				Step *step = add(kResign, certificate, 0, 0);

				if (step)
					strcpy(step->word, oneIn(2) ? kSigners[0] : PICK(kSigners));
			}
		}
	add(kOpen, 0, 0, 0);
	add(kGo, 0, 0, 0);
	if (oneIn(4))
		drawTraffic();
	if (oneIn(4))
		drawResumption();
}

/* After the keys */

static void drawEncrypted(void)
{
	Bytes bytes = {.length = 0};

	switch (below(9)) {
		case 0:
		case 1:
			putNumber(&bytes, oneIn(4) ? below(256) : between(1, 2), 1);
			putNumber(&bytes, below(oneIn(2) ? 256 : 121), 1);
			if (oneIn(16))
				putSome(&bytes);
			/* Most of them are no end: warnings. */
			if (!oneIn(6)) {
				bytes.length = 0;
				putNumber(&bytes, 0x0100 + between(1, 120), 2);
			}
			addBytes(kSend, 21, 0, &bytes);
			break;
		case 2:
			if (oneIn(3))
				putMessage(&bytes);
			else
				put(&bytes, "\0\0\0\0", 4);
			addBytes(kSend, 22, 0, &bytes);
			break;
		case 3:
			putSome(&bytes);
			addBytes(kSend, oneIn(3) ? below(256) : between(20, 24), 0, &bytes);
			break;
		case 4: add(kAgain, 0, 0, 0); break;
		case 5:
			if (oneIn(4))
				add(kNotify, 0, 0, 0);
			break;
		case 6:
			if (oneIn(4)) {
				putSome(&bytes);
				addBytes(kRaw, 0, 0, &bytes);
			}
			break;
		default: add(kData, 0, 0, 0);
	}
}

static void familyEncrypted(void)
{
	uint32_t count = between(1, 120);

	if (oneIn(8))
		drawRecordRule(60);
	add(kOpen, 0, 0, 0);
	add(kGo, 0, 0, 0);
	for (; count > 0; count--) {
		if (oneIn(3))
			drawEncrypted();
		else
			add(kData, between(1, 40), 0, 0);
		if (oneIn(10))
			drawCall();
		if (oneIn(3))
			add(kGo, 0, 0, 0);
	}
	add(kGo, 0, 0, 0);
}

/* A saved session that is not as it was */

static void familySaved(void)
{
	uint32_t changes = oneIn(2) ? 1 : between(1, 4);
	Bytes bytes;

	add(kOpen, 0, 0, 0);
	add(kGo, 0, 0, 0);
	add(kSave, 4096, 0, 0);
	for (; changes > 0; changes--) {
		/* Lengths and the certificate lie behind what begins it. */
		const uint32_t at = oneIn(4) ? below(24) : oneIn(2) ? between(24, 170) : below(2000);

		bytes.length = 0;
		switch (below(6)) {
			case 0:
			case 1:
			case 2:
				putSome(&bytes);
				addBytes(kSavedSet, at, 0, &bytes);
				break;
			case 3:
				putSome(&bytes);
				addBytes(kSavedInsert, at, 0, &bytes);
				break;
			case 4: add(kSavedDelete, at, below(oneIn(2) ? 4 : 400), 0); break;
			default: add(kSavedCut, at, 0, 0);
		}
	}
	if (oneIn(3))
		drawClient();
	if (oneIn(3))
		drawRecordRule(6);
	if (oneIn(3))
		drawMessageRule();
	add(kResume, 0, 0, 0);
	add(kGo, 0, 0, 0);
	drawTraffic();
	if (oneIn(2))
		drawResumption();
}

/* A saved session, and somebody else in the server's place, who claims to know it. */
static void familyImpostor(void)
{
	Bytes bytes = {.length = 0};
	uint32_t rules = below(3);

	add(kOpen, 0, 0, 0);
	add(kGo, 0, 0, 0);
	add(kSave, 4096, 0, 0);
	addWord(kBecomes, kIdentities[below((uint32_t)kIdentityCount)].name);
	if (!oneIn(4))
		add(kMessageEcho, 2, 0, 0);
	if (oneIn(2)) {
		static const uint8_t kOthers[] = {11, 12, 14};

		add(kMessageDrop, PICK(kOthers), 0, 0);
		add(kMessageDrop, PICK(kOthers), 0, 0);
	}
	if (oneIn(3)) {
		/* As if the handshake were over: change_cipher_spec and a Finished. */
		put(&bytes, "\x14\x03\x03\x00\x01\x01\x16\x03\x03\x00\x28", 11);
		putRandom(&bytes, 40);
		addBytes(kRecordBefore, 1, 0, &bytes);
	}
	for (; rules > 0; rules--)
		drawMessageRule();
	add(kResume, 0, 0, 0);
	add(kGo, 0, 0, 0);
	drawTraffic();
	if (oneIn(2))
		drawResumption();
}

static void familyMemory(void)
{
	const StepKind kind = oneIn(3) ? kFailingOn : kFailing;

	add(kind, between(1, oneIn(2) ? 120 : ALLOCATIONS), 0, 0);
	if (oneIn(4))
		drawMessageRule();
	add(kOpen, 0, 0, 0);
	add(kGo, 0, 0, 0);
	drawTraffic();
	add(kFailing, between(1, 200), 0, 0);
	drawResumption();
	add(kFailing, 0, 0, 0);
	add(kResume, 0, 0, 0);
	add(kGo, 0, 0, 0);
}

static void familyClean(void)
{
	add(kOpen, 0, 0, 0);
	add(kGo, 0, 0, 0);
	drawTraffic();
	if (oneIn(2))
		drawResumption();
	drawTraffic();
	if (oneIn(3)) {
		add(kNotify, 0, 0, 0);
		add(kGo, 0, 0, 0);
	}
}

static void familyCalls(void)
{
	uint32_t count = between(4, 40);

	add(kOpen, 0, 0, 0);
	for (; count > 0; count--) {
		drawCall();
		if (oneIn(4))
			add(kGo, oneIn(2) ? 0 : between(1, 4), 0, 0);
		if (oneIn(6))
			drawEncrypted();
		if (oneIn(20))
			add(oneIn(2) ? kOpen : kResume, 0, 0, 0);
	}
}

/* No server at all */
static void familyNoise(void)
{
	uint32_t count = between(1, 6);
	Bytes bytes;

	add(kOpen, 0, 0, 0);
	if (oneIn(2))
		add(kGo, 1, 0, 0);
	for (; count > 0; count--) {
		bytes.length = 0;
		if (oneIn(2)) {
			Bytes message = {.length = 0};

			putMessage(&message);
			putNumber(&bytes, oneIn(8) ? between(20, 24) : 22, 1);
			putNumber(&bytes, 0x0303, 2);
			putNumber(&bytes, (uint32_t)message.length, 2);
			put(&bytes, message.bytes, message.length);
		} else if (oneIn(2)) {
			putNumber(&bytes, 21, 1);
			putNumber(&bytes, 0x0300 + below(5), 2);
			putNumber(&bytes, oneIn(8) ? below(5) : 2, 2);
			putNumber(&bytes, (between(0, 2) << 8) + below(oneIn(2) ? 256 : 121), 2);
		} else
			putSome(&bytes);
		addBytes(kRaw, 0, 0, &bytes);
		if (oneIn(2))
			add(kGo, 0, 0, 0);
	}
	add(kGo, 0, 0, 0);
}

void drawPlan(Plan *plan, uint64_t seed, uint32_t dialogue)
{
	static const struct {
		const char	*name;
		void		(*draw)(void);
		uint32_t	weight;
	} kFamilies[] = {
		{"clean", familyClean, 10}, {"records", familyRecords, 20}, {"messages", familyMessages, 20},
		{"certificates", familyCertificates, 20}, {"encrypted", familyEncrypted, 20}, {"saved", familySaved, 10},
		{"impostor", familyImpostor, 8}, {"memory", familyMemory, 8}, {"calls", familyCalls, 8}, {"noise", familyNoise, 6},
	};
	uint32_t total = 0, choice;
	size_t i;

	planClear(plan);
	plan_ = plan;
	randomStart(&random_, seed, dialogue);
	for (i = 0; i < LENGTH(kFamilies); i++)
		total += kFamilies[i].weight;
	choice = below(total);
	for (i = 0; choice >= kFamilies[i].weight; i++)
		choice -= kFamilies[i].weight;
	snprintf(plan->name, sizeof(plan->name), "%s: dialogue %u of seed %llu", kFamilies[i].name, dialogue,
		(unsigned long long)seed);
	drawServer(oneIn(4) ? false : true);
	drawClient();
	drawPieces();
	if (oneIn(300))
		add(kNoEntropy, 0, 0, 0);
	(*kFamilies[i].draw)();
}
