/** The functions of TLS in C; the rest is `binding.c`. */
import type { MbedTls } from "./mbedtls.js";

export const mbedtls: MbedTls = Object.freeze({
	open: native("xs_tls_open"),
	handshake: native("xs_tls_handshake"),
	state: native("xs_tls_state"),
	reason: native("xs_tls_reason"),
	ended: native("xs_tls_ended"),
	wanted: native("xs_tls_wanted"),
	push: native("xs_tls_push"),
	pull: native("xs_tls_pull"),
	read: native("xs_tls_read"),
	write: native("xs_tls_write"),
	close: native("xs_tls_close"),
	save: native("xs_tls_save"),
	free: native("xs_tls_free"),
});
