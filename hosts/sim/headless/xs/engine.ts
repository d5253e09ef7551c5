/** The engine's globals beside the language: `engine/globals.c`. */
import type { Bytes, Flash } from "../../../../src/host.js";
import type { MbedTls } from "../../../moddable/tls/mbedtls.js";

interface EngineGlobals {
	act(kind: number, id?: number, value?: number, data?: string | ArrayBuffer | Bytes): void;
	take(box: number, maximum?: number): ArrayBuffer | undefined;
	takeText(box: number): string;
	drop(box: number): void;
	ask(question: ArrayBuffer): ArrayBuffer;
	aside(begins: boolean): void;
	asideMethod(method: unknown): unknown;
	readonly flash?: Flash;
	readonly mbedtls?: MbedTls;
}
const engine = globalThis as unknown as EngineGlobals;

/** An action for Node, after the event; text goes as UTF-8. */
export const act = engine.act;
/** At most `maximum` bytes from a box, or `undefined` if it is empty. */
export const take = engine.take;
/** All bytes of a box, as a text in UTF-8. */
export const takeText = engine.takeText;
/** Empties a box. */
export const drop = engine.drop;
/** Node's answer, at once. */
export const ask = engine.ask;
/** Memory and time between `true` and `false` do not count as the station's. */
export const aside = engine.aside;
/** The method of at most two arguments, which does not count either. */
export const asideMethod = engine.asideMethod;
/** NOR flash, if the engine was started with one. */
export const flash = engine.flash;
/** TLS in C, in the engine that has it: `engine/tls/tls.c`. What is handed over to its thread is done when an event's actions go. */
export const mbedtls = engine.mbedtls;
