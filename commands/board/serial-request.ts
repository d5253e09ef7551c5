/**
 * Requests to a board over its serial port, as `hosts/esp32/console/console-protocol.h` defines them, and the replies.
 * Also in a browser, so without Node's modules.
 */

/** Time for a reply, in ms; then the request is sent again. A board in a TLS handshake takes a second. */
const REPLY_MS = 500;
/** Longest line that is kept, longer than settings without secrets. The rest of a longer line is ignored. */
const LINE_MAXIMUM = 16_384;
const CRC_DIGITS = 8;

/** CRC-32 of IEEE 802.3. */
export function crc32(bytes: Uint8Array): number {
	let crc = ~0;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc >>> 0;
}

/** A request as it goes out; `text` is printable ASCII without a tilde. */
export function requestLine(text: string): string {
	return `~${text}${crcOf(lineBytes(text))}\n`;
}

/**
 * The text of a reply, if the line is one from its beginning on: behind anything else, as in a line of the log, may be a
 * text of a stranger's that reads as one.
 */
export function replyIn(line: string): string | undefined {
	if (!line.startsWith("~")) return undefined;
	const text = line.slice(1, -CRC_DIGITS);
	const bytes = lineBytes(text);
	return text !== "" && crcOf(bytes) === line.slice(-CRC_DIGITS) ? new TextDecoder().decode(bytes) : undefined;
}

/** Of a line whose characters are bytes. */
export function lineBytes(text: string): Uint8Array<ArrayBuffer> {
	return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function crcOf(bytes: Uint8Array): string {
	return crc32(bytes).toString(16).padStart(CRC_DIGITS, "0");
}

/** Received bytes as lines, of which each byte is a character. */
export class Lines {
	private _rest = "";
	private readonly _onLine: (line: string) => void;

	constructor(onLine: (line: string) => void) {
		this._onLine = onLine;
	}

	receive(bytes: Uint8Array): void {
		let text = "";
		for (const byte of bytes) text += String.fromCharCode(byte);
		const [first = "", ...others] = text.split("\n");
		this._rest = (this._rest + first).slice(0, LINE_MAXIMUM);
		for (const other of others) {
			this._flush();
			this._rest = other.slice(0, LINE_MAXIMUM);
		}
	}

	/** Ends a line that has begun. */
	end(): void {
		if (this._rest !== "") this._flush();
	}

	private _flush(): void {
		const line = this._rest.replace(/\r+$/, "");
		this._rest = "";
		this._onLine(line);
	}
}

interface AskOptions {
	/** ms. */
	readonly within: number;
	readonly accepts?: (reply: string) => boolean;
	/** ms after which the request is sent again. */
	readonly every?: number;
}

/** Sends requests one by one. Who has the port says what came from it, and when it is gone. */
export class Requests {
	/** Replies received, to any request. */
	replies = 0;
	private readonly _write: (line: string) => void;
	private readonly _lines: Lines;
	private _settle: (reply: string | undefined) => void = () => {};
	private _accepts: (reply: string) => boolean = () => false;
	private _gone = false;

	/** `write` sends a line of ASCII; `onLine` gets those from the board that are no replies. */
	constructor(write: (line: string) => void, onLine: (line: string) => void = () => {}) {
		this._write = write;
		this._lines = new Lines((line) => {
			const reply = replyIn(line);
			if (reply === undefined) return onLine(line);
			this.replies++;
			if (this._accepts(reply)) this._settle(reply.slice(1));
		});
	}

	receive(bytes: Uint8Array): void {
		this._lines.receive(bytes);
	}

	/** The port is gone: nothing is answered any more. */
	end(): void {
		this._gone = true;
		this._settle(undefined);
	}

	/** Whether the port is there. */
	get isOpen(): boolean {
		return !this._gone;
	}

	/**
	 * The reply to a request, without its command; sends the request again until
	 * `accepts` takes a reply, and resolves with `undefined` after `within` ms without
	 * one. A reply to an earlier request does not count.
	 */
	async ask(text: string, { within, accepts = () => true, every = REPLY_MS }: AskOptions): Promise<string | undefined> {
		if (this._gone) return undefined;
		const answered = new Promise<string | undefined>((resolve) => {
			this._settle = resolve;
		});
		this._accepts = (reply) => reply[0] === text[0] && accepts(reply.slice(1));
		const send = () => this._write(requestLine(text));
		const again = setInterval(send, every);
		const end = setTimeout(() => this._settle(undefined), within);
		try {
			send();
			return await answered;
		} finally {
			clearInterval(again);
			clearTimeout(end);
			this._accepts = () => false;
		}
	}
}
