/**
 * The cable between the station and its network, which can be cut: like an
 * unplugged one it tells nobody. Connections that are open fall silent and
 * stay half-open, and those that are to be opened get no answer.
 *
 * What TCP would send again once the cable is whole is kept until then: bytes,
 * the end of a connection, the wish for a new one. Nothing is missing from a
 * connection that both sides still have by that time.
 */
import type { Bytes, NetworkPort, Socket, SocketConstructor, SocketOptions } from "../../../src/host.js";

type SocketPort = NetworkPort["socket"];

export class Cable {
	#cut = false;
	readonly #ends = new Set<() => void>();

	get cut(): boolean {
		return this.#cut;
	}

	set cut(cut: boolean) {
		if (this.#cut === cut) return;
		this.#cut = cut;
		if (!cut) for (const mended of [...this.#ends]) mended();
	}

	/** Calls back each time the cable has become whole, until it is unplugged. */
	plug(mended: () => void): void {
		this.#ends.add(mended);
	}

	unplug(mended: () => void): void {
		this.#ends.delete(mended);
	}
}

/** The sockets of a port, TCP or TLS, at the other end of `cable`. */
export function throughCable(port: SocketPort, cable: Cable): SocketPort {
	return { ...port, io: socketThrough(port.io, cable) };
}

function socketThrough(io: SocketConstructor, cable: Cable): SocketConstructor {
	return class CableSocket implements Socket {
		readonly #options: SocketOptions;
		readonly #mended = () => this.#catchUp();
		#socket: Socket | undefined;
		#closed = false;
		/** What may be written, as far as the station knows. */
		#writable = 0;
		/** Written since the cut: never more than the socket takes. */
		#held: Bytes[] = [];
		/** What the socket said since the cut. */
		#missed: { writable?: number; readable?: number; ended?: { reason: unknown } } = {};

		constructor(options: SocketOptions) {
			this.#options = options;
			cable.plug(this.#mended);
			if (!cable.cut) this.#open();
		}

		read(byteLength?: number): ArrayBuffer | Uint8Array | undefined {
			return cable.cut ? undefined : this.#socket?.read(byteLength);
		}

		write(bytes: Bytes): number {
			if (cable.cut) {
				this.#held.push(bytes.slice());
				this.#writable -= bytes.length;
			} else {
				this.#writable = this.#socket?.write(bytes) ?? 0;
			}
			return this.#writable;
		}

		/** The broker learns of it when the cable is whole. */
		close(): void {
			this.#closed = true;
			if (!cable.cut) this.#release();
		}

		#open(): void {
			const { onWritable, onReadable, onError } = this.#options;
			this.#socket = new io({
				...this.#options,
				onWritable: (count) => {
					if (cable.cut) {
						this.#missed.writable = count;
					} else {
						this.#writable = count;
						onWritable(count);
					}
				},
				onReadable: (count) => {
					if (cable.cut) this.#missed.readable = count;
					else onReadable(count);
				},
				onError: (reason) => {
					if (cable.cut) this.#missed.ended = { reason };
					else onError(reason);
				},
			});
		}

		/** The cable is whole again. */
		#catchUp(): void {
			const { writable, readable, ended } = this.#missed;
			this.#missed = {};
			const held = this.#held.splice(0);
			if (this.#closed) return this.#release();
			if (!this.#socket) return this.#open();
			if (ended) return this.#options.onError(ended.reason);
			if (writable !== undefined) this.#writable = writable;
			for (const bytes of held) this.#writable = this.#socket.write(bytes);
			if (writable !== undefined) this.#options.onWritable(this.#writable);
			if (readable !== undefined && !this.#closed) this.#options.onReadable(readable);
		}

		#release(): void {
			cable.unplug(this.#mended);
			this.#socket?.close();
			this.#socket = undefined;
		}
	};
}
