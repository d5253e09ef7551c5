/** A broker for trying things out, in this process. */
import { createServer } from "node:net";
import { Aedes } from "aedes";

export interface EmbeddedBroker {
	readonly port: number;
	close(): Promise<void>;
}

/** Listens on the loopback interface, on a free port. */
export async function startBroker(): Promise<EmbeddedBroker> {
	const aedes = await Aedes.createBroker();
	const server = createServer(aedes.handle);
	await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	return {
		port,
		close: () =>
			new Promise((resolve) => {
				aedes.close(() => server.close(() => resolve()));
			}),
	};
}
