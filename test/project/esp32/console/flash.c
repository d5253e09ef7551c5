#include "flash.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../../../hosts/esp32/machine/machine.h"
#include "app_update/include/esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_task_wdt.h"
#include "nvs_flash/include/nvs_flash.h"

#define FLASH_BYTES (4 << 20)
#define SECTOR_BYTES (4096)
/* More at once would outlast the watchdogs on a slow flash. */
#define ERASED_MAXIMUM (65536)

/* As hosts/esp32/partitions.csv has them. */
static const esp_partition_t partitions[] = {
	{ ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, 0x9000, 0x6000, "nvs" },
	{ ESP_PARTITION_TYPE_DATA, 0x01, 0xf000, 0x1000, "phy_init" },
	{ ESP_PARTITION_TYPE_APP, 0x10, 0x10000, 0x1e0000, "ota_0" },
	{ ESP_PARTITION_TYPE_APP, 0x11, 0x1f0000, 0x1e0000, "ota_1" },
	{ ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, 0x3d0000, 0x2000, "otadata" },
	{ ESP_PARTITION_TYPE_DATA, 0x40, 0x3e0000, 0x20000, "veleta" },
};
static const esp_partition_t *const running = &partitions[2];
static const esp_partition_t *const other = &partitions[3];

static uint8_t *flash;
static const char *state;
static bool hasSettings = true, hasWatch = true;
static size_t unfed;

static void suffers(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(3);
}

void flashOpen(const char *path, const char *how)
{
	const int file = open(path, O_RDWR);

	state = how;
	flash = mmap(NULL, FLASH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file < 0 || MAP_FAILED == flash)
		suffers("no flash");
}

void machineStopWatch(void)
{
	hasWatch = false;
}

esp_err_t esp_task_wdt_reset(void)
{
	unfed = 0;
	return ESP_OK;
}

esp_err_t nvs_flash_deinit(void)
{
	hasSettings = false;
	return ESP_OK;
}

const esp_partition_t *esp_ota_get_running_partition(void)
{
	return running;
}

const esp_partition_t *esp_ota_get_boot_partition(void)
{
	return 0 == strcmp(state, "waits") ? other : running;
}

const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *from)
{
	return from ? NULL : other;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition, esp_ota_img_states_t *result)
{
	*result = partition == running && 0 == strcmp(state, "trial") ? ESP_OTA_IMG_PENDING_VERIFY : ESP_OTA_IMG_VALID;
	return ESP_OK;
}

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label)
{
	for (size_t i = 0; i < sizeof(partitions) / sizeof(partitions[0]); i++) {
		const esp_partition_t *partition = &partitions[i];

		if (partition->type == type && (ESP_PARTITION_SUBTYPE_ANY == subtype || partition->subtype == (int)subtype) &&
			(!label || 0 == strcmp(partition->label, label)))
			return partition;
	}
	return NULL;
}

esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t size)
{
	if (partition == running)
		suffers("the firmware that runs is erased");
	if (hasSettings)
		suffers("settings in RAM may be written again");
	if (hasWatch)
		suffers("the watchdog restarts the board");
	if (offset % SECTOR_BYTES || size % SECTOR_BYTES || offset + size > partition->size)
		return 0x102;
	unfed += size;
	if (unfed > ERASED_MAXIMUM)
		suffers("the task's watchdog restarts the board");
	if (0 == strcmp(state, "worn") && 0 == strcmp(partition->label, "veleta"))
		return 0x105;
	memset(flash + partition->address + offset, 0xff, size);
	return ESP_OK;
}
