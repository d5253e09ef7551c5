/** The Wi-Fi driver of an ESP32, with the interface as DHCP or the settings configure it; the rest is `wifi-radio.c`. */
import type { Radio } from "./wifi-station.js";

export const radio: Radio = Object.freeze({
	listen: native("xs_radio_listen"),
	join: native("xs_radio_join"),
	stop: native("xs_radio_stop"),
	scan: native("xs_radio_scan"),
	found: native("xs_radio_found"),
	remembered: native("xs_radio_remembered"),
});
