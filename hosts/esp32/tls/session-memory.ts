/** What resumes the last TLS connection, kept through restarts and deep sleep; the rest is `session-memory.c`. */
import type { Sessions } from "../../moddable/tls/socket.js";

/** Keeps no session of more than 2,548 bytes. */
export const sessionMemory: Sessions = Object.freeze({
	load: native("xs_tls_memory_load"),
	save: native("xs_tls_memory_save"),
});
