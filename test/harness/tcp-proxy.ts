/** What lies between a station and its broker, and how it misbehaves. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { reset } from "../../hosts/node/node-socket.ts";
import { freePort } from "./ports.ts";

export type Behaviour =
	/** Passes bytes on as they come. */
	| "transparent"
	/** Passes them on one by one, each in a write of its own. */
	| "bytewise"
	/** Accepts connections and reads, and that is all. */
	| "silent";

export class TcpProxy {
	readonly port: number;
	/** For connections from now on. */
	behaviour: Behaviour = "transparent";
	/** Connections accepted. */
	accepted = 0;
	/** Of what the broker sends, the next packet that begins with this byte gets lost, and all behind it on its connection. */
	losesFrom: number | undefined;
	/** Connections on which something got lost. */
	losses = 0;
	private readonly _target: number;
	private readonly _sockets = new Set<Socket>();
	private _server: Server | undefined;
	/** What waits while nothing passes, in its order. */
	private _held: (() => void)[] | undefined;

	private constructor(port: number, target: number) {
		this.port = port;
		this._target = target;
	}

	/** @param target the broker's port */
	static async start(target: number): Promise<TcpProxy> {
		const proxy = new TcpProxy(await freePort(), target);
		await proxy.open();
		return proxy;
	}

	/** Listens (again). */
	async open(): Promise<void> {
		const server = createServer({ noDelay: true }, (socket) => this._accept(socket));
		this._server = server;
		await new Promise<void>((resolve, reject) => server.once("error", reject).listen(this.port, "127.0.0.1", resolve));
	}

	/** Cuts everything; from now on connections are refused. */
	shut(): void {
		this._server?.close();
		this.cut();
	}

	/** Cuts every connection. */
	cut(): void {
		for (const socket of this._sockets) reset(socket);
	}

	/** From now on nothing passes, no end either; connections are accepted all the same. */
	freeze(): void {
		this._held ??= [];
	}

	/** What was held passes now. */
	thaw(): void {
		const held = this._held ?? [];
		this._held = undefined;
		for (const pass of held) pass();
	}

	/** Calls back at once, or when the network passes something again. */
	private readonly _pass = (what: () => void): void => {
		if (this._held) this._held.push(what);
		else what();
	};

	private _accept(client: Socket): void {
		this.accepted++;
		this._watch(client);
		if (this.behaviour === "silent") {
			client.resume();
			return;
		}
		const broker = connect({ host: "127.0.0.1", port: this._target, noDelay: true });
		this._watch(broker);
		const pass = this.behaviour === "bytewise" ? passBytewise : passOn;
		pass(client, broker, this._pass);
		pass(broker, client, this._pass, this._losing());
	}

	/** Of a connection: tells what of the broker's bytes gets through. */
	private _losing(): Filter {
		let isLosing = false;
		return (data) => {
			const at = isLosing ? 0 : startOf(this.losesFrom, data);
			if (at === undefined) return data;
			if (!isLosing) this.losses++;
			isLosing = true;
			return data.subarray(0, at);
		};
	}

	private _watch(socket: Socket): void {
		this._sockets.add(socket);
		socket.on("error", () => {}); // followed by "close"
		socket.on("close", () => this._sockets.delete(socket));
	}
}

type Pass = (what: () => void) => void;
type Filter = (data: Buffer) => Buffer;

const all: Filter = (data) => data;

/** Where a packet begins that has this first byte; mosquitto hands over whole packets. */
function startOf(firstByte: number | undefined, data: Buffer): number | undefined {
	for (let at = 0; firstByte !== undefined && at < data.length; ) {
		if (data[at] === firstByte) return at;
		let length = 0;
		let shift = 0;
		do length += (data[++at]! & 0x7f) << (7 * shift++);
		while (data[at]! >= 0x80);
		at += 1 + length;
	}
	return undefined;
}

function passOn(from: Socket, to: Socket, pass: Pass, filter = all): void {
	from.on("data", (data: Buffer) => pass(() => to.write(filter(data))));
	from.on("close", () => pass(() => to.destroySoon()));
}

function passBytewise(from: Socket, to: Socket, pass: Pass, filter = all): void {
	const waiting: number[] = [];
	const send = () => {
		const byte = waiting.shift();
		if (byte === undefined) return;
		to.write(Uint8Array.of(byte), () => setImmediate(send));
	};
	from.on("data", (data: Buffer) =>
		pass(() => {
			const idle = waiting.length === 0;
			waiting.push(...filter(data));
			if (idle) send();
		}),
	);
	from.on("close", () => pass(() => to.destroy()));
}
