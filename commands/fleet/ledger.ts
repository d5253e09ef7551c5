/** Which readings the stations of a fleet have taken, which the broker has acknowledged, and which were found at the other end. */
import { NumberSet } from "./number-set.ts";

/** A station's readings, by their numbers. */
interface Account {
	readonly taken: NumberSet;
	readonly acknowledged: NumberSet;
	readonly found: NumberSet;
	/** Numbers above it are not judged: they may still be on their way. */
	due: number;
}

export interface Balance {
	/** Acknowledged by the broker, and not found. */
	readonly lost: number;
	/** Neither found nor acknowledged: they wait at the station, or it had no more room for them. */
	readonly undelivered: number;
}

export class Ledger {
	/** In all; those that were acknowledged twice count once. */
	taken = 0;
	acknowledged = 0;
	found = 0;
	private readonly _accounts: readonly Account[];

	/** Stations are counted from 0. */
	constructor(stations: number) {
		this._accounts = Array.from({ length: stations }, () => ({
			...{ taken: new NumberSet(), acknowledged: new NumberSet(), found: new NumberSet(), due: 0 },
		}));
	}

	onTaken(station: number, seq: number): void {
		if (this._accounts[station]!.taken.add(seq)) this.taken++;
	}

	onAcknowledged(station: number, seq: number): void {
		if (this._accounts[station]!.acknowledged.add(seq)) this.acknowledged++;
	}

	/** Returns whether it is new. A station may be one of another fleet with these ids. */
	onFound(station: number, seq: number): boolean {
		const isNew = this._accounts[station]?.found.add(seq) ?? true;
		if (isNew) this.found++;
		return isNew;
	}

	/** From now on, only what has been taken until now is judged. */
	close(): void {
		for (const account of this._accounts) account.due = account.taken.highest;
	}

	/** Whether all of a station that is due was found. */
	isComplete(station: number): boolean {
		return missingOf(this._accounts[station]!).next().done === true;
	}

	/** What is due and was not found. */
	balance(): Balance {
		let [lost, undelivered] = [0, 0];
		for (const account of this._accounts) {
			for (const seq of missingOf(account)) {
				if (account.acknowledged.has(seq)) lost++;
				else undelivered++;
			}
		}
		return { lost, undelivered };
	}
}

function* missingOf({ taken, found, due }: Account): Generator<number> {
	for (const seq of taken.without(found)) if (seq <= due) yield seq;
}
