/* The events of `wifi-radio.c`, and its functions for other files in C. */

#ifndef __WIFI_RADIO_H__
#define __WIFI_RADIO_H__

#include <stdbool.h>

#include "wifi-hint.h"

/* `wifi-station.ts` has the same numbers. */
enum {
	kRadioNoAddress = 1,		/* joined, and without an address yet, or any more */
	kRadioAddress,
	kRadioDisconnected,
	kRadioRefused,				/* disconnected, most likely for a wrong password */
	kRadioScanned
};

/* The SSID of the network that has an address, or NULL. */
const char *wifiRadioJoined(void);

/* After a restart this network is tried first, as if it had been joined last. */
void wifiRadioTryFirst(const char *ssid);

/*
 * A scan that is not wifi-station.ts's, of which it knows nothing: meanwhile its own
 * attempts and scans fail. False if none can begin now, as during an attempt.
 */
bool wifiRadioSurvey(void);

/* `kSurveyDone`: to be followed by wifiRadioFound until it gives false. */
typedef enum { kSurveyRuns, kSurveyDone, kSurveyFailed } Survey;
Survey wifiRadioSurveyed(void);

/* Ends a survey before its end. */
void wifiRadioEndSurvey(void);

/* The next network, the strongest first; false at the end, and the survey is over. `ssid` is empty for a hidden one. */
bool wifiRadioFound(char ssid[WIFI_SSID_BYTES + 1], int *rssi, bool *secured);

#endif
