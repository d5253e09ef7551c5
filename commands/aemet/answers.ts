/**
 * What AEMET OpenData answers, as what it means, without I/O. A request has two steps: the first answer says where the
 * data lie, the second has them. Each of both may be something else: HTTP 200 with an `estado` of its own, nothing,
 * a page of HTML, a part of the text.
 */
import { printable } from "../../src/text.ts";

/** Where data may lie: a stranger's answer names it. */
export const OPENDATA_ORIGIN = "https://opendata.aemet.es";
/** Below the origin, with what names the data behind it. */
const DATA_PATH = "/opendata/sh/";
const DATA_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** Characters at the beginning of a text in which HTML shows. */
const BEGINNING = 64;

/** An HTTP answer, whole. */
export interface Answer {
	readonly status: number;
	/** The header `Content-Type`. */
	readonly contentType: string;
	/** Of the headers that tell how many requests are left. */
	readonly remaining?: number | undefined;
	readonly body: Uint8Array;
}

/** What has become of a request. */
export type Failure =
	/** There are no data: for AEMET that is an answer, too. */
	| { readonly outcome: "nothing" }
	/** The key is not taken. */
	| { readonly outcome: "refused"; readonly reason: string }
	/** Too many requests. */
	| { readonly outcome: "limited"; readonly reason: string }
	/** Whatever may be better next time. */
	| { readonly outcome: "failed"; readonly reason: string };

export type FirstStep = { readonly outcome: "data"; readonly url: string } | Failure;
export type SecondStep = { readonly outcome: "data"; readonly data: readonly unknown[] } | Failure;

/** The first answer. `origin`: where AEMET is, another one in tests. */
export function firstStep(answer: Answer, origin = OPENDATA_ORIGIN): FirstStep {
	const read = jsonIn(answer);
	if ("outcome" in read) return read;
	const members = membersOf(read.json);
	if (!members) return failed("the answer is no object");
	const told = toldFailure(members);
	if (told) return told;
	const { datos } = members;
	if (typeof datos !== "string") return failed("the answer does not say where the data lie");
	const url = dataUrl(datos, origin);
	return url === undefined ? failed("the data are said to lie elsewhere: refused") : { outcome: "data", url };
}

/** The second answer, which is a list. */
export function secondStep(answer: Answer): SecondStep {
	const read = jsonIn(answer);
	if ("outcome" in read) return read;
	const { json } = read;
	if (Array.isArray(json)) return { outcome: "data", data: json };
	const members = membersOf(json);
	// What is too old to be fetched is told like this: another first step finds it again, if it is there.
	const told = members && toldFailure(members);
	return told && told.outcome !== "nothing" ? told : failed("the data are no list");
}

/** The URL of the data as it may be asked for: what the answer has, taken apart and put together again. */
function dataUrl(datos: string, origin: string): string | undefined {
	const beginning = `${origin}${DATA_PATH}`;
	if (!datos.startsWith(beginning)) return undefined;
	const name = datos.slice(beginning.length);
	return DATA_NAME.test(name) ? `${beginning}${name}` : undefined;
}

function jsonIn({ status, contentType, body }: Answer): { readonly json: unknown } | Failure {
	// With 404 there may be JSON that says the same, of data that there are not.
	const failure = status === 404 ? undefined : statusFailure(status);
	if (failure) return failure;
	if (body.length === 0) return failed("an empty answer");
	const text = decoded(body, contentType);
	try {
		const json: unknown = JSON.parse(text);
		return status === 404 && !membersOf(json) ? failed("status 404") : { json };
	} catch {
		return failed(isHtml(text) ? "HTML in place of JSON" : "the answer is not JSON, or a part of it");
	}
}

/** By the status of HTTP, or by `estado`, which has the same numbers. */
function statusFailure(status: number): Failure | undefined {
	if (status === 200) return undefined;
	if (status === 401 || status === 403) return { outcome: "refused", reason: `the key is not taken (${status})` };
	if (status === 429) return { outcome: "limited", reason: "too many requests (429)" };
	return failed(`status ${status}`);
}

function toldFailure(members: Readonly<Record<string, unknown>>): Failure | undefined {
	const { estado, descripcion } = members;
	const status = Number(estado);
	if (estado === undefined || status === 200) return undefined;
	if (status === 404) return { outcome: "nothing" };
	const failure = statusFailure(status);
	if (failure?.outcome !== "failed" || typeof descripcion !== "string") return failure;
	return failed(`status ${Number.isInteger(status) ? status : "?"}: ${printable(descripcion)}`);
}

/**
 * A text in the encoding of the Content-Type: AEMET has ISO-8859-15 and UTF-8. Without one, or where it is not true, it is
 * UTF-8 if it can be.
 */
export function decoded(body: Uint8Array, contentType: string): string {
	const [, charset = ""] = /;\s*charset="?([\w-]+)/i.exec(contentType) ?? [];
	const isLatin = /^(iso-?8859-15?|latin-?[19]|windows-1252)$/i.test(charset);
	if (!isLatin) {
		try {
			return new TextDecoder("utf-8", { fatal: true }).decode(body);
		} catch {
			// Something else than it says.
		}
	}
	return new TextDecoder("iso-8859-15").decode(body);
}

function isHtml(text: string): boolean {
	return /^\s*<(!doctype|html)/i.test(text.slice(0, BEGINNING));
}

function failed(reason: string): Failure {
	return { outcome: "failed", reason };
}

/** An object's members; `undefined` of anything else. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
	const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
	return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** A list; an empty one of anything else. */
export function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}
