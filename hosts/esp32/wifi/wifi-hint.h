/* The access point that was joined last, in memory that a restart and deep sleep leave alone. */

#ifndef __WIFI_HINT_H__
#define __WIFI_HINT_H__

#include <stdbool.h>
#include <stdint.h>

/* IEEE 802.11: an SSID has at most 32 bytes. */
#define WIFI_SSID_BYTES (32)

/* Undefined when the power comes on. No padding: every byte counts for the check. */
typedef struct {
	uint32_t	magic;
	char		ssid[WIFI_SSID_BYTES];		/* zeros behind it; an SSID of 32 bytes has none */
	uint8_t		bssid[6];
	uint8_t		channel;					/* 0: any access point of this network, on any channel */
	uint8_t		reserved;
	uint32_t	check;
} WifiHint;

/* `ssid` ends with a zero. */
void wifiHintSet(WifiHint *hint, const char *ssid, const uint8_t bssid[6], uint8_t channel);
void wifiHintForget(WifiHint *hint);

/* Whether it is intact. */
bool wifiHintIsSet(const WifiHint *hint);
/* Whether it is intact, and of this network. */
bool wifiHintIsFor(const WifiHint *hint, const char *ssid);

#endif
