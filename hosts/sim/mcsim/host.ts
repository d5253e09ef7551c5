/**
 * The ports in mcsim: real time, real TCP, a simulated chip. The manifest names
 * this module `host`, so it imports its neighbours by the names the manifest
 * gives them.
 */
import settings from "config";
import { createClock, dns, log, socket, timer } from "hosts/esp32/sdk-ports";
import { createSimulatedSensor } from "hosts/sim/devices/simulated-sensor";
import { PreferenceStorage } from "hosts/sim/mcsim/storage";
import { parseSettings, type Settings } from "src/settings";
import type { Host } from "../../../src/host.js";

/** Whose weather: the same as headless. */
const SEED = 1;

const clock = createClock(() => Date.now());
const sensor = usableSettings()?.sensor;

const host: Host = {
	settings,
	clock,
	timer,
	random: Math.random,
	...(sensor && createSimulatedSensor({ sensor, clock, seed: SEED })),
	network: { socket, dns },
	storage: new PreferenceStorage(),
	log,
};
export default host;

/** Settings that cannot be used are for `main` to complain about. */
function usableSettings(): Settings | undefined {
	try {
		return parseSettings(settings);
	} catch {
		return undefined;
	}
}
