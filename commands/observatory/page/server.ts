/** The page of the observatory, and what it asks for: HTTP, without a framework. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { PORT_PROBLEMS } from "../../../hosts/node/port-problems.ts";
import { messageOf } from "../../../src/text.ts";
import { bundlePage } from "../../../tools/page.js";
import type { CommandRequest, Source, StationsAnswer, StationView } from "../api.ts";
import { isOurHost, isOurPage, PasswordCheck, RETRY_AFTER_S } from "./access.ts";
import { EventStream } from "./events.ts";
import { METRICS_TYPE, metricsOf } from "./metrics.ts";
import { questionOf, Refusal, textOf, wholeOf } from "./questions.ts";
import { EVERYTHING, Roster } from "./roster.ts";

/** Bytes of a command's JSON; a larger one is refused. */
const BODY_MAXIMUM = 4_096;
/** Points of a chart that may be asked for, and that come where the question says nothing. */
const POINTS_MAXIMUM = 5_000;
const POINTS_DEFAULT = 500;
/** Stations that `/metrics` reads at once; then others have their turn. */
const METRICS_AT_ONCE = 250;
/** Quantities of a station in a list; its own page has all. */
const QUANTITIES_IN_BRIEF = 8;
/** Connections at a time; further ones are closed at once. */
const CONNECTIONS_MAXIMUM = 256;
/** In ms: for a request to arrive as a whole, and for a connection on which nothing moves. */
const REQUEST_MS = 10_000;
const IDLE_MS = 60_000;
/** Why a port cannot be had, for people. */
const PROBLEMS: Readonly<Record<string, string>> = {
	...PORT_PROBLEMS,
	EADDRNOTAVAIL: "this computer does not have this address",
	ENOTFOUND: "there is no such host",
};
const COMMANDS: readonly string[] = ["sample", "interval", "restart", "status"] satisfies CommandRequest["command"][];

/** Nothing comes from elsewhere, nothing is in the HTML itself, and the page is in nobody's frame. */
const SECURITY_HEADERS = {
	"Content-Security-Policy":
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options": "nosniff",
	"X-Frame-Options": "DENY",
	"Referrer-Policy": "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
};

export interface PageOptions {
	readonly source: Source;
	/** Where to listen: an address, or a name of this computer. */
	readonly host: string;
	/** 0: the system's choice. */
	readonly port: number;
	/** Without one, everybody who reaches the port may look, and command. */
	readonly password?: string | undefined;
	/** What went wrong inside, in one line; the one who asked is not told. */
	readonly onError?: ((message: string) => void) | undefined;
}

export interface RunningPage {
	readonly url: string;
	close(): Promise<void>;
}

/** A file of the page, as it goes out. */
interface Asset {
	readonly type: string;
	readonly plain: Buffer;
	readonly zipped: Buffer;
	readonly tag: string;
}

interface Call {
	readonly request: IncomingMessage;
	readonly response: ServerResponse;
	readonly url: URL;
}

/** Throws an Error for a person where the port cannot be had. */
export async function startPage(options: PageOptions): Promise<RunningPage> {
	const { host, port } = options;
	const page = new PageServer(options, await loadAssets());
	const server = createServer((request, response) => void page.answer(request, response));
	server.maxConnections = CONNECTIONS_MAXIMUM;
	server.requestTimeout = REQUEST_MS;
	server.headersTimeout = REQUEST_MS;
	server.timeout = IDLE_MS;
	try {
		await listen(server, host, port);
	} catch (error) {
		page.close();
		throw error;
	}
	const { port: taken } = server.address() as { port: number };
	const closed = new Promise<void>((resolve) => server.on("close", () => resolve()));
	return {
		url: `http://${urlHost(host)}:${taken}/`,
		close: () => {
			server.close();
			page.close();
			server.closeAllConnections();
			return closed;
		},
	};
}

function listen(server: Server, host: string, port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", ({ code = "" }: NodeJS.ErrnoException) =>
			reject(new Error(`port ${port}: ${PROBLEMS[code] ?? `the page cannot be served there (${code})`}`)),
		);
		server.listen(port, host, resolve);
	});
}

