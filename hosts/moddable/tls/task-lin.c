/* mcsim on Linux: a machine has a queue for jobs of other threads. */

#include "xsmc.h"
#include "xsHost.h"

#include "task.h"

#include <stdlib.h>

typedef struct JobRecord JobRecord;

/* As XS's platform for Linux wants it, which frees it afterwards. */
struct JobRecord {
	JobRecord	*next;
	void		(*callback)(void *machine, void *job);
	void		(*done)(void *machine, void *data);
	void		*data;
};

extern void fxQueueWorkerJob(void *machine, void *job);

static void deliver(void *machine, void *data)
{
	JobRecord *job = data;

	(*job->done)(machine, job->data);
}

bool taskPost(void *machine, void (*done)(void *machine, void *data), void *data)
{
	JobRecord *job = calloc(1, sizeof(JobRecord));

	if (!job)
		return false;
	job->callback = deliver;
	job->done = done;
	job->data = data;
	fxQueueWorkerJob(machine, job);
	return true;
}
