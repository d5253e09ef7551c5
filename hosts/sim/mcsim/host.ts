/** The ports in mcsim: real time, real TCP, a simulated chip and flash. */
import settings from "config";
import simulator from "mc/config";
import type { Flash, Host } from "../../../src/host.js";
import { parseSettings, type Settings } from "../../../src/settings.js";
import { createClock, dns, log, socket, timer } from "../../esp32/sdk-ports.js";
import { createSimulatedSensor } from "../devices/simulated-sensor.js";
import { FileFlash } from "./flash.js";

/** Whose weather: the same as headless. */
const SEED = 1;
/** A board has one flash, and so has the simulator, whatever the station's id is. */
const FLASH_FILE = `${(simulator as { file: { root: string } }).file.root}veleta-mcsim.flash`;

const clock = createClock(() => Date.now());
const sensor = usableSettings()?.sensor;
const flash = openFlash();

const host: Host = {
	settings,
	clock,
	timer,
	random: Math.random,
	...(sensor && createSimulatedSensor({ sensor, clock, seed: SEED })),
	network: { socket, dns },
	...(flash && { flash }),
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

function openFlash(): Flash | undefined {
	try {
		return new FileFlash(FLASH_FILE);
	} catch (error) {
		log("error", `flash: ${FLASH_FILE}: ${error}; readings wait in RAM, and their numbers begin anew`);
		return undefined;
	}
}
