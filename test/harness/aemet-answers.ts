/**
 * AEMET OpenData as a test has it: the recorded answers, moved to the present, and the misbehaviour that is documented of
 * the real one, in turn. Without I/O: `aemet-server.ts` speaks HTTP, a simulated day calls it.
 */
import type { Answer } from "../../commands/aemet/answers.ts";
import { answerOf, LATIN, latin, recorded } from "./aemet-records.ts";

const HOUR_MS = 3_600_000;
/** Hours of an answer. */
const HOURS = 12;
export const KEY = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJlLW9mLWEtdGVzdA";

const json = (members: object, status = 200): Answer => answerOf(members, { status });
const cutInHalf = (answer: Answer): Answer => ({
	...answer,
	body: answer.body.subarray(0, Math.floor(answer.body.length / 2)),
});

/** As far as AEMET's list is known; three of some 8,100. */
const MUNICIPALITIES = [
	{ id: "id28065", nombre: "Getafe", capital: "Getafe" },
	{ id: "id28079", nombre: "Madrid", capital: "Madrid" },
	{ id: "id04013", nombre: "Almería", capital: "Almería" },
];

/** What is done to an answer; `hangs`: none comes. */
export const MISBEHAVIOUR = {
	"no data": () => answerOf(recorded("step-1-no-data")),
	"empty body": () => ({ status: 200, contentType: "text/plain", body: latin("") }),
	401: () => json({ descripcion: "API key invalido", estado: 401 }, 401),
	429: () => json({ descripcion: "Se ha alcanzado uno de los límites de uso", estado: 429 }, 429),
	"estado 429": () => json({ descripcion: "Se ha alcanzado uno de los límites de uso", estado: 429 }),
	500: () => json({ descripcion: "Error interno", estado: 500 }, 500),
	503: () => ({ status: 503, contentType: "text/html", body: latin("<html><body>Service Unavailable") }),
	HTML: () => ({ status: 200, contentType: "text/html", body: latin("<!DOCTYPE html><title>AEMET</title>") }),
	"half a body": cutInHalf,
	"half a body, and the length of all": cutInHalf,
	"data elsewhere": () => json({ ...recorded("step-1"), datos: "http://127.0.0.1:9/opendata/sh/0" }),
	"a redirection": () => ({ ...json({}), status: 302 }),
	"what no text can be made of": () =>
		answerOf([{ idema: { toString: 1, valueOf: 1 }, id: { toString: 1, valueOf: 1 } }]),
	"too large": () => ({ status: 200, contentType: LATIN, body: latin(`[${" ".repeat(2_000_000)}]`) }),
	hangs: () => undefined,
} as const satisfies Readonly<Record<string, (answer: Answer) => Answer | undefined>>;

export type Misbehaviour = keyof typeof MISBEHAVIOUR;

export interface AemetRequest {
	/** In ms since 1970. */
	readonly at: number;
	readonly path: string;
	readonly step: 1 | 2;
	readonly misbehaviour: Misbehaviour | undefined;
}

export class AemetAnswers {
	readonly requests: AemetRequest[] = [];
	private readonly _origin: string;
	private readonly _now: () => number;
	/** For the next requests of each step. */
	private readonly _faults: Record<1 | 2, (Misbehaviour | undefined)[]> = { 1: [], 2: [] };
	private _paths: string[] = [];
	/** Hours, in ms since 1970, that AEMET has only from a time on. */
	readonly late = new Map<number, number>();
	/** Observations later than this one do not come. */
	stopsAt = Number.POSITIVE_INFINITY;
	/** Whether `fint` has its newer form. */
	tellsZone = true;
	/** The newest hour has the last record, whichever hour it is: for pages that show its values. */
	endsWithLast = false;
	remaining: number | undefined;

	constructor(origin: string, now: () => number) {
		this._origin = origin;
		this._now = now;
	}

	/** The next requests of a step misbehave so; `undefined`: as it should be. */
	misbehave(step: 1 | 2, ...faults: readonly (Misbehaviour | undefined)[]): void {
		this._faults[step].push(...faults);
	}

