/*
 * The machine itself: restart, deep sleep, diagnostics, and the watchdog that
 * progress feeds. The chip's own watchdogs are ESP-IDF's:
 * sdkconfig/sdkconfig.defaults turns them on.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include <stdlib.h>

#include "esp_attr.h"
#include "esp_mac.h"
#include "esp_sleep.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "esp_wifi.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "machine.h"

/* From the last write to the end of the radio: a few round trips in a home. */
#define FAREWELL_MS (100)

_Static_assert(ESP_RST_SW == 3 && ESP_RST_PANIC == 4 && ESP_RST_WDT == 7 && ESP_RST_DEEPSLEEP == 8 &&
	ESP_RST_POWERON == 1 && ESP_RST_EXT == 2 && ESP_RST_SDIO == 10 && ESP_RST_USB == 11 && ESP_RST_JTAG == 12 &&
	ESP_RST_CPU_LOCKUP == 15, "machine-rules.c has another order of reset reasons");

static RTC_NOINIT_ATTR RestartNote note;
/* The note as the program started; from then on the note is about the next restart. */
static RestartNote lastNote;
static void (*beforeSleep)(void);

static void takeNote(void)
{
	static bool taken;

	if (taken)
		return;
	taken = true;
	lastNote = note;
	restartNoteWrite(&note, kRestartUnexplained, 0);
}

void machineNoteRestart(RestartCause cause)
{
	takeNote();
	if (kRestartUnexplained == restartNoteCause(&note))
		restartNoteWrite(&note, cause, 0);
}

void machineNoteAbort(const char *reason)
{
	takeNote();
	restartNoteAbort(&note, reason);
}

void machineBeforeSleep(void (*callback)(void))
{
	beforeSleep = callback;
}

bool machineRestartTrouble(char text[RESTART_REASON_BYTES])
{
	takeNote();
	restartReason(text, esp_reset_reason(), &lastNote);
	return restartIsTrouble(esp_reset_reason(), &lastNote);
}

void xs_machine_restart(xsMachine *the)
{
	machineNoteRestart(kRestartRequested);
	esp_restart();
}

/*
 * RAM is lost, the RTC's clock and its memory stay. No pin is driven any more: the
 * lines of the sensors rest at their pull-up resistors.
 */
void xs_machine_sleep(xsMachine *the)
{
	const uint64_t duration = sleepMicroseconds(xsmcToNumber(xsArg(0)));

	takeNote();
	/* lwIP may still hold the last packets; without them the broker takes the end for a loss. */
	vTaskDelay(pdMS_TO_TICKS(FAREWELL_MS));
	/* The access point is told, and the radio is off in good order; without Wi-Fi it is an error of no consequence. */
	esp_wifi_stop();
	if (beforeSleep)
		beforeSleep();
	esp_sleep_enable_timer_wakeup(duration);
	esp_deep_sleep_start();
}

/* An object with the machine's part of the diagnostics. */
void xs_machine_facts(xsMachine *the)
{
	char text[RESTART_REASON_BYTES];
	int rssi;

	takeNote();
	restartReason(text, esp_reset_reason(), &lastNote);
	xsmcVars(1);
	xsmcSetNewObject(xsResult);
	xsmcSetString(xsVar(0), text);
	xsmcSet(xsResult, xsID_restart, xsVar(0));
	xsmcSetInteger(xsVar(0), (xsIntegerValue)esp_get_free_heap_size());
	xsmcSet(xsResult, xsID_heap, xsVar(0));
	xsmcSetInteger(xsVar(0), (xsIntegerValue)esp_get_minimum_free_heap_size());
	xsmcSet(xsResult, xsID_heapLow, xsVar(0));
	if (ESP_OK == esp_wifi_sta_get_rssi(&rssi)) {
		xsmcSetInteger(xsVar(0), rssi);
		xsmcSet(xsResult, xsID_rssi, xsVar(0));
	}
}

/* Of the address that the access point knows the board by: its router lists it. */
void machineId(char text[STATION_ID_BYTES])
{
	uint8_t address[6] = { 0 };

	/* It comes from the chip's fuses, with or without Wi-Fi. From damaged ones it may be 000000: a station all the same. */
	esp_read_mac(address, ESP_MAC_WIFI_STA);
	stationId(text, address);
}

void xs_machine_id(xsMachine *the)
{
	char text[STATION_ID_BYTES];

	machineId(text);
	xsmcSetString(xsResult, text);
}

#ifndef mxDebug

/* The note for a restart by the watchdog. */
static RestartNote unfedNote;
static esp_timer_handle_t timer;

/*
 * Called by the timer's interrupt, which no task can hold up; the interrupt
 * watchdog looks after interrupts. A panic restarts the chip at once, where
 * esp_restart would first wait for the Wi-Fi to stop. In RAM, as the interrupt
 * also comes while the flash is being written.
 */
static void IRAM_ATTR onUnfed(void *data)
{
	/* A structure may be copied by a function that lies in flash. */
	for (size_t i = 0; i < sizeof(note) / sizeof(uint32_t); i++)
		((volatile uint32_t *)&note)[i] = ((volatile uint32_t *)&unfedNote)[i];
	abort();
}

void xs_machine_feed(xsMachine *the)
{
	const esp_timer_create_args_t watchdog = {
		.callback = onUnfed,
		.dispatch_method = ESP_TIMER_ISR,
		.name = "progress",
	};
	const uint64_t within = feedMicroseconds(xsmcToNumber(xsArg(0)));

	takeNote();
	if (!timer && ESP_OK != esp_timer_create(&watchdog, &timer))
		return;		/* no memory: tried again with the next feed */
	esp_timer_stop(timer);
	restartNoteWrite(&unfedNote, kRestartUnfed, (uint32_t)(within / 1000000));
	esp_timer_start_once(timer, within);
}

void machineStopWatch(void)
{
	if (timer)
		esp_timer_stop(timer);
}

#else

/* No watchdog: a debugger stops the program. */
void xs_machine_feed(xsMachine *the)
{
}

void machineStopWatch(void)
{
}

#endif
