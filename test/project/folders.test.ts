/** Folders that are made where they are needed. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { closeToOthers, makeFolder } from "../../hosts/node/folders.js";

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

test("a folder that is made is its user's alone, unless another mode is asked for; one that is there stays", () => {
	const umask = process.umask(0o022);
	try {
		makeFolder(join(folder, "private/a"));
		makeFolder(join(folder, "public/a"), 0o777);
		makeFolder(join(folder, "public/b"));
		const modes = ["private", "private/a", "public", "public/a", "public/b"].map(
			(name) => statSync(join(folder, name)).mode & 0o777,
		);
		assert.deepEqual(modes, [0o700, 0o700, 0o755, 0o755, 0o700]);
	} finally {
		process.umask(umask);
	}
});

test("what is below the innermost .veleta is closed to others, and nothing else", () => {
	const outer = join(folder, ".veleta");
	const inner = join(outer, "project/.veleta/observatory");
	mkdirSync(inner, { recursive: true });
	const file = join(inner, "readings.db");
	const beside = join(inner, "beside");
	for (const path of [file, beside]) writeFileSync(path, "");
	const all = [outer, join(outer, "project"), join(outer, "project/.veleta"), inner, file, beside];
	for (const path of all) chmodSync(path, 0o755);
	closeToOthers(join(outer, "nothing"));
	closeToOthers(file);
	const modes = all.map((path) => statSync(path).mode & 0o777);
	assert.deepEqual(modes, [0o700, 0o755, 0o700, 0o700, 0o700, 0o755]);
});
