/** The program's entry: takes the ports from the host and starts the station. */
import host from "host";
import { parseSettings } from "./settings.js";
import { Station } from "./station.js";

/** Returns the station for hosts that watch it, or `undefined` when the settings cannot be used. */
export default function main(): Station | undefined {
	try {
		const station = new Station(host, parseSettings(host.settings));
		station.start();
		return station;
	} catch (error) {
		host.log("error", error instanceof Error ? error.message : String(error));
		return undefined;
	}
}
