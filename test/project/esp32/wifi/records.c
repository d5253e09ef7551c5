/* Tests of wifi-hint.c and wifi-reason.c on the computer that they run on. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wifi-hint.h"
#include "wifi-reason.h"

static int checks;

static void check(bool condition, const char *what, int detail)
{
	checks++;
	if (condition)
		return;
	printf("failed: %s (%d)\n", what, detail);
	exit(1);
}

static const uint8_t bssid[6] = { 0x02, 0x00, 0x5e, 0x10, 0x20, 0x30 };

static void hints(void)
{
	static const char full[] = "an SSID that has all of 32 bytes";
	WifiHint hint;
	uint8_t *bytes = (uint8_t *)&hint;

	check(WIFI_SSID_BYTES == strlen(full), "the longest SSID", (int)strlen(full));

	wifiHintSet(&hint, "casa", bssid, 6);
	check(wifiHintIsSet(&hint), "a hint that was set is set", 0);
	check(0 == memcmp(hint.bssid, bssid, 6) && 6 == hint.channel, "what was set is there", 0);
	check(wifiHintIsFor(&hint, "casa"), "it is for its network", 0);
	check(!wifiHintIsFor(&hint, "cas"), "and for no other", 3);
	check(!wifiHintIsFor(&hint, "casa2"), "and for no other", 5);
	check(!wifiHintIsFor(&hint, ""), "and for no other", 0);

	for (int bit = 0; bit < (int)(8 * sizeof(hint)); bit++) {
		bytes[bit / 8] ^= 1 << (bit % 8);
		check(!wifiHintIsSet(&hint) && !wifiHintIsFor(&hint, "casa"), "a changed bit is noticed", bit);
		bytes[bit / 8] ^= 1 << (bit % 8);
	}
	check(wifiHintIsSet(&hint), "and nothing else", 0);

	wifiHintSet(&hint, full, bssid, 13);
	check(wifiHintIsFor(&hint, full) && 13 == hint.channel, "an SSID of 32 bytes is remembered whole", 0);
	check(!wifiHintIsFor(&hint, "an SSID that has all of 32 byte"), "and is not one of 31", 0);
	wifiHintSet(&hint, "casa", bssid, 6);
	check(wifiHintIsFor(&hint, "casa"), "a shorter SSID leaves nothing of a longer one", 0);

	wifiHintForget(&hint);
	check(!wifiHintIsSet(&hint) && !wifiHintIsFor(&hint, "casa") && !wifiHintIsFor(&hint, ""), "what is forgotten is gone", 0);

	/* What memory may hold when the power comes on. */
	for (int value = 0; value < 256; value++) {
		memset(&hint, value, sizeof(hint));
		check(!wifiHintIsSet(&hint), "memory with one value everywhere is no hint", value);
	}
	srand(1);
	for (int turn = 0; turn < 100000; turn++) {
		for (size_t i = 0; i < sizeof(hint); i++)
			bytes[i] = (uint8_t)(rand() >> 8);
		check(!wifiHintIsSet(&hint), "memory with anything is no hint", turn);
	}
}

static void reasons(void)
{
	static const uint8_t refusals[] = { 15, 202, 204 };
	char text[WIFI_REASON_BYTES], number[16];
	int refused = 0;

	for (int reason = 0; reason < 256; reason++) {
		memset(text, 1, sizeof(text));
		wifiReasonText(text, (uint8_t)reason);
		check(NULL != memchr(text, 0, sizeof(text)), "a text ends", reason);
		snprintf(number, sizeof(number), " (reason %d)", reason);
		check(strlen(text) > strlen(number) && 0 == strcmp(text + strlen(text) - strlen(number), number),
			"a text ends with its number, so that none is cut", reason);
		for (const char *c = text; *c; c++)
			check(*c >= ' ' && *c <= '~', "a text is ASCII", reason);
		if (wifiReasonIsRefusal((uint8_t)reason)) {
			refused++;
			check(text == strstr(text, "wrong password"), "a refusal says that the password may be wrong", reason);
		}
		else
			check(NULL == strstr(text, "password"), "and nothing else does", reason);
	}
	for (size_t i = 0; i < sizeof(refusals); i++)
		check(wifiReasonIsRefusal(refusals[i]), "a refusal", refusals[i]);
	check(3 == refused, "there are no more refusals than these", refused);
	wifiReasonText(text, 201);
	check(0 == strcmp(text, "not found (reason 201)"), "a network that is not there", 201);
	wifiReasonText(text, 99);
	check(0 == strcmp(text, "disconnected (reason 99)"), "a reason that nobody meets", 99);
}

int main(void)
{
	hints();
	reasons();
	printf("%d checks\n", checks);
	return 0;
}
