/**
 * Which stations are asked whether they are there, where the broker has no retained status for who comes later. A station
 * that reports, and of which no status is known, is asked once. Without I/O.
 */

/** Stations that are remembered; more are not asked. */
const STATIONS_MAXIMUM = 20_000;
/** Stations that are asked at a time. */
const ASKED_MAXIMUM = 8;

export class StatusRequests {
	/** Those of which a status is known, or that were asked. */
	private readonly _settled = new Set<string>();
	private readonly _due = new Set<string>();
	private readonly _asked = new Set<string>();

	/** A station has said what it is. */
	told(topic: string): void {
		this._due.delete(topic);
		this._asked.delete(topic);
		if (this._settled.size < STATIONS_MAXIMUM) this._settled.add(topic);
	}

	/** A reading came. */
	heard(topic: string): void {
		if (this._settled.has(topic) || this._settled.size >= STATIONS_MAXIMUM) return;
		this._settled.add(topic);
		this._due.add(topic);
	}

	/** Those that are to be asked now. */
	due(): string[] {
		const topics = [...this._due].slice(0, ASKED_MAXIMUM);
		for (const topic of topics) {
			this._due.delete(topic);
			this._asked.add(topic);
		}
		return topics;
	}

	/** Whether a reply is the answer: then the station is there. */
	answered(topic: string): boolean {
		return this._asked.delete(topic);
	}
}
