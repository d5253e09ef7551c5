/**
 * A network between a client and its broker that splits what it carries into
 * pieces of any size, delays them, and cuts connections in the middle of
 * whatever is on its way. Its draws are seeded; in which order the two
 * directions draw, the machine's load decides.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { reset } from "../../hosts/node/node-socket.ts";
import { createRandom } from "../../hosts/sim/devices/random.ts";
import { until } from "./wait.ts";

/** Bytes of a piece, at the most. */
const PIECE_MAXIMUM = 40;
/** Delay of a piece in ms, at the most; one in `DELAYED` has one. */
const DELAY_MAXIMUM_MS = 12;
const DELAYED = 4;
/** Bytes that a connection to be cut carries, both ways together. */
const CUT_AFTER = { least: 60, most: 700 };

export interface DisturbingProxyOptions {
	/** The broker's port, on the loopback interface. */
	readonly target: number;
	readonly seed: number;
	/** Connections to cut; those after them last. */
	readonly cuts: number;
	/** Whether a connection is safe until the broker's first answer has reached the client. */
	readonly sparesConnack: boolean;
}

/** One connection: the client's socket and the broker's. */
interface Pair {
	readonly sockets: readonly [Socket, Socket];
	/** Bytes until the cut, 0 and below once it has been decided on. */
	left: number;
	/** Whether bytes count. */
	counting: boolean;
}

export class DisturbingProxy {
	readonly port: number;
	/** Connections accepted, and those cut. */
	accepted = 0;
	cut = 0;
	private readonly _options: DisturbingProxyOptions;
	private readonly _random: () => number;
	private readonly _server: Server;
	private readonly _sockets = new Set<Socket>();
	private readonly _pairs = new Set<Pair>();
	private _calm = false;

	private constructor(options: DisturbingProxyOptions, server: Server) {
		this._options = options;
		this._random = createRandom(options.seed);
		this._server = server;
		this.port = (server.address() as { port: number }).port;
		server.on("connection", (client) => this._accept(client));
	}

	static async start(options: DisturbingProxyOptions): Promise<DisturbingProxy> {
		const server = createServer({ noDelay: true });
		await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
		return new DisturbingProxy(options, server);
	}

	/** Cuts no more; resolves when what was about to be cut has been. */
	async calm(): Promise<void> {
		this._calm = true;
		await until("the last cut", () => [...this._pairs].every(({ left }) => left > 0));
	}

	/** Ends everything. */
	close(): void {
		this._server.close();
		for (const socket of this._sockets) socket.destroy();
	}

	private _accept(client: Socket): void {
		this.accepted++;
		const broker = connect({ host: "127.0.0.1", port: this._options.target, noDelay: true });
		const doomed = this.accepted <= this._options.cuts && !this._calm;
		const pair: Pair = {
			sockets: [client, broker],
			left: doomed ? this._draw(CUT_AFTER.least, CUT_AFTER.most) : Number.POSITIVE_INFINITY,
			counting: !this._options.sparesConnack,
		};
		this._pairs.add(pair);
		for (const socket of pair.sockets) {
			this._sockets.add(socket);
			socket.on("error", () => {}); // followed by "close"
			socket.on("close", () => {
				this._sockets.delete(socket);
				this._pairs.delete(pair);
			});
		}
		this._carry(client, broker, pair, () => {});
		this._carry(broker, client, pair, () => {
			pair.counting = true;
		});
	}

	/** Passes on what arrives, in its order; tells when nothing is on its way any more. */
	private _carry(from: Socket, to: Socket, pair: Pair, onIdle: () => void): void {
		const waiting: Buffer[] = [];
		let busy = false;
		let ended = false;
		const next = () => {
			const piece = waiting.shift();
			busy = piece !== undefined;
			if (!piece) {
				if (ended) to.end();
				return onIdle();
			}
			const send = () => {
				if (to.destroyed) return;
				to.write(piece);
				next();
			};
			if (this._draw(1, DELAYED) === 1) setTimeout(send, this._draw(1, DELAY_MAXIMUM_MS));
			else setImmediate(send);
		};
		from.on("data", (data: Buffer) => {
			if (pair.left <= 0) return;
			const counts = pair.counting && !this._calm;
			// What is beyond the cut does not get through, nor does what still waits then.
			const passed = counts ? data.subarray(0, pair.left) : data;
			if (counts) pair.left -= data.length;
			for (let at = 0; at < passed.length; ) {
				const length = this._draw(1, PIECE_MAXIMUM);
				waiting.push(passed.subarray(at, at + length));
				at += length;
			}
			if (!busy) next();
			if (pair.left <= 0) setTimeout(() => this._cut(pair), this._draw(0, DELAY_MAXIMUM_MS));
		});
		from.on("end", () => {
			ended = true;
			if (!busy) to.end();
		});
		from.on("close", () => {
			if (!ended) to.destroy();
		});
	}

	/** With a reset, or as if the other side had closed. */
	private _cut({ sockets }: Pair): void {
		if (sockets.some((socket) => socket.destroyed)) return;
		this.cut++;
		const withReset = this._random() < 0.5;
		for (const socket of sockets) {
			if (withReset) reset(socket);
			else socket.destroy();
		}
	}

	/** A whole number between two, both included. */
	private _draw(least: number, most: number): number {
		return least + Math.floor(this._random() * (most - least + 1));
	}
}
