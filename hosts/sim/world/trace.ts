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
	private readonly _notes: Note[] = [];
	private _digest = 0x811c9dc5;
	private _frozen = false;

	/** 32 bits of all that happened: two runs of a seed have the same. */
	get digest(): number {
		return this._digest >>> 0;
	}

	note(time: number, what: string): void {
		this._mix(time);
		for (let index = 0; index < what.length; index++) this._step(what.charCodeAt(index));
		this._keep([time, what]);
	}

	bytes(time: number, direction: "sent" | "received", bytes: Bytes): void {
		this._mix(time);
		for (let index = 0; index < bytes.length; index++) this._step(bytes[index]!);
		this._keep([time, direction, bytes]);
	}

	/** What happens from now on is not of interest any more. */
	freeze(): void {
		this._frozen = true;
	}

	/** The last lines. */
	lines(): string[] {
		return this._notes.flatMap((note) => this._shown(note)).slice(-SHOWN_LINES);
	}

	private _keep(note: Note): void {
		if (this._frozen) return;
		if (this.onLine) for (const line of this._shown(note)) this.onLine(line);
		this._notes.push(note);
		if (this._notes.length > 2 * SHOWN_LINES) this._notes.splice(0, SHOWN_LINES);
	}

	private _shown([time, what, bytes]: Note): string[] {
		const when = showTime(time);
		if (!bytes) return [`${when}  ${what}`];
		const arrow = what === "sent" ? "→" : "←";
		return describePackets(bytes, this.version).map((line) => `${when}  ${arrow} ${line}`);
	}

	private _mix(time: number): void {
		this._step(Math.floor(time * 1_000) | 0);
		this._step(Math.floor(time / 1_000));
	}

	private _step(value: number): void {
		this._digest = Math.imul(this._digest ^ value, 0x01000193);
	}
}

/** Simulated time as days, hours, minutes, seconds and ms. */
export function showTime(time: number): string {
	const [days, rest] = [Math.floor(time / 86_400_000), time % 86_400_000];
	const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
	const seconds = ((rest % 60_000) / 1_000).toFixed(3).padStart(6, "0");
	return `${days}d ${two(rest / 3_600_000)}:${two((rest / 60_000) % 60)}:${seconds}`;
}
