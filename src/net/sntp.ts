/**
 * A question to a time server by SNTP (RFC 4330), over UDP.
 *
 * Anybody can send a datagram. Only one counts that comes from the address and port that
 * were asked, and repeats the 64 random bits of the question.
 */
import type { Clock, Datagram, NetworkPort, Resolver, UDP } from "../host.js";
import { messageOf } from "../text.js";

const PORT = 123;
/** Without extensions (section 4). */
const PACKET_BYTES = 48;
/** No leap second is announced, version 4, a client. */
const CLIENT = 0x23;
const SERVER_MODE = 4;
/** The leap indicator of a server that has no time itself. */
const ALARM = 3;
const STRATUM_MAXIMUM = 15;
/** Where in a packet the time stamps are: of the request, repeated, and of the sending. */
const ORIGINATE = 24;
const TRANSMIT = 40;
const TWO_32 = 4_294_967_296;
/** 1970 in seconds since 1900. */
const UNIX_EPOCH_S = 2_208_988_800;

export interface SntpOptions {
	readonly network: NetworkPort;
	readonly clock: Clock;
	/** Uniform in [0, 1). */
	readonly random: () => number;
	/** Name or address. */
	readonly server: string;
	/** Called once at the most, in a later turn: the server's time in ms since 1970. */
	readonly onTime: (time: number) => void;
	/** Called once at the most, in a later turn: why there is no time. */
	readonly onError: (reason: string) => void;
}

export class SntpQuestion {
	private readonly _options: SntpOptions;
	/** Stands for the time of the question, which the server need not know. */
	private readonly _nonce: readonly [number, number];
	private _resolver: Resolver | undefined;
	private _socket: UDP | undefined;
	private _address = "";
	private _askedAt = 0;

	/** Asks. Throws an Error where the machine has no socket for it. */
	constructor(options: SntpOptions) {
		const { network, random, server, onError } = options;
		const { io, ...more } = network.dns!;
		const bits = () => Math.floor(random() * TWO_32);
		this._options = options;
		this._nonce = [bits(), bits()];
		this._resolver = new io(more);
		this._resolver.resolve({
			host: server,
			onResolved: (_host, address) => this._ask(address),
			onError: () => onError(`cannot resolve ${server}`),
		});
	}

	/** Nothing is called back afterwards. Calling it twice does no harm. */
	close(): void {
		this._resolver?.close?.();
		this._socket?.close();
		this._resolver = this._socket = undefined;
	}

	private _ask(address: string): void {
		// A resolver without `close` still calls back.
		if (!this._resolver) return;
		const { network, clock, onError } = this._options;
		const packet = new DataView(new ArrayBuffer(PACKET_BYTES));
		packet.setUint8(0, CLIENT);
		this._nonce.forEach((bits, index) => {
			packet.setUint32(TRANSMIT + 4 * index, bits);
		});
		try {
			const { io, ...more } = network.udp!;
			const socket = new io({ ...more, onReadable: (count) => this._receive(socket, count) });
			this._socket = socket;
			this._address = address;
			this._askedAt = clock.now();
			socket.write(new Uint8Array(packet.buffer), address, PORT);
		} catch (error) {
			onError(messageOf(error));
		}
	}

	private _receive(socket: UDP, count: number): void {
		const { clock, onTime, onError } = this._options;
		for (; count > 0 && this._socket === socket; count--) {
			const datagram = socket.read();
			if (!datagram) return;
			if (!isAnswer(datagram, this._address, this._nonce)) continue;
			const time = timeIn(new DataView(datagram));
			if (time === undefined) onError("the server does not know the time itself");
			else onTime(time + (clock.now() - this._askedAt) / 2);
		}
	}
}

/** Whether it comes from the server that was asked, and repeats the question's time stamp (section 5). */
export function isAnswer(datagram: Datagram, address: string, [first, second]: readonly [number, number]): boolean {
	if (datagram.address !== address || datagram.port !== PORT || datagram.byteLength < PACKET_BYTES) return false;
	const packet = new DataView(datagram);
	return packet.getUint32(ORIGINATE) === first && packet.getUint32(ORIGINATE + 4) === second;
}

/**
 * The server's time at the sending, in ms since 1970; `undefined`: it has none, or it
 * refuses (section 5; a "kiss-o'-death" has the stratum 0).
 */
function timeIn(packet: DataView): number | undefined {
	const first = packet.getUint8(0);
	const stratum = packet.getUint8(1);
	const seconds = packet.getUint32(TRANSMIT);
	const fraction = packet.getUint32(TRANSMIT + 4);
	if ((first & 7) !== SERVER_MODE || first >> 6 === ALARM || stratum === 0 || stratum > STRATUM_MAXIMUM)
		return undefined;
	if (seconds === 0 && fraction === 0) return undefined;
	// Without the highest bit it is an era later, from 2036 on (section 3).
	const era = seconds < TWO_32 / 2 ? TWO_32 : 0;
	return (seconds + era - UNIX_EPOCH_S + fraction / TWO_32) * 1_000;
}
