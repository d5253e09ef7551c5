/**
 * The ports on a board, from the SDK's modules. The manifest names this module
 * `host`, so it imports its neighbours by the names the manifest gives them.
 */

import I2C from "embedded:io/i2c";
import WiFi from "embedded:network/interface/wifi";
import settings, { board } from "config";
import { BOARDS, DEFAULT_BOARD } from "hosts/esp32/boards";
import { RmtPulseCapture } from "hosts/esp32/pulse-capture";
import { createClock, dns, log, socket, timer } from "hosts/esp32/sdk-ports";
import { FlashStorage } from "hosts/esp32/storage";
import { TimeSync } from "hosts/esp32/time-sync";
import { WifiStation } from "hosts/esp32/wifi-station";
import SNTP from "sntp";
import { parseSettings, type Settings } from "src/settings";
import Time from "time";
import type { Host, I2CConstructor, NetworkPort } from "../../src/host.js";

/** A pool of public servers; it answers on nearly every network that has a way out. */
const TIME_SERVER = "pool.ntp.org";
/**
 * The clock of a board begins at 1970 when the power comes on, and survives a
 * restart: a time after this one was set by somebody.
 */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

const usable = usableSettings();
const pins = { ...(BOARDS[board] ?? BOARDS[DEFAULT_BOARD]), ...usable?.pins };
const network: { -readonly [member in keyof NetworkPort]: NetworkPort[member] } = { socket, dns, ready: false };
const host: Host = {
	settings,
	clock: createClock(() => {
		const now = Date.now();
		return now >= EARLIEST_MS ? now : undefined;
	}),
	timer,
	random: Math.random,
	i2c: { io: I2C as unknown as I2CConstructor, data: pins.data, clock: pins.clock },
	pulses: { io: RmtPulseCapture, pin: pins.dht },
	network,
	storage: new FlashStorage(),
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

function joinNetwork(wifi: NonNullable<Settings["wifi"]>): void {
	const timeSync = new TimeSync({
		io: SNTP as unknown as ConstructorParameters<typeof TimeSync>[0]["io"],
		host: TIME_SERVER,
		timer,
		log,
		networkReady: () => network.ready === true,
		onTime: (seconds) => Time.set(seconds),
	});
	new WifiStation({
		...wifi,
		io: WiFi,
		timer,
		log,
		onChanged: (ready) => {
			network.ready = ready;
			if (!ready) return;
			timeSync.start();
			network.onReady?.();
		},
	});
}
