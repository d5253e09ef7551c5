/** Bundles a page for browsers: HTML, one script, one style sheet. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, root, textModules } from "./build.js";

/** Of `index.html`, `app.ts` and `style.css` in a folder, by its path in the project. Resolves with the texts of the three; nothing is written. */
export async function bundlePage(path) {
	const folder = join(root, path);
	const { outputFiles } = await build({
		entryPoints: { app: join(folder, "app.ts"), style: join(folder, "style.css") },
		absWorkingDir: root,
		outdir: "page",
		bundle: true,
		minify: true,
		// Private members, as of the firmware.
		mangleProps: /^_[^_]/,
		format: "esm",
		platform: "browser",
		target: "es2022",
		charset: "utf8",
		legalComments: "none",
		// Not that of commands, which has no browser.
		tsconfig: join(root, "tsconfig.page.json"),
		plugins: [textModules],
		logLevel: "warning",
		write: false,
	});
	const text = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text;
	const html = readFileSync(join(folder, "index.html"), "utf8").replace(/>\s+</g, "><").trim();
	return { html, script: text(".js"), style: text(".css") };
}
