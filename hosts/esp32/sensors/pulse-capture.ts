/** The pulse capture port on the RMT receiver of the ESP32; its other half is `pulse-capture.c`. */
import type { PulseCapture } from "../../../src/host.js";

/** `Native` and `native` are XS's own names for functions written in C. */
export class RmtPulseCapture extends Native("xs_pulsecapture_destructor") implements PulseCapture {
	/**
	 * `options.pin` is the GPIO number of the line, which needs an external pull-up.
	 * Throws an Error where the pin cannot be used or no RMT channel is free.
	 */
	constructor(options: { readonly [option: string]: unknown }) {
		super();
		native("xs_pulsecapture_constructor").call(this, options);
	}

	hold(): void {
		native("xs_pulsecapture_hold").call(this);
	}

	release(): void {
		native("xs_pulsecapture_release").call(this);
	}

	read(): ArrayLike<number> | undefined {
		const durations = capturedBy.call(this);
		return durations && new Uint16Array(durations);
	}

	close(): void {
		native("xs_pulsecapture_close").call(this);
	}
}

/** XS binds a native function only where it is all that a function does. */
function capturedBy(this: RmtPulseCapture): ArrayBuffer | undefined {
	return native("xs_pulsecapture_read").call(this);
}
