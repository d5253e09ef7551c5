/** What the observatory takes: disk for a reading, memory of Node however many come, and bytes of its page. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ArrivedReading } from "../commands/observatory/store/arrival.ts";
import { openSqlite } from "../commands/observatory/store/sqlite.ts";
import { Store } from "../commands/observatory/store/store.ts";
import { sumUp } from "../commands/observatory/store/summaries.ts";
import { bundlePage } from "../tools/page.js";

/** Of a month of minutes. */
const DAYS = 30;
const MINUTES = 1_440;
const MINUTE_MS = 60_000;
const BEGIN = Date.UTC(2026, 10, 1);
/** Readings of a batch, as a broker sends them. */
const BATCH = 50;

export interface ObservatoryCost {
	/** Bytes of the file, with summaries, for each reading of three quantities. */
	readonly bytesPerReading: number;
	/** Bytes that Node's heap has more behind the month than behind its first day. */
	readonly heapGrowth: number;
	/** Bytes of HTML, script and style sheet. */
	readonly pageBytes: number;
}

export async function observatoryCost(): Promise<ObservatoryCost> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-bench-"));
	try {
		const path = join(folder, "readings.db");
		const store = await Store.open(await openSqlite(path));
		let first = 0;
		for (let day = 0; day < DAYS; day++) {
			await storeDay(store, day);
			if (day === 0) first = heapUsed();
		}
		const heapGrowth = heapUsed() - first;
		while (await sumUp(store.driver, BEGIN + (DAYS + 1) * MINUTES * MINUTE_MS));
		await store.close();
		const { html, script, style } = await bundlePage("commands/observatory/page/browser");
		return {
			bytesPerReading: statSync(path).size / (DAYS * MINUTES),
			heapGrowth,
			pageBytes: [html, script, style].reduce((sum, text) => sum + Buffer.byteLength(text), 0),
		};
	} finally {
		rmSync(folder, { recursive: true });
	}
}

async function storeDay(store: Store, day: number): Promise<void> {
	for (let from = 0; from < MINUTES; from += BATCH) {
		const batch: ArrivedReading[] = [];
		for (let minute = from; minute < Math.min(MINUTES, from + BATCH); minute++) {
			const seq = day * MINUTES + minute + 1;
			const time = BEGIN + seq * MINUTE_MS;
			batch.push({
				...{ kind: "reading", station: "veleta/terrace", receivedAt: time, isRetained: false, isRedelivered: false },
				...{ seq, time, isState: true },
				quantities: {
					temperature: 20 + (seq % 97) / 100,
					humidity: 50 + (seq % 89) / 10,
					pressure: 1_000 + (seq % 83) / 4,
				},
			});
		}
		await store.save(batch);
	}
}

/** Bytes of what is in use, garbage apart. */
function heapUsed(): number {
	setFlagsFromString("--expose-gc");
	const collect = runInNewContext("gc") as () => void;
	collect();
	return process.memoryUsage().heapUsed;
}
