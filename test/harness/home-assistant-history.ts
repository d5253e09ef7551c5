/**
 * Home Assistant's WebSocket API as far as the history needs it, with the rules of its sources (home-assistant/core:
 * components/websocket_api/auth.py and connection.py, components/recorder/websocket_api.py, statistics.py and
 * table_managers/statistics_meta.py). It stores an import when it is told to, or after so many questions, and misbehaves on
 * request.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { Identity } from "./certificates.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** aiohttp's, in bytes. */
const MESSAGE_MAXIMUM = 4_194_304;

/** `VALID_STATISTIC_ID` in statistics.py. */
const VALID_STATISTIC_ID = /^(?!.+__)(?!_)[\da-z_]+(?<!_):(?!_)[\da-z_]+(?<!_)$/;
/** `VALID_UNITS` of the recorder's converters, as far as a station's quantities reach. */
const UNIT_CLASSES: Readonly<Record<string, readonly (string | null)[]>> = {
	temperature: ["°C", "°F", "K"],
	unitless: [null, "%", "‰", "ppm", "ppb"],
	pressure: ["Pa", "hPa", "kPa", "bar", "cbar", "mbar", "inHg", "psi", "mmHg"],
	concentration: ["µg/m³", "mg/m³", "g/m³"],
};

type Members = Readonly<Record<string, unknown>>;

interface Statistic {
	readonly metadata: Members;
	/** By `start`, in ms. */
	readonly rows: ReadonlyMap<number, Members>;
}

/** Whether a value is of a kind. */
type Rule = (value: unknown) => boolean;

const isText: Rule = (value) => typeof value === "string";
const isTextOrNull: Rule = (value) => value === null || isText(value);
const isFlag: Rule = (value) => typeof value === "boolean";
const isNumber: Rule = (value) => typeof value === "number";
const isMeanType: Rule = (value) => value === 0 || value === 1 || value === 2;
const isObject = (value: unknown): value is Members =>
	typeof value === "object" && value !== null && !Array.isArray(value);
const isListOf =
	(rule: Rule): Rule =>
	(value) =>
		Array.isArray(value) && value.every(rule);
const isOneOf =
	(...values: readonly unknown[]): Rule =>
	(value) =>
		values.includes(value);

/** What is answered by `success: false`. */
class Refusal extends Error {
	readonly code: string;

	constructor(code: string, message: string) {
		super(message);
		this.code = code;
	}
}

/** Refuses members that are missing, unknown or of another kind, in the words of voluptuous. */
function check(members: Members, required: Record<string, Rule>, optional: Record<string, Rule> = {}, path = ""): void {
	for (const name of Object.keys(required))
		if (!(name in members)) throw new Refusal("invalid_format", `required key not provided @ data${path}['${name}']`);
	for (const [name, value] of Object.entries(members)) {
		const rule = required[name] ?? optional[name];
		if (!rule) throw new Refusal("invalid_format", `extra keys not allowed @ data${path}['${name}']. Got ${value}`);
		if (!rule(value)) throw new Refusal("invalid_format", `not a valid value @ data${path}['${name}']. Got ${value}`);
	}
}

