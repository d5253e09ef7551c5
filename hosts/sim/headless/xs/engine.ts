/** What the engine gives to a program beside the language: `engine/globals.c`. */
import type { Bytes, Flash } from "../../../../src/host.js";

interface EngineGlobals {
	act(kind: number, id?: number, value?: number, data?: string | ArrayBuffer | Bytes): void;
	take(box: number, maximum?: number): ArrayBuffer | undefined;
	takeText(box: number): string;
	drop(box: number): void;
	ask(question: ArrayBuffer): ArrayBuffer;
	aside(begins: boolean): void;
	readonly flash?: Flash;
}
const engine = globalThis as unknown as EngineGlobals;

/** Tells Node what is wanted, after the event; text goes as UTF-8. */
export const act = engine.act;
/** At most so many of the bytes that events brought to a box, or `undefined` where there are none. */
export const take = engine.take;
/** All that events brought to a box, which is UTF-8. */
export const takeText = engine.takeText;
/** Forgets what is in a box. */
export const drop = engine.drop;
/** What Node answers, at once. */
export const ask = engine.ask;
/** What is used between `true` and `false` is not the station's, but that of what surrounds it. */
export const aside = engine.aside;
/** NOR flash, if the engine was started with one. */
export const flash = engine.flash;
