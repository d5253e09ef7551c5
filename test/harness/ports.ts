/** Ports of the loopback interface that nobody else takes while a test runs, not even while nobody listens there. */
import { createServer, type Server } from "node:net";

/**
 * Outside the ranges from which systems take ports for outgoing connections. In
 * blocks: the process that listens at a block's first port has the others to itself.
 */
const PORTS = { lowest: 20_000, blocks: 100, size: 100 };

/** The first port of this process's block, and how many of the others it has given away. */
let block = takeBlock();
let given = 0;

/** A port for a server of this process or of one that it starts, for as long as this process runs. */
export async function freePort(): Promise<number> {
	for (;;) {
		if (given === PORTS.size - 1) {
			given = 0;
			block = takeBlock();
		}
		const others = ++given;
		const port = (await block) + others;
		// Somebody who knows nothing of blocks may listen there.
		const server = await listen(port);
		if (!server) continue;
		await new Promise((resolve) => server.close(resolve));
		return port;
	}
}

async function takeBlock(): Promise<number> {
	const start = Math.floor(Math.random() * PORTS.blocks);
	for (let count = 0; count < PORTS.blocks; count++) {
		const first = PORTS.lowest + ((start + count) % PORTS.blocks) * PORTS.size;
		const server = await listen(first);
		if (!server) continue;
		// It keeps the block until this process ends, and does not keep the process.
		server.unref();
		return first;
	}
	throw new Error(`no block of ports from ${PORTS.lowest} on is free`);
}

function listen(port: number): Promise<Server | undefined> {
	const server = createServer();
	return new Promise((resolve) => {
		server.once("error", () => resolve(undefined));
		server.listen(port, "127.0.0.1", () => resolve(server));
	});
}
