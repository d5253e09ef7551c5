/** What a database has to be able to do for the store, which speaks SQL that SQLite and PostgreSQL both know. */

export type Value = number | string | null;
/** By column. */
export type Row = Readonly<Record<string, Value>>;

/** Runs a statement with `?` for each value, and resolves with its rows. Throws a `StoreError`. */
export type Query = (sql: string, values?: readonly Value[]) => Promise<readonly Row[]>;

export interface Driver {
	/** For people, without a password. */
	readonly name: string;
	/** Reads what is committed. */
	readonly query: Query;
	/** All of it, or where it throws nothing. One at a time; others wait. */
	transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result>;
	readonly dialect: Dialect;
	close(): Promise<void>;
}

/** Where the two differ. */
export interface Dialect {
	/** Of a column with a number that the database counts up. */
	readonly id: string;
	/** Behind a table whose rows lie in the order of its primary key. */
	readonly clustered: string;
	/** Behind a SELECT whose rows nobody else is to change until the transaction ends. */
	readonly forUpdate: string;
	/** Has a row where the store has been made. */
	readonly isMade: string;
	/** Makes other programs wait that make tables at the same time. */
	readonly exclusive: string | undefined;
	/** Divides a table by its column `time`. */
	readonly partitioned: string;
	/** Statements behind the creation of such a table. */
	readonly partitions: (table: string) => readonly string[];
}

/** Why nothing could be stored or read, for people. */
export class StoreError extends Error {
	override name = "StoreError";
	/** Whether the data itself may be the cause: then it is of no use to try the same again. */
	readonly isOfData: boolean;

	constructor(message: string, isOfData = false) {
		super(message);
		this.isOfData = isOfData;
	}
}

/** Rows in one statement: databases limit the values of one. */
const ROWS_MAXIMUM = 500;

/** `(?, ?), (?, ?)` and so on. */
function placeholders(rows: number, columns: number): string {
	return Array(rows)
		.fill(`(${Array(columns).fill("?").join(", ")})`)
		.join(", ");
}

/** Runs a statement for many rows, some hundred at a time: `sqlOf` gets `(?, ?), …`. Resolves with the rows of all. */
export async function inChunks(
	query: Query,
	rows: readonly (readonly Value[])[],
	sqlOf: (placeholders: string) => string,
): Promise<Row[]> {
	const results: Row[] = [];
	for (let from = 0; from < rows.length; from += ROWS_MAXIMUM) {
		const chunk = rows.slice(from, from + ROWS_MAXIMUM);
		const found = await query(sqlOf(placeholders(chunk.length, chunk[0]!.length)), chunk.flat());
		for (const row of found) results.push(row);
	}
	return results;
}

/** The same for a list of values of a column: `sqlOf` gets `((?), (?), …)`. */
export function among(query: Query, values: readonly Value[], sqlOf: (list: string) => string): Promise<Row[]> {
	return inChunks(
		query,
		values.map((value) => [value]),
		(placeholders) => sqlOf(`(${placeholders})`),
	);
}

/** Runs work one after the other, whatever becomes of each. */
export class Queue {
	private _last: Promise<unknown> = Promise.resolve();

	add<Result>(work: () => Promise<Result>): Promise<Result> {
		const result = this._last.then(work);
		this._last = result.catch(() => {});
		return result;
	}

	/** Resolves when all that was added is over. */
	async empty(): Promise<void> {
		await this._last;
	}
}
