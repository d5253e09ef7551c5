/** The ports in mcsim: real time, real TCP, a simulated chip. */
import settings from "config";
import type { Host } from "../../../src/host.js";
import { parseSettings, type Settings } from "../../../src/settings.js";
import { createClock, dns, log, socket, timer } from "../../esp32/sdk-ports.js";
import { createSimulatedSensor } from "../devices/simulated-sensor.js";
import { PreferenceStorage } from "./storage.js";

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