/** For a person to open: who listens everywhere is reached here, too. */
function urlHost(host: string): string {
	if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
	return host.includes(":") ? `[${host}]` : host;
}

let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

/** Bundled once, and kept. */
function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
	assets ??= bundlePage("commands/observatory/page/browser").then(({ html, script, style }) => {
		const all = [
			["/", "text/html", html],
			["/app.js", "text/javascript", script],
			["/style.css", "text/css", style],
		] as const;
		return new Map(all.map(([path, type, text]) => [path, assetOf(type, text)]));
	});
	return assets;
}

function assetOf(type: string, text: string): Asset {
	const plain = Buffer.from(text);
	const tag = createHash("sha256").update(plain).digest("base64url").slice(0, 20);
	return { type: `${type}; charset=utf-8`, plain, zipped: gzipSync(plain, { level: 9 }), tag };
}

class PageServer {
	private readonly _options: PageOptions;
	private readonly _assets: ReadonlyMap<string, Asset>;
	private readonly _roster: Roster;
	private readonly _events: EventStream;
	private readonly _password: PasswordCheck | undefined;
	private _measuring: Promise<readonly string[]> | undefined;

	constructor(options: PageOptions, assets: ReadonlyMap<string, Asset>) {
		const { source, password } = options;
		this._options = options;
		this._assets = assets;
		this._password = password === undefined ? undefined : new PasswordCheck(password);
		const now = () => performance.now();
		this._roster = new Roster(source, now);
		const shown = (station: StationView, isListed: boolean) => this._shown(station, isListed);
		this._events = new EventStream({ source, roster: this._roster, now, shown });
	}

	close(): void {
		this._events.close();
	}

