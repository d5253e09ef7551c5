/**
 * Makes a bundled program smaller in the flash and RAM of an XS machine, where
 * names and closures weigh more than code. Each module-level variable that a
 * function uses is a slot of 16 bytes in that function's own environment, and
 * each private name as well; each name is a slot and a text, too, unless the
 * engine or the program has it already.
 */
import * as esbuild from "esbuild";
import { ENGINE_NAMES, INTERNAL_NAMES } from "./member-names.js";
import { reshapeClasses } from "./shrink-classes.js";

/** Members that get other names: private ones, what mqtt-packet calls private by a name like `_list`, and internal ones. */
const MANGLED = new RegExp(`^(\\$\\$|_[a-z]|(${INTERNAL_NAMES.join("|")})$)`);
/** What a module declares, as esbuild writes it. */
const DECLARATION = /^((?:var|let|const|class|(?:async )?function\*?) )(\w+)/gm;
/** Shorter names are those that esbuild gives to what is declared inside of functions. */
const NAME_LENGTH = 4;

const transform = (code, options) => esbuild.transform(code, { target: "es2024", logLevel: "silent", ...options });

/**
 * `code` is an ES module as esbuild writes it without minifying: what the
 * module declares begins a line, and no two things have the same name.
 */
export async function shrink(code) {
	const { imports, body, exported } = split(await reshapeClasses(code));
	const { literals, rest } = inlineLiterals(arrows(await restoreConst(body)), exported);
	const isPart = imports.some(({ from }) => from.startsWith('"./'));
	// Without a format esbuild leaves what the program declares as it is, and makes the names inside of functions short.
	const { code: small, warnings } = await transform(rest, {
		define: literals,
		mangleProps: MANGLED,
		mangleCache: await memberNames(rest, isPart),
		minifyIdentifiers: true,
	});
	if (warnings.length > 0) throw new Error((await esbuild.formatMessages(warnings, { kind: "warning" })).join(""));
	return renameDeclared(imports, small, exported);
}

/** What is imported, what is exported by which name, and the program between them. */
function split(code) {
	const imports = [];
	const exported = new Map();
	const body = code
		.replace(/^import (?:(\w+),? )?(?:\{([^}]*)\} )?(?:from )?("[^"\n]*");\n/gm, (_, name, names = "", from) => {
			imports.push({ name, names: pairs(names), from });
			return "";
		})
		.replace(/^export \{([^}]*)\};\n/gm, (_, names) => {
			for (const { from, to } of pairs(names)) exported.set(to, from);
			return "";
		});
	const [left] = /^(?:import|export)\b[^\n]*/m.exec(body) ?? [];
	if (left) throw new Error(`an import or export of an unknown form: ${left}`);
	return { imports, body, exported };
}

/** `from as to`, or one name for both. */
const pairs = (list) => Array.from(list.matchAll(/(\w+)(?: as (\w+))?/g), ([, from, to = from]) => ({ from, to }));

/** esbuild writes `var`. XS keeps what could be changed in RAM. */
async function restoreConst(code) {
	const constant = code.replace(/^var (?=\w+ = )/gm, "const ");
	const { warnings } = await transform(constant);
	const changed = new Set(warnings.map(({ text }) => /"(\w+)" is a constant/.exec(text)?.[1]));
	return constant.replace(/^const (\w+)/gm, (all, name) => (changed.has(name) ? `let ${name}` : all));
}

/**
 * A function can be a constructor, for which XS makes a prototype of three
 * slots; an arrow function cannot. As functions are there before the module's
 * first line is run, the arrow functions become its first lines.
 */
function arrows(code) {
	const functions = [];
	const rest = code.replace(
		/^(async )?function (\w+)(\([^\n]*\)) \{\n(?:([\s\S]*?)\n)??\}\n/gm,
		(all, async = "", name, parameters, body = "") => {
			if (/\b(this|arguments)\b/.test(body) || new RegExp(`\\b(new|extends) ${name}\\b`).test(code)) return all;
			functions.push(`const ${name} = ${async}${parameters} => {\n${body}\n};\n`);
			return "";
		},
	);
	return functions.join("") + rest;
}

/** Numbers, texts and truth values with a name are taken out, to be put where the name is used. */
function inlineLiterals(code, exported) {
	const names = new Set(exported.values());
	const literals = {};
	const rest = code.replace(/^const (\w+) = (-?[\d.]+(?:e\d+)?|"[^"\\]*"|true|false);\n/gm, (all, name, literal) => {
		if (names.has(name)) return all;
		literals[name] = literal;
		return "";
	});
	return { literals, rest };
}

/**
 * The members to rename, and to what: the engine's names, while there are some.
 * A part of a program that is in several has no internal names: each part gets
 * names of its own.
 */
async function memberNames(code, isPart) {
	const { mangleCache } = await transform(code, { mangleProps: MANGLED, mangleCache: {} });
	const members = Object.keys(mangleCache);
	for (const name of members.filter((member) => INTERNAL_NAMES.includes(member))) {
		if (isPart) throw new Error(`${name} is said to be internal, and more than one part of the program has it`);
		if (new RegExp(`(["'])${name}\\1`).test(code))
			throw new Error(`${name} is said to be internal, and is a text, too`);
	}
	const words = new Set(code.match(/[\w$]+/g));
	const names = ENGINE_NAMES.filter((name) => !words.has(name));
	return Object.fromEntries(members.slice(0, names.length).map((member, index) => [member, names[index]]));
}

/**
 * Whatever the module declares or imports gets the name of the engine's or of
 * a member that is in the program already. Inside of functions nothing has
 * such a name any more.
 */
async function renameDeclared(imports, code, exported) {
	const imported = imports.flatMap(({ name, names }) => [...(name ? [name] : []), ...names.map(({ to }) => to)]);
	const declared = [...imported, ...Array.from(code.matchAll(DECLARATION), ([, , name]) => name)];
	const names = await unusedNames(code, declared);
	const renamed = Object.fromEntries(declared.map((name, index) => [name, names[index] ?? `$$${index}`]));
	const body = code.replace(DECLARATION, (_, keyword, name) => keyword + renamed[name]);
	// What is not declared any more is free, and esbuild puts the new name wherever that is used.
	const { code: small } = await transform(body, { define: renamed });
	const head = imports.map(({ name, names, from }) => {
		const list = names.map(({ from, to }) => `${from} as ${renamed[to]}`).join(", ");
		return `import ${[name && renamed[name], list && `{ ${list} }`].filter(Boolean).join(", ")} from ${from};\n`;
	});
	const tail = Array.from(exported, ([to, from]) => `${renamed[from]} as ${to}`).join(", ");
	return `${head.join("")}${small}${tail && `export { ${tail} };\n`}`;
}

/** Names that the program has as members only, and the engine's. */
async function unusedNames(code, declared) {
	const members = Array.from(code.matchAll(/\.([A-Za-z]\w*)/g), ([, name]) => name);
	const candidates = [...new Set([...ENGINE_NAMES, ...members])].filter(
		(name) => name.length >= NAME_LENGTH && !declared.includes(name) && isIdentifier(name),
	);
	const probe = (name) => `$$free_${name}`;
	const { code: probed } = await transform(code, {
		define: Object.fromEntries(candidates.map((name) => [name, probe(name)])),
	});
	return candidates.filter((name) => !new RegExp(`${probe(name).replaceAll("$", "\\$")}\\b`).test(probed));
}

function isIdentifier(word) {
	try {
		new Function(`"use strict"; async () => { let ${word}; };`);
		return true;
	} catch {
		return false;
	}
}
