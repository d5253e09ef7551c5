/** Small values in the simulator: the SDK's preferences, a JSON file on Linux. */
import Preference from "preference";
import type { StoragePort } from "../../../src/host.js";

const DOMAIN = "veleta";

/** The SDK keeps errors of the file to itself: what could not be written is lost at the next start. */
export class PreferenceStorage implements StoragePort {
	read(key: string): string | undefined {
		const value = Preference.get(DOMAIN, key);
		return typeof value === "string" ? value : undefined;
	}

	write(key: string, value: string): void {
		Preference.set(DOMAIN, key, value);
	}
}
