/** How `npm run` builds and runs a command: `tools/run.js`, `tools/build.js`. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import test from "node:test";
import { root, writeMinified, writeWhole } from "../../tools/build.js";
import { until } from "../harness/wait.ts";

async function inFolder(run: (folder: string) => void | Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "veleta-run-"));
	try {
		await run(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

test("a file of the build that is as wanted is not touched; another is replaced by a whole one", () =>
	inFolder((folder) => {
		const path = join(folder, "below/file.js");
		writeWhole(path, "first");
		const { ino, mtimeMs } = statSync(path);
		writeWhole(path, Buffer.from("first"));
		assert.deepEqual([statSync(path).ino, statSync(path).mtimeMs], [ino, mtimeMs]);
		writeWhole(path, "second");
		assert.notEqual(statSync(path).ino, ino);
		assert.equal(readFileSync(path, "utf8"), "second");
		assert.deepEqual(readdirSync(join(folder, "below")), ["file.js"]);
	}));

test("a program is made smaller again where a part of it has changed, or a file is another's, and else is not touched", () =>
	inFolder(async (folder) => {
		const parts = ["main", "station"].map((name) => ({
			path: join(folder, `${name}.js`),
			text: `export const ${name} = { _member: 1 };`,
		}));
		const written = async () => {
			await writeMinified(parts);
			return parts.map(({ path }) => readFileSync(path, "utf8"));
		};
		const first = await written();
		for (const code of first) assert.match(code, /^\/\/ made of [0-9a-f]{64}\nexport const \w+ = \{\s+\w: 1\s+\};/);
		const times = parts.map(({ path }) => statSync(path).mtimeMs);
		assert.deepEqual(await written(), first);
		assert.deepEqual(
			parts.map(({ path }) => statSync(path).mtimeMs),
			times,
		);
		writeFileSync(parts[1]!.path, "// made of something else\n");
		assert.deepEqual(await written(), first);
		parts[0]!.text = "export const main = { _member: 2 };";
		assert.match((await written())[0]!, /: 2\s+\};/);
	}));

test("a file of the build that cannot be written is named in one line, and nothing stays of it", () =>
	inFolder((folder) => {
		writeFileSync(join(folder, "file"), "");
		const below = join(folder, "file/program.js");
		assert.throws(
			() => writeWhole(below, "text"),
			({ name, message }: Error) =>
				name === "NotWritableError" && message.startsWith(`${relative(process.cwd(), below)}: cannot be written (E`),
		);
		// A folder has the name.
		assert.throws(() => writeWhole(folder, "text"), /: cannot be written \(E/);
		assert.deepEqual(
			readdirSync(join(folder, "..")).filter((name) => name.startsWith(`${folder.split("/").at(-1)}.`)),
			[],
		);
	}));

/** npm starts a shell, and ends it alone; the shell does not become the program, as others of its kind do. */
test("a command ends when npm has ended its shell", async () => {
	const line = `"$0" tools/run.js commands/mqtt/mqtt.ts sub -h 127.0.0.1 -p 1 -t t; echo "goes on"`;
	const shell = spawn("sh", ["-c", line, process.execPath], {
		cwd: root,
		env: { ...process.env, npm_lifecycle_event: "mqtt" },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let output = "";
	for (const stream of [shell.stdout, shell.stderr]) stream.on("data", (text) => (output += text));
	let closed = false;
	// The pipes close with the last of the processes that have them.
	shell.on("close", () => (closed = true));
	await until("an attempt", () => /next attempt in /.test(output));
	shell.kill("SIGTERM");
	await until("the end of the command", () => closed);
	assert.doesNotMatch(output, /goes on/);
});
