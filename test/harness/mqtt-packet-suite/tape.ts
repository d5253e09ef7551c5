/**
 * tape as far as mqtt-packet's test suite uses it. A case is started and
 * judged in two steps, since what it waits for may come in a promise job.
 */

export class Case {
	readonly name: string;
	private readonly _body: (t: Case) => void;
	private _plan: number | undefined;
	private _ended = false;
	assertions = 0;
	readonly failures: string[] = [];

	constructor(name: string, body: (t: Case) => void) {
		this.name = name;
		this._body = body;
	}

	start(): void {
		try {
			this._body(this);
		} catch (error) {
			this.fail(`exception: ${(error as Error).message}\n${(error as Error).stack ?? ""}`);
		}
	}

	/** What went wrong; empty if the case passed. */
	judge(): string[] {
		if (this._plan === undefined && !this._ended) this.failures.push("neither a plan nor an end");
		if (this._plan !== undefined && this._plan !== this.assertions) {
			this.failures.push(`${this.assertions} of ${this._plan} assertions made`);
		}
		return this.failures;
	}

	plan(count: number): void {
		this._plan = count;
	}

	end(): void {
		if (this._ended) this.failures.push("ended twice");
		this._ended = true;
	}

	comment(text: string): void {
		this.failures.push(text); // the suite comments failures only
	}

	equal(actual: unknown, expected: unknown, message = "equal"): void {
		this._assert(Object.is(actual, expected), `${message}: ${String(actual)}, expected ${String(expected)}`);
	}

	deepEqual(actual: unknown, expected: unknown, message = "deepEqual"): void {
		this._assert(same(actual, expected, true), message);
	}

	deepLooseEqual(actual: unknown, expected: unknown, message = "deepLooseEqual"): void {
		this._assert(same(actual, expected, false), message);
	}

	ok(value: unknown, message = "ok"): void {
		this._assert(Boolean(value), message);
	}

	true(value: unknown, message = "true"): void {
		this._assert(Boolean(value), message);
	}

	false(value: unknown, message = "false"): void {
		this._assert(!value, message);
	}

	pass(): void {
		this._assert(true, "");
	}

	fail(reason: unknown): void {
		this._assert(false, String(reason));
	}

	private _assert(holds: boolean, message: string): void {
		this.assertions++;
		if (this._ended) this.failures.push(`after the end: ${message}`);
		if (!holds) this.failures.push(message);
	}
}

export const cases: Case[] = [];

export function test(name: string, body: (t: Case) => void): void {
	cases.push(new Case(name, body));
}

function same(a: unknown, b: unknown, strict: boolean): boolean {
	// biome-ignore lint/suspicious/noDoubleEquals: the suite compares strings with Buffers, which only `==` finds equal.
	if (strict ? Object.is(a, b) : a == b) return true;
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
	if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b);
	if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
	const keys = Object.keys(a);
	return (
		Array.isArray(a) === Array.isArray(b) &&
		keys.length === Object.keys(b).length &&
		keys.every((key) => Object.hasOwn(b, key) && same(a[key as keyof typeof a], b[key as keyof typeof b], strict))
	);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
	if (a.length !== b.length) return false;
	for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
	return true;
}
