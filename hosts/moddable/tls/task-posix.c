#include "task.h"

#include <pthread.h>
#include <stddef.h>

static struct {
	pthread_t	thread;
	bool		isStarted;		/* and not joined yet */
	void		*machine;
	void		(*work)(void *data);
	void		(*done)(void *machine, void *data);
	void		*data;
} task;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool isAtWork;

static void setAtWork(bool value)
{
	pthread_mutex_lock(&mutex);
	isAtWork = value;
	pthread_mutex_unlock(&mutex);
}

static void *run(void *unused)
{
	(void)unused;
	(*task.work)(task.data);
	/* Before `done` is called, which may start the next one; that waits until this thread has read the rest. */
	setAtWork(false);
	taskPost(task.machine, task.done, task.data);
	return NULL;
}

bool taskStart(void *machine, void (*work)(void *data), void (*done)(void *machine, void *data), void *data)
{
	bool isBusy;

	pthread_mutex_lock(&mutex);
	isBusy = isAtWork;
	pthread_mutex_unlock(&mutex);
	if (isBusy)
		return false;
	taskWait();
	task.machine = machine;
	task.work = work;
	task.done = done;
	task.data = data;
	setAtWork(true);
	task.isStarted = 0 == pthread_create(&task.thread, NULL, run, NULL);
	if (!task.isStarted)
		setAtWork(false);
	return task.isStarted;
}

void taskWait(void)
{
	if (task.isStarted)
		pthread_join(task.thread, NULL);
	task.isStarted = false;
}
