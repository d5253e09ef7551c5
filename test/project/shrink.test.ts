/** `tools/shrink.js`: smaller, and the same program. What it is for is measured by `npm run bench`. */
import { spawnSync } from "node:child_process";
import test from "node:test";
import { Engine } from "../../hosts/sim/headless/engine.ts";
import { deepEqual, equal, match, ok } from "../harness/harness.ts";

/** Tests run in the project's folder. */
function node(script: string) {
	return spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
}

function shrink(code: string) {
	return node(`
		import { shrink } from "./tools/shrink.js";
		process.stdout.write(await shrink(${JSON.stringify(code)}));`);
}

const ENGINE_NAMES: readonly string[] = JSON.parse(
	node(`
		import { ENGINE_NAMES } from "./tools/member-names.js";
		process.stdout.write(JSON.stringify(ENGINE_NAMES));`).stdout,
);

async function load(code: string): Promise<Record<string, unknown>> {
	return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

/** The program's exports, before and after. */
async function both(code: string) {
	const { stdout, stderr } = shrink(code);
	equal(stderr, "");
	return { small: stdout, before: await load(code), after: await load(stdout) };
}

test("private fields, accessors and methods become members with short names, and do what they did", async () => {
	const { small, before, after } = await both(`var Counter = class {
  #count = 0;
  static #made = 0;
  get #twice() {
    return this.#count * 2;
  }
  *#values() {
    yield this.#count;
    yield this.#twice;
  }
  #add(by) {
    this.#count += by;
    return this;
  }
  static make() {
    Counter.#made++;
    return new Counter();
  }
  result() {
    return [...this.#add(2)?.#values(), Counter.#made, "#add"];
  }
};
var result = Counter.make().result();
export {
  result
};
`);
	deepEqual(after.result, [2, 4, 1, "#add"]);
	deepEqual(before.result, after.result);
	equal(small.match(/#/g)?.length, 1); // the text
	ok(!/\$\$|count|twice/.test(small), small);
});

/** What a program is refused for. */
function refusal(code: string): string {
	const { status, stdout, stderr } = shrink(code);
	equal(status, 1);
	equal(stdout, "");
	return stderr;
}

test("private names of a class and of its base class stay different things, and unrelated classes share short ones", async () => {
	const { small, before, after } = await both(`var Base = class {
  #name = 1;
  first() {
    return this.#name;
  }
};
var Middle = class extends Base {
};
var Derived = class _Derived extends Middle {
  #name = 2;
  all() {
    return [this.first(), this.#name];
  }
};
var Other = class {
  #unrelated = 3;
  get() {
    return this.#unrelated;
  }
};
var result = [...new Derived().all(), new Other().get()];
export {
  result
};
`);
	deepEqual(after.result, [1, 2, 3]);
	deepEqual(before.result, after.result);
	const members = new Set(Array.from(small.matchAll(/this\.(?!first)(\w+)/g), ([, name]) => name));
	equal(members.size, 2);
});

test("classes inside of functions lose their private names, too, but not where a base class may have the same", async () => {
	const { before, after } = await both(`function make(start) {
  return class Inner {
    #count = start;
    next() {
      return this.#count++;
    }
  };
}
var inner = new (make(4))();
var result = [inner.next(), inner.next()];
export {
  result
};
`);
	deepEqual(after.result, [4, 5]);
	deepEqual(before.result, after.result);
	match(
		refusal(`function make(Base) {
  return class Inner extends Base {
    #count = 0;
    next() {
      return this.#count++;
    }
  };
}
`),
		/a class inside of a function extends something/,
	);
});

test("a getter that only tells a private field becomes the field, unless another class of the family has the name", async () => {
	const { small, before, after } = await both(`var Counter = class {
  #count = 0;
  #step = 2;
  get count() {
    return this.#count;
  }
  get step() {
    return this.#step;
  }
  get steps() {
    return this.#count / this.#step;
  }
  add() {
    this.#count += this.step;
    return this;
  }
};
var Slow = class extends Counter {
  get step() {
    return 1;
  }
};
var counters = [new Counter().add(), new Slow().add()];
var result = counters.map((counter) => [counter.count, counter.step, counter.steps]);
export {
  result
};
`);
	deepEqual(after.result, [
		[2, 2, 1],
		[1, 1, 0.5],
	]);
	deepEqual(before.result, after.result);
	deepEqual(small.match(/get \w+/g), ["get step", "get steps", "get step"]);
});

test("fields are assigned in the constructor, unless they would meet what a class inherits from the engine", async () => {
	const { small, before, after } = await both(`var base = 10;
var Point = class {
  x = base;
  late;
  static origin = 7;
  constructor(base2) {
    this.y = base2;
  }
};
var Near = class extends Point {
  distance = this.x + this.y;
};
var Fault = class extends Error {
  name = "Fault";
};
var Queue = class extends Array {
  #added = 1;
  added() {
    return this.#added;
  }
};
base = 20;
var fault = new Fault("text");
var result = [new Near(1).distance, Point.origin, String(fault), Object.keys(fault), new Queue().added()];
export {
  result
};
`);
	deepEqual(after.result, [21, 7, "Fault: text", ["name"], 1]);
	deepEqual(before.result, after.result);
	match(small, /^ {2}name = "Fault";$/m);
	equal(small.match(/^ {2}[\w$]+(;| = )/gm)?.length, 1);
	ok(!/\blate\b/.test(small), small);
	match(
		refusal(`var Base = class {
  get size() {
    return 1;
  }
};
var Derived = class extends Base {
  size = 2;
};
`),
		/size is a field, and something inherited/,
	);
});

test("a program that would mean something else in TypeScript is refused", () => {
	match(
		refusal(`var result = one < two > (three);
export {
  result
};
`),
		/means something else in TypeScript/,
	);
});

test("what is declared or imported gets names that the engine or the program has, and is exported as before", async () => {
	const { small, before, after } = await both(`import { deepEqual as compare } from "node:assert";
import assert, { equal } from "node:assert";
var weather = { humidity: Math.abs(-45), acos: 1 };
var changing = 1;
var Station = class _Station {
  read() {
    changing++;
    compare([1], [1]);
    return new _Station() instanceof Station ? weather : assert(equal);
  }
};
function* generate(abs) {
  yield abs + changing;
}
var later = async (asin) => asin;
var result = [new Station().read(), ...generate(1), typeof later(1).then];
export {
  Station as Renamed,
  result
};
`);
	deepEqual(after.result, [{ humidity: 45, acos: 1 }, 3, "function"]);
	deepEqual(before.result, after.result);
	deepEqual(Object.keys(after).sort(), ["Renamed", "result"]);
	const declared = Array.from(small.matchAll(/^(?:const|let|function\*) (\w+)/gm), ([, name]) => name!);
	equal(declared.length, 6);
	for (const name of declared) ok(ENGINE_NAMES.includes(name) || name === "humidity", name);
	// Names that mean something in the program are left alone.
	for (const name of ["abs", "acos"]) ok(!declared.includes(name), name);
	ok(!/weather|changing|generate|later|compare\(/.test(small), small);
});

test("an import or export of an unknown form is refused", () => {
	match(
		refusal('import * as all from "./all.js";\nall();\n'),
		/an import or export of an unknown form: import \* as all/,
	);
	match(refusal("export default 1;\n"), /an import or export of an unknown form/);
});

test("internal names become names of the engine, unless they are texts or known to another part of the program", async () => {
	const program = (text: string) => `${text}var reader = { packetId: 1, other: 2 };
var { packetId: id } = reader;
var packetId = [id, reader.packetId, ...Object.keys(reader).slice(1)];
export {
  packetId as result
};
`;
	const { small, before, after } = await both(program(""));
	deepEqual(after.result, [1, 1, "other"]);
	deepEqual(before.result, after.result);
	ok(!/packetId/.test(small), small);
	match(refusal(program('var names = ["packetId"];\n')), /packetId is said to be internal, and is a text, too/);
	match(
		refusal(program('import { other } from "./station.js";\n')),
		/packetId is said to be internal, and more than one part of the program has it/,
	);
});

test("the engine's names are those of its own functions and constants", async () => {
	const names = ENGINE_NAMES.map((name) => JSON.stringify(name));
	equal(new Set(names).size, names.length);
	const engine = new Engine();
	try {
		await engine.evaluate(`
			const known = new Set();
			const seen = new Set();
			const visit = (value) => {
				if (Object(value) !== value || seen.has(value)) return;
				seen.add(value);
				for (const key of Reflect.ownKeys(value)) {
					if (typeof key === "string") known.add(key);
					const { value: member, get } = Object.getOwnPropertyDescriptor(value, key);
					visit(member);
					visit(get);
				}
			};
			visit(globalThis);
			const unknown = [${names}].filter((name) => !known.has(name));
			if (unknown.length > 0) throw new Error("unknown to XS: " + unknown);
			const shared = [Object.prototype, Function.prototype, Error.prototype, Array.prototype, Uint8Array.prototype];
			for (const object of shared) {
				const inherited = [${names}].filter((name) => name in object);
				if (inherited.length > 0) throw new Error("inherited by other objects: " + inherited);
			}`);
	} finally {
		engine.close();
	}
});

test("literals with a name are put where the name is used, but not where it means something else", async () => {
	const { small, before, after } = await both(`var LIMIT = 4321;
var GREETING = "good day";
var SHOWN = 77;
var counter = 10;
function sum(list) {
  return list.reduce((LIMIT2, value) => LIMIT2 + value, 0);
}
function shadow(LIMIT) {
  counter++;
  return LIMIT;
}
var result = [LIMIT, GREETING, { LIMIT }, { LIMIT: 1 }.LIMIT, shadow(5), counter, sum([1, 2]), SHOWN];
export {
  SHOWN,
  result
};
`);
	deepEqual(after.result, [4321, "good day", { LIMIT: 4321 }, 1, 5, 11, 3, 77]);
	deepEqual(before.result, after.result);
	equal(after.SHOWN, 77);
	ok(!/= (4321|"good day");/.test(small), small);
	match(small, /^(let|var) \w+ = 10;$/m);
});

test("what is never changed is declared so, and what is changed is not", () => {
	const { stdout } = shrink(`var table = Object.freeze({ one: 1 });
var changed = {};
var late;
function use() {
  changed = late = table;
}
export {
  use
};
`);
	deepEqual(
		Array.from(stdout.matchAll(/^(const|let|var) /gm), ([, kind]) => kind),
		["const", "const", "let", "var"], // the function is the first
	);
});

test("functions become arrow functions that are there before the first line, unless they need to be functions", async () => {
	const { small, before, after } = await both(`var early = double(4) + scope.call({ base: 1 }, 2) + (nothing() ?? 0);
function double(value) {
  return value * 2;
}
function nothing() {
}
async function later() {
  return double(1);
}
function scope(value) {
  return this.base + value + arguments.length;
}
function Made() {
}
function* values() {
  yield double(early);
}
var result = [early, new Made() instanceof Made, ...values(), typeof later().then];
export {
  result
};
`);
	deepEqual(after.result, [12, true, 24, "function"]);
	deepEqual(before.result, after.result);
	deepEqual(small.match(/function\*?/g), ["function", "function", "function*"]);
	equal(small.match(/=>/g)?.length, 3);
});

test("members with names that begin with _ get short names, too", async () => {
	const { small, before, after } = await both(`var Reader = class {
  _list = [1];
  _resetState() {
    this._list.push(2);
    return { list: this._list, _list: 3, text: "_list" };
  }
};
var result = Object.values(new Reader()._resetState());
export {
  result
};
`);
	deepEqual(after.result, [[1, 2], 3, "_list"]);
	deepEqual(before.result, after.result);
	deepEqual(small.match(/_list|_resetState/g), ["_list"]);
});
