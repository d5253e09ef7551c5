/* What `wifi-radio.c` tells of its work. */

#ifndef __WIFI_RADIO_H__
#define __WIFI_RADIO_H__

/* What the driver did, as `wifi-station.ts` names it. */
enum {
	kRadioNoAddress = 1,		/* joined, and without an address yet, or any more */
	kRadioAddress,
	kRadioDisconnected,
	kRadioRefused,				/* disconnected, most likely for a wrong password */
	kRadioScanned
};

#endif
