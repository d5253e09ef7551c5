/*
 * The reasons that a user meets, in words. Nothing of ESP-IDF is needed here:
 * the tests compile this file for the computer that they run on.
 */

#include "wifi-reason.h"

#include <stddef.h>
#include <stdio.h>

typedef struct {
	uint8_t		reason;
	const char	*text;
} Reason;

/*
 * The numbers are those of wifi_err_reason_t, which wifi-radio.c checks.
 * Several come both from an access point and from a driver that waited in vain,
 * with different meanings: the words are true of both.
 */
static const Reason reasons[] = {
	{ 2, "no answer to the authentication" },
	{ 3, "the access point ended it" },
	{ 4, "no answer to the association" },
	{ 5, "the access point has too many clients" },
	{ 6, "the access point has forgotten the board" },
	{ 7, "the access point has forgotten the board" },
	{ 8, "the access point ended it" },
	{ 15, "wrong password, or the signal is too weak" },
	{ 200, "the access point is no longer heard" },
	{ 201, "not found" },
	{ 202, "wrong password, or the access point does not admit the board" },
	{ 203, "the access point refused the association" },
	{ 204, "wrong password, or the signal is too weak" },
	{ 205, "the access point has just refused" },
	{ 210, "found, but with another kind of security" },
	{ 211, "found, but with less security than WPA2" },
};

/* The driver counts a handshake that was not completed as a timeout: only the two ends know of the password. */
bool wifiReasonIsRefusal(uint8_t reason)
{
	return 15 == reason || 202 == reason || 204 == reason;
}

void wifiReasonText(char text[WIFI_REASON_BYTES], uint8_t reason)
{
	const char *words = "disconnected";

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].reason == reason)
			words = reasons[i].text;
	}
	snprintf(text, WIFI_REASON_BYTES, "%s (reason %u)", words, (unsigned int)reason);
}
