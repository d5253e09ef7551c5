/** SQLite, in a file. */
import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type Database from "libsql";
import { closeToOthers, makeFolder, PRIVATE_FILE } from "../../../hosts/node/folders.js";
import { messageOf } from "../../../src/text.ts";
import { type Driver, type Query, Queue, type Row, StoreError, type Value } from "./driver.ts";

/** Errors, by the beginning of their codes, that say nothing against the data; in words for people. */
const PROBLEMS: readonly (readonly [code: string, problem: string])[] = [
	["SQLITE_BUSY", "another program has locked it"],
	["SQLITE_LOCKED", "another program has locked it"],
	["SQLITE_FULL", "the disk is full"],
	["SQLITE_IOERR", "the disk cannot be read or written"],
	["SQLITE_CANTOPEN", "it cannot be opened"],
	["SQLITE_READONLY", "it must not be written"],
	["SQLITE_NOTADB", "it is no SQLite database"],
	["SQLITE_CORRUPT", "it is damaged"],
	["SQLITE_NOMEM", "there is no memory left"],
	["EACCES", "its folder must not be written"],
	["EROFS", "its disk must not be written"],
	["ENOTDIR", "a part of its folder is a file"],
	["ENOENT", "its folder cannot be made there"],
	["ENOSPC", "the disk is full"],
];
/** The beginnings of the codes that say that the data cannot be stored. Whatever else fails may work later. */
const OF_DATA = ["SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_RANGE", "SQLITE_TOOBIG"];
/** Prepared statements that are kept, each way: their texts are few, but for the number of rows. */
const STATEMENTS_MAXIMUM = 200;

/** In place of a path: nothing is kept. */
export const IN_MEMORY = ":memory:";

/** Opens or makes the file. Throws a `StoreError`. */
export async function openSqlite(path: string): Promise<Driver> {
	const library = await loadLibrary();
	const writer = new Connection(library, path);
	// A snapshot of what is committed, also while the other one writes.
	const reader = path === IN_MEMORY ? writer : new Connection(library, path);
	const transactions = new Queue();
	return {
		name: path,
		query: async (sql, values) => reader.run(sql, values),
		transaction: (work) => transactions.add(() => writer.transaction(work)),
		dialect: {
			id: "INTEGER PRIMARY KEY",
			clustered: "WITHOUT ROWID",
			forUpdate: "",
			isMade: "SELECT 1 AS made FROM sqlite_master WHERE name = 'veleta_schema'",
			exclusive: undefined,
			partitioned: "",
			partitions: () => [],
		},
		close: async () => {
			await transactions.empty();
			reader.close();
			writer.close();
		},
	};
}

/** Its binary is there for Linux, macOS and Windows on the usual processors. */
async function loadLibrary(): Promise<typeof Database> {
	try {
		return (await import("libsql")).default;
	} catch {
		throw new StoreError("SQLite (libsql) has no build for this computer: --store takes PostgreSQL");
	}
}

class Connection {
	private readonly _library: typeof Database;
	private readonly _path: string;
	private _isClosed = false;
	private _database: Database.Database | undefined;
	private readonly _statements = new Map<string, Database.Statement>();

	constructor(library: typeof Database, path: string) {
		this._library = library;
		this._path = path;
		this._open();
	}

	readonly run = (sql: string, values: readonly Value[] = []): readonly Row[] => {
		try {
			const statement = this._prepared(sql);
			if (statement.reader) return statement.all(...values) as Row[];
			statement.run(...values);
			return [];
		} catch (error) {
			throw this._explained(error);
		}
	};

	async transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result> {
		this.run("BEGIN IMMEDIATE");
		try {
			const result = await work(async (sql, values) => this.run(sql, values));
			this.run("COMMIT");
			return result;
		} catch (error) {
			this._rollBack();
			throw error;
		}
	}

	/** For good. */
	close(): void {
		this._isClosed = true;
		this._giveUp();
	}

	private _giveUp(): void {
		this._statements.clear();
		this._database?.close();
		this._database = undefined;
	}

	private _open(): Database.Database {
		if (this._isClosed) throw new StoreError(`${this._path}: it was closed`);
		try {
			if (this._path !== IN_MEMORY) makeFile(this._path);
			// It does not wait for a lock: this thread has other work.
			const database = new this._library(this._path, { timeout: 0 });
			this._database = database;
			database.exec("PRAGMA journal_mode = WAL");
			// What is committed outlives a power cut.
			database.exec("PRAGMA synchronous = FULL");
			return database;
		} catch (error) {
			const { code = "" } = error as { code?: string };
			// The library's own words are not for people.
			if (!PROBLEMS.some(([prefix]) => code.startsWith(prefix)))
				throw new StoreError(`${this._path}: it cannot be opened or made`);
			throw this._explained(error);
		}
	}

	private _prepared(sql: string): Database.Statement {
		const database = this._database ?? this._open();
		let statement = this._statements.get(sql);
		if (!statement) {
			if (this._statements.size >= STATEMENTS_MAXIMUM) this._statements.clear();
			statement = database.prepare(sql);
			this._statements.set(sql, statement);
		}
		return statement;
	}

	/** Some errors have rolled it back already. */
	private _rollBack(): void {
		try {
			if (this._database?.inTransaction) this._database.exec("ROLLBACK");
		} catch {
			// With a new connection the transaction is gone.
			this._giveUp();
		}
	}

	private _explained(error: unknown): StoreError {
		if (error instanceof StoreError) return error;
		const { code = "" } = error as { code?: string };
		const [, problem = messageOf(error)] = PROBLEMS.find(([prefix]) => code.startsWith(prefix)) ?? [];
		return new StoreError(
			`${this._path}: ${problem}${code === "" ? "" : ` (${code})`}`,
			OF_DATA.some((prefix) => code.startsWith(prefix)),
		);
	}
}

/** The library would make the file as the umask says. Those beside it, -wal and -shm, get the same mode (SQLite). */
function makeFile(path: string): void {
	makeFolder(dirname(path));
	try {
		closeSync(openSync(path, "wx", PRIVATE_FILE));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
	}
	for (const name of [path, `${path}-wal`, `${path}-shm`]) closeToOthers(name);
}
