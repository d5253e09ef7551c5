/* The events of `wifi-radio.c`. */

#ifndef __WIFI_RADIO_H__
#define __WIFI_RADIO_H__

/* `wifi-station.ts` has the same numbers. */
enum {
	kRadioNoAddress = 1,		/* joined, and without an address yet, or any more */
	kRadioAddress,
	kRadioDisconnected,
	kRadioRefused,				/* disconnected, most likely for a wrong password */
	kRadioScanned
};

#endif
