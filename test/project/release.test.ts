/** `npm run release`, with tools of the SDK and of ESP-IDF that do as if: an image's program is the settings in it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inOrder, mergedImage, webManifest } from "../../commands/board/release/images.ts";
import { BOARDS } from "../../hosts/esp32/boards.ts";
import type { FlashPart } from "../../tools/firmware.js";
import { fileOf } from "../harness/npm-commands.ts";
import { Program } from "../harness/program.ts";
import { run, workingInstallation } from "../harness/sdk-installation.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-release-"));
const out = join(folder, "out");
after(() => rmSync(folder, { recursive: true }));

const read = (path: string) => readFileSync(join(out, path), "utf8");
const KEY = `04${"ab".repeat(64)}`;

/** Two boards of different chips, of the same parts as ESP-IDF's flasher has. */
const PARTS: FlashPart[] = [
	{ name: "xs_esp32.bin", offset: 0x10000, bytes: Buffer.from("program") },
	{ name: "ota_data_initial.bin", offset: 0x3d0000, bytes: Buffer.alloc(0x2000, 0xff) },
	{ name: "bootloader.bin", offset: 0x1000, bytes: Buffer.from("boot") },
	{ name: "partition-table.bin", offset: 0x8000, bytes: Buffer.from("table") },
];

test("a merged image has each part in its place, and what is between them is erased", () => {
	const image = Buffer.from(mergedImage(PARTS));
	assert.equal(image.length, 0x3d2000);
	for (const { offset, bytes } of PARTS) {
		assert.deepEqual(image.subarray(offset, offset + bytes.length), Buffer.from(bytes));
		image.fill(0xff, offset, offset + bytes.length);
	}
	assert.ok(image.every((byte) => byte === 0xff));
	// Of the partition table: waiting readings are where no image comes.
	assert.match(readFileSync("hosts/esp32/partitions.csv", "utf8"), /^veleta, .* 0x3e0000, /m);
});

test("parts that lie over each other are no image", () => {
	const over = [...PARTS, { name: "more.bin", offset: 0x10006, bytes: Buffer.alloc(1) }];
	assert.throws(() => mergedImage(over), { message: "more.bin begins at 0x10006, where another part is" });
});

test("the installer of the page leaves what no part covers: settings and readings", () => {
	const { builds, ...rest } = webManifest("1.2.3", "ESP32", PARTS);
	assert.deepEqual(rest, { name: "Veleta", version: "1.2.3", new_install_prompt_erase: true });
	assert.deepEqual(builds, [
		{
			chipFamily: "ESP32",
			parts: [
				{ path: "bootloader.bin", offset: 0x1000 },
				{ path: "partition-table.bin", offset: 0x8000 },
				{ path: "xs_esp32.bin", offset: 0x10000 },
				{ path: "ota_data_initial.bin", offset: 0x3d0000 },
			],
		},
	]);
	assert.deepEqual(inOrder(PARTS)[0], PARTS[2]);
});

