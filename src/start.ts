/** Starts the program on a host. */
import type { Host } from "./host.js";
import type { Settings } from "./settings.js";
import { Station } from "./station/station.js";
import { messageOf } from "./text.js";

/** The module `host`: the ports, once their settings are known. */
export interface HostModule extends Pick<Host, "log" | "update"> {
	/** This machine's id, which no other one has, for a station whose settings name none. */
	readonly defaultId?: string;
	/** The user's settings, by `parseSettings` with the id above. Throws its Error for settings that cannot be used. */
	settings(): Settings;
	/** The ports as the settings want them. Throws an Error that names a setting which this machine cannot follow. */
	ports(settings: Settings): Host;
}

/**
 * Returns the station for hosts that watch it, or `undefined` when the settings
 * cannot be used. If that is so in firmware that came with an update, the firmware
 * from before is started again: no update could reach this one to put it right.
 */
export function start(host: HostModule): Station | undefined {
	try {
		const settings = host.settings();
		const station = new Station(host.ports(settings), settings);
		const { id, topic } = settings;
		// Nobody has written it down.
		if (id === host.defaultId) host.log("info", `no id is set: this is ${id}, and publishes below ${topic}`);
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
