/**
 * The unit tests' frame. Each unit test file runs twice, on Node and inside
 * XS, so it knows neither: it registers synchronous functions here, and
 * `tools/test.js` has them run by whichever engine the bundle is for.
 */

export interface Test {
	name: string;
	run: () => void;
}

export const tests: Test[] = [];

export function test(name: string, run: () => void): void {
	tests.push({ name, run });
}

/** Characters of a value that an assertion's message shows. */
const EXCERPT = 300;

export class AssertionError extends Error {
	override name = "AssertionError";
}

/** A value as an assertion's message shows it. */
export function show(value: unknown): string {
	if (typeof value === "string") return JSON.stringify(value);
	if (value instanceof Uint8Array) {
		return `<${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}>`;
	}
	if (ArrayBuffer.isView(value)) return `[${String(value)}]`;
	if (value instanceof Error) return `${value.name}: ${value.message}`;
	if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
	if (value instanceof Map) return `Map ${show([...value])}`;
	if (typeof value === "object" && value !== null) {
		const members = Object.entries(value).map(([key, member]) => `${key}: ${show(member)}`);
		return `{ ${members.join(", ")} }`;
	}
	return String(value);
}

export function fail(message: string): never {
	throw new AssertionError(message);
}

export function ok(condition: unknown, message = "expected a true value"): asserts condition {
	if (!condition) fail(message);
}

export function equal<T>(actual: T, expected: T, message = ""): void {
	if (!Object.is(actual, expected)) fail(`${message && `${message}: `}expected ${show(expected)}, got ${show(actual)}`);
}

/** Numbers that differ by `tolerance` at the most. */
export function near(actual: number, expected: number, tolerance: number, message = ""): void {
	if (!(Math.abs(actual - expected) <= tolerance)) {
		fail(`${message && `${message}: `}expected ${expected} ± ${tolerance}, got ${actual}`);
	}
}

/** Long values are shown from shortly before their first difference. */
export function deepEqual(actual: unknown, expected: unknown, message = ""): void {
	if (same(actual, expected)) return;
	const [got, wanted] = [show(actual), show(expected)];
	let agree = 0;
	while (agree < got.length && got[agree] === wanted[agree]) agree++;
	const from = Math.max(0, agree - 40);
	const excerpt = (text: string) =>
		`${from > 0 ? "…" : ""}${text.slice(from, from + EXCERPT)}${text.length > from + EXCERPT ? "…" : ""}`;
	fail(`${message && `${message}: `}expected ${excerpt(wanted)}, got ${excerpt(got)}`);
}

export function match(actual: string, pattern: RegExp): void {
	if (!pattern.test(actual)) fail(`expected ${pattern}, got ${show(actual)}`);
}

/** Calls `run`, which must throw an error whose message matches; returns the error. */
export function throws(run: () => unknown, pattern: RegExp): Error {
	let error: unknown;
	try {
		run();
	} catch (thrown) {
		error = thrown;
	}
	if (!(error instanceof Error)) fail(`expected an error matching ${pattern}, got ${show(error)}`);
	match(error.message, pattern);
	return error;
}

function same(a: unknown, b: unknown): boolean {
	if (Object.is(a, b)) return true;
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
	if (a instanceof Map && b instanceof Map) return same([...a], [...b]);
	if (Array.isArray(a) !== Array.isArray(b)) return false;
	if (ArrayBuffer.isView(a) !== ArrayBuffer.isView(b)) return false;
	const keysOfA = Object.keys(a);
	const keysOfB = Object.keys(b);
	return (
		keysOfA.length === keysOfB.length &&
		keysOfA.every((key) => Object.hasOwn(b, key) && same(a[key as keyof typeof a], b[key as keyof typeof b]))
	);
}
