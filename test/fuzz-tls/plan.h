/*
 * What happens in a dialogue, step by step: drawn by a seed, or read from a file of
 * the corpus. A line is a step.
 */

#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* See plan.c for their arguments and meaning. */
typedef enum {
	kServerIs, kTickets, kCache, kWants, kRequires, kSuite, kPool, kHonest,
	kHost, kCa, kIdentity, kClock, kFailing, kFailingOn, kNoEntropy, kPiece, kReading,
	kMessageDrop, kMessageTwice, kMessageSet, kMessageInsert, kMessageDelete, kMessageBody, kMessageEcho,
	kMessageBefore, kMessageAfter,
	kCertificates, kDer, kResign,
	kRecordDrop, kRecordTwice, kRecordSet, kRecordInsert, kRecordDelete, kRecordBefore, kRecordSwap, kRecordSplit,
	kRecordJoin, kRecordLength, kRecordType, kRecordVersion,
	kSavedSet, kSavedInsert, kSavedDelete, kSavedCut, kSavedForget, kBecomes,
	kOpen, kResume, kGo, kRaw, kSend, kData, kNotify, kAgain, kWrite, kRead, kReadable, kPull, kPush, kHandshake,
	kClose, kEnded, kSave, kFree, kExpect,
	kStepKinds
} StepKind;

typedef struct {
	StepKind	kind;
	uint32_t	numbers[3];
	char		word[264];
	uint8_t		*bytes;
	size_t		length;
} Step;

#define STEPS_MAXIMUM (1024)

typedef struct {
	char	name[120];
	Step	steps[STEPS_MAXIMUM];
	size_t	count;
} Plan;

/* A plan without steps, which planClear needs. */
void planClear(Plan *plan);
/* Returns NULL when there is no room: what is drawn beyond it is left out. */
Step *planAdd(Plan *plan, StepKind kind);
void planBytes(Step *step, const void *bytes, size_t length);

/* Reads a line; returns NULL or what is wrong with it. */
const char *planParse(Plan *plan, const char *line);
void planPrint(const Plan *plan, FILE *file);

#endif
