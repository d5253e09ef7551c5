/** The id that a simulated station keeps, whom nobody has named. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { keptId } from "../../hosts/sim/headless/kept-id.ts";
import { createWhole } from "../../hosts/sim/headless/whole-file.ts";

function inFolder(run: (folder: string) => void): void {
	const folder = mkdtempSync(join(tmpdir(), "veleta-id-"));
	try {
		run(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

test("it is made once in each folder, which is made for it, and another folder has another one", () =>
	inFolder((folder) => {
		const ids = Array.from({ length: 8 }, (_, index) => {
			const path = join(folder, `${index}`, ".veleta/id");
			const { id, madeFolder } = keptId(path);
			assert.match(id, /^sim-[0-9a-f]{4}$/);
			assert.equal(madeFolder, join(folder, `${index}`));
			assert.deepEqual(keptId(path), { id, madeFolder: undefined });
			assert.equal(readFileSync(path, "utf8"), `${id}\n`);
			assert.deepEqual(readdirSync(join(path, "..")), ["id"]);
			return id;
		});
		// Eight of the same are no accident.
		assert.ok(new Set(ids).size > 1, ids.join());
	}));

test("of two that make it at once one is kept", () =>
	inFolder((folder) => {
		const path = join(folder, "id");
		createWhole(path, "sim-0001\n");
		createWhole(path, "sim-0002\n");
		assert.equal(keptId(path).id, "sim-0001");
		assert.deepEqual(readdirSync(folder), ["id"]);
	}));

test("a user may write another one, and a file without one is told, and left alone", () =>
	inFolder((folder) => {
		const path = join(folder, "id");
		writeFileSync(path, "desk");
		assert.equal(keptId(path).id, "desk");
		for (const text of ["", "\n", "my desk", "a\nb", "x".repeat(65)]) {
			writeFileSync(path, text);
			assert.throws(() => keptId(path), new Error(`${path} has no id in it: remove it, or name the station by --id`));
			assert.equal(readFileSync(path, "utf8"), text);
		}
	}));

test("a file that cannot be made is told with what to do", () =>
	inFolder((folder) => {
		writeFileSync(join(folder, "file"), "");
		assert.throws(
			() => keptId(join(folder, "file/id")),
			/file\/id, which keeps the station's id, cannot be used \(ENOTDIR\): name the station by --id$/,
		);
		assert.throws(() => keptId(folder), /cannot be used \(EISDIR\): name the station by --id$/);
	}));
