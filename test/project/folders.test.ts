/** Folders that are made where they are needed. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeFolder } from "../../hosts/node/folders.js";

const folder = mkdtempSync(join(tmpdir(), "veleta-folders-"));
after(() => rmSync(folder, { recursive: true }));

test("a folder is made with those above it; the outermost one is told, if one was made", () => {
	const path = join(folder, "a/b/c");
	assert.equal(makeFolder(path), join(folder, "a"));
	assert.ok(existsSync(path));
	assert.equal(makeFolder(path), undefined);
	assert.equal(makeFolder(join(folder, "a/b/d")), join(folder, "a/b/d"));
});

test("where a file has the name, or that of a folder above it, there is an error", () => {
	const file = join(folder, "file");
	writeFileSync(file, "");
	for (const path of [file, join(file, "a"), join(file, "a/b")]) {
		assert.throws(() => makeFolder(path), { code: "ENOTDIR" }, path);
	}
});

test("a file system that takes no folders says so", { skip: !existsSync("/proc/self") && "there is no /proc" }, () => {
	assert.throws(() => makeFolder("/proc/veleta/a"), { code: "ENOENT" });
});
