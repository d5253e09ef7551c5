/** Starts the program on a host. */
import type { Host } from "./host.js";
import { parseSettings } from "./settings.js";
import { Station } from "./station.js";
import { messageOf } from "./text.js";

/**
 * Returns the station for hosts that watch it, or `undefined` when the settings
 * cannot be used. If that is so in firmware that came with an update, the one
 * from before is started again: nobody could reach this one to put it right.
 */
export function start(host: Host): Station | undefined {
	try {
		const station = new Station(host, parseSettings(host.settings));
		station.start();
		return station;
	} catch (error) {
		host.log("error", messageOf(error));
		if (host.update?.unconfirmed) host.update.judge(false);
		return undefined;
	}
}
