/** In place of `ports.ts`, in builds without TLS. */
import type { NetworkPort } from "../../../src/host.js";

export function createTls(): Pick<NetworkPort, "tls"> {
	return {};
}
