/* Of ESP-IDF, what erase.c needs: a board's flash is a file (../flash.c). */
#ifndef __ESP_PARTITION__
#define __ESP_PARTITION__

#include <stddef.h>
#include <stdint.h>

typedef int esp_err_t;
#define ESP_OK (0)
#define ESP_FAIL (-1)

typedef enum { ESP_PARTITION_TYPE_APP = 0, ESP_PARTITION_TYPE_DATA = 1 } esp_partition_type_t;
typedef enum {
	ESP_PARTITION_SUBTYPE_DATA_OTA = 0x00,
	ESP_PARTITION_SUBTYPE_DATA_NVS = 0x02,
	ESP_PARTITION_SUBTYPE_ANY = 0xff
} esp_partition_subtype_t;

typedef struct {
	esp_partition_type_t type;
	int subtype;
	uint32_t address;
	uint32_t size;
	const char *label;
} esp_partition_t;

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype, const char *label);
esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t size);

#endif
