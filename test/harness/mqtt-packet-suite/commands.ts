/**
 * Makes the suite callable from outside of the engine. A command is the number
 * of a case and a step (0 starts it, 1 judges it), 32 bits each; an empty one
 * asks for the names.
 */
import TextEncoder from "text/encoder";
import { cases } from "./tape.ts";

const reply = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).buffer;

Object.defineProperty(globalThis, "handleCommand", {
	value: (command: ArrayBuffer) => {
		if (command.byteLength === 0) return reply(cases.map(({ name }) => name));
		const view = new DataView(command);
		const found = cases[view.getUint32(0)];
		if (view.getUint32(4) === 0) return found?.start();
		return reply({ assertions: found?.assertions, failures: found?.judge() });
	},
});
