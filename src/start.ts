/** Starts the program on a host. */
import type { HostModule } from "./host.js";
import { Station } from "./station/station.js";
import { messageOf } from "./text.js";

/**
 * Returns the station for hosts that watch it, or `undefined` when the settings
 * cannot be used. If that is so in firmware that came with an update, the firmware
 * from before is started again: no update could reach this one to put it right.
 */
export function start(host: HostModule): Station | undefined {
	try {
		const settings = host.settings();
		const station = new Station(host.ports(settings), settings);
		station.start();
		return station;
	} catch (error) {
		const lines = messageOf(error).split("\n");
		lines.forEach((line) => {
			host.log("error", line);
		});
		if (host.update?.unconfirmed) host.update.judge(false);
		return undefined;
	}
}
