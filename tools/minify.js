import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/**
 * Makes a bundled program smaller. In XS each name, each function and each
 * variable that a function uses takes slots of 16 bytes, more than the code.
 */
/**
 * `code` is an ES module or a script. Members that begin with `_` get short names:
 * they are private in TypeScript, and no JSON, setting or option has such a name.
 * `nameCache` comes from the earlier parts of a program: a name gets the same short
 * name in all parts.
 */
export async function minified(code, nameCache = {}) {
	// Here, as most runs of a command that could bundle do not.
	const { minify } = await import("terser");
	const result = await minify(code, {
		module: true,
		// A function put in place of its only call is a closure that is made at each call, and XS copies its code into RAM.
		compress: { passes: 3, reduce_funcs: false },
		mangle: { properties: { regex: /^_/ } },
		nameCache,
		// Readable in a debugger, at no cost: XS does not keep blanks.
		format: { beautify: true },
	});
	return result.code;
}

/** What decides, beside the code, what becomes of it: this file, and terser's version. */
export function minifierVersion() {
	const { version } = createRequire(import.meta.url)("terser/package.json");
	return `${version} ${readFileSync(new URL(import.meta.url), "utf8")}`;
}
