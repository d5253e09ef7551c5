/* The driver's reasons why a Wi-Fi was not joined, or was lost. */

#ifndef __WIFI_REASON_H__
#define __WIFI_REASON_H__

#include <stdbool.h>
#include <stdint.h>

/* The longest text with its end. */
#define WIFI_REASON_BYTES (80)

/* `reason` is ESP-IDF's wifi_err_reason_t: IEEE 802.11-2020, 9.4.1.7, and from 200 on Espressif's own. In ASCII. */
void wifiReasonText(char text[WIFI_REASON_BYTES], uint8_t reason);

/* Whether a wrong password is the usual cause of this reason. A weak signal can have it, too. */
bool wifiReasonIsRefusal(uint8_t reason);

#endif
