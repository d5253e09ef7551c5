/** The ports in mcsim: real time, real TCP, and the panel's simulated chip, flash and cable. */
import settings from "config";
import Control from "control";
import { File } from "file";
import simulator from "mc/config";
import type { Flash, Host, NetworkPort } from "../../../src/host.js";
import { parseSettings, type Settings } from "../../../src/settings.js";
import type { HostModule } from "../../../src/start.js";
import { knownTime } from "../../../src/wall-clock.js";
import { createClock, dns, log, socket, timer } from "../../moddable/ports.js";
import { createTls } from "../../moddable/tls/ports.js";
import type { Sessions } from "../../moddable/tls/socket.js";
import { createRandom } from "../devices/random.js";
import { createSensor } from "../devices/simulated-sensor.js";
import { Cable, throughCable } from "./cable.js";
import { FileFlash } from "./flash.js";
import { type Files, keptId, newId } from "./kept-id.js";
import type { ToMachine } from "./messages.js";
import { RemotePanel } from "./remote-panel.js";

/** The weather's seed: the same as headless. */
const SEED = 1;
/** A board has one flash, and so has the simulator, whatever the station's id is. */
const FLASH_FILE = `${(simulator as { file: { root: string } }).file.root}veleta-mcsim.flash`;
/** The simulator's own id, as a board has its MAC address. */
const ID_FILE = `${(simulator as { file: { root: string } }).file.root}veleta-mcsim.id`;

/** The machine's end of the messages between mcsim and its panel. */
class PanelControl extends Control {
	override onJSON(message: unknown): void {
		panel.configure(message as ToMachine);
	}
}

const clock = createClock(() => knownTime(Date.now()));
const cable = new Cable();
const control = new PanelControl();
export const panel = new RemotePanel({
	clock,
	timer,
	cable,
	seed: SEED,
	post: (message) => control.postJSON(message),
});
/** As a board's memory through restarts, until mcsim is closed. */
let session: ArrayBuffer | undefined;
const sessions: Sessions = {
	load: () => session,
	save: (bytes) => {
		session = bytes.byteLength > 0 ? bytes : undefined;
	},
};
/** None in builds without Mbed TLS. */
const tls: NetworkPort["tls"] = createTls(clock.time, sessions);
const defaultId = ownId();
const host: HostModule = { defaultId, settings: () => parseSettings(settings, defaultId), ports, log: logEverywhere };
export default host;

/** XS's own random numbers are the same after each start on a computer; the time is another one. */
function ownId(): string {
	const random = createRandom(Date.now());
	try {
		return keptId(File as unknown as Files, ID_FILE, random);
	} catch {
		return newId(random);
	}
}

function ports(usable: Settings): Host {
	const sensor = createSensor({
		sensor: usable.sensor,
		address: usable.address,
		clock,
		seed: SEED,
		weather: () => panel.weather(),
	});
	panel.introduce(usable, sensor);
	const flash = openFlash();
	return {
		clock,
		timer,
		random: Math.random,
		...sensor.ports,
		network: { socket: throughCable(socket, cable), dns, ...(tls && { tls: throughCable(tls, cable) }) },
		...(flash && { flash }),
		observer: panel.observer,
		log: logEverywhere,
		startedOnRequest: panel.startedOnRequest,
		restart: () => panel.restart(0),
		sleep: (duration) => panel.restart(duration),
	};
}

function openFlash(): Flash | undefined {
	try {
		return new FileFlash(FLASH_FILE);
	} catch (error) {
		logEverywhere("error", `flash: ${FLASH_FILE}: ${error}; readings wait in RAM, and their numbers begin anew`);
		return undefined;
	}
}

/** To the terminal, where there is one, and to the panel. */
function logEverywhere(level: Parameters<Host["log"]>[0], text: string): void {
	log(level, text);
	panel.log(level, text);
}
