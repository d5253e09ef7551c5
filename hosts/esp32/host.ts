/** The ports on a board, from the SDK's modules. */
import I2C from "embedded:io/i2c";
import WiFi from "embedded:network/interface/wifi";
import FlashPartitions from "embedded:storage/flash";
import settings, { board } from "config";
import SNTP from "sntp";
import Time from "time";
import type { Flash, Host, I2CConstructor, NetworkPort, NTPClientConstructor } from "../../src/host.js";
import { parseSettings, type Settings } from "../../src/settings.js";
import { SntpClient, type SntpConstructor } from "./ntp-client.js";
import { RmtPulseCapture } from "./pulse-capture.js";
import { createClock, dns, log, socket, timer } from "./sdk-ports.js";
import { WifiStation } from "./wifi-station.js";

/** As `partitions.csv` names it. */
const FLASH_PARTITION = "veleta";
/**
 * The clock of a board begins at 1970 when the power comes on, and survives a
 * restart: a time after this one was set by somebody.
 */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

const usable = usableSettings();
const pins = { ...board, ...usable?.pins };
const network: { -readonly [member in keyof NetworkPort]: NetworkPort[member] } = {
	socket,
	dns,
	...(usable && {
		ntp: {
			io: SntpClient as unknown as NTPClientConstructor,
			sntp: SNTP as unknown as SntpConstructor,
			host: usable.timeServer,
		},
	}),
	ready: false,
};
const flash = openFlash();
const host: Host = {
	settings,
	clock: {
		...createClock(() => {
			const now = Date.now();
			return now >= EARLIEST_MS ? now : undefined;
		}),
		setTime: (time) => Time.set(Math.round(time / 1_000)),
	},
	timer,
	random: Math.random,
	i2c: { io: I2C as unknown as I2CConstructor, data: pins.data, clock: pins.clock },
	pulses: { io: RmtPulseCapture, pin: pins.dht },
	network,
	...(flash && { flash }),
	log,
};
export default host;

if (usable?.wifi) joinNetwork(usable.wifi);
else if (usable) log("error", "wifi.ssid: a board needs it");

/** Settings that cannot be used are for `main` to complain about. */
function usableSettings(): Settings | undefined {
	try {
		return parseSettings(settings);
	} catch {
		return undefined;
	}
}

/** A board that was flashed with another partition table has no such partition: its readings wait in RAM. */
function openFlash(): Flash | undefined {
	try {
		return FlashPartitions.open({ path: FLASH_PARTITION });
	} catch (error) {
		log(
			"error",
			`flash: no partition ${FLASH_PARTITION}: ${error}; readings wait in RAM, and their numbers begin anew`,
		);
		return undefined;
	}
}

function joinNetwork(wifi: NonNullable<Settings["wifi"]>): void {
	new WifiStation({
		...wifi,
		io: WiFi,
		timer,
		log,
		onChanged: (ready) => {
			network.ready = ready;
			if (ready) network.onReady?.();
		},
	});
}
