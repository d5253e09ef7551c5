/** A file that is there as a whole or not at all, and that its user alone reads. */
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { PRIVATE_FILE } from "../../node/folders.js";

/**
 * Makes a file, unless there is one. It gets its name when it is whole and on the disk, and never takes the place of one
 * that another process has made.
 */
export function createWhole(path: string, content: Uint8Array | string): void {
	const aside = asideOf(path);
	try {
		writeAll(aside, content);
		linkSync(aside, path);
	} catch (error) {
		const { code, syscall } = error as NodeJS.ErrnoException;
		if (code === "EEXIST") return;
		if (syscall !== "link") throw error;
		// A file system without links.
		renameSync(aside, path);
	} finally {
		rmSync(aside, { force: true });
	}
}

/** Makes a file, or takes the place of the one that is there. */
export function replaceWhole(path: string, content: Uint8Array | string): void {
	const aside = asideOf(path);
	try {
		writeAll(aside, content);
		renameSync(aside, path);
	} finally {
		rmSync(aside, { force: true });
	}
}

function asideOf(path: string): string {
	return `${path}.new-${process.pid}-${Date.now().toString(36)}`;
}

/** All of it is written, so that the disk has the room from now on. */
function writeAll(path: string, content: Uint8Array | string): void {
	const file = openSync(path, "wx", PRIVATE_FILE);
	try {
		writeFileSync(file, content);
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
}
