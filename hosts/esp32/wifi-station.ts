/**
 * Wi-Fi as a station (IEEE 802.11's word for a client): which network is tried,
 * when, and what is told of it. What the driver does is in `wifi-radio.c`.
 */
import type { Clock, LogLevel, TimerPort } from "../../src/host.js";
import type { Wifi } from "../../src/settings.js";

/** From the attempt to the association, in ms: a scan of all channels takes 2 s, a handshake that fails up to 10 s. */
const ASSOCIATION_TIMEOUT_MS = 15_000;
/** From the association to an address, in ms. The driver waits for DHCP without end. */
const ADDRESS_TIMEOUT_MS = 30_000;
/** More than twice what a scan takes, in ms. */
const SCAN_TIMEOUT_MS = 5_000;
/** Between attempts, in ms: the driver has to put away what was given up. */
const PAUSE_MS = 100;
/** After each network was tried, in ms. The radio is the board's only way out, so the delay does not grow. */
const ROUND_MS = 5_000;
/** Between attempts with a password that was refused twice, in ms: access points lock out whoever keeps asking. */
const REFUSED_MS = 60_000;
/** Without a network, in ms: then the driver is started anew, in case it is what fails. */
const RESTART_MS = 600_000;
/** In ms. A network that is lost sooner after it was joined is not told of a second time, nor joined again at once. */
const STEADY_MS = 60_000;

/** What the driver did, as `wifi-radio.h` numbers it. */
export const NO_ADDRESS = 1;
export const ADDRESS = 2;
export const DISCONNECTED = 3;
export const REFUSED = 4;
export const SCANNED = 5;

/** The driver. What it complains of comes back as a text. */
export interface Radio {
	/**
	 * To be called once. Events: `NO_ADDRESS`, when associated, or when the address
	 * was lost; `ADDRESS`, with the address, also when it has changed;
	 * `DISCONNECTED` and `REFUSED`, with the reason, when an attempt has failed or a
	 * network was lost, most likely for a wrong password in the second case;
	 * `SCANNED`. After `stop` there are none.
	 */
	listen(onEvent: (event: number, detail: string) => void): void;
	/** One attempt, which ends with `ADDRESS` or `DISCONNECTED`; with the remembered access point only, if `remembered`. */
	join(network: Wifi, remembered: boolean): string | undefined;
	/** Leaves the network, ends the attempt, switches the radio off: the next attempt switches it on. */
	stop(): void;
	scan(): string | undefined;
	/** How strong the scan has found each SSID, in dBm; very weak: not at all. To be called once, after `SCANNED`. */
	found(ssids: string[]): number[];
	/** SSID of the access point that was joined last, also before a restart or deep sleep; no more once it was tried. */
	remembered(): string | undefined;
}

/** What the host asks of its way to the network. Ethernet would be another class with the same options. */
export interface NetworkOptions {
	readonly clock: Clock;
	readonly timer: TimerPort;
	readonly log: (level: LogLevel, text: string) => void;
	/** Called each time that an address was obtained (`true`) or lost. */
	readonly onChanged: (ready: boolean) => void;
}

export interface WifiStationOptions extends NetworkOptions {
	readonly radio: Radio;
	/** One at least. */
	readonly networks: readonly Wifi[];
}

/** A network with what was seen of it. */
type Candidate = Wifi & {
	/** How often it has refused the password since it was joined. */
	refused: number;
	/** Not before this time, in ms. */
	retryAt: number;
	/** Of the last attempt that failed. */
	reason: string;
};

export class WifiStation {
	readonly #options: WifiStationOptions;
	readonly #candidates: readonly Candidate[];
	/** Those that are still to be tried in this round. */
	#round: Candidate[] = [];
	#scanning = false;
	/** The one that is being joined, or is joined. */
	#current: Candidate | undefined;
	/** The attempt is with the remembered access point. */
	#recalling = false;
	#ready = false;
	/** Whether an outage was told of, the end of which is to be told, too; at the start no outage was, but the end will be. */
	#outage: boolean | undefined;
	/** Lost not long ago. */
	#unsteady = false;
	#restartAt: number;
	#timer: unknown;

	/** Begins to join. */
	constructor(options: WifiStationOptions) {
		this.#options = options;
		this.#candidates = options.networks.map((network) => ({ ...network, refused: 0, retryAt: 0, reason: "" }));
		this.#restartAt = options.clock.now() + RESTART_MS;
		options.radio.listen((event, detail) => this.#onEvent(event, detail));
		this.#recall();
	}

	/** Begins with the access point of the last time, which spares the scan of all channels: a second less after deep sleep. */
	#recall(): void {
		const remembered = this.#options.radio.remembered();
		const candidate = this.#candidates.find(({ ssid }) => ssid === remembered);
		if (!candidate) return this.#begin();
		this.#recalling = true;
		this.#join(candidate);
	}

