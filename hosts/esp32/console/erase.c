/*
 * Three partitions, by ESP-IDF's functions: `nvs` as a whole, since forgotten settings stay in its pages, the station's
 * readings, and the slot for firmware that does not run, whose image may have settings in it.
 */

#include "erase.h"

#include <stdio.h>

#include "app_update/include/esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_task_wdt.h"
#include "nvs_flash/include/nvs_flash.h"

#include "../machine/machine.h"

/* Erased at once: the flash has a command for so much, which takes it up to two seconds. */
#define BLOCK_BYTES (65536)
/* As partitions.csv and host.ts name it. */
#define READINGS "veleta"

static esp_err_t erase(const esp_partition_t *partition)
{
	esp_err_t error = ESP_OK;
	size_t at, length;

	/* A board with another partition table may have none. */
	if (!partition)
		return ESP_OK;
	for (at = 0; ESP_OK == error && at < partition->size; at += length) {
		length = partition->size - at < BLOCK_BYTES ? partition->size - at : BLOCK_BYTES;
		error = esp_partition_erase_range(partition, at, length);
		esp_task_wdt_reset();
	}
	return error;
}

/* Where firmware may have to go back to the other slot, it has to be there. */
static const char *refusal(const esp_partition_t *running)
{
	esp_ota_img_states_t state;

	if (running != esp_ota_get_boot_partition())
		return "the new firmware waits for a restart";
	if (ESP_OK == esp_ota_get_state_partition(running, &state) && ESP_OTA_IMG_PENDING_VERIFY == state)
		return "the new firmware is on trial";
	return NULL;
}

bool eraseAll(char reply[CONSOLE_REPLY_BYTES])
{
	const esp_partition_t *running = esp_ota_get_running_partition();
	const esp_partition_t *other = esp_ota_get_next_update_partition(NULL);
	const char *problem = refusal(running);
	esp_err_t error;

	if (problem) {
		snprintf(reply, CONSOLE_REPLY_BYTES, "error %s", problem);
		return false;
	}
	machineStopWatch();
	/* What it has in RAM would be written again. */
	nvs_flash_deinit();
	/* The secrets first: the power may go. */
	error = erase(esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, NULL));
	if (ESP_OK == error && other != running)
		error = erase(other);
	if (ESP_OK == error)
		error = erase(esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, READINGS));
	if (ESP_OK == error)
		snprintf(reply, CONSOLE_REPLY_BYTES, "ok");
	else
		snprintf(reply, CONSOLE_REPLY_BYTES, "error the flash does not erase (0x%x)", (unsigned int)error);
	return true;
}
