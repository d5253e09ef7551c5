/*
 * The remembered access point. Nothing of ESP-IDF is needed here: the tests
 * compile this file for the computer that they run on.
 */

#include "wifi-hint.h"

#include <stddef.h>
#include <string.h>

/* Any number that is unlikely in memory after the power came on. */
#define HINT_MAGIC (0x77694669)
/* CRC-32 as in IEEE 802.3, with the bits of each byte from the lowest: no change of up to three bits goes unnoticed. */
#define CRC_POLYNOMIAL (0xedb88320)

_Static_assert(sizeof(WifiHint) == 4 + WIFI_SSID_BYTES + 6 + 1 + 1 + 4, "the record has padding");

static uint32_t checkOf(const WifiHint *hint)
{
	const uint8_t *bytes = (const uint8_t *)hint;
	uint32_t crc = ~(uint32_t)0;

	for (size_t i = 0; i < offsetof(WifiHint, check); i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) ? CRC_POLYNOMIAL : 0);
	}
	return ~crc;
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
