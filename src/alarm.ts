/** A timer that is set again and again: at most one call is due. */
import type { TimerPort } from "./host.js";

export class Alarm {
	private readonly _port: TimerPort;
	private _timer: unknown;

	constructor(port: TimerPort) {
		this._port = port;
	}

	/** Whether a call is due. */
	get isSet(): boolean {
		return this._timer !== undefined;
	}

	/** Calls back once, `delay` ms from now at the earliest; an earlier call that is still due is cleared. */
	set(callback: () => void, delay: number): void {
		this.clear();
		this._timer = this._port.set(
			() => {
				this._timer = undefined;
				callback();
			},
			Math.max(0, delay),
		);
	}

	clear(): void {
		if (this._timer !== undefined) this._port.clear(this._timer);
		this._timer = undefined;
	}
}
