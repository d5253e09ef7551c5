/** `tools/minify.js`: a smaller program that means the same. What it is for is measured by `npm run bench`. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test from "node:test";
import { parseSettings } from "../../src/settings.ts";
import { deepEqual, equal, match, ok } from "../harness/harness.ts";
import { copyOfProject } from "../harness/mcsim.ts";
import { inTools } from "../harness/sdk-installation.ts";

/** Tests run in the project's folder. */
const root = process.cwd();

/** The parts of a program, made smaller one after the other. */
function minified(...parts: string[]): string[] {
	const result = inTools(`
		import { minified } from "./tools/minify.js";
		const names = {};
		const parts = [];
		for (const part of ${JSON.stringify(parts)}) parts.push(await minified(part, names));
		process.stdout.write(JSON.stringify(parts));`);
	return JSON.parse(result);
}

async function load(code: string): Promise<Record<string, unknown>> {
	return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

test("private members get short names, and what others read or write keeps its own, whatever mqtt-packet calls so, too", async () => {
	const code = `
		class Station {
			constructor(settings) {
				this._settings = settings;
				this._retain = settings.retain;
			}
			_names() {
				return Object.keys(this._settings);
			}
			report(options) {
				const { retain, dup, cmd } = { cmd: "publish", dup: false, retain: this._retain };
				return [JSON.stringify({ retain, dup, cmd }), options.onReadable(this._names()), "_retain"];
			}
		}
		const TABLE = [["retain", true], ["clientId", "c"], ["payload", "p"]];
		const settings = JSON.parse('{"messageId":1,"topic":"t"}');
		for (const [name, value] of TABLE) settings[name] = value;
		export const result = new Station(settings).report({ onReadable: (names) => names.join() });
		export const topic = settings.topic + settings.messageId + settings.payload;`;
	const [small] = minified(code);
	const before = await load(code);
	const after = await load(small!);
	deepEqual(after.result, before.result);
	deepEqual(after.result, [
		'{"retain":true,"dup":false,"cmd":"publish"}',
		"messageId,topic,retain,clientId,payload",
		"_retain",
	]);
	equal(after.topic, "t1p");
	deepEqual(small!.match(/_\w+/g), ["_retain"]); // the text
});

test("a class and the class that it extends, in another part of the program, keep their private members apart", async () => {
	const base = `export class Base {
		constructor() { this._count = 1; }
		first() { return this._count; }
	}`;
	const derived = `(Base) => class extends Base {
		constructor() { super(); this._other = 2; }
		all() { return [this.first(), this._count, this._other]; }
	}`;
	const [smallBase, smallDerived] = minified(base, `export const derive = ${derived};`);
	const { Base } = await load(smallBase!);
	const { derive } = await load(smallDerived!);
	const Derived = (derive as (Base: unknown) => new () => { all(): number[] })(Base);
	deepEqual(new Derived().all(), [1, 1, 2]);
});

/** What ECMA-419 calls what the ports are given, and what they call back. */
const ECMA_419 = [
	"io",
	"data",
	"clock",
	"hz",
	"pin",
	"address",
	"port",
	"onReadable",
	"onWritable",
	"onError",
	"sample",
];
const REPORT = ["temperature", "humidity", "pressure", "time", "seq"];
const constants = createRequire(join(root, "package.json")).resolve("mqtt-packet/constants.js");

test("in what boards and simulators run, settings, JSON, options and MQTT's properties have their names, and private members none", () => {
	const project = copyOfProject("minify-test");
	inTools(
		`
		import { buildFirmware } from "./tools/build.js";
		import { buildForModdable } from "./tools/device.js";
		await buildFirmware();
		for (const host of ["esp32", "mcsim"]) await buildForModdable(host);`,
		project,
	);
	const properties = Object.keys(createRequire(constants)(constants).properties);
	equal(properties.length, 27);
	const settings = [...Object.keys(parseSettings({})), ...Object.keys(JSON.parse(read("config.example.json")))];
	ok(settings.length > 20, `${settings.length} settings`);
	for (const program of ["modules/esp32", "modules/mcsim", "firmware.js"]) {
		const files = program.endsWith(".js") ? [program] : ["main.js", "station.js"].map((name) => join(program, name));
		const code = files.map((name) => read(join(project, "build", name))).join("");
		// terser gives names of one or two characters.
		deepEqual(code.match(/\._\w{2,}/g), null, program);
		const words = new Set(code.match(/[\w$]+/g));
		const missing = [...settings, ...properties, ...ECMA_419, ...REPORT].filter((name) => !words.has(name));
		deepEqual(missing, [], program);
	}
});

test("the linter wants _ before the names of private members, and of nothing else", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-names-"));
	try {
		for (const path of ["biome.json", ".gitignore", "tools/no-spread.grit"]) cpSync(path, join(folder, path));
		mkdirSync(join(folder, "src"));
		for (const [file, code] of Object.entries({
			wrong1: "export class Example {\n\tprivate readonly count = 0;\n}\n",
			wrong2: "export class Example {\n\t_count = 0;\n}\n",
			wrong3: "export const options = { _count: 0 };\n",
			wrong4: "export interface Options {\n\t_count: number;\n}\n",
			right: "export class Example {\n\tprotected count = 0;\n\tprivate readonly _other = 0;\n}\n",
		})) {
			writeFileSync(join(folder, `src/${file}.ts`), code);
		}
		const biome = join(root, "node_modules/.bin/biome");
		const { stdout, stderr } = spawnSync(biome, ["lint", "."], { cwd: folder, encoding: "utf8" });
		const found = Array.from((stdout + stderr).matchAll(/^src\/(\w+)\.ts\S* lint\/style\/useNamingConvention/gm));
		deepEqual(found.map(([, file]) => file).sort(), ["wrong1", "wrong2", "wrong3", "wrong4"]);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test("no field hides what its class inherits: fields are assigned, and on a board what is inherited may be frozen", () => {
	const FIELD = /^\t(?:readonly )?override (?:readonly )?\w+(?:: [^=;]+)?(?: =|;)/m;
	match("\toverride readonly name: string = 1;", FIELD);
	for (const folder of ["src", "hosts/esp32", "hosts/moddable", "hosts/sim/devices", "hosts/sim/mcsim"]) {
		const sources = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
		for (const name of sources.filter((name) => name.endsWith(".ts"))) {
			equal(FIELD.exec(read(join(folder, name)))?.[0], undefined, join(folder, name));
		}
	}
});

function read(path: string): string {
	return readFileSync(resolve(root, path), "utf8");
}
