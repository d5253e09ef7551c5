/** A GET by Node's `fetch`: bounded in time and bytes, and without redirections, which would take the key elsewhere. */
import { messageOf } from "../../src/text.ts";
import type { Answer } from "./answers.ts";

/** From the request to the end of its answer, in ms. */
export const TIMEOUT_MS = 30_000;
/** Of names in different years. */
const REMAINING = ["Remaining-request-endpoint", "Remaining-request-count"] as const;

export interface GetOptions {
	readonly headers: Readonly<Record<string, string>>;
	/** Bytes of the body. */
	readonly limit: number;
	/** In ms. */
	readonly timeout: number;
	/** Ends it before. */
	readonly signal?: AbortSignal | undefined;
}

/** Rejects with an Error for a person, without the URL. */
export type Get = (url: string, options: GetOptions) => Promise<Answer>;

export const get: Get = async (url, { headers, limit, timeout, signal }) => {
	const late = AbortSignal.timeout(timeout);
	try {
		const response = await fetch(url, {
			headers: { Accept: "application/json, text/plain", ...headers },
			redirect: "error",
			signal: signal ? AbortSignal.any([late, signal]) : late,
		});
		const body = await bounded(response.body, limit);
		const remaining = REMAINING.map((name) => response.headers.get(name)).find((text) => text !== null);
		return {
			status: response.status,
			contentType: response.headers.get("Content-Type") ?? "",
			remaining: remaining !== undefined && /^\d{1,9}$/.test(remaining) ? Number(remaining) : undefined,
			body,
		};
	} catch (error) {
		if (late.aborted) throw new Error(`no whole answer within ${timeout / 1_000} s`);
		throw new Error(reasonOf(error));
	}
};

async function bounded(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	let size = 0;
	if (stream) {
		for await (const part of stream) {
			size += part.length;
			// Leaving the loop ends the connection.
			if (size > limit) throw new TooLargeError(`an answer of more than ${limit.toLocaleString("en")} bytes`);
			parts.push(part);
		}
	}
	return Buffer.concat(parts);
}

class TooLargeError extends Error {
	override name = "TooLargeError";
}

const REASONS: Readonly<Record<string, string>> = {
	ENOTFOUND: "there is no such host",
	EAI_AGAIN: "the name server does not answer",
	ECONNREFUSED: "connection refused",
	ECONNRESET: "connection reset",
	ETIMEDOUT: "no answer",
	UND_ERR_CONNECT_TIMEOUT: "no answer",
	EHOSTUNREACH: "no route",
	ENETUNREACH: "no route",
};

/** Of an error of `fetch`, which tells little itself; no text that may have the URL in it. */
function reasonOf(error: unknown): string {
	if (error instanceof TooLargeError) return messageOf(error);
	const { cause } = Object(error) as { readonly cause?: unknown };
	const { code } = Object(cause) as { readonly code?: unknown };
	if (typeof code === "string" && Object.hasOwn(REASONS, code)) return `cannot be reached: ${REASONS[code]}`;
	if (typeof code === "string" && /^[A-Z0-9_]{1,40}$/.test(code)) return `cannot be reached (${code})`;
	return messageOf(cause).includes("redirect") ? "a redirection: refused" : "the connection ended";
}
