/** Makes the unit tests of one bundle callable from outside the XS engine: see `unit-on-xs.ts`. */
import type { Test } from "./harness.ts";

/** The engine's globals that the bridge uses. */
type Engine = {
	Base64?: unknown;
	TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
	handleCommand: (command: ArrayBuffer) => ArrayBuffer;
};

export function run(_file: string, tests: Test[]): void {
	const engine = globalThis as unknown as Engine;
	const reply = (value: unknown) => new engine.TextEncoder().encode(JSON.stringify(value)).buffer;
	// A command is a test's number as 32 bits; an empty one asks for the names.
	engine.handleCommand = (command) => {
		if (command.byteLength === 0) return reply(tests.map(({ name }) => name));
		const test = tests[new DataView(command).getUint32(0)];
		try {
			test?.run();
			return reply({ passed: test !== undefined });
		} catch (error) {
			const stack = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error);
			return reply({ passed: false, stack });
		}
	};
}
