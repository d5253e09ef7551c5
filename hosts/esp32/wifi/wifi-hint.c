/*
 * The remembered access point. Nothing of ESP-IDF is needed here: the tests
 * compile this file for the computer that they run on.
 */

#include "wifi-hint.h"
#include "../machine/crc32.h"

#include <stddef.h>
#include <string.h>

/* Any number that is unlikely in memory after the power came on. */
#define HINT_MAGIC (0x77694669)

_Static_assert(sizeof(WifiHint) == 4 + WIFI_SSID_BYTES + 6 + 1 + 1 + 4, "the record has padding");

static uint32_t checkOf(const WifiHint *hint)
{
	return crc32Of(0, hint, offsetof(WifiHint, check));
}

void wifiHintSet(WifiHint *hint, const char *ssid, const uint8_t bssid[6], uint8_t channel)
{
	memset(hint, 0, sizeof(*hint));
	hint->magic = HINT_MAGIC;
	for (size_t i = 0; i < WIFI_SSID_BYTES && ssid[i]; i++)
		hint->ssid[i] = ssid[i];
	memcpy(hint->bssid, bssid, sizeof(hint->bssid));
	hint->channel = channel;
	hint->check = checkOf(hint);
}

void wifiHintForget(WifiHint *hint)
{
	memset(hint, 0, sizeof(*hint));
}

bool wifiHintIsSet(const WifiHint *hint)
{
	return HINT_MAGIC == hint->magic && checkOf(hint) == hint->check;
}

bool wifiHintIsFor(const WifiHint *hint, const char *ssid)
{
	return wifiHintIsSet(hint) && 0 == strncmp(hint->ssid, ssid, WIFI_SSID_BYTES);
}
