/** Classes in the form that takes XS the fewest slots: nothing private, no function for the fields, no getter of a field. */
import * as esbuild from "esbuild";

/** Private names become members with names that begin so; the bundle has to have no such names. */
const PRIVATE = "$$";
const PRIVATE_NAME = /(?<=\.|^\s+(?:(?:static|get|set|async) |\*)*)#(\w+)/gm;
/** A class that the module declares, as esbuild writes it: its name and what it extends. */
const CLASS = /^(?:var|let|const) (\w+) = class(?: \w+)?(?: extends ([^\n]+))? \{\n[\s\S]*?^\};\n/gm;
const DERIVED_INSIDE = /^\s.*\bclass\b.* extends /m;
const FIELD = /^ {2}(?:static )?([\w$]+|["'[].*)(?: = |;$)/gm;
const METHOD = /^ {2}(?:(?:static|get|set|async) |\*)*([\w$]+)\(/gm;
const GETTER = /^ {2}get (\w+)\(\) \{\n {4}return this\.\$\$(\d+);\n {2}\}\n/gm;

const transform = (code, options) =>
	esbuild.transform(code, { format: "esm", target: "es2024", logLevel: "silent", ...options });
/** What a field was in TypeScript before it was in JavaScript is an assignment in the constructor. */
const asTypeScript = (useDefineForClassFields) => ({
	loader: "ts",
	tsconfigRaw: { compilerOptions: { useDefineForClassFields, verbatimModuleSyntax: true } },
});
const namesIn = (source, pattern) => Array.from(source.matchAll(pattern), ([, name]) => name);

/** `code` is what `shrink` takes. */
export async function reshapeClasses(code) {
	if (code.includes(PRIVATE)) throw new Error(`the program has names with ${PRIVATE}`);
	const javaScript = await transform(code);
	const typeScript = await transform(code, asTypeScript(true));
	if (javaScript.code !== typeScript.code) throw new Error("the program means something else in TypeScript");
	const parts = [];
	const families = new Map();
	let end = 0;
	for (const { 0: source, 1: name, 2: base, index } of code.matchAll(CLASS)) {
		// Classes that have a base class in common are one family.
		const family = families.get(base) ?? { builtIn: base !== undefined, fields: [], methods: [], privates: 0 };
		families.set(name, family);
		parts.push({ source: publishOutside(code.slice(end, index)) }, { source: publish(source, family), family });
		end = index + source.length;
	}
	parts.push({ source: publishOutside(code.slice(end)) });
	const reshaped = parts.map(({ source, family }) => (family ? reshape(source, family) : source));
	return (await Promise.all(reshaped)).join("");
}

/**
 * `#name` becomes a member like any other: a private method would be a slot of
 * each object, too. Families have the same names for different things, so that
 * there are fewer of them.
 */
function publish(source, family) {
	const names = new Map();
	const published = source.replace(PRIVATE_NAME, (_, name) => {
		if (!names.has(name)) names.set(name, `${PRIVATE}${family.privates++}`);
		return names.get(name);
	});
	family.fields.push(...namesIn(published, FIELD));
	family.methods.push(...namesIn(published, METHOD));
	return published;
}

/** A class inside of a function: which names it has in common with what it extends is not known. */
function publishOutside(source) {
	const published = source.replace(PRIVATE_NAME, (_, name) => PRIVATE + name);
	if (published !== source && DERIVED_INSIDE.test(source)) {
		throw new Error("a class inside of a function extends something, and there are private names inside of functions");
	}
	return published;
}

function reshape(source, family) {
	const inlined = inlineGetters(source, family);
	return assignFields(inlined, family);
}

/** A getter that only tells a private field becomes that field: three slots less, and a call less at each use. */
function inlineGetters(source, { builtIn, fields, methods }) {
	let inlined = source;
	for (const [getter, name, field] of source.matchAll(GETTER)) {
		const alone = methods.filter((method) => method === name).length === 1 && !fields.includes(name);
		// The second getter of a field stays.
		if (builtIn || !alone || name in Object.prototype || !inlined.includes(getter)) continue;
		inlined = inlined.replace(getter, "").replaceAll(new RegExp(`\\$\\$${field}\\b`, "g"), name);
		methods.splice(methods.indexOf(name), 1);
	}
	return inlined;
}

/**
 * Fields have a function to themselves, some six slots for each class: they are
 * assigned in the constructor instead. Unlike a field, what is assigned must
 * not be inherited from an object that is frozen on a board.
 */
async function assignFields(source, { builtIn, methods }) {
	const fields = namesIn(source, FIELD);
	if (fields.length === 0 || (builtIn && fields.some((name) => !name.startsWith(PRIVATE)))) return source;
	for (const name of fields) {
		if (methods.includes(name) || name in Object.prototype)
			throw new Error(`${name} is a field, and something inherited`);
	}
	const { code } = await transform(source, asTypeScript(false));
	return code;
}
