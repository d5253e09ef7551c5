/** AEMET OpenData: a request in two steps, and the pause between any two. */
import { messageOf } from "../../src/text.ts";
import { type Failure, firstStep, OPENDATA_ORIGIN, type SecondStep, secondStep } from "./answers.ts";
import { type Get, TIMEOUT_MS } from "./http.ts";
import { SPACING_MS, type Task } from "./schedule.ts";

const API = "/opendata/api";
/** Bytes of a first answer, and of the data: those of hours have some 30,000. */
const FIRST_MAXIMUM = 16_384;
const DATA_MAXIMUM = 1_048_576;
/** Those of all stations have 3.6 MB, those of all municipalities 3.0. */
const INVENTORY_MAXIMUM = 16 * 1_048_576;
/** What AEMET calls it. */
const PATHS = {
	observation: "/observacion/convencional/datos/estacion/",
	daily: "/prediccion/especifica/municipio/diaria/",
	hourly: "/prediccion/especifica/municipio/horaria/",
} as const;
/** Of all stations of an hour, and of municipalities. */
export const ALL_OBSERVATIONS = "/observacion/convencional/todas";
export const ALL_MUNICIPALITIES = "/maestro/municipios";

export interface OpenDataOptions {
	readonly key: string;
	readonly get: Get;
	/** In ms. */
	readonly now: () => number;
	readonly pause: (duration: number) => Promise<void>;
	/** Another place than AEMET's, and other times, for tests. */
	readonly origin?: string | undefined;
	readonly timeout?: number | undefined;
	readonly spacing?: number | undefined;
	readonly signal?: AbortSignal | undefined;
}

export type Data = SecondStep & {
	/** How many more requests may be made. */
	readonly remaining?: number | undefined;
};

export class OpenData {
	private readonly _options: OpenDataOptions;
	private _earliest: number;

	constructor(options: OpenDataOptions) {
		this._options = options;
		// An earlier run may have made one just now.
		this._earliest = options.now() + (options.spacing ?? SPACING_MS);
	}

	/** The data of a task; what fails is an answer, too. */
	ask({ kind, id }: Task): Promise<Data> {
		return this._ask(`${PATHS[kind]}${id}`, FIRST_MAXIMUM, DATA_MAXIMUM);
	}

	/** A list of all places, which is millions of bytes, and the first answer itself perhaps: AEMET has both. */
	askForAll(path: string): Promise<Data> {
		return this._ask(path, INVENTORY_MAXIMUM, INVENTORY_MAXIMUM);
	}

	private async _ask(path: string, firstLimit: number, limit: number): Promise<Data> {
		const { key, origin = OPENDATA_ORIGIN } = this._options;
		try {
			// In a header: a URL is written to logs.
			const first = await this._get(`${origin}${API}${path}`, { api_key: key }, firstLimit);
			const { remaining } = first;
			if (firstLimit === INVENTORY_MAXIMUM) {
				const list = secondStep(first);
				if (list.outcome === "data") return { ...list, remaining };
			}
			const step = firstStep(first, origin);
			if (step.outcome !== "data") return { ...step, remaining };
			const second = await this._get(step.url, {}, limit);
			return { ...secondStep(second), remaining: second.remaining ?? remaining };
		} catch (error) {
			const failure: Failure = { outcome: "failed", reason: messageOf(error) };
			return failure;
		}
	}

	private async _get(url: string, headers: Readonly<Record<string, string>>, limit: number) {
		const { get, now, pause, timeout = TIMEOUT_MS, spacing = SPACING_MS, signal } = this._options;
		const wait = this._earliest - now();
		if (wait > 0) await pause(Math.min(wait, spacing));
		try {
			return await get(url, { headers, limit, timeout, signal });
		} finally {
			this._earliest = now() + spacing;
		}
	}
}
