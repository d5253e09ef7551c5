/**
 * Stands in for the Wi-Fi driver and the air around it, with ESP-IDF's event
 * order and reasons (its guide to the Wi-Fi driver, "Station Scenarios", and
 * the table of reason codes), and the air's times.
 */
import {
	ADDRESS,
	DISCONNECTED,
	NO_ADDRESS,
	type Radio,
	REFUSED,
	SCANNED,
} from "../../../../../hosts/esp32/wifi/wifi-station.ts";
import type { Wifi } from "../../../../../src/settings.ts";

/** A channel in a scan, in ms. */
const CHANNEL_MS = 120;
const CHANNELS = 13;
const SCAN_MS = CHANNELS * CHANNEL_MS;
/** Authentication, association and handshake with a right password, in ms, and with a wrong one. */
const ASSOCIATION_MS = 300;
const HANDSHAKE_MS = 3_000;
const DHCP_MS = 500;

export interface AccessPoint {
	readonly ssid: string;
	readonly bssid: string;
	channel: number;
	/** dBm. */
	rssi: number;
	password?: string;
	/** A scan by name finds it, a scan for all does not. */
	hidden?: boolean;
	/** `undefined`: as it should. The driver never comes back from an access point that is `"stuck"`. */
	fault?: "mute" | "no DHCP" | "stuck";
}

/** Time that a test moves: timers run in order of their due time. */
export class Clockwork {
	private _now = 0;
	private readonly _timers = new Set<{ due: number; callback: () => void }>();
	readonly clock = { now: () => this._now, time: () => undefined };
	readonly timer = {
		set: (callback: () => void, delay: number) => {
			const timer = { due: this._now + delay, callback };
			this._timers.add(timer);
			return timer;
		},
		clear: (timer: unknown) => void this._timers.delete(timer as { due: number; callback: () => void }),
	};

	advance(duration: number): void {
		const end = this._now + duration;
		for (;;) {
			let next: { due: number; callback: () => void } | undefined;
			for (const timer of this._timers) {
				if (timer.due <= end && (!next || timer.due < next.due)) next = timer;
			}
			if (!next) break;
			this._timers.delete(next);
			this._now = next.due;
			next.callback();
		}
		this._now = end;
	}
}

export class WifiDriver implements Radio {
	readonly air: AccessPoint[];
	/** What the driver was asked for. */
	onAsked: (what: string) => void = () => {};
	/** What ESP-IDF's guide says not to do. */
	readonly mistakes: string[] = [];
	/** What a scan of all channels takes, in ms. */
	scanDuration = SCAN_MS;
	/** What the driver's calls complain of, if anything. */
	complaint: string | undefined;
	/** RTC memory: outlives the driver. */
	hint: { ssid: string; bssid: string; channel: number } | undefined;
	private readonly _clockwork: Clockwork;
	private _onEvent: (event: number, detail: string) => void = () => {};
	private _state: "off" | "idle" | "scanning" | "connecting" | "associated" = "off";
	private _accessPoint: AccessPoint | undefined;
	private _scanned: Map<string, number> | undefined;
	/** An access point that has refused is passed over by the next attempt (reason 205). */
	private _refusedBy: string | undefined;

	constructor(clockwork: Clockwork, air: AccessPoint[]) {
		this._clockwork = clockwork;
		this.air = air;
	}

