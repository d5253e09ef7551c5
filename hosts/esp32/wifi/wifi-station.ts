/**
 * Wi-Fi as a station (IEEE 802.11's word for a client): it decides which network is
 * tried when, and what the log tells of it. The driver is in `wifi-radio.c`.
 */
import type { Clock, LogLevel, TimerPort } from "../../../src/host.js";
import type { Wifi } from "../../../src/settings.js";

/** From the attempt to the association, in ms: a scan of all channels takes 2 s, a handshake that fails up to 10 s. */
const ASSOCIATION_TIMEOUT_MS = 15_000;
/** From the association to an address, in ms. The driver waits for DHCP without end. */
const ADDRESS_TIMEOUT_MS = 30_000;
/** From the start of a scan to its end, in ms: more than twice the usual time. */
const SCAN_TIMEOUT_MS = 5_000;
/** Between attempts, in ms: the driver has to end the one before. */
const PAUSE_MS = 100;
/** After each network was tried, in ms. The radio is the board's only way out, so the delay does not grow. */
const ROUND_MS = 5_000;
/** Between attempts with a password that was refused twice, in ms: access points lock out clients that keep asking. */
const REFUSED_MS = 60_000;
/** Time without a network, in ms, after which the driver is started anew, in case it is the cause. */
const RESTART_MS = 600_000;
/** A network lost within this time of joining, in ms, is not told of a second time, nor joined again at once. */
const STEADY_MS = 60_000;

/** The driver's events, as `wifi-radio.h` numbers them. */
export const NO_ADDRESS = 1;
export const ADDRESS = 2;
export const DISCONNECTED = 3;
export const REFUSED = 4;
export const SCANNED = 5;

/** The driver. Its errors come back as texts. */
export interface Radio {
	/**
	 * To be called once. `hostname`: under which DHCP asks for an address. Events: `NO_ADDRESS`, when associated, or when the address
	 * was lost; `ADDRESS`, with the address, also when it has changed;
	 * `DISCONNECTED` and `REFUSED`, with the reason, when an attempt has failed or a
	 * network was lost, most likely for a wrong password in the second case;
	 * `SCANNED`. After `stop` there are none.
	 */
	listen(onEvent: (event: number, detail: string) => void, hostname: string): void;
	/** One attempt, which ends with `ADDRESS` or `DISCONNECTED`; with the remembered access point only, if `remembered`. */
	join(network: Wifi, remembered: boolean): string | undefined;
	/** Leaves the network, ends the attempt, switches the radio off: the next attempt switches it on. */
	stop(): void;
	scan(): string | undefined;
	/** The signal of each SSID in the scan, in dBm; very weak if it was not found. To be called once, after `SCANNED`. */
	found(ssids: string[]): number[];
	/**
	 * SSID of the access point that was joined last, also before a restart or deep sleep, or of a network that came over
	 * the serial port; forgotten once it was tried.
	 */
	remembered(): string | undefined;
}

/** Options of a way to the network. Ethernet would be another class with the same options. */
export interface NetworkOptions {
	readonly clock: Clock;
	readonly timer: TimerPort;
	readonly log: (level: LogLevel, text: string) => void;
	/** Called each time that an address was obtained (`true`) or lost. */
	readonly onChanged: (ready: boolean) => void;
}

export interface WifiStationOptions extends NetworkOptions {
	readonly radio: Radio;
	/** The station's. */
	readonly id: string;
	/** One at least. */
	readonly networks: readonly Wifi[];
}

/** A network, and the results of its attempts. */
type Candidate = Wifi & {
	/** How often it has refused the password since it was joined. */
	refused: number;
	/** Not before this time, in ms. */
	retryAt: number;
	/** Why the last attempt failed. */
	reason: string;
};

/** ESP-IDF's limit. */
const HOSTNAME_MAXIMUM = 32;

/** The name that a router shows: letters, digits and hyphens, also at the ends no other (RFC 1123, section 2.1). */
export function hostnameOf(id: string): string {
	const name = `veleta-${id}`.replace(/[^A-Za-z0-9]+/g, "-").slice(0, HOSTNAME_MAXIMUM);
	return name.replace(/-$/, "");
}

export class WifiStation {
	private readonly _options: WifiStationOptions;
	private readonly _candidates: readonly Candidate[];
	/** Networks still to be tried in this round. */
	private _round: Candidate[] = [];
	private _scanning = false;
	/** The network that is being joined, or is joined. */
	private _current: Candidate | undefined;
	/** The attempt is with the remembered access point. */
	private _recalling = false;
	private _ready = false;
	/** Whether the log has told of an outage, so that it tells of the end; `undefined` at the start: only the end will be told. */
	private _outage: boolean | undefined;
	/** Lost not long ago. */
	private _unsteady = false;
	private _restartAt: number;
	private _timer: unknown;

