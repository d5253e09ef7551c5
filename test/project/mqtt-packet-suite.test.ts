/**
 * mqtt-packet's own test suite against `build/modules/mqtt-packet.js` inside
 * XS, with its primordials frozen as on a board: the proof that the stand-ins
 * for Node's modules and the edits hold. The firmware is made of
 * `mqtt-packet-client.js`, the same without the packets that a client never
 * reads or never writes, and without the reading of properties, which is the
 * decoder's: the suite's other cases have to pass there, too.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "node:test";
import { createContext, runInContext } from "node:vm";
import { build, type Plugin } from "esbuild";
import { Engine, eventOf } from "../../hosts/sim/headless/engine.ts";

const harness = join(process.cwd(), "test/harness/mqtt-packet-suite");
const bundle = join(process.cwd(), "build/modules/mqtt-packet.js");
const clientBundle = join(process.cwd(), "build/modules/mqtt-packet-client.js");
const suite = join(createRequire(join(process.cwd(), "package.json")).resolve("mqtt-packet"), "../test.js");

/** Cases and assertions of mqtt-packet 9.0.2, as tape counts them on Node. */
const CASES = 352;
const ASSERTIONS = 658;

/** Cases that need more than the heap of XS holds: they have to fail there, and to pass on Node with the same bundle. */
const NODE_ONLY: Record<string, string> = {
	"Max payload publish packet parse": "three times 256 MiB",
	"Max payload publish packet generate": "three times 256 MiB",
	"Max payload publish packet mirror": "three times 256 MiB",
	"Max payload publish packet writeToStream": "three times 256 MiB",
	"Length var byte integer over max allowed value throws error": "a payload of 256 MiB",
};
const ALLOCATION_MAXIMUM = 1_000_000;

/** Cases that read or write a packet that is left out for a client, and how mqtt-packet refuses what it does not know. */
const LEFT_OUT_CASES = 110;
const REFUSAL = /Not supported|Unknown command/;
/**
 * Cases that fail otherwise: one reads a CONNECT and does no more with an error than count it, one asks for a switch,
 * and in one the reader throws what it would tell the parser's listeners.
 */
const OTHER_FAILURES: Record<string, RegExp> = {
	"stops parsing after first error": /./,
	"Unknown property": /Unknown property/,
};

/** For a client the properties are read by what the parser is given: here by mqtt-packet's own reader. */
const WITH_READER = `
	const whole = require(${JSON.stringify(bundle)}).default;
	const client = require("mqtt-packet").default;
	const readProperties = (packet, list, at) => {
		const reader = Object.assign(whole.parser(), { packet, _list: list, _pos: at });
		const properties = reader._parseProperties();
		if (Object.keys(properties).length > 0) packet.properties = properties;
		return reader._pos;
	};
	module.exports = { ...client, parser: (options) => client.parser({ ...options, readProperties }) };`;

/** What the suite requires, and what the bundle imports. */
const modules: Record<string, string> = {
	"./": `module.exports = require("mqtt-packet").default;`,
	tape: `module.exports = require("./tape.ts").test;`,
	"readable-stream": `const { Writable } = require("./writable.ts"); exports.Writable = () => new Writable();`,
	util: "exports.inspect = String;",
	"text/encoder": "export default globalThis.TextEncoder;",
	"text/decoder": "export default globalThis.TextDecoder;",
};
const suiteModules = (bundle: string): Plugin => ({
	name: "suite",
	setup({ onResolve, onLoad }) {
		onResolve({ filter: /^(\.\/|tape|readable-stream|util|text\/.*)$/ }, ({ path }) => ({ path, namespace: "suite" }));
		onLoad({ filter: /.*/, namespace: "suite" }, ({ path }) => ({
			contents: path === "./" && bundle === clientBundle ? WITH_READER : modules[path]!,
			resolveDir: harness,
		}));
	},
});

async function bundleSuite(bundle: string): Promise<string> {
	const { outputFiles } = await build({
		stdin: {
			contents: `import "./buffer.ts"; import "mqtt-packet-suite"; import "./commands.ts";`,
			resolveDir: harness,
		},
		bundle: true,
		write: false,
		platform: "neutral",
		target: "es2023",
		alias: { "mqtt-packet": bundle, "mqtt-packet-suite": suite },
		plugins: [suiteModules(bundle)],
	});
	return outputFiles[0]!.text;
}

