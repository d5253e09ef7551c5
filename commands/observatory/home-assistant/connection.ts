/**
 * A client of Home Assistant's WebSocket API, https://developers.home-assistant.io/docs/api/websocket: it says who it is,
 * asks, and gets a result for each request. It connects again by itself, until it is closed. The token is in one message,
 * and in no line of the log, whatever Home Assistant or a proxy says.
 */
import { type RawData, WebSocket } from "ws";
import { messageOf, printable } from "../../../src/text.ts";

/** From the beginning of a connection until Home Assistant knows us, in ms. It gives us 10 s for the token. */
const OPENING_MS = 20_000;
/** For each request, in ms. A large database on a small computer takes its time. */
const REQUEST_MS = 60_000;
/** How long nothing is heard before Home Assistant is asked whether it is there, and how long that may take, in ms. */
const SILENCE_MS = 30_000;
const PING_MS = 20_000;
/** Between the end of a connection and the next one, in ms: doubled each time, until a request was answered. */
const SHORTEST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 300_000;
/** After a refused token, in ms: Home Assistant may ban addresses that try more often. */
const REFUSED_DELAY_MS = 600_000;
/** Bytes of a message. A longer one from Home Assistant ends the connection; a longer one to it is refused. It takes 4 MiB. */
const MESSAGE_MAXIMUM = 1_048_576;
/** Requests without an answer; one more is refused. */
const WAITING_MAXIMUM = 16;
/** Different reasons of one outage that are told. */
const TOLD_MAXIMUM = 4;

/** The time, and alarms. */
export interface Clock {
	/** In ms since 1970. */
	now(): number;
	/** Calls back once, after so many ms; returns what prevents it. */
	after(duration: number, callback: () => void): () => void;
}

/** Node's. */
export const CLOCK: Clock = {
	now: Date.now,
	after: (duration, callback) => {
		const timer = setTimeout(callback, duration);
		return () => clearTimeout(timer);
	},
};

/** Home Assistant has refused a request. */
export class RefusedError extends Error {
	override name = "RefusedError";
	/** Home Assistant's word, such as `invalid_format`. */
	readonly code: string;

	constructor(code: string, message: string) {
		super(message);
		this.code = code;
	}
}

/** The connection has ended, or there is none: whether the request was carried out is not known. */
export class DisconnectedError extends Error {
	override name = "DisconnectedError";
}

export interface ConnectionOptions {
	/** Home Assistant's, as in a browser: `http://homeassistant.local:8123`. */
	readonly url: string;
	/** A long-lived access token. */
	readonly token: string;
	readonly clock: Clock;
	/** A line for a person. */
	readonly onLine: (line: string) => void;
	/** It is there, and knows us. */
	readonly onOpen: () => void;
}

interface Waiting {
	readonly resolve: (result: unknown) => void;
	readonly reject: (error: Error) => void;
	readonly cancel: () => void;
}

type Message = { readonly [member: string]: unknown };

/** The address of the API at a Home Assistant. Throws an Error for a URL that cannot be one. */
export function webSocketUrl(url: string): string {
	const parsed = URL.canParse(url) ? new URL(url) : undefined;
	const scheme = { "http:": "ws:", "https:": "wss:" }[parsed?.protocol ?? ""];
	// Not the text itself: there may be a password in it.
	if (!parsed || !scheme) throw new Error("must be a URL such as http://homeassistant.local:8123");
	if (parsed.username || parsed.password) throw new Error("must be without a user: the token says who it is");
	if (parsed.search || parsed.hash) throw new Error("must end with the host, the port or a path");
	return `${scheme}//${parsed.host}${parsed.pathname.replace(/\/+$/, "")}/api/websocket`;
}

export class Connection {
	private readonly _options: ConnectionOptions;
	private readonly _url: string;
	/** Of the present connection, or of the last one. */
	private _socket: WebSocket | undefined;
	private _state: "closed" | "between" | "opening" | "open" = "closed";
	private _version: string | undefined;
	private _lastId = 0;
	private readonly _waiting = new Map<number, Waiting>();
	private _delay = SHORTEST_DELAY_MS;
	/** Of what the state waits for. */
	private _cancel = () => {};
	/** Reasons of this outage that were told. */
	private readonly _told = new Set<string>();
	/** Whether its being there would be news. */
	private _isNews = true;

	/** Throws an Error for a URL that cannot be Home Assistant's, or a token that cannot be one. */
	constructor(options: ConnectionOptions) {
		this._options = options;
		this._url = webSocketUrl(options.url);
		if (!/^[\x21-\x7e]+$/.test(options.token))
			throw new Error("the token must be one line of letters, digits and signs");
	}

	/** Home Assistant's version, such as `2026.11.1`, once it was there. */
	get version(): string | undefined {
		return this._version;
	}

	get isOpen(): boolean {
		return this._state === "open";
	}

	/** Whether it waits for something that Home Assistant has to say. */
	get awaitsAnswer(): boolean {
		return this._state === "opening" || this._waiting.size > 0;
	}

	start(): void {
		if (this._state === "closed") this._open();
	}

	/** For good, unless it is started again. */
	close(): void {
		this._leave("closed", new DisconnectedError("closed"));
	}

	/**
	 * The result of a request, by its type and its other members. Rejects with a `RefusedError` or a `DisconnectedError`. No
	 * answer in time ends the connection.
	 */
	request(type: string, members: object = {}): Promise<unknown> {
		return this._ask(type, members, REQUEST_MS);
	}