	/** Begins to join. */
	constructor(options: WifiStationOptions) {
		this._options = options;
		this._candidates = options.networks.map((network) => ({ ...network, refused: 0, retryAt: 0, reason: "" }));
		this._restartAt = options.clock.now() + RESTART_MS;
		options.radio.listen((event, detail) => this._onEvent(event, detail), hostnameOf(options.id));
		this._recall();
	}

	/** Begins with the last access point, without the scan of all channels: a second less after deep sleep. */
	private _recall(): void {
		const remembered = this._options.radio.remembered();
		const candidate = this._candidates.find(({ ssid }) => ssid === remembered);
		if (!candidate) return this._begin();
		this._recalling = true;
		this._join(candidate);
	}

	/** A round: every network is tried once, the strongest first. One network needs no scan, as the attempt makes its own. */
	private _begin(): void {
		const now = this._options.clock.now();
		this._round = this._candidates.filter(({ retryAt }) => retryAt <= now);
		this._scanning = this._round.length > 1 && this._options.radio.scan() === undefined;
		if (this._scanning) this._wait(SCAN_TIMEOUT_MS, () => this._next());
		else this._next();
	}

	private _sort(): void {
		const ssids = this._round.map(({ ssid }) => ssid);
		const strengths = this._options.radio.found(ssids);
		const strength = ({ ssid }: Candidate) => strengths[ssids.indexOf(ssid)] as number;
		this._round.sort((a, b) => strength(b) - strength(a));
		this._next();
	}

	private _next(): void {
		this._scanning = false;
		const candidate = this._round.shift();
		if (candidate) return this._join(candidate);
		const { clock, radio, log } = this._options;
		const now = clock.now();
		if (now >= this._restartAt) {
			this._restartAt = now + RESTART_MS;
			radio.stop();
		}
		if (!this._outage) {
			const reasons = this._candidates.map(({ ssid, reason }) => `${ssid}: ${reason}`);
			log("warning", `Wi-Fi: not joined to ${reasons.join("; ")}; trying again`);
		}
		this._outage = true;
		this._wait(ROUND_MS, () => this._begin());
	}

	private _join(candidate: Candidate): void {
		this._current = candidate;
		this._wait(ASSOCIATION_TIMEOUT_MS, () => this._giveUp(candidate, "no answer"));
		const complaint = this._options.radio.join(candidate, this._recalling);
		if (complaint !== undefined) this._failed(candidate, complaint);
	}

	private _onEvent(event: number, detail: string): void {
		const candidate = this._current;
		if (event === SCANNED) {
			if (this._scanning) this._sort();
		} else if (!candidate) return;
		else if (event === NO_ADDRESS) {
			this._become(false);
			this._wait(ADDRESS_TIMEOUT_MS, () => this._giveUp(candidate, "no address"));
		} else if (event !== ADDRESS) {
			if (this._ready) this._lost(candidate, detail);
			else this._failed(candidate, detail, event === REFUSED);
		} else this._joined(candidate, detail);
	}

	/** Also called when the address has changed, which needs no action: connections from the old address end by themselves. */
	private _joined(candidate: Candidate, address: string): void {
		candidate.refused = 0;
		this._recalling = false;
		if (this._outage !== false) this._options.log("info", `Wi-Fi: joined ${candidate.ssid}, address ${address}`);
		this._outage = false;
		this._wait(STEADY_MS, () => {
			this._unsteady = false;
		});
		this._become(true);
	}

	private _lost({ ssid }: Candidate, reason: string): void {
		const { clock, log } = this._options;
		this._current = undefined;
		this._restartAt = clock.now() + RESTART_MS;
		if (this._unsteady) this._wait(ROUND_MS, () => this._begin());
		else {
			this._unsteady = true;
			this._outage = true;
			log("warning", `Wi-Fi: lost ${ssid}: ${reason}`);
			this._wait(PAUSE_MS, () => this._recall());
		}
		this._become(false);
	}

	private _giveUp(candidate: Candidate, reason: string): void {
		this._options.radio.stop();
		this._failed(candidate, reason);
	}

	private _failed(candidate: Candidate, reason: string, refused = false): void {
		const { clock, log } = this._options;
		const { ssid } = candidate;
		this._current = undefined;
		candidate.reason = reason;
		if (this._recalling) {
			// The access point may have gone, or changed its channel: the round finds the cause.
			this._recalling = false;
			this._wait(PAUSE_MS, () => this._begin());
			return;
		}
		if (refused && ++candidate.refused > 1) {
			candidate.retryAt = clock.now() + REFUSED_MS;
			if (candidate.refused === 2) log("warning", `Wi-Fi: ${ssid}: ${reason}; trying it once a minute`);
		}
		this._wait(PAUSE_MS, () => this._next());
	}

	private _become(ready: boolean): void {
		if (this._ready === ready) return;
		this._ready = ready;
		this._options.onChanged(ready);
	}

	private _wait(delay: number, callback: () => void): void {
		const { timer } = this._options;
		if (this._timer !== undefined) timer.clear(this._timer);
		this._timer = timer.set(() => {
			this._timer = undefined;
			callback();
		}, delay);
	}
}