	/** A round: every network is tried once, the strongest first. One network needs no scan, as the attempt makes its own. */
	#begin(): void {
		const now = this.#options.clock.now();
		this.#round = this.#candidates.filter(({ retryAt }) => retryAt <= now);
		this.#scanning = this.#round.length > 1 && this.#options.radio.scan() === undefined;
		if (this.#scanning) this.#wait(SCAN_TIMEOUT_MS, () => this.#next());
		else this.#next();
	}

	#sort(): void {
		const ssids = this.#round.map(({ ssid }) => ssid);
		const strengths = this.#options.radio.found(ssids);
		const strength = ({ ssid }: Candidate) => strengths[ssids.indexOf(ssid)] as number;
		this.#round.sort((a, b) => strength(b) - strength(a));
		this.#next();
	}

	#next(): void {
		this.#scanning = false;
		const candidate = this.#round.shift();
		if (candidate) return this.#join(candidate);
		const { clock, radio, log } = this.#options;
		const now = clock.now();
		if (now >= this.#restartAt) {
			this.#restartAt = now + RESTART_MS;
			radio.stop();
		}
		if (!this.#outage) {
			const reasons = this.#candidates.map(({ ssid, reason }) => `${ssid}: ${reason}`);
			log("warning", `Wi-Fi: not joined to ${reasons.join("; ")}; trying again`);
		}
		this.#outage = true;
		this.#wait(ROUND_MS, () => this.#begin());
	}

	#join(candidate: Candidate): void {
		this.#current = candidate;
		this.#wait(ASSOCIATION_TIMEOUT_MS, () => this.#giveUp(candidate, "no answer"));
		const complaint = this.#options.radio.join(candidate, this.#recalling);
		if (complaint !== undefined) this.#failed(candidate, complaint);
	}

	#onEvent(event: number, detail: string): void {
		const candidate = this.#current;
		if (event === SCANNED) {
			if (this.#scanning) this.#sort();
		} else if (!candidate) return;
		else if (event === NO_ADDRESS) {
			this.#become(false);
			this.#wait(ADDRESS_TIMEOUT_MS, () => this.#giveUp(candidate, "no address"));
		} else if (event !== ADDRESS) {
			if (this.#ready) this.#lost(candidate, detail);
			else this.#failed(candidate, detail, event === REFUSED);
		} else this.#joined(candidate, detail);
	}

	/** Also when the address has changed, which nobody has to know: connections from the old one end by themselves. */
	#joined(candidate: Candidate, address: string): void {
		candidate.refused = 0;
		this.#recalling = false;
		if (this.#outage !== false) this.#options.log("info", `Wi-Fi: joined ${candidate.ssid}, address ${address}`);
		this.#outage = false;
		this.#wait(STEADY_MS, () => {
			this.#unsteady = false;
		});
		this.#become(true);
	}

	#lost({ ssid }: Candidate, reason: string): void {
		const { clock, log } = this.#options;
		this.#current = undefined;
		this.#restartAt = clock.now() + RESTART_MS;
		if (this.#unsteady) this.#wait(ROUND_MS, () => this.#begin());
		else {
			this.#unsteady = true;
			this.#outage = true;
			log("warning", `Wi-Fi: lost ${ssid}: ${reason}`);
			this.#wait(PAUSE_MS, () => this.#recall());
		}
		this.#become(false);
	}

	#giveUp(candidate: Candidate, reason: string): void {
		this.#options.radio.stop();
		this.#failed(candidate, reason);
	}

	#failed(candidate: Candidate, reason: string, refused = false): void {
		const { clock, log } = this.#options;
		const { ssid } = candidate;
		this.#current = undefined;
		candidate.reason = reason;
		if (this.#recalling) {
			// The access point may have gone, or changed its channel: the round finds out what is wrong with the network.
			this.#recalling = false;
			this.#wait(PAUSE_MS, () => this.#begin());
			return;
		}
		if (refused && ++candidate.refused > 1) {
			candidate.retryAt = clock.now() + REFUSED_MS;
			if (candidate.refused === 2) log("warning", `Wi-Fi: ${ssid}: ${reason}; trying it once a minute`);
		}
		this.#wait(PAUSE_MS, () => this.#next());
	}

	#become(ready: boolean): void {
		if (this.#ready === ready) return;
		this.#ready = ready;
		this.#options.onChanged(ready);
	}

	#wait(delay: number, callback: () => void): void {
		const { timer } = this.#options;
		if (this.#timer !== undefined) timer.clear(this.#timer);
		this.#timer = timer.set(() => {
			this.#timer = undefined;
			callback();
		}, delay);
	}
}
