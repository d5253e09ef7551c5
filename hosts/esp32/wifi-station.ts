/** Wi-Fi as a station (IEEE 802.11's word for a client) that joins its access point again whenever it was lost. */
import type { LogLevel, TimerPort } from "../../src/host.js";

/**
 * From the attempt to join to an address, in ms. The SDK's class reports a
 * refused attempt, but waits for DHCP without end.
 */
const JOIN_TIMEOUT_MS = 30_000;
/** Between attempts, in ms. The radio is the station's only way out, so the delay does not grow. */
const RETRY_MS = 5_000;

/** States of `embedded:network/interface/wifi`: its `connection` rises in steps, or falls back to `DISCONNECTED`. */
const DISCONNECTED = 200;
const HAS_ADDRESS = 500;

/** The SDK's class, as far as it is used here. */
export interface Interface {
	readonly connection: number;
	readonly address: string | undefined;
	/** Throws an Error where the radio is busy. */
	connect(options: { SSID: string; password?: string }): void;
	/** Ends the connection or the attempt, and does not call `onChanged` for it. */
	disconnect(): void;
}

export interface WifiStationOptions {
	readonly io: new (options: { onChanged: () => void }) => Interface;
	readonly ssid: string;
	readonly password?: string;
	readonly timer: TimerPort;
	readonly log: (level: LogLevel, text: string) => void;
	/** Called each time that an address was obtained (`true`) or lost. */
	readonly onChanged: (ready: boolean) => void;
}

export class WifiStation {
	readonly #options: WifiStationOptions;
	readonly #interface: Interface;
	#ready = false;
	#timer: unknown;
	/** An outage is told once, however many attempts it takes. */
	#toldOfOutage = false;

	/** Begins to join. */
	constructor(options: WifiStationOptions) {
		this.#options = options;
		this.#interface = new options.io({ onChanged: () => this.#changed() });
		this.#join();
	}

	#join(): void {
		const { ssid, password } = this.#options;
		this.#wait(JOIN_TIMEOUT_MS, () => {
			this.#interface.disconnect();
			this.#lost("no address");
		});
		try {
			this.#interface.connect(password === undefined ? { SSID: ssid } : { SSID: ssid, password });
		} catch (error) {
			this.#lost(error instanceof Error ? error.message : String(error));
		}
	}

	#changed(): void {
		const { connection, address } = this.#interface;
		const { ssid, log } = this.#options;
		if (connection >= HAS_ADDRESS) {
			this.#clear();
			if (this.#ready) return;
			this.#toldOfOutage = false;
			log("info", `Wi-Fi: joined ${ssid}${address === undefined ? "" : `, address ${address}`}`);
			this.#become(true);
		} else if (connection <= DISCONNECTED) {
			this.#lost("refused or lost");
		} else if (this.#ready) {
			// Still joined, but without an address.
			this.#become(false);
			this.#wait(JOIN_TIMEOUT_MS, () => {
				this.#interface.disconnect();
				this.#lost("no address");
			});
		}
	}

	#become(ready: boolean): void {
		if (this.#ready === ready) return;
		this.#ready = ready;
		this.#options.onChanged(ready);
	}

	#lost(reason: string): void {
		this.#become(false);
		if (!this.#toldOfOutage) {
			this.#options.log(
				"warning",
				`Wi-Fi: not joined to ${this.#options.ssid}: ${reason}; trying every ${RETRY_MS / 1_000} s`,
			);
		}
		this.#toldOfOutage = true;
		this.#wait(RETRY_MS, () => this.#join());
	}

	#wait(delay: number, callback: () => void): void {
		this.#clear();
		this.#timer = this.#options.timer.set(() => {
			this.#timer = undefined;
			callback();
		}, delay);
	}

	#clear(): void {
		if (this.#timer !== undefined) this.#options.timer.clear(this.#timer);
		this.#timer = undefined;
	}
}
