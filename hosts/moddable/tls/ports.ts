/** The port for TLS, in builds that have it; in others `none.ts` is in its place (`tools/device.js`). */
import type { NetworkPort } from "../../../src/host.js";
import { socket } from "../ports.js";
import { SdkSession } from "./session.js";
import { TlsSocket } from "./socket.js";

/** `time` is the wall clock's, in ms since 1970; `undefined` while it is not known. */
export function createTls(time: () => number | undefined): Pick<NetworkPort, "tls"> {
	return { tls: { ...socket, io: TlsSocket, session: SdkSession, time } as unknown as NonNullable<NetworkPort["tls"]> };
}
