/**
 * Name resolution on Node, by the system's resolver (getaddrinfo), which nobody can call off: while a name server is
 * silent, a program has one question out for each name, however often it tries, and says what it waits for.
 */
import { lookup as ask, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

/** How long who asks waits for an answer, in ms; and at the least, where there has been none for longer. */
const WAIT_MS = 5_000;
const WAIT_LEAST_MS = 1_500;

/** The errors' codes, which `node-socket.ts` has in words. */
export const NO_ANSWER = "EAI_AGAIN";
export const BLOCKED = "BLOCKED";

type Answer = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;

interface Question {
	/** Since when there is no answer, over several questions, in ms. */
	readonly since: number;
	/** Whether it is out; if not, the last one got no answer. */
	isOut: boolean;
	readonly waiting: Set<Answer>;
}

/** Those without an answer. */
const questions = new Map<string, Question>();

/** As `net.connect` wants it; all addresses that lead anywhere, in the system's order. */
export const lookup: LookupFunction = (name, { family, hints = 0, all = false }, callback) => {
	const version = family === 4 || family === "IPv4" ? 4 : family === 6 || family === "IPv6" ? 6 : 0;
	join(name, version, hints, (error, addresses) => {
		if (error) return callback(error, []);
		if (all) return callback(null, [...addresses]);
		callback(null, addresses[0]!.address, addresses[0]!.family);
	});
};

function join(name: string, family: number, hints: number, answer: Answer): void {
	const key = `${name}/${family}/${hints}`;
	const now = performance.now();
	const question = questions.get(key) ?? { since: now, isOut: false, waiting: new Set() };
	const { since, waiting } = question;
	if (!question.isOut) {
		question.isOut = true;
		questions.set(key, question);
		ask(name, { family, hints, all: true, verbatim: true }, (error, addresses) => {
			question.isOut = false;
			if (error?.code !== NO_ANSWER) questions.delete(key);
			for (const told of waiting) told(error, addresses);
		});
	}
	const timer = setTimeout(() => tell(failure(name, NO_ANSWER), []), Math.max(WAIT_LEAST_MS, since + WAIT_MS - now));
	const tell: Answer = (error, addresses) => {
		clearTimeout(timer);
		waiting.delete(tell);
		if (error) return answer(error, []);
		const reachable = addresses.filter(({ address }) => !NOWHERE.includes(address));
		if (reachable.length > 0) answer(null, reachable);
		else answer(failure(name, addresses.length > 0 ? BLOCKED : "ENOTFOUND"), []);
	};
	waiting.add(tell);
}

/** What filters answer for a name that they block: to Linux it is this computer. */
const NOWHERE: readonly string[] = ["0.0.0.0", "::"];

function failure(name: string, code: string): NodeJS.ErrnoException {
	return Object.assign(new Error(`${name}: ${code}`), { code });
}
