/**
 * A file that says which process uses another file. It outlives a process that
 * was killed, and is then in nobody's way: the next one looks whether the
 * process is still alive.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A lock file without a process in it is being written; after this time, in ms, whoever wrote it has died. */
const WRITTEN_WITHIN_MS = 5_000;
/** Time between two looks at a lock file that is being written, in ms. */
const LOOK_MS = 20;
/** Each attempt but the last finds the lock of a dead process, one that is just given back, or one that is being written. */
const ATTEMPTS_MAXIMUM = 10 + WRITTEN_WITHIN_MS / LOOK_MS;

export class LockFile {
	private readonly _path: string;
	private readonly _release = () => rmSync(this._path, { force: true });

	/** Throws an Error if a process that is alive has the lock. It is given back by `release`, or when this process ends. */
	constructor(path: string) {
		this._path = path;
		mkdirSync(dirname(path), { recursive: true });
		for (let attempt = 1; !this._take(); attempt++) {
			const holder = holderOf(path);
			const { pid, alive, text } = holder ?? {};
			if (attempt >= ATTEMPTS_MAXIMUM || (alive && pid !== undefined)) {
				throw new Error(`is in use by process ${pid ?? "?"}; if that is no station, remove ${path}`);
			}
			if (alive) pause(LOOK_MS);
			else if (text !== undefined) this._breakUp(text);
		}
		process.on("exit", this._release);
	}

	release(): void {
		process.off("exit", this._release);
		this._release();
	}

	private _take(): boolean {
		try {
			writeFileSync(this._path, `${process.pid} ${startOf(process.pid)}\n`, { flag: "wx" });
			return true;
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
			throw error;
		}
	}

	/** Of several processes that find the same dead lock, the renaming lets one through; it looks whether it has got that lock. */
	private _breakUp(text: string): void {
		const aside = `${this._path}.${process.pid}`;
		try {
			renameSync(this._path, aside);
			const taken = readFileSync(aside, "utf8");
			if (taken === text) rmSync(aside);
			else renameSync(aside, this._path);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		}
	}
}

/** Who has the lock, or `undefined` if nobody has it any more. */
function holderOf(path: string): { pid: number | undefined; alive: boolean; text: string } | undefined {
	try {
		const text = readFileSync(path, "utf8");
		const [, pid, start] = /^(\d+) (\d*)\n$/.exec(text) ?? [];
		if (pid === undefined) {
			return { pid, alive: Date.now() - statSync(path).mtimeMs < WRITTEN_WITHIN_MS, text };
		}
		return { pid: Number(pid), alive: isAlive(Number(pid)) && startOf(Number(pid)) === start, text };
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

/** The lock is taken in a constructor, which cannot wait in another way. */
function pause(ms: number): void {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}

/**
 * When a process started, in Linux's own count (proc(5), `starttime`), for a
 * number of a process that is used again; elsewhere an empty text.
 */
function startOf(pid: number): string {
	try {
		// The second field, a name in parentheses, may have spaces; `starttime` is the twentieth after it.
		const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
		return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
	} catch {
		return "";
	}
}
