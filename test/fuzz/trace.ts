/** What happened last in a dialogue, to be shown when it fails. */
import type { Bytes } from "../../src/host.ts";

/** Events before a failure that it shows. */
const SHOWN_EVENTS = 40;
/** Bytes of one value that are written out; more are counted. */
const SHOWN_RUN = 8;
export const RECEIVED = "received";

type Event = [now: number, what: string, bytes?: readonly number[] | Bytes];

export class Trace {
	private readonly _events: Event[] = [];

	/** Bytes received, packets handed out, or something else that happened. */
	note(now: number, what: string, bytes?: readonly number[] | Bytes): void {
		const last = this._events.at(-1);
		if (what === RECEIVED && last?.[1] === RECEIVED && last[0] === now) {
			for (const byte of bytes!) (last[2] as number[]).push(byte);
			return;
		}
		this._events.push(bytes ? [now, what, bytes] : [now, what]);
		if (this._events.length > 2 * SHOWN_EVENTS) this._events.splice(0, SHOWN_EVENTS);
	}

	toString(): string {
		return this._events.map(shown).join("\n");
	}
}

function shown([now, what, bytes]: Event): string {
	const parts: string[] = [];
	for (let at = 0, end = 0; bytes && at < bytes.length; at = end) {
		while (bytes[end] === bytes[at]) end++;
		const byte = bytes[at]!.toString(16).padStart(2, "0");
		if (end - at > SHOWN_RUN) parts.push(`${byte}×${end - at}`);
		else for (let count = at; count < end; count++) parts.push(byte);
	}
	return `${now} ms: ${what} ${parts.join(" ")}`;
}
