/** The ports on a board, from the SDK's modules. */
import I2C from "embedded:io/i2c";
import WiFi from "embedded:network/interface/wifi";
import settings, { board } from "config";
import SNTP from "sntp";
import Time from "time";
import type { Host, I2CConstructor, NetworkPort } from "../../src/host.js";
import { parseSettings, type Settings } from "../../src/settings.js";
import { RmtPulseCapture } from "./pulse-capture.js";
import { createClock, dns, log, socket, timer } from "./sdk-ports.js";
import { FlashStorage } from "./storage.js";
import { TimeSync } from "./time-sync.js";
import { WifiStation } from "./wifi-station.js";

/** A pool of public servers; it answers on nearly every network that has a way out. */
const TIME_SERVER = "pool.ntp.org";
/**
 * The clock of a board begins at 1970 when the power comes on, and survives a
 * restart: a time after this one was set by somebody.
 */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

const usable = usableSettings();
const pins = { ...board, ...usable?.pins };
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
