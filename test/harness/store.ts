/** A store in memory, and what arrives at it; times in minutes after a noon. */
import type { Arrival, ArrivedReading } from "../../commands/observatory/store/arrival.ts";
import { type Driver, type Query, StoreError } from "../../commands/observatory/store/driver.ts";

export const MINUTE = 60_000;
export const NOON = Date.UTC(2026, 10, 29, 12);

/** A reading at `state`, taken `minutes` after noon, and received at once. */
export function reading(seq: number, minutes: number, more: Partial<ArrivedReading> = {}): ArrivedReading {
	const time = NOON + minutes * MINUTE;
	return {
		...{ kind: "reading", station: "veleta/terrace", receivedAt: time, seq, time },
		...{ quantities: { temperature: 20 + seq / 100 }, isState: true, isRetained: false, isRedelivered: false },
		...more,
	};
}

export function late(seq: number, minutes: number, more: Partial<ArrivedReading> = {}): ArrivedReading {
	return reading(seq, minutes, { isState: false, ...more });
}

export function value(station: string, quantity: string, number: number, minutes: number, isRetained = false): Arrival {
	const receivedAt = NOON + minutes * MINUTE;
	return { kind: "values", station, receivedAt, isRetained, time: undefined, quantities: { [quantity]: number } };
}

/** A driver that fails when it is told to. */
export class FailingDriver implements Driver {
	readonly name: string;
	readonly dialect: Driver["dialect"];
	/** Called before each statement of a transaction; fails where it throws. */
	onStatement: () => void = () => {};
	/** Told of what each of them has found. */
	onRows: (rows: readonly unknown[]) => void = () => {};
	private readonly _driver: Driver;

	constructor(driver: Driver) {
		this._driver = driver;
		this.name = driver.name;
		this.dialect = driver.dialect;
	}

	readonly query: Query = (sql, values) => this._driver.query(sql, values);

	transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result> {
		return this._driver.transaction((query) =>
			work(async (sql, values) => {
				this.onStatement();
				const rows = await query(sql, values);
				this.onRows(rows);
				return rows;
			}),
		);
	}

	close(): Promise<void> {
		return this._driver.close();
	}
}

export const failure = () => new StoreError("the disk is full");