function membersIn(text: string): Members | undefined {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** A time as `cv.datetime` reads it, in ms, and whether it has a zone. */
function timeOf(text: unknown): { readonly time: number; readonly hasZone: boolean } | undefined {
	const found = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/.exec(String(text));
	return found
		? { time: Date.parse(found[1] ? found[0] : `${found[0]}Z`), hasZone: found[1] !== undefined }
		: undefined;
}

/** How it takes a message, in place of what Home Assistant would do. */
export type Misbehaviour = "closes" | "silent" | "loses" | "garbage" | "oversized" | "binary" | "foreign";

export interface ServerOptions {
	readonly version?: string;
	/** Whether the token is of an administrator. */
	readonly isAdministrator?: boolean;
	readonly hasRecorder?: boolean;
	/** With TLS: its certificate. */
	readonly identity?: Identity;
}

export class HistoryServer {
	/** Of an administrator, or not; another one is refused. */
	readonly token = "eyJ0.secret-of.an_administrator";
	readonly url: string;
	version: string;
	/** The version whose rules it holds to, if that is another one. */
	rules: string | undefined;
	isAdministrator: boolean;
	hasRecorder: boolean;
	/** Whether imports are stored as soon as somebody asks for hours; if not, `store` does it. */
	storesByItself = true;
	/** HTTP status of the answer to a request for a connection, in place of accepting it. */
	status: number | undefined;
	/** Asked of each message after the token, by its type and statistic. */
	misbehaves: (type: string, id: string) => Misbehaviour | undefined = () => undefined;
	/** What it does with the token, in place of looking at it. */
	greets: Misbehaviour | "repeats the token" | undefined;
	/** Stored, by their ids. */
	readonly statistics = new Map<string, Statistic>();
	/** Connections asked for, and those that brought a token. */
	asked = 0;
	greeted = 0;
	/** Each message but the token, in their order. */
	readonly received: Members[] = [];
	/** What was refused, by code and message. */
	readonly refused: string[] = [];
	private readonly _server: WebSocketServer;
	private _queue: { readonly metadata: Members; readonly stats: readonly Members[] }[] = [];

	private constructor(server: WebSocketServer, { version, isAdministrator, hasRecorder, identity }: ServerOptions) {
		this._server = server;
		this.url = `http${identity ? "s" : ""}://127.0.0.1:${(server.options.server!.address() as AddressInfo).port}`;
		this.version = version ?? "2026.11.1";
		this.isAdministrator = isAdministrator ?? true;
		this.hasRecorder = hasRecorder ?? true;
	}

	static async start(options: ServerOptions = {}): Promise<HistoryServer> {
		const { identity } = options;
		const listener = identity
			? createTlsServer({ cert: readFileSync(identity.certificate), key: readFileSync(identity.key) })
			: createServer();
		const server = new WebSocketServer({
			server: listener,
			path: "/api/websocket",
			maxPayload: MESSAGE_MAXIMUM,
			verifyClient: (_info, done) => {
				found.asked++;
				done(found.status === undefined, found.status);
			},
		});
		listener.listen(0, "127.0.0.1");
		await once(listener, "listening");
		const found: HistoryServer = new HistoryServer(server, options);
		server.on("connection", (client) => found._accept(client));
		return found;
	}

	close(): void {
		this._server.close();
		this._server.options.server!.close();
		this.cut();
	}

	/** Ends all connections without a word. */
	cut(): void {
		for (const client of this._server.clients) client.terminate();
	}

	get connections(): number {
		return this._server.clients.size;
	}

	/** The messages of a type, of those that were received. */
	of(type: string): Members[] {
		return this.received.filter((message) => message.type === type);
	}

	/** The rows of a statistic, by their starts, in ms. */
	rows(id: string): Record<number, Members> {
		return Object.fromEntries([...(this.statistics.get(id)?.rows ?? [])].sort(([a], [b]) => a - b));
	}

	/** The recorder works off its queue. */
	store(): void {
		for (const { metadata, stats } of this._queue) {
			const id = String(metadata.statistic_id);
			const rows = new Map(this.statistics.get(id)?.rows);
			for (const { start, ...values } of stats) {
				const { time } = timeOf(start)!;
				rows.set(time, { ...rows.get(time), ...values });
			}
			this.statistics.set(id, { metadata, rows });
		}
		this._queue = [];
	}

	private _accept(client: WebSocket): void {
		let lastId: number | undefined;
		client.on("error", () => {}); // followed by "close"
		client.on("message", (data: RawData) => {
			const message = membersIn(String(data));
			if (!message) return client.close();
			if (lastId === undefined) {
				if (this._greet(client, message)) lastId = 0;
				return;
			}
			this.received.push(message);
			const { id, type } = message;
			if (typeof id !== "number" || !Number.isInteger(id) || id <= 0 || typeof type !== "string") {
				return this._refuse(client, id, new Refusal("invalid_format", "Message incorrectly formatted."));
			}
			if (id <= lastId) {
				return this._refuse(client, id, new Refusal("id_reuse", "Identifier values have to increase."));
			}
			lastId = id;
			const { statistic_id: imported } = Object(message.metadata);
			this._take(client, message, this.misbehaves(type, imported ?? Object(message.statistic_ids)[0] ?? ""));
		});
		this._misbehave(client, this.greets) || this._say(client, { type: "auth_required", ha_version: this.version });
	}

	/** Whether the client may ask from now on. */
	private _greet(client: WebSocket, message: Members): boolean {
		this.greeted++;
		const isToken = message.type === "auth" && isText(message.access_token) && Object.keys(message).length === 2;
		if (isToken && message.access_token === this.token && this.greets === undefined) {
			this._say(client, { type: "auth_ok", ha_version: this.version });
			return true;
		}
		const reason = isToken ? "Invalid access token or password" : "Auth message incorrectly formatted";
		const text = this.greets === "repeats the token" ? `${reason}. Got '${message.access_token}'` : reason;
		this._say(client, { type: "auth_invalid", message: text });
		client.close();
		return false;
	}

	private _take(client: WebSocket, message: Members, misbehaviour: Misbehaviour | undefined): void {
		if (misbehaviour !== "loses" && this._misbehave(client, misbehaviour)) return;
		const { id, type, ...members } = message;
		try {
			if (type === "ping") return this._say(client, { id, type: "pong" });
			const result = this._resultOf(String(type), members, misbehaviour === "loses");
			this._say(client, { id, type: "result", success: true, result });
		} catch (error) {
			if (!(error instanceof Refusal)) throw error;
			this._refuse(client, id, error);
		}
	}

	private _resultOf(type: string, members: Members, isLost: boolean): unknown {
		if (!this.hasRecorder) throw new Refusal("unknown_command", "Unknown command.");
		switch (type) {
			case "recorder/import_statistics":
				return this._import(members, isLost);
			case "recorder/statistics_during_period":
				return this._during(members);
			case "recorder/get_statistics_metadata":
				check(members, {}, { statistic_ids: isListOf(isText) });
				return this._metadata(members.statistic_ids as string[] | undefined);
			default:
				throw new Refusal("unknown_command", "Unknown command.");
		}
	}

	private _import(members: Members, isLost: boolean): null {
		if (!this.isAdministrator) throw new Refusal("unauthorized", "Unauthorized");
		check(members, { metadata: isObject, stats: isListOf(isObject) });
		const metadata = members.metadata as Members;
		const stats = members.stats as readonly Members[];
		const [year = 0, month = 0] = (this.rules ?? this.version).split(".").map(Number);
		const since = (ofYear: number, ofMonth: number) => year * 12 + month >= ofYear * 12 + ofMonth;
		const meanType = { mean_type: isMeanType, unit_class: isTextOrNull };
		check(
			metadata,
			{
				has_sum: isFlag,
				name: isTextOrNull,
				source: isText,
				statistic_id: isText,
				unit_of_measurement: isTextOrNull,
				...(since(2026, 11) ? meanType : since(2025, 11) ? {} : { has_mean: isFlag }),
			},
			since(2025, 11) ? { ...meanType, has_mean: isFlag } : {},
			"['metadata']",
		);
		const isTime: Rule = (value) => timeOf(value) !== undefined;
		const numbers = { mean: isNumber, min: isNumber, max: isNumber, state: isNumber, sum: isNumber };
		for (const [at, row] of stats.entries()) check(row, { start: isTime }, numbers, `['stats'][${at}]`);
		this._checkStatistic(metadata);
		for (const { start } of stats) {
			const { time, hasZone } = timeOf(start)!;
			if (!hasZone) throw new Refusal("home_assistant_error", "Naive timestamp: no or invalid timezone info provided");
			if (time % HOUR_MS !== 0)
				throw new Refusal("home_assistant_error", "Invalid timestamp: timestamps must be from the top of the hour");
		}
		if (!isLost) this._queue.push({ metadata, stats });
		return null;
	}

	private _checkStatistic({
		statistic_id: id,
		source,
		unit_class: unitClass,
		unit_of_measurement: unit,
	}: Members): void {
		if (!VALID_STATISTIC_ID.test(String(id))) throw new Refusal("home_assistant_error", "Invalid statistic_id");
		if (source !== String(id).split(":")[0]) throw new Refusal("home_assistant_error", "Invalid source");
		// Of the columns in db_schema.py.
		if (String(id).length > 255) throw new Refusal("home_assistant_error", "too long");
		if (typeof unitClass !== "string") return;
		const units = UNIT_CLASSES[unitClass];
		if (!units) throw new Refusal("home_assistant_error", `Unsupported unit_class: '${unitClass}'`);
		if (!units.includes(unit as string | null)) {
			throw new Refusal(
				"home_assistant_error",
				`Unsupported unit_of_measurement '${unit}' for unit_class '${unitClass}'`,
			);
		}
	}

	private _metadata(ids: readonly string[] | undefined): object[] {
		const all = [...this.statistics].filter(([id]) => !ids || ids.includes(id));
		return all.map(([id, { metadata }]) => ({
			statistic_id: id,
			display_unit_of_measurement: metadata.unit_of_measurement,
			has_sum: metadata.has_sum,
			name: metadata.name,
			source: metadata.source,
			statistics_unit_of_measurement: metadata.unit_of_measurement,
		}));
	}

	private _during(members: Members): Record<string, Members[]> {
		check(
			members,
			{
				start_time: isText,
				statistic_ids: (value) => isListOf(isText)(value) && (value as unknown[]).length > 0,
				period: isOneOf("5minute", "hour", "day", "week", "month"),
			},
			{
				end_time: isText,
				units: isObject,
				types: isListOf(isOneOf("change", "last_reset", "max", "mean", "min", "state", "sum")),
			},
		);
		const from = timeOf(members.start_time)?.time;
		if (from === undefined) throw new Refusal("invalid_start_time", "Invalid start_time");
		const to = members.end_time === undefined ? Number.POSITIVE_INFINITY : timeOf(members.end_time)?.time;
		if (to === undefined) throw new Refusal("invalid_end_time", "Invalid end_time");
		if (this.storesByItself) this.store();
		const length = members.period === "day" ? DAY_MS : HOUR_MS;
		const types = (members.types ?? ["mean", "min", "max"]) as readonly string[];
		const result: Record<string, Members[]> = {};
		for (const id of members.statistic_ids as readonly string[]) {
			// Days are those of UTC here, and begin with the one that has the first hour.
			const first = from - (from % length);
			const hours = Object.entries(this.rows(id)).filter(([start]) => Number(start) >= first && Number(start) < to);
			const periods = new Map<number, Members[]>();
			for (const [text, row] of hours) {
				const start = Number(text) - (Number(text) % length);
				periods.set(start, [...(periods.get(start) ?? []), row]);
			}
			// A statistic without rows is not in the answer.
			if (periods.size === 0) continue;
			result[id] = [...periods].map(([start, rows]) => ({
				start,
				end: start + length,
				...Object.fromEntries(
					types.map((type) => [
						type,
						reduced(
							type,
							rows.map((row) => Number(row[type])),
						),
					]),
				),
			}));
		}
		return result;
	}

	private _say(client: WebSocket, message: object): void {
		client.send(JSON.stringify(message));
	}

	private _refuse(client: WebSocket, id: unknown, { code, message }: Refusal): void {
		this.refused.push(`${code}: ${message}`);
		this._say(client, { id, type: "result", success: false, error: { code, message } });
	}

	/** Whether that was all. */
	private _misbehave(client: WebSocket, misbehaviour: string | undefined): boolean {
		switch (misbehaviour) {
			case "closes":
				client.terminate();
				return true;
			case "silent":
				return true;
			case "garbage":
				client.send('{"id":1,"type":"resu');
				return true;
			case "foreign":
				client.send("[1,2]");
				return true;
			case "binary":
				client.send(Buffer.from('{"type":"auth_required"}'));
				return true;
			case "oversized":
				client.send(JSON.stringify({ type: "result", result: "x".repeat(2_000_000) }));
				return true;
			default:
				return false;
		}
	}
}

function reduced(type: string, values: readonly number[]): number {
	if (type === "min") return Math.min(...values);
	if (type === "max") return Math.max(...values);
	return values.reduce((sum, value) => sum + value, 0) / values.length;
}