	/** `undefined`: there is none, ever. */
	answer(path: string, key: string | undefined): Answer | undefined {
		const [, name] = /^\/opendata\/sh\/(\d+)$/.exec(path) ?? [];
		const step = name === undefined ? 1 : 2;
		const misbehaviour = this._faults[step].shift();
		const asked = name === undefined ? path : (this._paths[Number(name)] ?? "");
		this.requests.push({ at: this._now(), path: asked, step, misbehaviour });
		const answer = step === 1 ? this._firstStep(path, key) : this._data(asked, key);
		const given = misbehaviour === undefined ? answer : MISBEHAVIOUR[misbehaviour](answer);
		return given && { ...given, remaining: this.remaining };
	}

	private _firstStep(path: string, key: string | undefined): Answer {
		if (key === undefined) return MISBEHAVIOUR["empty body"]();
		if (key !== KEY) return MISBEHAVIOUR[401]();
		if (!path.startsWith("/opendata/api/")) return { ...MISBEHAVIOUR.HTML(), status: 404 };
		// This one has no second step.
		if (path.endsWith("/maestro/municipios")) return answerOf(MUNICIPALITIES);
		const data = `${this._origin}/opendata/sh/${this._paths.push(path) - 1}`;
		return answerOf({ ...recorded("step-1"), datos: data });
	}

	private _data(path: string, key: string | undefined): Answer {
		// Whoever gets the data is to have no key.
		if (key !== undefined) return MISBEHAVIOUR[500]();
		const [kind, id] = path.split("/").slice(-2) as [string, string];
		const list =
			id === "todas"
				? [...this.observations("3195"), ...this.observations("5906X")]
				: kind === "estacion"
					? this.observations(id)
					: kind === "diaria"
						? this._daily(id)
						: this._hourly(id);
		// As AEMET does it, by turns.
		const text = JSON.stringify(list);
		return kind === "horaria"
			? { status: 200, contentType: "application/json;charset=UTF-8", body: new TextEncoder().encode(text) }
			: { status: 200, contentType: "text/plain;charset=ISO-8859-15", body: latin(text) };
	}

	/** The last hours, up to the last whole one. */
	observations(id: string): object[] {
		const records = recorded(id === "5906X" ? "observation-5906X" : "observation-3195");
		const last = Math.floor(this._now() / HOUR_MS);
		const newest = this.endsWithLast ? records.length - 1 : last % records.length;
		const recordAt = (hour: number) => records.at((newest - (last - hour)) % records.length);
		return Array.from({ length: HOURS }, (_, index) => (last - HOURS + 1 + index) * HOUR_MS)
			.filter((time) => time <= this.stopsAt && (this.late.get(time) ?? 0) <= this._now())
			.map((time) => ({
				...recordAt(time / HOUR_MS),
				idema: id,
				fint: new Date(time).toISOString().replace(/\.000Z$/, this.tellsZone ? "+0000" : ""),
			}));
	}

	private _daily(id: string): object[] {
		return this._moved(recorded("daily-28065"), id);
	}

	private _hourly(id: string): object[] {
		return this._moved(recorded("hourly-32054"), id);
	}

	/** Days from today on; made each six hours. */
	private _moved([forecast]: { elaborado: string; prediccion: { dia: object[] } }[], id: string): object[] {
		const dateOf = (time: number) => new Date(time).toISOString().slice(0, 19);
		const now = this._now();
		const today = Math.floor(now / (24 * HOUR_MS)) * 24 * HOUR_MS;
		const dia = forecast!.prediccion.dia.map((day, index) => ({
			...day,
			fecha: dateOf(today + index * 24 * HOUR_MS),
		}));
		const elaborado = dateOf(Math.floor(now / (6 * HOUR_MS)) * 6 * HOUR_MS);
		return [{ ...forecast, id, elaborado, prediccion: { dia } }];
	}
}