	/** Never rejects. */
	async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
		try {
			await this._route({ request, response, url: urlOf(request) });
		} catch (error) {
			if (response.headersSent) return void response.destroy();
			// What is left of a request that was refused would be taken for the next one.
			if (!request.complete) response.setHeader("Connection", "close");
			if (error instanceof Refusal) {
				const { status, message, headers } = error;
				return sendText(response, status, `${message}\n`, headers);
			}
			this._options.onError?.(`the page: ${request.method} ${pathOf(request)}: ${messageOf(error)}`);
			sendText(response, 500, "The observatory has failed at this; its own output tells why.\n");
		}
	}

	private async _route(call: Call): Promise<void> {
		const { request, response, url } = call;
		const { source, host } = this._options;
		const { pathname } = url;
		if (pathname === "/healthz") {
			allow(request, "GET");
			const problem = source.problem();
			return sendText(response, problem === undefined ? 200 : 503, `${problem ?? "ok"}\n`);
		}
		if (!isOurHost(request.headers.host, host))
			throw new Refusal(421, "Ask by this computer's address, its own name, or localhost.");
		this._authenticate(request);
		const asset = this._assets.get(pathname);
		if (asset) {
			allow(request, "GET");
			return sendAsset(call, asset);
		}
		switch (pathname) {
			case "/api/stations":
				allow(request, "GET");
				return sendJson(response, 200, await this._stations(url.searchParams));
			case "/api/chart":
				allow(request, "GET");
				return sendJson(response, 200, await this._chart(url.searchParams));
			case "/api/losses":
				allow(request, "GET");
				return sendJson(response, 200, await this._losses(url.searchParams));
			case "/api/events":
				return this._listen(call);
			case "/api/command":
				allow(request, "POST");
				return sendJson(response, 200, await this._command(request));
			case "/metrics":
				allow(request, "GET");
				return sendParts(call, METRICS_TYPE, await this._metrics());
			default:
				throw new Refusal(404, "There is nothing here.");
		}
	}

	private _authenticate({ headers, socket }: IncomingMessage): void {
		const verdict = this._password?.check(headers.authorization, socket.remoteAddress ?? "", performance.now());
		if (verdict === undefined || verdict === "right") return;
		if (verdict === "too many")
			throw new Refusal(429, "Too many wrong passwords: wait a little.", { "Retry-After": String(RETRY_AFTER_S) });
		throw new Refusal(401, "This page needs a password.", {
			"WWW-Authenticate": 'Basic realm="Veleta", charset="UTF-8"',
		});
	}

	private async _stations(query: URLSearchParams): Promise<StationsAnswer> {
		const { source } = this._options;
		const question = questionOf(query);
		await this._roster.refresh();
		const isListed = !("topics" in question);
		const list = this._roster.list(isListed ? question : EVERYTHING);
		const byTopic = new Map<string, StationView>();
		for (const station of await source.stations(isListed ? list.topics : question.topics))
			byTopic.set(station.topic, this._shown(station, isListed));
		const topics = (isListed ? list.topics : question.topics).filter((topic) => byTopic.has(topic));
		return {
			...{ ...list, topics, stations: topics.map((topic) => byTopic.get(topic)!) },
			quantities: this._roster.quantities,
		};
	}

	/** Where nobody may command, the page is to show no commands. */
	private _shown(station: StationView, isListed: boolean): StationView {
		const takesCommands = station.takesCommands && this._options.source.command !== undefined;
		return { ...(isListed ? inBrief(station) : station), takesCommands };
	}

	/** Those who ask at the same time get the same. */
	private async _metrics(): Promise<readonly string[]> {
		const { source } = this._options;
		this._measuring ??= metricsOf(source.allStations(METRICS_AT_ONCE), source.counters()).finally(() => {
			this._measuring = undefined;
		});
		return this._measuring;
	}

	private async _chart(query: URLSearchParams) {
		const topic = textOf(query, "topic");
		const quantity = textOf(query, "quantity");
		const from = wholeOf(query, "from");
		const to = wholeOf(query, "to");
		const points = query.has("points") ? wholeOf(query, "points") : POINTS_DEFAULT;
		if (from >= to) throw new Refusal(400, "from: must be before to");
		if (points < 1 || points > POINTS_MAXIMUM) throw new Refusal(400, `points: must be from 1 to ${POINTS_MAXIMUM}`);
		return this._known(topic, quantity, () => this._options.source.chart(topic, quantity, from, to, points));
	}

	private _losses(query: URLSearchParams) {
		const topic = textOf(query, "topic");
		return this._known(topic, undefined, () => this._options.source.losses(topic));
	}

	/** A question that fails may be about what there is not: then whoever asked is told so. */
	private async _known<Value>(topic: string, quantity: string | undefined, ask: () => Promise<Value>): Promise<Value> {
		try {
			return await ask();
		} catch (error) {
			const station = await this._find(topic);
			if (!station) throw new Refusal(400, "topic: there is no such station");
			if (quantity !== undefined && !station.quantities.some(({ name }) => name === quantity))
				throw new Refusal(400, "quantity: the station has no such quantity");
			throw error;
		}
	}

	private async _find(topic: string): Promise<StationView | undefined> {
		return (await this._options.source.stations([topic]))[0];
	}

	private _listen({ request, response, url }: Call): void {
		allow(request, "GET");
		const question = questionOf(url.searchParams);
		// It would wait for the end.
		if (request.method === "HEAD") return send(response, 200, "text/event-stream; charset=utf-8", "");
		if (!this._events.add(response, question))
			throw new Refusal(503, "Too many pages are open.", { "Retry-After": "10" });
	}

	private async _command(request: IncomingMessage) {
		const { command } = this._options.source;
		if (!isOurPage(request.headers)) throw new Refusal(403, "Another site's page may not command a station.");
		if (!command) throw new Refusal(403, "Nobody may command a station here.");
		if (!/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? ""))
			throw new Refusal(415, "A command is JSON: Content-Type has to be application/json.");
		const wanted = requestOf(await bodyOf(request));
		const station = await this._find(wanted.topic);
		if (!station) throw new Refusal(400, "topic: there is no such station");
		if (!station.takesCommands) throw new Refusal(400, "topic: this station takes no commands");
		return command(wanted);
	}
}

/** What a list shows of a station. */
function inBrief({ quantities, last, ...station }: StationView): StationView {
	const shown = quantities.slice(0, QUANTITIES_IN_BRIEF);
	const values = shown.flatMap(({ name }) =>
		last && Object.hasOwn(last.quantities, name) ? [[name, last.quantities[name]!] as const] : [],
	);
	return {
		...{ ...station, quantities: shown, diagnostics: null },
		last: last && { ...last, quantities: Object.fromEntries(values) },
	};
}

