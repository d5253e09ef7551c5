#include "xsmc.h"
#include "xsHost.h"

#include "task.h"

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

/* Bytes: counted on RISC-V, a handshake takes 3,016 at the most, whatever keys and chains there are. */
#define STACK_BYTES (8 * 1024)
/* Below the engine, whose task has 4: it goes first whenever it has something to do. */
#define PRIORITY (3)

static struct {
	void	*machine;
	void	(*work)(void *data);
	void	(*done)(void *machine, void *data);
	void	*data;
} task;

/* Whoever has it is at work. */
static SemaphoreHandle_t idle;

static void deliver(void *machine, void *refcon, uint8_t *message, uint16_t messageLength)
{
	void (*done)(void *machine, void *data) = task.done;

	(*done)(machine, refcon);
}

bool taskPost(void *machine, void (*done)(void *machine, void *data), void *data)
{
	return 0 == modMessagePostToMachine(machine, NULL, 0, deliver, data);
}

static void run(void *unused)
{
	(*task.work)(task.data);
	/* The queue may be full for a moment; the engine empties it. */
	while (!taskPost(task.machine, task.done, task.data))
		vTaskDelay(1);
	xSemaphoreGive(idle);
	vTaskDelete(NULL);
}

bool taskStart(void *machine, void (*work)(void *data), void (*done)(void *machine, void *data), void *data)
{
	if (!idle) {
		idle = xSemaphoreCreateBinary();
		if (!idle)
			return false;
		xSemaphoreGive(idle);
	}
	if (pdTRUE != xSemaphoreTake(idle, 0))
		return false;
	task.machine = machine;
	task.work = work;
	task.done = done;
	task.data = data;
	if (pdPASS == xTaskCreate(run, "tls", STACK_BYTES / sizeof(StackType_t), NULL, PRIORITY, NULL))
		return true;
	xSemaphoreGive(idle);
	return false;
}

void taskWait(void)
{
	if (!idle)
		return;
	xSemaphoreTake(idle, portMAX_DELAY);
	xSemaphoreGive(idle);
}
