#include "esp_partition.h"

esp_err_t esp_task_wdt_reset(void);
