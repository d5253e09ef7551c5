#include "xsmc.h"
#include "xsHost.h"

#include "task.h"

#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

/* Bytes: counted on RISC-V, a handshake takes 3,016 at the most, whatever keys and chains there are. */
#define STACK_BYTES (8 * 1024)
/* Below the engine, whose task has 4: it goes first whenever it has something to do. */
#define PRIORITY (3)

typedef struct {
	void	*machine;
	void	(*work)(void *data);
	void	(*done)(void *machine, void *data);
	void	*data;
} Task;

/* The one that begins. */
static Task task;

/* Whoever has it is at work. */
static SemaphoreHandle_t idle;

static void deliver(void *machine, void *data, uint8_t *message, uint16_t messageLength)
{
	void (*done)(void *machine, void *data);

	memcpy(&done, message, sizeof(done));
	(*done)(machine, data);
}

bool taskPost(void *machine, void (*done)(void *machine, void *data), void *data)
{
	return 0 == modMessagePostToMachine(machine, (uint8_t *)&done, sizeof(done), deliver, data);
}

static void run(void *unused)
{
	const Task own = task;

	(*own.work)(own.data);
	/* Before the end is told: whoever is told may have more for it at once. */
	xSemaphoreGive(idle);
	/* The queue may be full for a moment; the engine empties it. */
	while (!taskPost(own.machine, own.done, own.data))
		vTaskDelay(1);
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
	task = (Task){machine, work, done, data};
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
