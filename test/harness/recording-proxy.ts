/**
 * A network with a latency between a station and its broker, which remembers each connection's flights: the bytes that
 * one side sends before the other one answers.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { reset } from "../../hosts/node/node-socket.ts";
import { freePort } from "./ports.ts";

/**
 * Time on the way, each way, in ms: longer than a side needs between two segments of one flight. A busy machine may
 * need longer, and then there are more flights, never fewer.
 */
const LATENCY_MS = 100;

export interface Flight {
	readonly from: "client" | "broker";
	readonly bytes: Buffer;
}

export class RecordingProxy {
	readonly port: number;
	/** Of each connection, in order. */
	readonly connections: Flight[][] = [];
	/** Of the broker's bytes so many get through on each connection; no end does, then. */
	passes = Number.POSITIVE_INFINITY;
	private readonly _target: number;
	private readonly _sockets = new Set<Socket>();
	private readonly _server: Server;

	private constructor(port: number, target: number) {
		this.port = port;
		this._target = target;
		this._server = createServer({ noDelay: true }, (socket) => this._accept(socket));
	}

	/** @param target the broker's port */
	static async start(target: number): Promise<RecordingProxy> {
		const proxy = new RecordingProxy(await freePort(), target);
		const { _server: server, port } = proxy;
		await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
		return proxy;
	}

	/** Cuts every connection. */
	cut(): void {
		for (const socket of this._sockets) reset(socket);
	}

	close(): void {
		this._server.close();
		this.cut();
	}

	private _accept(client: Socket): void {
		const flights: Flight[] = [];
		this.connections.push(flights);
		const broker = connect({ host: "127.0.0.1", port: this._target, noDelay: true });
		this._sockets.add(client);
		this._sockets.add(broker);
		this._pass(client, broker, (data) => {
			add(flights, { from: "client", bytes: data });
			return data;
		});
		let left = this.passes;
		this._pass(broker, client, (data) => {
			const passed = data.subarray(0, left);
			left -= passed.length;
			add(flights, { from: "broker", bytes: passed });
			return passed;
		});
	}

	/** All that comes is as late, and so in order. */
	private _pass(from: Socket, to: Socket, record: (data: Buffer) => Buffer): void {
		from.on("data", (data: Buffer) => {
			const passed = record(data);
			setTimeout(() => to.write(passed), LATENCY_MS);
		});
		from.on("error", () => {}); // followed by "close"
		from.on("close", () => {
			this._sockets.delete(from);
			if (this.passes === Number.POSITIVE_INFINITY) setTimeout(() => to.destroySoon(), LATENCY_MS);
		});
	}
}

function add(flights: Flight[], { from, bytes }: Flight): void {
	const last = flights.at(-1);
	if (last?.from === from) flights[flights.length - 1] = { from, bytes: Buffer.concat([last.bytes, bytes]) };
	else flights.push({ from, bytes });
}

/** A record of TLS 1.2 (RFC 5246, section 6.2.1). */
interface TlsRecord {
	readonly type: number;
	/** Of what it says, without what AES-GCM adds, where it is encrypted. */
	readonly length: number;
	/** Of a message of the handshake that is not encrypted. */
	readonly message: number;
}

const HANDSHAKE = 22;
const CERTIFICATE = 11;
const APPLICATION_DATA = 23;
const HEADER_BYTES = 5;
/** Its nonce's part, and its tag (RFC 5288, section 3). */
const AES_GCM_BYTES = 8 + 16;

/** The records that are whole. */
function recordsOf({ bytes }: Flight): TlsRecord[] {
	const records: TlsRecord[] = [];
	for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
		const [type, length] = [bytes[at]!, bytes.readUInt16BE(at + 3)];
		at += HEADER_BYTES;
		records.push({
			type,
			length: type === APPLICATION_DATA ? length - AES_GCM_BYTES : length,
			message: bytes[at] ?? 0,
		});
		at += length;
	}
	return records;
}

/** The extension with the versions 1.3 and 1.2 (RFC 8446, section 4.2.1). */
const SUPPORTED_VERSIONS = Buffer.of(0, 43, 0, 5, 4, 3, 4, 3, 3);

/** Whether the client's hello says so. */
export function offersTls13([hello]: readonly Flight[]): boolean {
	return hello!.bytes.includes(SUPPORTED_VERSIONS);
}

/** Whether the broker has shown its certificate: a session that is resumed has none. */
export function hasCertificate(flights: readonly Flight[]): boolean {
	const fromBroker = Buffer.concat(flights.filter(({ from }) => from === "broker").map(({ bytes }) => bytes));
	return recordsOf({ from: "broker", bytes: fromBroker }).some(
		({ type, message }) => type === HANDSHAKE && message === CERTIFICATE,
	);
}

/** Lengths of what the records of a flight say to the program on the other side. mosquitto makes one of each packet. */
export function saidIn(flight: Flight): number[] {
	return recordsOf(flight)
		.filter(({ type }) => type === APPLICATION_DATA)
		.map(({ length }) => length);
}