/** Throws a `Refusal` unless the method is the one wanted; HEAD is as GET. */
function allow({ method }: IncomingMessage, wanted: "GET" | "POST"): void {
	if (method === wanted || (wanted === "GET" && method === "HEAD")) return;
	const allowed = wanted === "GET" ? "GET, HEAD" : wanted;
	throw new Refusal(405, `Only ${allowed} here.`, { Allow: allowed });
}

function urlOf({ url = "" }: IncomingMessage): URL {
	try {
		return new URL(`http://page${url.startsWith("/") ? url : "/ "}`);
	} catch {
		throw new Refusal(400, "This address cannot be read.");
	}
}

/** For a line of our own output. */
function pathOf({ url = "" }: IncomingMessage): string {
	return url.split("?")[0]!.slice(0, 100);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
	const tooLarge = () => new Refusal(413, `A command has ${BODY_MAXIMUM} bytes at the most.`);
	if (Number(request.headers["content-length"]) > BODY_MAXIMUM) throw tooLarge();
	const chunks: Buffer[] = [];
	let size = 0;
	// Leaving the loop early would end the connection before the answer.
	return new Promise((resolve, reject) => {
		request.on("data", (chunk: Buffer) => {
			size += chunk.length;
			if (size > BODY_MAXIMUM) {
				request.pause();
				reject(tooLarge());
			} else chunks.push(chunk);
		});
		request.on("end", () => resolve(Buffer.concat(chunks).toString()));
		request.on("error", () => reject(new Refusal(400, "The request has broken off.")));
	});
}

function requestOf(body: string): CommandRequest {
	let value: unknown;
	try {
		value = JSON.parse(body);
	} catch {
		throw new Refusal(400, "This is no JSON.");
	}
	const { topic, command, payload } = (typeof value === "object" && value !== null ? value : {}) as {
		[name: string]: unknown;
	};
	if (typeof topic !== "string") throw new Refusal(400, "topic: must be a text");
	if (typeof command !== "string" || !COMMANDS.includes(command))
		throw new Refusal(400, `command: must be one of ${COMMANDS.join(", ")}`);
	if (typeof payload !== "string") throw new Refusal(400, "payload: must be a text");
	return { topic, command: command as CommandRequest["command"], payload };
}

function sendAsset({ request, response }: Call, { type, plain, zipped, tag }: Asset): void {
	const isZipped = /\bgzip\b(?! *; *q=0(\.0*)?(,|$))/.test(String(request.headers["accept-encoding"] ?? ""));
	const etag = `"${tag}${isZipped ? "-gzip" : ""}"`;
	response.setHeader("ETag", etag);
	response.setHeader("Vary", "Accept-Encoding");
	// It is asked each time, and mostly answered that nothing has changed.
	response.setHeader("Cache-Control", "no-cache");
	const known = (request.headers["if-none-match"] ?? "").split(",").map((one) => one.trim().replace(/^W\//, ""));
	if (known.includes(etag) || known.includes("*")) {
		response.writeHead(304).end();
		return;
	}
	if (isZipped) response.setHeader("Content-Encoding", "gzip");
	send(response, 200, type, isZipped ? zipped : plain);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
	send(response, status, "application/json; charset=utf-8", JSON.stringify(value));
}

function sendText(
	response: ServerResponse,
	status: number,
	text: string,
	headers: Readonly<Record<string, string>> = {},
): void {
	for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
	send(response, status, "text/plain; charset=utf-8", text);
}

/** Of a HEAD Node leaves the body out. */
function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
	if (!response.hasHeader("Cache-Control")) response.setHeader("Cache-Control", "no-store");
	response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
	response.end(body);
}

/** A part after the other, as the one who asks reads them. */
async function sendParts({ request, response }: Call, type: string, parts: readonly string[]): Promise<void> {
	response.setHeader("Cache-Control", "no-store");
	response.writeHead(200, { "Content-Type": type });
	if (request.method === "HEAD") return void response.end();
	// Whoever goes away before the end need not be told so.
	await pipeline(Readable.from(parts), response).catch(() => {});
}
