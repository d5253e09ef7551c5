/*
 * Hostile TLS servers against hosts/moddable/tls/connection.c, in one process and
 * without a network.
 *
 *     fuzz-tls run SEED FIRST EVERY RECORDS    dialogues FIRST, FIRST + EVERY, … until so many records
 *     fuzz-tls dialogue SEED NUMBER            one of them, and its steps
 *     fuzz-tls replay FILE…                    the cases of these files
 *
 * What it tells for programs are lines of a word and numbers: `at DIALOGUE RECORDS`,
 * `count WHAT N`, `most WHAT N`, `end N REASON`, and `violation TEXT`.
 */
#include "dialogue.h"
#include "draw.h"
#include "hooks.h"
#include "identities.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_S (2)
#define LINE_MAXIMUM (1 << 17)

static Plan plan;
static Tally tally;
static uint32_t current;

_Noreturn void onViolation(const char *text)
{
	printf("at %u %" PRIu64 "\nviolation %s\n", current, tally.records, text);
	planPrint(&plan, stdout);
	fflush(stdout);
	_exit(1);
}

/* What the sanitizers have found ends in abort(). */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	/* Where blocks were allocated costs much; the environment's ASAN_OPTIONS can ask for it. */
	return "abort_on_error=1:malloc_context_size=1:quarantine_size_mb=4";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

static void onAbort(int signal)
{
	(void)signal;
	onViolation("see the report above");
}

static void onHang(int signal)
{
	(void)signal;
	onViolation("it hangs");
}

static void tell(void)
{
	size_t i;

	printf("count records %" PRIu64 "\n", tally.records);
	printf("count dialogues %" PRIu64 "\n", tally.dialogues);
	printf("count connections %" PRIu64 "\n", tally.connections);
	printf("count open %" PRIu64 "\n", tally.opened);
	printf("count resumed %" PRIu64 "\n", tally.resumed);
	printf("count closed %" PRIu64 "\n", tally.closed);
	printf("count bytes %" PRIu64 "\n", tally.bytes);
	printf("count saved %" PRIu64 "\n", tally.saved);
	printf("most heap %zu\n", tally.peak);
	printf("most signatures %u\n", tally.checks);
	for (i = 0; i < tally.reasonCount; i++)
		printf("end %" PRIu64 " %s\n", tally.reasons[i].count, tally.reasons[i].text);
	fflush(stdout);
}

static volatile sig_atomic_t isInterrupted;

static void onInterrupt(int signal)
{
	(void)signal;
	isInterrupted = 1;
}

static int run(uint64_t seed, uint32_t first, uint32_t every, uint64_t records)
{
	time_t told = 0;

	for (current = first; tally.records < records && !isInterrupted; current += every) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - told >= PROGRESS_S) {
			printf("at %u %" PRIu64 "\n", current, tally.records);
			fflush(stdout);
			told = now.tv_sec;
		}
		drawPlan(&plan, seed, current);
		dialogueRun(&plan, &tally);
	}
	tell();
	return 0;
}

static int repeat(uint64_t seed, uint32_t number)
{
	current = number;
	drawPlan(&plan, seed, number);
	dialogueRun(&plan, &tally);
	planPrint(&plan, stdout);
	tell();
	return 0;
}

/* Cases begin with a line `# name`. */
static void replay(const char *path)
{
	static char line[LINE_MAXIMUM];
	FILE *file = fopen(path, "r");
	const char *problem;

	if (!file) {
		printf("violation %s: cannot be read\n", path);
		exit(1);
	}
	planClear(&plan);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if ('#' == line[0]) {
			if (plan.count > 0)
				dialogueRun(&plan, &tally);
			planClear(&plan);
			snprintf(plan.name, sizeof(plan.name), "%.100s", line + 2);
			continue;
		}
		problem = planParse(&plan, line);
		if (problem) {
			printf("violation %s: %s: %s\n", path, line, problem);
			exit(1);
		}
	}
	fclose(file);
	if (plan.count > 0)
		dialogueRun(&plan, &tally);
	current++;
}

int main(int count, char **arguments)
{
	int i, result = 2;

	signal(SIGABRT, onAbort);
	signal(SIGPROF, onHang);
	/* What there is so far is told. */
	signal(SIGINT, onInterrupt);
	signal(SIGTERM, onInterrupt);
	identitiesMake();
	if (6 == count && 0 == strcmp(arguments[1], "run"))
		result = run(strtoull(arguments[2], NULL, 10), (uint32_t)strtoul(arguments[3], NULL, 10),
			(uint32_t)strtoul(arguments[4], NULL, 10), strtoull(arguments[5], NULL, 10));
	else if (4 == count && 0 == strcmp(arguments[1], "dialogue"))
		result = repeat(strtoull(arguments[2], NULL, 10), (uint32_t)strtoul(arguments[3], NULL, 10));
	else if (count > 2 && 0 == strcmp(arguments[1], "replay")) {
		for (i = 2; i < count; i++)
			replay(arguments[i]);
		tell();
		result = 0;
	}
	planClear(&plan);
	return result;
}
