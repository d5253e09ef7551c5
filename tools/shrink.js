/**
 * Makes a bundled program smaller in the flash and RAM of an XS machine, where
 * names and closures weigh more than code. Each module-level variable that a
 * function uses is a slot of 16 bytes in that function's own environment, and
 * each private name as well; each name in the program is a slot too.
 */
import * as esbuild from "esbuild";

/** Private names become members with names that begin so; the bundle has to have no such names. */
const PRIVATE = "$$";
/** Members that get short names: those, and what mqtt-packet calls private by a name like `_list`. */
const MANGLED = /^(\$\$|_[a-z])/;

const transform = (code, options) =>
	esbuild.transform(code, { format: "esm", target: "es2024", logLevel: "silent", ...options });

/**
 * `code` is an ES module as esbuild writes it without minifying: what the
 * module declares begins a line, and no two things have the same name.
 */
export async function shrink(code) {
	const { literals, rest } = inlineLiterals(arrows(await restoreConst(publish(code))));
	const { code: small, warnings } = await transform(rest, {
		define: literals,
		mangleProps: MANGLED,
		minifyIdentifiers: true,
	});
	if (warnings.length > 0) throw new Error((await esbuild.formatMessages(warnings, { kind: "warning" })).join(""));
	return small;
}

/** `#name` becomes a member like any other: a private method would be a slot of each object, too. */
function publish(code) {
	if (code.includes(PRIVATE)) throw new Error(`the program has names with ${PRIVATE}`);
	const published = code.replace(/(?<=\.|^\s+(?:(?:static|get|set|async) |\*)*)#(?=[A-Za-z])/gm, () => PRIVATE);
	const names = (body) => new Set(Array.from(body.matchAll(/\$\$(\w+)/g), ([, name]) => name));
	const classes = new Map(
		Array.from(
			published.matchAll(/^(?:var|let|const) (\w+) = class(?: \w+)?(?: extends (\w+))? \{\n([\s\S]*?)^\};/gm),
			([, name, base, body]) => [name, { base, names: names(body) }],
		),
	);
	// Private names of a class and of its base class are different things even if they are spelled alike.
	for (const [name, derived] of classes) {
		for (let base = derived.base; classes.has(base); base = classes.get(base).base) {
			const both = [...derived.names].filter((member) => classes.get(base).names.has(member));
			if (both.length > 0) throw new Error(`both ${name} and ${base} have #${both[0]}`);
		}
	}
	return published;
}

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
function inlineLiterals(code) {
	const [exported = ""] = /^export \{[^}]*\};$/m.exec(code) ?? [];
	const literals = {};
	const rest = code.replace(/^const (\w+) = (-?[\d.]+(?:e\d+)?|"[^"\\]*"|true|false);\n/gm, (all, name, literal) => {
		if (new RegExp(`\\b${name}\\b`).test(exported)) return all;
		literals[name] = literal;
		return "";
	});
	return { literals, rest };
}
