/**
 * The cable between the station and its network, which can be cut without a sign,
 * like an unplugged one. Open connections fall silent and stay half-open, and new
 * ones get no answer.
 *
 * As TCP would send it again, the cable keeps until it is whole: bytes, the end of
 * a connection, the request for a new one. A connection that both sides still have
 * by then has lost nothing.
 */
import type { Bytes, NetworkPort, Socket, SocketConstructor, SocketOptions } from "../../../src/host.js";

type SocketPort = NetworkPort["socket"];

export class Cable {
	private _cut = false;
	private readonly _ends = new Set<() => void>();

	get cut(): boolean {
		return this._cut;
	}

	set cut(cut: boolean) {
		if (this._cut === cut) return;
		this._cut = cut;
		if (!cut) for (const mended of [...this._ends]) mended();
	}

	/** Calls back each time the cable has become whole, until it is unplugged. */
	plug(mended: () => void): void {
		this._ends.add(mended);
	}

	unplug(mended: () => void): void {
		this._ends.delete(mended);
	}
}

/** The sockets of a port, TCP or TLS, at the other end of `cable`. */
export function throughCable(port: SocketPort, cable: Cable): SocketPort {
	return { ...port, io: socketThrough(port.io, cable) };
}

function socketThrough(io: SocketConstructor, cable: Cable): SocketConstructor {
	return class CableSocket implements Socket {
		private readonly _options: SocketOptions;
		private readonly _mended = () => this._catchUp();
		private _socket: Socket | undefined;
		private _closed = false;
		/** Bytes that may be written, as told to the station. */
		private _writable = 0;
		/** Bytes written since the cut: never more than the socket takes. */
		private _held: Bytes[] = [];
		/** The socket's events since the cut. */
		private _missed: { writable?: number; readable?: number; ended?: { reason: unknown } } = {};

		constructor(options: SocketOptions) {
			this._options = options;
			cable.plug(this._mended);
			if (!cable.cut) this._open();
		}

		read(byteLength?: number): ArrayBuffer | Uint8Array | undefined {
			return cable.cut ? undefined : this._socket?.read(byteLength);
		}

		write(bytes: Bytes): number {
			if (cable.cut) {
				this._held.push(bytes.slice());
				this._writable -= bytes.length;
			} else {
				this._writable = this._socket?.write(bytes) ?? 0;
			}
			return this._writable;
		}

		/** The broker learns of it when the cable is whole. */
		close(): void {
			this._closed = true;
			if (!cable.cut) this._release();
		}

		private _open(): void {
			const { onWritable, onReadable, onError } = this._options;
			this._socket = new io({
				...this._options,
				onWritable: (count) => {
					if (cable.cut) {
						this._missed.writable = count;
					} else {
						this._writable = count;
						onWritable(count);
					}
				},
				onReadable: (count) => {
					if (cable.cut) this._missed.readable = count;
					else onReadable(count);
				},
				onError: (reason) => {
					if (cable.cut) this._missed.ended = { reason };
					else onError(reason);
				},
			});
		}

		/** The cable is whole again. */
		private _catchUp(): void {
			const { writable, readable, ended } = this._missed;
			this._missed = {};
			const held = this._held.splice(0);
			if (this._closed) return this._release();
			if (!this._socket) return this._open();
			if (ended) return this._options.onError(ended.reason);
			if (writable !== undefined) this._writable = writable;
			for (const bytes of held) this._writable = this._socket.write(bytes);
			if (writable !== undefined) this._options.onWritable(this._writable);
			if (readable !== undefined && !this._closed) this._options.onReadable(readable);
		}

		private _release(): void {
			cable.unplug(this._mended);
			this._socket?.close();
			this._socket = undefined;
		}
	};
}
