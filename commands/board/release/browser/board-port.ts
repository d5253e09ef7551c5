/** A board's serial port in the browser (Web Serial), for requests and its log. */
import { BAUD_RATE, RESET_MS } from "../../serial-line.ts";
import { lineBytes, Requests } from "../../serial-request.ts";

/** Web Serial, as far as it is used here; TypeScript's own types of browsers lack it. */
interface SerialPort {
	readonly readable: ReadableStream<Uint8Array> | null;
	readonly writable: WritableStream<Uint8Array> | null;
	open(options: { readonly baudRate: number; readonly bufferSize: number }): Promise<void>;
	close(): Promise<void>;
	setSignals(signals: { readonly dataTerminalReady: boolean; readonly requestToSend: boolean }): Promise<void>;
}

interface Serial {
	requestPort(): Promise<SerialPort>;
}

const { serial } = navigator as { readonly serial?: Serial };

/** A browser has it on safe pages only: HTTPS, or this computer's own. */
export const hasSerial = serial !== undefined;

/** Bytes of the browser's buffer: more than a board says while the page is busy. */
const BUFFER_BYTES = 8_192;

export class BoardPort {
	readonly requests: Requests;
	private readonly _port: SerialPort;
	private _reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
	private readonly _writer: WritableStreamDefaultWriter<Uint8Array>;
	private readonly _reading: Promise<void>;
	/** Whether it was given back, and did not go away. */
	isClosing = false;

	private constructor(port: SerialPort, onLine: (line: string) => void) {
		this._port = port;
		this._writer = port.writable!.getWriter();
		// A port that is gone shows by what is read.
		const write = (line: string) => void this._writer.write(lineBytes(line)).catch(() => {});
		this.requests = new Requests(write, onLine);
		this._reading = this._read();
	}

	/**
	 * Lets the user choose a port, and opens it; `undefined` if none was chosen. `onLine` gets the lines of the board's log,
	 * each of whose characters is a byte. Throws the browser's error for a port that another program uses.
	 */
	static async choose(onLine: (line: string) => void): Promise<BoardPort | undefined> {
		let port: SerialPort;
		try {
			port = await serial!.requestPort();
		} catch (error) {
			if ((error as DOMException).name === "NotFoundError") return undefined;
			throw error;
		}
		await port.open({ baudRate: BAUD_RATE, bufferSize: BUFFER_BYTES });
		const board = new BoardPort(port, onLine);
		// The board runs on.
		await board._setLines(false);
		return board;
	}

	/** Restarts the board, as esptool does: RTS is the chip's reset line. */
	readonly reset = async (): Promise<void> => {
		await this._setLines(true);
		await new Promise((resolve) => setTimeout(resolve, RESET_MS));
		await this._setLines(false);
	};

	/** Gives the port back; it may be gone. */
	async close(): Promise<void> {
		this.isClosing = true;
		await this._reader?.cancel().catch(() => {});
		await this._reading;
		this._writer.releaseLock();
		await this._port.close().catch(() => {});
	}

	/** Resolves when the port is gone, or closed. */
	get ended(): Promise<void> {
		return this._reading;
	}

	private async _read(): Promise<void> {
		// After noise, or a break, the browser has another stream; when the port is gone, none.
		while (this._port.readable !== null && !this.isClosing) {
			const reader = this._port.readable.getReader();
			this._reader = reader;
			try {
				for (;;) {
					const { value, done } = await reader.read();
					if (done) break;
					this.requests.receive(value);
				}
			} catch {
				// See above.
			} finally {
				reader.releaseLock();
			}
		}
		this.requests.end();
	}

	private async _setLines(requestToSend: boolean): Promise<void> {
		// Not every port has such lines.
		await this._port.setSignals({ dataTerminalReady: false, requestToSend }).catch(() => {});
	}
}
