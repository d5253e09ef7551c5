/** Hours of the store for Home Assistant: those that it does not have as they are now. */
import type { HourSource, HourStatistics } from "../home-assistant/history.ts";
import type { Subject } from "../home-assistant/statistic.ts";
import type { Driver } from "./driver.ts";
import { quantityView } from "./store.ts";
import { HOUR_MS } from "./times.ts";

export class Hours implements HourSource {
	private readonly _driver: Driver;
	/** Series that were told of, by their subjects. */
	private readonly _series = new Map<string, number>();

	constructor(driver: Driver) {
		this._driver = driver;
	}

	/** Only hours that are over are summed up. Throws a `StoreError`. */
	async due(limit: number, _now: number, except: readonly Subject[]): Promise<readonly HourStatistics[]> {
		const others = except.flatMap((subject) => this._series.get(keyOf(subject)) ?? []);
		const rows = await this._driver.query(
			`SELECT summary.*, series.quantity, station.topic FROM summary JOIN series ON series.id = summary.series
				JOIN station ON station.id = series.station WHERE summary.level = ${HOUR_MS} AND summary.told <> summary.version
				${others.length > 0 ? `AND summary.series NOT IN (${others.map(() => "?").join(", ")})` : ""} ORDER BY summary.start LIMIT ?`,
			[...others, limit],
		);
		return rows.map(({ series, quantity, topic, start, sum, count, minimum, maximum, version }) => {
			const subject = { topic: String(topic), quantity: String(quantity) };
			this._series.set(keyOf(subject), Number(series));
			return {
				...subject,
				unit: quantityView(subject.quantity).unit,
				start: Number(start),
				mean: Number(sum) / Number(count),
				min: Number(minimum),
				max: Number(maximum),
				version: Number(version),
			};
		});
	}

	/** Throws a `StoreError`. */
	confirmed(hours: readonly HourStatistics[]): Promise<void> {
		return this._driver.transaction(async (query) => {
			for (const { start, version, ...subject } of hours) {
				const series = this._series.get(keyOf(subject));
				if (series === undefined) continue;
				await query(
					`UPDATE summary SET told = ? WHERE series = ? AND level = ${HOUR_MS} AND start = ? AND version = ?`,
					[version, series, start, version],
				);
			}
		});
	}
}

function keyOf({ topic, quantity }: Subject): string {
	return JSON.stringify([topic, quantity]);
}
