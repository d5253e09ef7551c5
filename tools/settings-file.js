/** Settings as a user wrote them to a file. Nothing of them is ever shown: they hold passwords. */
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import * as esbuild from "esbuild";
import { root, textModules } from "./build.js";
import { ToolError } from "./moddable.js";

/**
 * The settings, valid, with the texts of the PEM files that they name; `undefined`
 * where there is no such file. Throws a `ToolError` for anything else.
 */
export async function readSettings(file) {
	const name = nameOf(file);
	let text;
	try {
		text = readFileSync(file, "utf8");
	} catch (error) {
		if (error.code === "ENOENT") return undefined;
		throw new ToolError(`${name} cannot be read (${error.code})`);
	}
	const { parseSettings, withPemFiles } = await settingsModules();
	try {
		const settings = withPemFiles(parse(text, name), dirname(resolve(file)));
		parseSettings(settings);
		return settings;
	} catch (error) {
		if (error instanceof ToolError) throw error;
		throw new ToolError(`${name}: ${error.message}`);
	}
}

/** As the user would write it. */
function nameOf(file) {
	const path = relative(process.cwd(), resolve(file));
	return path.startsWith("..") ? file : path;
}

/** The parser's own message would show a piece of the file. */
function parse(text, name) {
	try {
		// Windows' editors put a mark in front.
		return JSON.parse(text.replace(/^\uFEFF/, ""));
	} catch (error) {
		const [, position] = /position (\d+)/.exec(error.message) ?? [];
		const where = position === undefined ? "" : `, line ${text.slice(0, Number(position)).split("\n").length}`;
		throw new ToolError(`${name}${where}: not JSON; look for a missing quote or comma, or a comma too many`);
	}
}

async function settingsModules() {
	const { outputFiles } = await esbuild.build({
		stdin: {
			contents: `
				export { parseSettings } from "./src/settings.ts";
				export { withPemFiles } from "./hosts/node/pem-files.ts";`,
			resolveDir: root,
		},
		bundle: true,
		write: false,
		format: "esm",
		platform: "node",
		target: "node20",
		plugins: [textModules],
		logLevel: "warning",
	});
	return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
