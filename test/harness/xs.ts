/** Makes the unit tests of one bundle callable from outside the XS engine: see `unit-on-xs.ts`. */
import type { Test } from "./harness.ts";

/** The kinds of events, which bear a test's number as their count. */
export const Ask = { Names: 0, Run: 1 } as const;

/** What the engine gives, and what it calls. */
interface EngineGlobals {
	act(kind: number, id: number, value: number, text: string): void;
	onEvent(kind: number, id: number, count: number): void;
}

export function run(_file: string, tests: Test[]): void {
	const engine = globalThis as unknown as EngineGlobals;
	const reply = (value: unknown) => engine.act(0, 0, 0, JSON.stringify(value));
	engine.onEvent = (kind, _id, count) => {
		if (kind === Ask.Names) return reply(tests.map(({ name }) => name));
		const test = tests[count];
		try {
			test?.run();
			reply({ passed: test !== undefined });
		} catch (error) {
			const stack = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error);
			reply({ passed: false, stack });
		}
	};
}
