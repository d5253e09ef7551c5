/**
 * Makes a bundled program smaller. In XS each name, each function and each
 * variable that a function uses takes slots of 16 bytes, more than the code.
 */
import { minify } from "terser";

/**
 * `code` is an ES module or a script. Members that begin with `_` get short
 * names: they are private in TypeScript, and nothing that others read or write,
 * as JSON, settings or options, has such a name. `nameCache` is of the parts of
 * a program that were given before: what has a name in several gets the same.
 */
export async function minified(code, nameCache = {}) {
	const result = await minify(code, {
		module: true,
		// A function put in place of its only call is a closure that is made at each call, and XS copies its code into RAM.
		compress: { passes: 3, reduce_funcs: false },
		mangle: { properties: { regex: /^_/ } },
		nameCache,
		// To be read in a debugger: XS does not keep blanks.
		format: { beautify: true },
	});
	return result.code;
}
