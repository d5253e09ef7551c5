/** The update port on the two slots of ESP-IDF; it is written in C: `update.c`. */
import type { UpdatePort } from "../../../src/host.js";

export const update: UpdatePort = Object.freeze({
	get unconfirmed(): boolean {
		return native("xs_update_unconfirmed").call(this);
	},
	judge: native("xs_update_judge"),
	kept: native("xs_update_kept"),
	keep: native("xs_update_keep"),
	hash: native("xs_update_hash"),
	verify: native("xs_update_verify"),
	reserve: native("xs_update_reserve"),
	write: native("xs_update_write"),
	complete: native("xs_update_complete"),
});

/** The running firmware's id: eight hexadecimal digits. */
export const imageId: () => string = native("xs_update_image");
