#include "esp_partition.h"

esp_err_t nvs_flash_deinit(void);