/** Freezes whatever can be reached from the globals, as mcconfig does for a board. */
const FREEZE_PRIMORDIALS = `
	(() => {
		const seen = new Set();
		const freeze = (value) => {
			if (Object(value) !== value || seen.has(value)) return;
			seen.add(value);
			Object.freeze(value);
			freeze(Object.getPrototypeOf(value));
			for (const key of Reflect.ownKeys(value)) {
				const { value: member, get, set } = Object.getOwnPropertyDescriptor(value, key);
				freeze(member);
				freeze(get);
				freeze(set);
			}
		};
		for (const name of Object.getOwnPropertyNames(globalThis)) {
			if (globalThis[name] !== globalThis) freeze(globalThis[name]);
		}
		freeze((function* () {})());
		freeze([][Symbol.iterator]());
	})();`;

interface Result {
	assertions: number;
	failures: string[];
}

/** As `commands.ts` has them. */
const Ask = { Names: 0, Start: 1, Judge: 2 };

/** The suite in some engine, case by case; `tell` resolves with what the suite replied, if it did. */
class Suite {
	private readonly _tell: (kind: number, count: number) => Promise<string | undefined>;

	constructor(tell: (kind: number, count: number) => Promise<string | undefined>) {
		this._tell = tell;
	}

	async names(): Promise<string[]> {
		return JSON.parse((await this._tell(Ask.Names, 0))!);
	}

	async run(index: number): Promise<Result> {
		await this._tell(Ask.Start, index);
		return JSON.parse((await this._tell(Ask.Judge, index))!);
	}
}

/** In this process, but with globals of its own and none of Node's. */
function suiteOnNode(script: string): Suite {
	let reply: string | undefined;
	const act = (_kind: number, _id: number, _value: number, text: string) => {
		reply = text;
	};
	const context = createContext({ TextEncoder, TextDecoder, act });
	runInContext(script, context);
	return new Suite(async (kind, count) => {
		reply = undefined;
		context.onEvent(kind, 0, count);
		await new Promise(setImmediate); // the promise jobs
		return reply;
	});
}

async function suiteOnXs(script: string, engine: Engine): Promise<Suite> {
	await engine.evaluate(FREEZE_PRIMORDIALS);
	await engine.evaluate(`globalThis.allocationMaximum = ${ALLOCATION_MAXIMUM};`);
	await engine.evaluate(script);
	return new Suite(async (kind, count) => {
		const [answer] = await engine.tell(eventOf(kind, count));
		return answer && Buffer.from(answer.bytes).toString();
	});
}

test("mqtt-packet's test suite inside XS, primordials frozen", async (context) => {
	const script = await bundleSuite(bundle);
	const engine = new Engine();
	try {
		const xs = await suiteOnXs(script, engine);
		const names = await xs.names();
		equal(names.length, CASES);
		for (const name of Object.keys(NODE_ONLY)) ok(names.includes(name), `there is no case "${name}" any more`);
		const node = suiteOnNode(script);
		let assertions = 0;
		for (const [index, name] of names.entries()) {
			await context.test(name, async () => {
				let result = await xs.run(index);
				if (name in NODE_ONLY) {
					ok(result.failures.length > 0, "passes inside XS: it need not be listed any more");
					result = await node.run(index);
				}
				assertions += result.assertions;
				deepEqual(result.failures, []);
			});
		}
		equal(assertions, ASSERTIONS);
	} finally {
		engine.close();
	}
});

test("of mqtt-packet for a client nothing is left out but packets that a client never reads or writes, and the reading of properties", async () => {
	const script = await bundleSuite(clientBundle);
	const engine = new Engine();
	try {
		const xs = await suiteOnXs(script, engine);
		const node = suiteOnNode(script);
		let leftOut = 0;
		for (const [index, name] of (await xs.names()).entries()) {
			const { failures } = await (name in NODE_ONLY ? node : xs).run(index);
			if (failures.length === 0) continue;
			ok((OTHER_FAILURES[name] ?? REFUSAL).test(failures.join()), `${name}: ${failures}`);
			leftOut++;
		}
		equal(leftOut, LEFT_OUT_CASES);
	} finally {
		engine.close();
	}
});

test("the bundled mqtt-packet asks for nothing of Node's", () => {
	for (const module of [bundle, clientBundle]) {
		const source = readFileSync(module, "utf8");
		deepEqual(source.match(/(?<![.\w$])(process|global|console|setTimeout|setImmediate)\b/g), null);
		deepEqual(
			Array.from(source.matchAll(/\bfrom"([^"]*)"/g), ([, name]) => name),
			["text/decoder", "text/encoder"],
		);
	}
});
