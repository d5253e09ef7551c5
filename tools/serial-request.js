/** Requests to a board over its serial port, as `hosts/esp32/console/console-protocol.h` defines them, and the replies. */

/** How long a reply may take, in ms; then the request is sent again. A board that shakes hands for TLS takes a second. */
const REPLY_MS = 500;
/** Longest line that is kept: settings without secrets, and more. What comes after it is not looked at until a new line. */
const LINE_MAXIMUM = 16_384;
const CRC_DIGITS = 8;

/** CRC-32 of IEEE 802.3. */
export function crc32(bytes) {
	let crc = ~0;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc >>> 0;
}

/** A request as it goes out; `text` is printable ASCII without a tilde. */
export function requestLine(text) {
	return `~${text}${crcOf(Buffer.from(text, "latin1"))}\n`;
}

/** The text of a reply, if there is one in the line: what the board says otherwise may be before it. */
export function replyIn(line) {
	for (let at = line.indexOf("~"); at >= 0; at = line.indexOf("~", at + 1)) {
		const text = line.slice(at + 1, -CRC_DIGITS);
		const bytes = Buffer.from(text, "latin1");
		if (text !== "" && crcOf(bytes) === line.slice(-CRC_DIGITS)) return bytes.toString("utf8");
	}
	return undefined;
}

function crcOf(bytes) {
	return crc32(bytes).toString(16).padStart(CRC_DIGITS, "0");
}

/** What comes in, as lines. `latin1`: each byte is a character. */
export class Lines {
	#rest = "";
	#onLine;

	constructor(onLine) {
		this.#onLine = onLine;
	}

	receive(bytes) {
		const [first, ...others] = bytes.toString("latin1").split("\n");
		this.#rest = (this.#rest + first).slice(0, LINE_MAXIMUM);
		for (const other of others) {
			this.#flush();
			this.#rest = other.slice(0, LINE_MAXIMUM);
		}
	}

	/** The line that has begun is all there will be of it. */
	end() {
		if (this.#rest !== "") this.#flush();
	}

	#flush() {
		const line = this.#rest.replace(/\r+$/, "");
		this.#rest = "";
		this.#onLine(line);
	}
}

/** Sends requests one by one. */
export class Requests {
	/** Replies that came, whatever to. */
	replies = 0;
	#port;
	#onReply = () => undefined;

	/** `port` is a stream of bytes. */
	constructor(port) {
		this.#port = port;
		const lines = new Lines((line) => {
			const reply = replyIn(line);
			if (reply === undefined) return;
			this.replies++;
			this.#onReply(reply);
		});
		port.on("data", (bytes) => lines.receive(bytes));
	}

	/**
	 * The reply to a request, without its command; sends the request again until
	 * there is one that `accepts` takes, and resolves with `undefined` where there is
	 * none within so many ms. A reply to what was sent before is not taken for one.
	 */
	async ask(text, { within, accepts = () => true, every = REPLY_MS }) {
		let settle;
		const answered = new Promise((resolve) => {
			settle = resolve;
		});
		this.#onReply = (reply) => {
			if (reply[0] === text[0] && accepts(reply.slice(1))) settle(reply.slice(1));
		};
		const send = () => this.#port.write(requestLine(text), "latin1");
		const again = setInterval(send, every);
		const end = setTimeout(() => settle(undefined), within);
		const gone = () => settle(undefined);
		this.#port.once("close", gone);
		try {
			send();
			return await answered;
		} finally {
			clearInterval(again);
			clearTimeout(end);
			this.#port.off("close", gone);
			this.#onReply = () => undefined;
		}
	}
}
