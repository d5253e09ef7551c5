/** The status LED, an observer of the station; its other half is `led.c`. */

/** The members do nothing on a board without a named LED. */
export const led = Object.freeze({
	/** GPIO number of the LED, if there is one, and those of the sensors, which the LED never takes. */
	open: native("xs_led_open") as (pin: number | undefined, ...others: readonly number[]) => void,
	/** Whether the network is joined. */
	network: native("xs_led_network") as (ready: boolean) => void,
	onState: native("xs_led_state"),
	onReading: native("xs_led_reading"),
	onFault: native("xs_led_fault"),
});
