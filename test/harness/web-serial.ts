/** A port as browsers give it (Web Serial), as far as clients of Improv use it, over a port of this computer. */
import type { SerialPort } from "serialport";

export class WebSerialPort {
	readonly writable: WritableStream<Uint8Array>;
	/** Every byte that the board has sent. */
	readonly received: Buffer[] = [];
	private readonly _port: SerialPort;

	constructor(port: SerialPort) {
		this._port = port;
		port.on("data", (bytes: Buffer) => this.received.push(bytes));
		this.writable = new WritableStream({
			// At once: the client takes the stream for itself while it writes, and finds it taken when it repeats a request.
			write: (bytes) => {
				port.write(Buffer.from(bytes));
			},
		});
	}

	/** A new stream, as in a browser after the one before was cancelled. */
	get readable(): ReadableStream<Uint8Array> {
		let listener: (bytes: Buffer) => void;
		return new ReadableStream({
			start: (controller) => {
				listener = (bytes) => controller.enqueue(new Uint8Array(bytes));
				this._port.on("data", listener);
			},
			cancel: () => {
				this._port.off("data", listener);
			},
		});
	}
}
