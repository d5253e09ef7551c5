/** What a request asks, in its address. */
import { FILTERS, type ListQuestion, type Question } from "../api.ts";

/** Stations of an answer, by name and of a list. So what a page loads has a bound, however many there are. */
export const NAMED_MAXIMUM = 16;
export const LISTED_MAXIMUM = 48;
/** Characters of the words that are searched for. */
const TEXT_MAXIMUM = 200;

/** A request that is not answered as it wants; the message is for whoever asked. */
export class Refusal extends Error {
	override name = "Refusal";
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;

	constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
		super(message);
		this.status = status;
		this.headers = headers;
	}
}

/** Which stations: `topic`, several times if need be; or `text`, `show`, `quantity`, `from` and `count`, each of which may be left out. */
export function questionOf(query: URLSearchParams): Question {
	const topics = [...new Set(query.getAll("topic"))];
	if (topics.length === 0) return listQuestionOf(query);
	if (topics.length > NAMED_MAXIMUM) throw new Refusal(400, `topic: up to ${NAMED_MAXIMUM} at a time`);
	// PostgreSQL would fail at it, and so at what other pages ask together with this one.
	if (topics.some((topic) => topic.includes("\0"))) throw new Refusal(400, "topic: has no character U+0000");
	return { topics };
}

function listQuestionOf(query: URLSearchParams): ListQuestion {
	const text = query.get("text") ?? "";
	if (text.length > TEXT_MAXIMUM) throw new Refusal(400, `text: has ${TEXT_MAXIMUM} characters at the most`);
	const show = FILTERS.find((filter) => filter === (query.get("show") ?? "all"));
	if (!show) throw new Refusal(400, `show: must be one of ${FILTERS.join(", ")}`);
	const from = query.has("from") ? wholeOf(query, "from") : 0;
	if (from < 0) throw new Refusal(400, "from: must be 0 or more");
	const count = query.has("count") ? wholeOf(query, "count") : LISTED_MAXIMUM;
	if (count < 1 || count > LISTED_MAXIMUM) throw new Refusal(400, `count: must be from 1 to ${LISTED_MAXIMUM}`);
	return { text, show, quantity: query.get("quantity") ?? undefined, from, count };
}

export function textOf(query: URLSearchParams, name: string): string {
	const text = query.get(name);
	if (!text) throw new Refusal(400, `${name}: is missing`);
	return text;
}

export function wholeOf(query: URLSearchParams, name: string): number {
	const text = textOf(query, name);
	const value = Number(text);
	if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new Refusal(400, `${name}: must be a whole number`);
	return value;
}
