/** `tools/shrink.js`: smaller, and the same program. What it is for is measured by `npm run bench`. */
import { spawnSync } from "node:child_process";
import test from "node:test";
import { deepEqual, equal, match, ok } from "../harness/harness.ts";

/** Tests run in the project's folder. */
function shrink(code: string) {
	const script = `
		import { shrink } from "./tools/shrink.js";
		process.stdout.write(await shrink(${JSON.stringify(code)}));`;
	return spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
}

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

test("a private name that a class has in common with its base class is refused", () => {
	const { status, stderr } = shrink(`var Base = class {
  #name = 1;
};
var Middle = class extends Base {
};
var Derived = class _Derived extends Middle {
  #name = 2;
};
`);
	match(stderr, /both Derived and Base have #name/);
	equal(status, 1);
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
