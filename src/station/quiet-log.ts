/** Warnings that others can cause: each is logged once in ten minutes. */
import type { Host } from "../host.js";

const QUIET_MS = 600_000;

export class QuietLog {
	private readonly _host: Pick<Host, "clock" | "log">;
	/** When a warning was last given, in ms, by its text; the texts are the program's own, and few. */
	private _warned: Map<string, number> | undefined;

	constructor(host: Pick<Host, "clock" | "log">) {
		this._host = host;
	}

	warn(text: string): void {
		const { clock, log } = this._host;
		const now = clock.now();
		this._warned ??= new Map();
		if (now - (this._warned.get(text) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
		this._warned.set(text, now);
		log("warning", text);
	}
}
