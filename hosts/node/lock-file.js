/**
 * A file that names the process that builds in a folder. The lock of a killed
 * process does not block: the next process checks whether the first is still
 * alive. In another container or on another computer that cannot be seen: such a lock
 * holds for a time. So it spares work that is done twice, and guards nothing that
 * must not happen twice.
 */
import { readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { makeFolder, PRIVATE_FILE } from "./folders.js";

/** Time to write a lock file, in ms. If it names no process by then, its writer has died. */
const WRITTEN_WITHIN_MS = 5_000;
/** For so long a process that cannot be seen counts as alive, in ms: longer than a build takes. */
const UNSEEN_WITHIN_MS = 180_000;
/** Time between two looks at a lock file that is being written, in ms. */
const LOOK_MS = 20;
/** Attempts to take the lock, after one of a dead process, one just given back, or one being written. */
const ATTEMPTS_MAXIMUM = 10 + WRITTEN_WITHIN_MS / LOOK_MS;

/** A process that is alive has the lock. */
export class LockedError extends Error {
	name = "LockedError";
}

/**
 * Takes the lock, and returns a function that gives it back; the end of this process does, too.
 * Throws a `LockedError`.
 * @param {string} path of the lock file
 * @returns {() => void}
 */
export function takeLock(path) {
	makeFolder(dirname(path));
	for (let attempt = 1; !write(path); attempt++) {
		const { pid, alive, text } = holderOf(path) ?? {};
		if (attempt >= ATTEMPTS_MAXIMUM || (alive && pid !== undefined)) {
			throw new LockedError(`is in use by process ${pid ?? "?"}`);
		}
		if (alive) pause(LOOK_MS);
		else if (text !== undefined) breakUp(path, text);
	}
	const remove = () => rmSync(path, { force: true });
	process.on("exit", remove);
	return () => {
		process.off("exit", remove);
		remove();
	};
}

/** Where the numbers of processes are this process's: a container of a computer since it was switched on. */
const PLACE = (() => {
	try {
		const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
		return `${boot}/${readlinkSync("/proc/self/ns/pid")}/${hostname()}`;
	} catch {
		return hostname();
	}
})();

/** Whether there was no lock. */
function write(path) {
	try {
		writeFileSync(path, `${process.pid} ${startOf(process.pid)} ${PLACE}\n`, { flag: "wx", mode: PRIVATE_FILE });
		return true;
	} catch (error) {
		if (error.code === "EEXIST") return false;
		throw error;
	}
}

/** Renaming lets one of several processes take away the same dead lock; it checks that it got that lock and not a new one. */
function breakUp(path, text) {
	const aside = `${path}.${process.pid}`;
	try {
		renameSync(path, aside);
		const taken = readFileSync(aside, "utf8");
		if (taken === text) rmSync(aside);
		else renameSync(aside, path);
	} catch (error) {
		if (error.code !== "ENOENT") throw error;
	}
}

/** The process that has the lock, or `undefined` if the lock is gone. */
function holderOf(path) {
	try {
		const text = readFileSync(path, "utf8");
		const [, pid, start, place] = /^(\d+) (\d*) (\S*)\n$/.exec(text) ?? [];
		// A clock that was set back says nothing.
		const within = (ms) => Math.abs(Date.now() - statSync(path).mtimeMs) < ms;
		if (pid === undefined) return { pid, alive: within(WRITTEN_WITHIN_MS), text };
		if (isOfEarlierBoot(place)) return { pid, alive: false, text };
		if (place !== PLACE) return { pid, alive: within(UNSEEN_WITHIN_MS), text };
		return { pid, alive: isAlive(Number(pid)) && startOf(Number(pid)) === start && !hasEnded(Number(pid)), text };
	} catch (error) {
		if (error.code === "ENOENT") return undefined;
		throw error;
	}
}

/** Whether a place is this computer's before it was switched on last, by its name: a power cut leaves locks behind. */
function isOfEarlierBoot(place) {
	const [boot, , host] = place.split("/");
	const [ownBoot, , ownHost] = PLACE.split("/");
	return host !== undefined && host === ownHost && boot !== ownBoot;
}

/** `takeLock` is synchronous, so it has no other way to wait. */
function pause(ms) {
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Whether a process is over, but for its number, which nobody has asked after (proc(5), state Z). */
function hasEnded(pid) {
	return fieldsOf(pid)[0] === "Z";
}

function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error.code === "EPERM";
	}
}

/**
 * When a process started, in Linux's own count (proc(5), `starttime`), as process
 * ids are used again; elsewhere an empty text.
 */
function startOf(pid) {
	return fieldsOf(pid)[19] ?? "";
}

/** What Linux has of a process behind its name; the name itself, in parentheses, may have spaces. */
function fieldsOf(pid) {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
		return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	} catch {
		return [];
	}
}
