/** The ports on a board, from modules of the SDK's and of this folder. */
import I2C from "embedded:io/i2c";
import UDP from "embedded:io/socket/udp";
import FlashPartitions from "embedded:storage/flash";
import builtIn, { board } from "config";
import Time from "time";
import type { Flash, Host, I2CConstructor, NetworkPort, UDPConstructor } from "../../src/host.js";
import type { Settings } from "../../src/settings.js";
import type { HostModule } from "../../src/start.js";
import { knownTime } from "../../src/wall-clock.js";
import { createClock, dns, socket, timer } from "../moddable/ports.js";
import { createTls } from "../moddable/tls/ports.js";
import { log, settings } from "./console/console.js";
import { led } from "./machine/led.js";
import { machine, startedOnRequest } from "./machine/machine.js";
import { RmtPulseCapture } from "./sensors/pulse-capture.js";
import { sessionMemory } from "./tls/session-memory.js";
import { imageId, update } from "./update/update.js";
import { radio } from "./wifi/wifi-radio.js";
import { WifiStation } from "./wifi/wifi-station.js";

/** As `partitions.csv` names it. */
const FLASH_PARTITION = "veleta";

const clock = {
	// The clock begins at 1970 when the power comes on, and survives a restart.
	...createClock(() => knownTime(Date.now())),
	setTime: (time: number) => Time.set(Math.round(time / 1_000)),
};
const defaultId = machine.id();
const host: HostModule = { defaultId, settings: () => settings(board.name, builtIn, defaultId), ports, log, update };
export default host;

function ports({ id, pins: ownPins, wifi }: Settings): Host {
	const pins = { ...board, ...ownPins };
	led.open(pins.led, pins.data, pins.clock, pins.dht);
	const flash = openFlash();
	const udp = { io: UDP as unknown as UDPConstructor };
	const network = { socket, tls: createTls(clock.time, sessionMemory), dns, udp, ready: false };
	joinNetwork(id, wifi, network);
	return {
		clock,
		timer,
		random: Math.random,
		i2c: { io: I2C as unknown as I2CConstructor, data: pins.data, clock: pins.clock },
		pulses: { io: RmtPulseCapture, pin: pins.dht },
		network,
		...(flash && { flash }),
		update,
		board: board.name,
		watchdog: machine,
		observer: led,
		log,
		startedOnRequest: startedOnRequest(),
		restart: machine.restart,
		sleep: machine.sleep,
		diagnostics: () => ({ board: board.name, image: imageId(), ...machine.facts() }),
	};
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

/** From now on `network.ready` tells whether the Wi-Fi has an address. */
function joinNetwork(
	id: string,
	wifi: Settings["wifi"],
	network: { ready: boolean; onReady?: NetworkPort["onReady"] },
): void {
	if (wifi.length === 0) return log("error", "wifi: there is none in the settings; `npm run provision` sends some");
	new WifiStation({
		radio,
		id,
		networks: wifi,
		clock,
		timer,
		log,
		onChanged: (ready) => {
			network.ready = ready;
			led.network(ready);
			if (ready) network.onReady?.();
		},
	});
}
