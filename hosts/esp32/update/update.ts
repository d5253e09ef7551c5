/** The update port on the two slots of ESP-IDF; it is written in C: `update.c`. */
import type { UpdatePort } from "../../../src/host.js";

export const update: UpdatePort = Object.freeze({
	get unconfirmed(): boolean {
		return native("xs_update_unconfirmed").call(this);
	},
	judge: native("xs_update_judge"),
	open: native("xs_update_open"),
	write: native("xs_update_write"),
	complete: native("xs_update_complete"),
	close: native("xs_update_close"),
});

/** The running firmware's id: eight hexadecimal digits. */
export const imageId: () => string = native("xs_update_image");
