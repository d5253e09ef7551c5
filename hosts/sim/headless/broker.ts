/** A broker for trying things out, in this process. */
import { createServer, type Server } from "node:net";
import type { ProtocolVersion } from "../../../src/net/mqtt/packet.ts";
import { PORT_PROBLEMS } from "../../node/port-problems.ts";

/** It speaks MQTT 3.1.1, and refuses 5.0. */
export const EMBEDDED_VERSION: ProtocolVersion = 4;
/** The system's choice of a free one. */
export const ANY_PORT = 0;
const HOST = "127.0.0.1";

export interface EmbeddedBroker {
	readonly port: number;
	close(): Promise<void>;
}

/** Listens on the loopback interface, at the first of the ports that can be had; throws an Error for a person where none can. */
export async function startBroker(ports: readonly number[] = [ANY_PORT]): Promise<EmbeddedBroker> {
	// Only who needs it loads it.
	const { Aedes } = await import("aedes");
	const aedes = await Aedes.createBroker();
	const server = createServer(aedes.handle);
	try {
		await listen(server, ports);
	} catch (error) {
		aedes.close();
		throw error;
	}
	const { port } = server.address() as { port: number };
	return {
		port,
		close: () =>
			new Promise((resolve) => {
				aedes.close(() => server.close(() => resolve()));
			}),
	};
}

/** It tries, as a port that is found free may be taken before it is listened at. */
async function listen(server: Server, ports: readonly number[]): Promise<void> {
	for (const [index, port] of ports.entries()) {
		const problem = await problemAt(server, port);
		if (problem === undefined) return;
		if (index === ports.length - 1) throw new Error(`port ${port}: ${problem}`);
	}
}

function problemAt(server: Server, port: number): Promise<string | undefined> {
	return new Promise((resolve) => {
		const failed = ({ code = "" }: NodeJS.ErrnoException) =>
			resolve(PORT_PROBLEMS[code] ?? `the broker cannot listen there (${code})`);
		server.once("error", failed);
		server.listen(port, HOST, () => {
			server.off("error", failed);
			resolve(undefined);
		});
	});
}
