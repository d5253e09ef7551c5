/** Opens a database by its name on a command line. */
import { existsSync } from "node:fs";
import { type Driver, StoreError } from "./driver.ts";
import { openPostgres } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";

export function isPostgres(store: string): boolean {
	return /^postgres(ql)?:\/\//i.test(store);
}

/** `isMade`: for whoever only reads; there has to be a store in it. Throws a `StoreError`. */
export async function openStore(store: string, { isMade = false } = {}): Promise<Driver> {
	const isFile = !isPostgres(store);
	if (isMade && isFile && !existsSync(store)) throw new StoreError(`${store}: there is no store yet`);
	const driver = await (isFile ? openSqlite(store) : openPostgres(store));
	if (!isMade || (await driver.query(driver.dialect.isMade)).length > 0) return driver;
	await driver.close();
	throw new StoreError(`${driver.name}: there is no store yet`);
}
