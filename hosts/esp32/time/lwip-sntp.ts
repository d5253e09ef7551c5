/** lwIP's SNTP client; the rest is `lwip-sntp.c`. */
import type { Sntp } from "./ntp-client.js";

export const lwipSntp: Sntp = Object.freeze({
	start: native("xs_sntp_start"),
	time: native("xs_sntp_time"),
	stop: native("xs_sntp_stop"),
});
