/** The stores that all stories are told to: SQLite, and PostgreSQL where it is installed. */
import { after } from "node:test";
import type { Driver } from "../../commands/observatory/store/driver.ts";
import { openPostgres } from "../../commands/observatory/store/postgres.ts";
import { IN_MEMORY, openSqlite } from "../../commands/observatory/store/sqlite.ts";
import { NO_POSTGRES, Postgres } from "./postgres.ts";

const TABLES = ["station", "run", "gap", "reading", "series", "value", "summary", "dirty"];

export interface StoreKind {
	readonly name: string;
	/** Why there is none here, or `false`. */
	readonly skip: string | false;
	/** One without a reading. */
	readonly open: () => Promise<Driver>;
}

let postgres: Promise<{ readonly server: Postgres; readonly driver: Driver }> | undefined;

/** Started at its first use, and one for all stories of a file. */
function startPostgres() {
	postgres ??= (async () => {
		const server = await Postgres.start();
		return { server, driver: await openPostgres(server.url) };
	})();
	return postgres;
}

after(async () => {
	if (!postgres) return;
	const { server, driver } = await postgres;
	await driver.close();
	await server.remove();
});

export const STORE_KINDS: readonly StoreKind[] = [
	{ name: "SQLite", skip: false, open: () => openSqlite(IN_MEMORY) },
	{
		name: "PostgreSQL",
		skip: NO_POSTGRES,
		open: async () => {
			const { driver } = await startPostgres();
			for (const table of TABLES) {
				// The first time there are none.
				await driver.query(`DELETE FROM ${table}`).catch(() => {});
			}
			return { ...driver, close: async () => {} };
		},
	},
];
