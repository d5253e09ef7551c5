#include "plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/*
 * The forms of steps. n: a number; w: a word; b: bytes in hexadecimal digits, `HH*N`
 * for many of one value, more such parts behind commas; t: the rest of the line.
 * AT is counted from 0, and goes round where there are not that many. T is the type
 * of a handshake message, N the number of a record of the server in its connection.
 * What is no call belongs to the next connection.
 */
static const struct {
	const char	*name, *arguments;
} kForms[kStepKinds] = {
	/* The server: who it is; session tickets; a cache of sessions; it asks for a certificate; its only cipher suite. */
	[kServerIs] = {"server", "w"},
	[kTickets] = {"tickets", ""},
	[kCache] = {"cache", ""},
	[kWants] = {"wants", ""},
	[kRequires] = {"requires", ""},
	[kSuite] = {"suite", "n"},
	/* Which random numbers; nothing is remembered of earlier dialogues. */
	[kPool] = {"pool", "n"},
	[kHonest] = {"honest", ""},
	/* The client: settings; `clock` unknown, valid, before, after. */
	[kHost] = {"host", "w"},
	[kCa] = {"ca", "w"},
	[kIdentity] = {"identity", "w"},
	[kClock] = {"clock", "w"},
	/* The client's allocation of this number fails; so do all that follow; no random numbers. */
	[kFailing] = {"failing", "n"},
	[kFailingOn] = {"failing-on", "n"},
	[kNoEntropy] = {"no-entropy", ""},
	/* Bytes that are pushed, and read, at a time. 0: nothing is read. */
	[kPiece] = {"piece", "n"},
	[kReading] = {"reading", "n"},
	/* What becomes of the first message of a type, before it is hashed and encrypted. */
	[kMessageDrop] = {"message-drop", "n"},
	[kMessageTwice] = {"message-twice", "n"},
	[kMessageSet] = {"message-set", "nnb"},
	[kMessageInsert] = {"message-insert", "nnb"},
	[kMessageDelete] = {"message-delete", "nnn"},
	[kMessageBody] = {"message-body", "nb"},
	/* The ServerHello (2) has the session id that the client has sent. */
	[kMessageEcho] = {"message-echo", "n"},
	[kMessageBefore] = {"message-before", "nb"},
	[kMessageAfter] = {"message-after", "nb"},
	/*
	 * The list of certificates, as `leaf,root*20`. der I NODE CHANGE: of certificate I the node with this number, in
	 * the order of its bytes; the lengths around it are mended. resign I KEY: with a signature that is right.
	 */
	[kCertificates] = {"certificates", "w"},
	[kDer] = {"der", "nnwb"},
	[kResign] = {"resign", "nw"},
	/* What becomes of a record. */
	[kRecordDrop] = {"record-drop", "n"},
	[kRecordTwice] = {"record-twice", "n"},
	[kRecordSet] = {"record-set", "nnb"},
	[kRecordInsert] = {"record-insert", "nnb"},
	[kRecordDelete] = {"record-delete", "nnn"},
	[kRecordBefore] = {"record-before", "nb"},
	[kRecordSwap] = {"record-swap", "n"},
	[kRecordSplit] = {"record-split", "nn"},
	[kRecordJoin] = {"record-join", "n"},
	[kRecordLength] = {"record-length", "nn"},
	[kRecordType] = {"record-type", "nn"},
	[kRecordVersion] = {"record-version", "nn"},
	/* What becomes of the saved session. */
	[kSavedSet] = {"saved-set", "nb"},
	[kSavedInsert] = {"saved-insert", "nb"},
	[kSavedDelete] = {"saved-delete", "nn"},
	[kSavedCut] = {"saved-cut", "n"},
	[kSavedForget] = {"saved-forget", ""},
	/* Another server from now on, who knows no earlier session. */
	[kBecomes] = {"becomes", "w"},
	/*
	 * Calls: a connection, without the saved session or with it; bytes go to and fro, with so many pushes at most, or
	 * for 0 until nothing moves; bytes as they are.
	 */
	[kOpen] = {"open", ""},
	[kResume] = {"resume", ""},
	[kGo] = {"go", "n"},
	[kRaw] = {"raw", "b"},
	/* The server encrypts a record of a type, and so many bytes of data; its close_notify; its HelloRequest. */
	[kSend] = {"send", "nb"},
	[kData] = {"data", "n"},
	[kNotify] = {"notify", ""},
	[kAgain] = {"again", ""},
	[kWrite] = {"write", "n"},
	[kRead] = {"read", "n"},
	[kReadable] = {"readable", ""},
	[kPull] = {"pull", "n"},
	/* More than is wanted, if there are that many. */
	[kPush] = {"push", "n"},
	[kHandshake] = {"handshake", ""},
	[kClose] = {"close", ""},
	[kEnded] = {"ended", ""},
	/* With so many bytes of room. */
	[kSave] = {"save", "n"},
	[kFree] = {"free", ""},
	/* STATE REASON */
	[kExpect] = {"expect", "wt"},
};

