/**
 * Name resolution on Node, by the system's resolver (getaddrinfo), which nobody can call off: while a name server is
 * silent, a program has one question out for each name, however often it tries, and says what it waits for. An answer that
 * comes when nobody waits any more is the next one's.
 */
import { type LookupAddress, type LookupAllOptions, lookup as resolve } from "node:dns";
import type { LookupFunction } from "node:net";
import { blocked } from "../../src/net/ipv4.ts";

/** How long who asks waits for an answer, in ms: longer than glibc does by default, for a second name server, too. */
const WAIT_MS = 12_000;
/** The same where there has been none for as long: then it is said soon. */
const WAIT_LEAST_MS = 1_500;
/** How long an answer that nobody has heard is good, and for how long a failure counts, in ms. */
const KEPT_MS = 10_000;

/** The code of the error without an answer, which `node-socket.ts` has in words. */
export const NO_ANSWER = "EAI_AGAIN";

type Answer = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;

/** Those without an answer that somebody has heard. */
const questions = new Map<string, Question>();

/** As `net.connect` wants it: the addresses that lead anywhere, in the system's order. */
export const lookup: LookupFunction = (name, { all = false, ...options }, callback) => {
	const wanted = { ...options, all: true, verbatim: true } as const;
	const key = JSON.stringify([name, wanted]);
	let question = questions.get(key);
	if (!question || question.isOver) question = new Question(name, wanted, () => questions.delete(key));
	questions.set(key, question);
	question.join((error, addresses) => {
		if (error) return callback(error, []);
		if (all) return callback(null, [...addresses]);
		callback(null, addresses[0]!.address, addresses[0]!.family);
	});
};

class Question {
	private readonly _name: string;
	private readonly _options: LookupAllOptions;
	private readonly _onHeard: () => void;
	/** Since when there is no answer, however often it was asked, in ms. */
	private readonly _since = performance.now();
	private _isOut = false;
	private _endedAt = 0;
	private _unheard: readonly LookupAddress[] | undefined;
	private readonly _waiting = new Set<Answer>();

	constructor(name: string, options: LookupAllOptions, onHeard: () => void) {
		this._name = name;
		this._options = options;
		this._onHeard = onHeard;
	}

	/** Whether its last end is too long ago to mean anything. */
	get isOver(): boolean {
		return !this._isOut && performance.now() - this._endedAt > KEPT_MS;
	}

	join(answer: Answer): void {
		const tell: Answer = (error, addresses) => {
			clearTimeout(timer);
			this._waiting.delete(tell);
			answer(error, addresses);
		};
		const wait = Math.max(WAIT_LEAST_MS, this._since + WAIT_MS - performance.now());
		const timer = setTimeout(() => tell(failure(NO_ANSWER), []), wait);
		this._waiting.add(tell);
		const unheard = this._unheard;
		if (unheard) setImmediate(() => this._ended(null, unheard));
		else if (!this._isOut) this._ask();
	}

	private _ask(): void {
		this._isOut = true;
		resolve(this._name, this._options, (error, addresses) => {
			this._isOut = false;
			this._endedAt = performance.now();
			this._ended(error, addresses);
		});
	}

	private _ended(error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]): void {
		const isHeard = this._waiting.size > 0;
		this._unheard = error || isHeard ? undefined : addresses;
		if (isHeard && error?.code !== NO_ANSWER) this._onHeard();
		const reachable = error ? [] : addresses.filter(({ address }) => !blocked(address));
		const fault = error ?? (reachable.length > 0 ? null : failure(blocked(addresses[0]!.address)!));
		for (const tell of this._waiting) tell(fault, reachable);
	}
}

function failure(code: string): NodeJS.ErrnoException {
	return Object.assign(new Error(code), { code });
}
