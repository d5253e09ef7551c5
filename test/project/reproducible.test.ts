/** The same sources make the same JavaScript, wherever they lie and whenever it is built: a part of checking an image. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { deepEqual, equal, ok } from "../harness/harness.ts";

/** Tests run in the project's folder. */
const root = process.cwd();
/** All that a build reads; the packages come with it, as `npm ci` puts them there. */
const SOURCES = ["commands", "hosts", "src", "tools", "manifest.json", "package.json", "tsconfig.json"];
/** Those that a build needs. */
const PACKAGES = [
	"@esbuild",
	"esbuild",
	"@jridgewell",
	"acorn",
	"buffer-from",
	"commander",
	"mqtt-packet",
	"source-map",
	"source-map-support",
	"terser",
];

/** Builds in a folder of its own, and gives each file that was built. */
function built(folder: string, environment: Readonly<Record<string, string>>): Map<string, Buffer> {
	mkdirSync(folder, { recursive: true });
	for (const name of SOURCES) cpSync(join(root, name), join(folder, name), { recursive: true });
	for (const name of PACKAGES)
		cpSync(join(root, "node_modules", name), join(folder, "node_modules", name), {
			recursive: true,
			dereference: true,
		});
	const { status, stderr } = spawnSync(process.execPath, [join(folder, "tools/run.js"), "commands/build.ts"], {
		cwd: folder,
		env: { PATH: process.env.PATH, ...environment },
		encoding: "utf8",
	});
	equal(status, 0, stderr);
	const files = new Map<string, Buffer>();
	for (const name of readdirSync(join(folder, "build"), { recursive: true, encoding: "utf8" }).sort()) {
		const path = join(folder, "build", name);
		// Programs for Node know their engine's path.
		if (statSync(path).isFile() && !name.startsWith("programs/")) files.set(name, readFileSync(path));
	}
	return files;
}

test("two folders, two times and two users make the same JavaScript, byte for byte", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-same-"));
	try {
		const [one, other] = [join(folder, "a"), join(folder, "a longer name/with another one in it")];
		const first = built(one, { TZ: "UTC", HOME: one, USER: "one", LANG: "C" });
		const second = built(other, { TZ: "Asia/Tokyo", HOME: other, USER: "other", LANG: "es_ES.UTF-8" });
		for (const name of ["firmware.js", "modules/config.js", "modules/esp32/main.js", "modules/esp32/station.js"])
			ok(first.has(name), `${name} is among ${[...first.keys()].join(" ")}`);
		deepEqual([...second.keys()], [...first.keys()]);
		for (const [name, bytes] of first) {
			ok(bytes.equals(second.get(name)!), `${name} differs`);
			for (const path of [one, other, root]) ok(!bytes.includes(path), `${name} has the path ${path} in it`);
		}
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("ESP-IDF is asked for images without the time of the build, and no C of the project has it", () => {
	const options = readFileSync(join(root, "hosts/esp32/sdkconfig/sdkconfig.defaults"), "utf8").split("\n");
	ok(options.includes("CONFIG_APP_REPRODUCIBLE_BUILD=y"));
	const names = readdirSync(join(root, "hosts"), { recursive: true, encoding: "utf8" });
	for (const name of names.filter((name) => /\.[ch]$/.test(name)))
		ok(!/__(?:DATE|TIME|TIMESTAMP)__/.test(readFileSync(join(root, "hosts", name), "utf8")), name);
});