void planClear(Plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		free(plan->steps[i].bytes);
	plan->count = 0;
	plan->name[0] = 0;
}

Step *planAdd(Plan *plan, StepKind kind)
{
	Step *step = plan->steps + plan->count;

	if (STEPS_MAXIMUM == plan->count)
		return NULL;
	plan->count++;
	memset(step, 0, sizeof(*step));
	step->kind = kind;
	return step;
}

void planBytes(Step *step, const void *bytes, size_t length)
{
	if (!step)
		return;
	free(step->bytes);
	step->bytes = malloc(length + 1);
	if (!step->bytes)
		abort();
	memcpy(step->bytes, bytes, length);
	step->length = length;
}

static bool parseBytes(Step *step, const char *text)
{
	static uint8_t bytes[1 << 17];
	size_t length = 0;

	while (*text && ' ' != *text) {
		unsigned value, count = 1;
		int used = 0;

		if (',' == *text || '-' == *text) {
			text++;
			continue;
		}
		if (2 != strspn(text, "0123456789abcdef") && strspn(text, "0123456789abcdef") < 2)
			return false;
		sscanf(text, "%2x", &value);
		text += 2;
		if ('*' == *text) {
			if (1 != sscanf(text, "*%u%n", &count, &used))
				return false;
			text += used;
		}
		if (length + count > sizeof(bytes))
			return false;
		memset(bytes + length, (int)value, count);
		length += count;
	}
	planBytes(step, bytes, length);
	return true;
}

const char *planParse(Plan *plan, const char *line)
{
	char name[32];
	int used = 0, numbers = 0;
	const char *argument;
	StepKind kind;
	Step *step;

	if (1 != sscanf(line, "%31s%n", name, &used))
		return NULL;
	for (kind = 0; kind < kStepKinds && strcmp(kForms[kind].name, name); kind++)
		;
	if (kStepKinds == kind)
		return "no such step";
	step = planAdd(plan, kind);
	if (!step)
		return "too many steps";
	line += used;
	for (argument = kForms[kind].arguments; *argument; argument++) {
		while (' ' == *line)
			line++;
		switch (*argument) {
			case 'n':
				if (1 != sscanf(line, "%u", &step->numbers[numbers++]))
					return "a number is missing";
				break;
			case 'w':
				if (1 != sscanf(line, "%263s", step->word))
					return "a word is missing";
				break;
			case 'b':
				if (!*line || !parseBytes(step, line))
					return "bytes are missing, or none";
				break;
			case 't':
				planBytes(step, line, strlen(line));
				return NULL;
		}
		while (*line && ' ' != *line)
			line++;
	}
	while (' ' == *line)
		line++;
	return *line ? "more than it takes" : NULL;
}

static void printBytes(const Step *step, FILE *file)
{
	size_t i, j;

	/* Anything is better than nothing, for whoever reads it. */
	fputs(step->length ? " " : " -", file);
	for (i = 0; i < step->length; i = j) {
		for (j = i + 1; j < step->length && step->bytes[j] == step->bytes[i]; j++)
			;
		if (j - i > 8)
			fprintf(file, "%s%02x*%zu%s", i ? "," : "", step->bytes[i], j - i, j < step->length ? "," : "");
		else {
			j = i + 1;
			fprintf(file, "%02x", step->bytes[i]);
		}
	}
}

void planPrint(const Plan *plan, FILE *file)
{
	size_t i;

	fprintf(file, "# %s\n", plan->name);
	for (i = 0; i < plan->count; i++) {
		const Step *step = plan->steps + i;
		const char *argument;
		int numbers = 0;

		fputs(kForms[step->kind].name, file);
		for (argument = kForms[step->kind].arguments; *argument; argument++)
			switch (*argument) {
				case 'n': fprintf(file, " %u", step->numbers[numbers++]); break;
				case 'w': fprintf(file, " %s", step->word); break;
				case 'b': printBytes(step, file); break;
				case 't': fprintf(file, " %.*s", (int)step->length, (const char *)step->bytes); break;
			}
		fputc('\n', file);
	}
}