	listen(onEvent: (event: number, detail: string) => void, hostname: string): void {
		if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(hostname)) this.mistakes.push(`hostname ${hostname}`);
		this._onEvent = onEvent;
	}

	join(network: Wifi, remembered: boolean): string | undefined {
		const { hint } = this;
		const only = remembered && hint?.ssid === network.ssid ? hint : undefined;
		const { ssid, address } = network;
		this.onAsked(`join ${ssid}${only ? " remembered" : ""}${address === undefined ? "" : ` as ${address}`}`);
		if (only) this.hint = undefined;
		if (this.complaint !== undefined) return this.complaint;
		if (this._state === "connecting" || this._state === "associated") {
			this.mistakes.push(`join while ${this._state}`);
			return "ESP_ERR_WIFI_STATE";
		}
		// An attempt puts an end to a scan, and the driver says so.
		if (this._state === "scanning") this._clockwork.timer.set(() => this._onEvent(SCANNED, ""), 10);
		this._state = "connecting";
		const atOnce = only && this.air.some(({ bssid, channel }) => bssid === only.bssid && channel === only.channel);
		this._later(atOnce ? CHANNEL_MS : SCAN_MS, () => this._meet(network, only?.bssid));
		return undefined;
	}

	stop(): void {
		this.onAsked("stop");
		this._rest("off");
	}

	scan(): string | undefined {
		this.onAsked("scan");
		if (this.complaint !== undefined) return this.complaint;
		if (this._state === "connecting" || this._state === "associated") {
			this.mistakes.push(`scan while ${this._state}`);
			return "ESP_ERR_WIFI_STATE";
		}
		this._state = "scanning";
		this._later(this.scanDuration, () => {
			this._scanned = new Map();
			for (const { ssid, rssi, hidden } of this.air) {
				if (!hidden) this._scanned.set(ssid, Math.max(rssi, this._scanned.get(ssid) ?? -128));
			}
			this._state = "idle";
			this._onEvent(SCANNED, "");
		});
		return undefined;
	}

	found(ssids: string[]): number[] {
		if (!this._scanned) this.mistakes.push("found without a scan");
		const strengths = ssids.map((ssid) => this._scanned?.get(ssid) ?? -128);
		this._scanned = undefined;
		return strengths;
	}

	remembered(): string | undefined {
		return this.hint?.ssid;
	}

	/** The access point, or nobody any more, ends the connection; without one, it is what the driver still had to say. */
	lose(detail: string): void {
		if (this._state !== "off") this._rest("idle");
		this._onEvent(DISCONNECTED, detail);
	}

	loseAddress(): void {
		this._onEvent(NO_ADDRESS, "");
	}

	giveAddress(address: string): void {
		if (this._state === "associated") this._onEvent(ADDRESS, address);
	}

	/** Whether an access point still hears the board. */
	associated(): AccessPoint | undefined {
		return this._state === "associated" ? this._accessPoint : undefined;
	}

	private _meet(network: Wifi, bssid: string | undefined): void {
		const known = this.air.filter((one) => one.ssid === network.ssid && (!bssid || one.bssid === bssid));
		const accessPoint = known.sort((a, b) => b.rssi - a.rssi)[0];
		const { password } = network;
		if (!accessPoint) return this._end(DISCONNECTED, "not found (reason 201)");
		if ((accessPoint.password === undefined) !== (password === undefined)) {
			return this._end(DISCONNECTED, "found, but with another kind of security (reason 210)");
		}
		if (this._refusedBy === accessPoint.bssid) {
			this._refusedBy = undefined;
			return this._end(DISCONNECTED, "the access point has just refused (reason 205)");
		}
		if (accessPoint.fault === "stuck") return;
		if (accessPoint.fault === "mute") {
			this._later(1_000, () => this._end(DISCONNECTED, "no answer to the authentication (reason 2)"));
		} else if (accessPoint.password !== password) {
			this._later(HANDSHAKE_MS, () => {
				this._refusedBy = accessPoint.bssid;
				this._end(REFUSED, "wrong password (reason 15)");
			});
		} else this._later(ASSOCIATION_MS, () => this._associate(network, accessPoint));
	}

	private _associate(network: Wifi, accessPoint: AccessPoint): void {
		if (!this.air.includes(accessPoint)) return this._end(DISCONNECTED, "no answer to the association (reason 4)");
		this._state = "associated";
		this._accessPoint = accessPoint;
		this._onEvent(NO_ADDRESS, "");
		if (network.address === undefined && accessPoint.fault === "no DHCP") return;
		this._later(network.address === undefined ? DHCP_MS : 0, () => {
			const { ssid, bssid, channel } = accessPoint;
			this.hint = { ssid, bssid, channel };
			this._onEvent(ADDRESS, network.address ?? "192.0.2.9");
		});
	}

	private _end(event: number, detail: string): void {
		this._rest("idle");
		this._onEvent(event, detail);
	}

	/** One thing at a time. */
	private _task: unknown;
	private _later(delay: number, callback: () => void): void {
		this._clockwork.timer.clear(this._task);
		this._task = this._clockwork.timer.set(callback, delay);
	}

	private _rest(state: "off" | "idle"): void {
		this._clockwork.timer.clear(this._task);
		this._state = state;
		this._accessPoint = undefined;
	}
}