	private _ask(type: string, members: object, patience: number): Promise<unknown> {
		return new Promise((resolve, reject) => {
			if (this._state !== "open") return reject(new DisconnectedError("not connected"));
			if (this._waiting.size >= WAITING_MAXIMUM) return reject(new RangeError("too many requests at a time"));
			const id = ++this._lastId;
			const text = JSON.stringify({ id, type, ...members });
			if (Buffer.byteLength(text) > MESSAGE_MAXIMUM) return reject(new RangeError("the request is too long"));
			const cancel = this._options.clock.after(patience, () =>
				this._fail(`it has not answered for ${patience / 1_000} s`),
			);
			this._waiting.set(id, { resolve, reject, cancel });
			this._socket!.send(text);
		});
	}

	private _open(): void {
		this._state = "opening";
		const socket = new WebSocket(this._url, {
			maxPayload: MESSAGE_MAXIMUM,
			perMessageDeflate: false,
			followRedirects: false,
		});
		this._socket = socket;
		this._cancel = this._options.clock.after(OPENING_MS, () =>
			this._fail(`it has not answered for ${OPENING_MS / 1_000} s`),
		);
		// Of a socket that was left, nothing counts; but its errors need a listener.
		const isPresent = () => socket === this._socket && (this._state === "opening" || this._state === "open");
		socket.on("message", (data: RawData, isBinary: boolean) => {
			if (isPresent()) this._received(isBinary ? undefined : (data as Buffer).toString());
		});
		socket.on("error", (error) => {
			if (isPresent()) this._fail(reasonOf(error), / 403$/.test(error.message) ? REFUSED_DELAY_MS : undefined);
		});
		socket.on("close", () => {
			if (isPresent()) this._fail("it has closed the connection");
		});
	}

	private _received(text: string | undefined): void {
		const message = messageIn(text);
		if (!message) return this._fail("what it says is not of Home Assistant's API");
		if (this._state === "opening") this._greeted(message);
		else this._answered(message);
	}

	private _greeted({ type, ha_version: version }: Message): void {
		switch (type) {
			case "auth_required":
				return this._socket!.send(JSON.stringify({ type: "auth", access_token: this._options.token }));
			case "auth_ok":
				this._version = typeof version === "string" ? printable(version) : undefined;
				this._state = "open";
				if (this._isNews) this._options.onLine(`Home Assistant ${this._version ?? ""} is connected`);
				this._isNews = false;
				this._told.clear();
				this._hearken();
				return this._options.onOpen();
			case "auth_invalid":
				// Not its message: that may have the token in it.
				return this._fail("it refuses the token", REFUSED_DELAY_MS);
			default:
				return this._fail("what it says is not of Home Assistant's API");
		}
	}

	private _answered({ id, type, success, result, error }: Message): void {
		this._hearken();
		const waiting = typeof id === "number" ? this._waiting.get(id) : undefined;
		// An event, or an answer to what nobody waits for.
		if (!waiting || (type !== "result" && type !== "pong")) return;
		this._waiting.delete(id as number);
		waiting.cancel();
		// A connection that ends before it was of use counts as a failure.
		this._delay = SHORTEST_DELAY_MS;
		if (type === "pong" || success === true) return waiting.resolve(result);
		const { code, message } = Object(error);
		waiting.reject(
			new RefusedError(String(code), this._printable(typeof message === "string" ? message : String(code))),
		);
	}

	/** Begins to listen anew for whether Home Assistant is there at all. */
	private _hearken(): void {
		this._cancel();
		this._cancel = this._options.clock.after(SILENCE_MS, () => {
			// What waits has an alarm of its own.
			if (this._waiting.size > 0) this._hearken();
			else this._ask("ping", {}, PING_MS).catch(() => {});
		});
	}

	private _fail(reason: string, delay = this._delay): void {
		this._delay = Math.min(LONGEST_DELAY_MS, this._delay * 2);
		if (this._told.size < TOLD_MAXIMUM && !this._told.has(reason)) {
			this._told.add(reason);
			this._isNews = true;
			const when = delay === REFUSED_DELAY_MS ? "tried again every 10 minutes" : "tried again";
			this._options.onLine(`Home Assistant at ${this._url}: ${this._printable(reason)}; ${when}`);
		}
		this._leave("between", new DisconnectedError(reason));
		this._cancel = this._options.clock.after(delay, () => this._open());
	}

	private _leave(state: "closed" | "between", error: Error): void {
		this._state = state;
		this._cancel();
		this._socket?.terminate();
		this._socket = undefined;
		const left = [...this._waiting.values()];
		this._waiting.clear();
		for (const { cancel, reject } of left) {
			cancel();
			reject(error);
		}
	}

	/** What others have said, for the log. */
	private _printable(text: string): string {
		return printable(text.replaceAll(this._options.token, "…"));
	}
}

/** A message's members; `undefined` if it is not JSON, or no object. */
function messageIn(text: string | undefined): Message | undefined {
	try {
		const message: unknown = JSON.parse(text ?? "");
		if (typeof message === "object" && message !== null && !Array.isArray(message)) return message as Message;
	} catch {
		// Not JSON.
	}
	return undefined;
}

/** Why there is no connection. Where a name has several addresses, Node's message is empty. */
function reasonOf(error: Error): string {
	const { code, errors } = error as { code?: string; errors?: readonly Error[] };
	const [, status] = /^Unexpected server response: (\d+)/.exec(error.message) ?? [];
	if (status === "403") return "HTTP status 403: it has banned this address, or a proxy refuses it";
	if (status) return `HTTP status ${status}: no Home Assistant there`;
	return error.message || messageOf(errors?.[0] ?? code ?? "no connection");
}
