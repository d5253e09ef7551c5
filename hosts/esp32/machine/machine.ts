/** Restart, deep sleep, watchdog and diagnostics of an ESP32; the rest is `machine.c`. */
import type { Host, Watchdog } from "../../../src/host.js";
import { isRequested } from "./restart-reasons.js";

type Machine = Required<Pick<Host, "restart" | "sleep">> &
	Watchdog & { facts: NonNullable<Host["diagnostics"]>; id: () => string };

/**
 * `sleep` bounds its duration to a tenth of a second at least and 25 hours at
 * the most, `feed` to a second and eight days. `facts`: `restart`, the reason of
 * the last restart; `heap` and `heapLow`, free bytes now and at the worst moment;
 * `rssi` in dBm, while a Wi-Fi is joined. `id`: the last three bytes of the radio's
 * MAC address in hexadecimal digits.
 */
export const machine: Machine = Object.freeze({
	restart: native("xs_machine_restart"),
	sleep: native("xs_machine_sleep"),
	feed: native("xs_machine_feed"),
	facts: native("xs_machine_facts"),
	id: native("xs_machine_id"),
});

/** Whether this start of the program was asked for. */
export function startedOnRequest(): boolean {
	return isRequested(machine.facts().restart);
}
