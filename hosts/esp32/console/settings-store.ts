/** Where settings that came over the serial port outlive a restart; the rest is `settings-store.c`. */
import type { SettingsStore } from "./provisioning.js";

export const settingsStore: SettingsStore = Object.freeze({
	read: native("xs_settings_read"),
	write: native("xs_settings_write"),
});
