/** The stream of events to the pages that are open: server-sent events. */
import type { ServerResponse } from "node:http";
import type { LiveEvent, Source } from "../api.ts";

/** Pages that may listen at a time. */
export const CLIENTS_MAXIMUM = 64;
/** Bytes that wait for a page that does not read: it is dropped then, and comes again by itself. */
const WAITING_MAXIMUM = 256 * 1_024;
/** Between two lines that keep a connection open, in ms: some proxies end one that is silent for half a minute. */
const KEEP_ALIVE_MS = 15_000;
/** After how many ms a browser comes again. */
const RETRY_MS = 2_000;

export class EventStream {
	private readonly _clients = new Set<ServerResponse>();
	private readonly _source: Pick<Source, "listen">;
	private readonly _change: (event: LiveEvent) => LiveEvent;
	/** While a page listens. */
	private _end: (() => void) | undefined;
	private readonly _timer: NodeJS.Timeout;

	/** `change` is applied to each event before it goes out. */
	constructor(source: Pick<Source, "listen">, change: (event: LiveEvent) => LiveEvent) {
		this._source = source;
		this._change = change;
		this._timer = setInterval(() => this._write(":\n\n"), KEEP_ALIVE_MS);
		this._timer.unref();
	}

	/** How many pages listen. */
	get size(): number {
		return this._clients.size;
	}

	/** Returns `false` where there are too many pages already. */
	add(response: ServerResponse): boolean {
		if (this._clients.size >= CLIENTS_MAXIMUM) return false;
		response.writeHead(200, {
			"Content-Type": "text/event-stream; charset=utf-8",
			"Cache-Control": "no-store",
			// nginx would keep events back.
			"X-Accel-Buffering": "no",
		});
		response.write(`retry: ${RETRY_MS}\n\n`);
		this._clients.add(response);
		// Events cost the source something.
		this._end ??= this._source.listen((event) => this._send(event));
		response.on("close", () => {
			this._clients.delete(response);
			if (this._clients.size === 0) this._rest();
		});
		// A connection that was cut: "close" follows.
		response.on("error", () => {});
		return true;
	}

	close(): void {
		clearInterval(this._timer);
		this._rest();
		for (const client of this._clients) client.destroy();
	}

	private _rest(): void {
		this._end?.();
		this._end = undefined;
	}

	private _send(event: LiveEvent): void {
		// JSON has no line breaks, whatever is in its texts.
		this._write(`data: ${JSON.stringify(this._change(event))}\n\n`);
	}

	private _write(text: string): void {
		for (const client of this._clients) {
			if (client.writableLength > WAITING_MAXIMUM) client.destroy();
			else client.write(text);
		}
	}
}
