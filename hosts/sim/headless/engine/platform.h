/*
 * The platform for XS: a thread of a POSIX process, one machine in it.
 * Named by `-DXSPLATFORM` for each file, XS's own included. `board.c` has the functions that it leaves to us.
 */
#ifndef VELETA_PLATFORM_H
#define VELETA_PLATFORM_H

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define XS_FUNCTION_NORETURN __attribute__((noreturn))
#define mxExport extern
#define mxImport extern

#define mxUseGCCAtomics 1
#define mxUsePOSIXThreads 1
#define mxUseDefaultMachinePlatform 1
#define mxUseDefaultBuildKeys 1
#define mxUseDefaultParseScript 1
#define mxUseDefaultSharedChunks 1
#define mxUseDefaultCStackLimit 0

#define mxMachinePlatform \
	bool promiseJobs; \
	void* waiterCondition; \
	void* waiterData; \
	void* waiterLink;

#if INTPTR_MAX == INT64_MAX
	#define mx32bitID 1
#endif

#endif
