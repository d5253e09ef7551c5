/** What happened last in a simulated world, to be shown when something is wrong; and a digest of all of it. */
import type { Bytes } from "../../../src/host.ts";
import { describePackets } from "./packet-line.ts";

/** Lines before a violation that it shows. */
const SHOWN_LINES = 60;

type Note = [time: number, what: string, bytes?: Bytes];

export class Trace {
	/** Told of each line, if all are wanted. */
	onLine: ((line: string) => void) | undefined;
	/** The highest protocol level that a broker has accepted last: packets look different in it. */
	version: 3 | 4 | 5 = 5;
	readonly #notes: Note[] = [];
	#digest = 0x811c9dc5;
	#frozen = false;

	/** 32 bits of all that happened: two runs of a seed have the same. */
	get digest(): number {
		return this.#digest >>> 0;
	}

	note(time: number, what: string): void {
		this.#mix(time);
		for (let index = 0; index < what.length; index++) this.#step(what.charCodeAt(index));
		this.#keep([time, what]);
	}

	bytes(time: number, direction: "sent" | "received", bytes: Bytes): void {
		this.#mix(time);
		for (let index = 0; index < bytes.length; index++) this.#step(bytes[index]!);
		this.#keep([time, direction, bytes]);
	}

	/** What happens from now on is not of interest any more. */
	freeze(): void {
		this.#frozen = true;
	}

	/** The last lines. */
	lines(): string[] {
		return this.#notes.flatMap((note) => this.#shown(note)).slice(-SHOWN_LINES);
	}

	#keep(note: Note): void {
		if (this.#frozen) return;
		if (this.onLine) for (const line of this.#shown(note)) this.onLine(line);
		this.#notes.push(note);
		if (this.#notes.length > 2 * SHOWN_LINES) this.#notes.splice(0, SHOWN_LINES);
	}

	#shown([time, what, bytes]: Note): string[] {
		const when = showTime(time);
		if (!bytes) return [`${when}  ${what}`];
		const arrow = what === "sent" ? "→" : "←";
		return describePackets(bytes, this.version).map((line) => `${when}  ${arrow} ${line}`);
	}

	#mix(time: number): void {
		this.#step(Math.floor(time * 1_000) | 0);
		this.#step(Math.floor(time / 1_000));
	}

	#step(value: number): void {
		this.#digest = Math.imul(this.#digest ^ value, 0x01000193);
	}
}

/** Simulated time as days, hours, minutes, seconds and ms. */
export function showTime(time: number): string {
	const [days, rest] = [Math.floor(time / 86_400_000), time % 86_400_000];
	const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
	const seconds = ((rest % 60_000) / 1_000).toFixed(3).padStart(6, "0");
	return `${days}d ${two(rest / 3_600_000)}:${two((rest / 60_000) % 60)}:${seconds}`;
}
