/** The port for TLS, on a board and in mcsim. Where mcsim can have none, `tools/device.js` makes it `undefined`. */
import type { NetworkPort } from "../../../src/host.js";
import { socket } from "../ports.js";
import { mbedtls } from "./binding.js";
import { type Sessions, TlsSocket } from "./socket.js";

/** `time` is the wall clock's, in ms since 1970; `undefined` while it is not known. */
export function createTls(time: () => number | undefined, sessions: Sessions): NonNullable<NetworkPort["tls"]> {
	const options = { ...socket, io: TlsSocket, tcp: socket.io, mbedtls, time, sessions };
	return options as unknown as NonNullable<NetworkPort["tls"]>;
}
