/** Requests to a board over its serial port, as `hosts/esp32/console/console-protocol.h` defines them, and the replies. */
import type { Duplex } from "node:stream";

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
	return `~${text}${crcOf(Buffer.from(text, "latin1"))}\n`;
}

/**
 * The text of a reply, if the line is one from its beginning on: behind anything else, as in a line of the log, may be a
 * text of a stranger's that reads as one.
 */
export function replyIn(line: string): string | undefined {
	if (!line.startsWith("~")) return undefined;
	const text = line.slice(1, -CRC_DIGITS);
	const bytes = Buffer.from(text, "latin1");
	return text !== "" && crcOf(bytes) === line.slice(-CRC_DIGITS) ? bytes.toString("utf8") : undefined;
}

function crcOf(bytes: Uint8Array): string {
	return crc32(bytes).toString(16).padStart(CRC_DIGITS, "0");
}

/** Received bytes as lines. `latin1`: each byte is a character. */
export class Lines {
	private _rest = "";
	private readonly _onLine: (line: string) => void;

	constructor(onLine: (line: string) => void) {
		this._onLine = onLine;
	}

	receive(bytes: Buffer): void {
		const [first = "", ...others] = bytes.toString("latin1").split("\n");
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

/** Sends requests one by one. */
export class Requests {
	/** Replies received, to any request. */
	replies = 0;
	private readonly _port: Duplex;
	private _onReply: (reply: string) => void = () => {};

	/** `port` is a stream of bytes. */
	constructor(port: Duplex) {
		this._port = port;
		const lines = new Lines((line) => {
			const reply = replyIn(line);
			if (reply === undefined) return;
			this.replies++;
			this._onReply(reply);
		});
		port.on("data", (bytes: Buffer) => lines.receive(bytes));
	}

	/**
	 * The reply to a request, without its command; sends the request again until
	 * `accepts` takes a reply, and resolves with `undefined` after `within` ms without
	 * one. A reply to an earlier request does not count.
	 */
	async ask(text: string, { within, accepts = () => true, every = REPLY_MS }: AskOptions): Promise<string | undefined> {
		let settle: (reply: string | undefined) => void = () => {};
		const answered = new Promise<string | undefined>((resolve) => {
			settle = resolve;
		});
		this._onReply = (reply) => {
			if (reply[0] === text[0] && accepts(reply.slice(1))) settle(reply.slice(1));
		};
		const send = () => this._port.write(requestLine(text), "latin1");
		const again = setInterval(send, every);
		const end = setTimeout(() => settle(undefined), within);
		const gone = () => settle(undefined);
		this._port.once("close", gone);
		try {
			send();
			return await answered;
		} finally {
			clearInterval(again);
			clearTimeout(end);
			this._port.off("close", gone);
			this._onReply = () => {};
		}
	}
}