test("a release has images without settings, a page that needs nobody else, and sums that hold", () => {
	const { environment, remove, calls } = workingInstallation();
	try {
		const args = ["--folder", out, "--board", "esp32c3", "--board", "nodemcu32s", "--update-key", KEY];
		const { status, stdout, stderr } = run("release", args, environment);
		assert.equal(status, 0, stderr);
		assert.match(
			stdout,
			/^made \S+ for esp32c3, nodemcu32s\nnext: `npm run release -- --folder \S+ --serve`, and open/m,
		);
		assert.match(stderr, /^1\/2 esp32c3: .*\n(.*\n)*2\/2 nodemcu32s: /m);
		assert.equal(calls().filter((call) => call.startsWith("mcconfig")).length, 2);
		for (const board of ["esp32c3", "nodemcu32s"]) {
			// The image of this test is the settings' module.
			const program = read(`${board}/xs_esp32.bin`);
			const [, settings = ""] = /^export default Object\.freeze\((.*), true\);$/m.exec(program) ?? [];
			assert.deepEqual(JSON.parse(settings), { updateKeys: [KEY] });
			assert.match(program, new RegExp(`"name":"${board}"`));
			const merged = readFileSync(join(out, `veleta-0.1.0-${board}.bin`));
			assert.equal(merged.subarray(0x10000, 0x10000 + program.length).toString(), program);
			assert.equal(JSON.parse(read(`${board}/manifest.json`)).builds[0].chipFamily, BOARDS[board]!.chip.title);
		}
		assert.deepEqual(
			JSON.parse(read("release.json")).boards.map(({ name }: { name: string }) => name),
			["esp32c3", "nodemcu32s"],
		);
		const sums = spawnSync("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: out, encoding: "utf8" });
		assert.equal(sums.status, 0, sums.stderr);
		const files = (readdirSync(out, { recursive: true, withFileTypes: true }) as { isFile(): boolean }[]).filter(
			(entry) => entry.isFile(),
		).length;
		assert.equal(sums.stdout.trim().split("\n").length, files - 1);
		for (const script of ["app.js", "esp-web-tools/install-button.js"]) {
			assert.doesNotMatch(read(script), /import\(?["']https?:/, script);
		}
	} finally {
		remove();
	}
});

test("a release takes the place of the one before, and of nothing else", () => {
	const { environment, remove } = workingInstallation();
	const mine = join(folder, "mine");
	mkdirSync(mine);
	writeFileSync(join(mine, "thesis.txt"), "");
	try {
		const again = run("release", ["--folder", out, "--board", "esp32c3"], environment);
		assert.equal(again.status, 0, again.stderr);
		assert.ok(!existsSync(join(out, "nodemcu32s")) && !existsSync(join(out, "veleta-0.1.0-nodemcu32s.bin")));
		assert.match(read("esp32c3/xs_esp32.bin"), /^export default Object\.freeze\(\{\}, true\);$/m);
		const refused = run("release", ["--folder", mine, "--board", "esp32c3"], environment);
		assert.equal(refused.status, 1);
		assert.equal(refused.stderr, `${mine} has thesis.txt, which is no release's: name a new folder\n`);
		assert.deepEqual(readdirSync(mine), ["thesis.txt"]);
	} finally {
		remove();
	}
});

test("a build that fails leaves the release of before as it was", () => {
	const before = read("SHA256SUMS");
	const { environment, remove } = workingInstallation("cmake");
	try {
		const { status, stderr } = run("release", ["--folder", out, "--board", "esp32c3"], environment);
		assert.equal(status, 1);
		assert.match(stderr, /^ESP-IDF did not build the firmware; what it said last is above\n$/m);
		assert.equal(read("SHA256SUMS"), before);
	} finally {
		remove();
	}
});

test("wrong options are told, and nothing is built", () => {
	for (const [args, why] of [
		[["--board", "esp8266"], /^--board esp8266: the boards are esp32, /],
		[["--update-key", "04ab"], /^--update-key: needs 04 and 128 hexadecimal digits in lower case$/],
		[Array(5).fill(["--update-key", KEY]).flat(), /^--update-key: has more than 4 keys$/],
		[["--serve", "--board", "esp32"], /^--serve: serves what was made, and makes nothing$/],
		[["--http-port", "80"], /^--http-port goes with --serve$/],
		[["--serve", "--http-port", "65536"], /^--http-port 65536: must be a whole number from 0 to 65535$/],
	] as const) {
		const { status, stderr } = run("release", args as string[]);
		assert.equal(status, 2, stderr);
		assert.match(stderr.trimEnd(), why);
	}
	const { status, stderr } = run("release", ["--serve", "--folder", join(folder, "nothing")]);
	assert.equal(status, 1);
	assert.equal(stderr, "no release is there: `npm run release` makes one\n");
});

test("what is served is the release's files, and nothing beside them", async () => {
	const args = ["tools/run.js", fileOf("release"), "--folder", out, "--serve", "--http-port", "0"];
	const server = new Program("release", process.execPath, args, process.cwd());
	const page = await server.line(/^http:\/\/localhost:/);
	const origin = new URL(page).origin.replace("localhost", "127.0.0.1");
	const get = async (path: string, method = "GET") => {
		const response = await fetch(origin + path, { method });
		return [response.status, response.headers.get("content-type"), (await response.arrayBuffer()).byteLength] as const;
	};
	assert.deepEqual(await get("/"), await get("/install.html"));
	assert.deepEqual((await get("/install.html")).slice(0, 2), [200, "text/html; charset=utf-8"]);
	assert.deepEqual(await get("/esp32c3/bootloader.bin"), [200, "application/octet-stream", 11]);
	assert.deepEqual(await get("/esp32c3/bootloader.bin", "HEAD"), [200, "application/octet-stream", 0]);
	for (const path of ["/esp32c3", "/../package.json", "/%2e%2e/package.json", "/esp32c3/../../x"])
		assert.equal((await get(path))[0], 404);
	assert.equal((await get("/install.html", "POST"))[0], 405);
	const port = new URL(page).port;
	const second = run("release", ["--folder", out, "--serve", "--http-port", port]);
	assert.equal(second.stderr, `--http-port ${port}: is in use\n`);
	server.signal("SIGINT");
	assert.deepEqual(await server.ended(), { code: 0, signal: null });
});
