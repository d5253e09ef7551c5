/** Bundles TypeScript with esbuild into `build/`. */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { minified, minifierVersion } from "./minify.js";
import { mqttPacketPlugin } from "./mqtt-packet.js";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
export const buildFolder = join(root, "build");
/** mqtt-packet as one ES module, and its client's part, which a device runs. */
export const mqttPacketModule = join(buildFolder, "modules/mqtt-packet.js");
export const mqttPacketClientModule = join(buildFolder, "modules/mqtt-packet-client.js");
/** The XS engine, and the one that has TLS, which `engine.js` builds. */
export const engineProgram = join(buildFolder, "engine/xs");
export const tlsEngineProgram = join(buildFolder, "engine/xs-tls");

/** mqtt-packet's exports, and the stand-in of Buffer that it was bundled with. */
const mqttPacketEntry = `
	import generate from "mqtt-packet/generate.js";
	import Parser from "mqtt-packet/parser.js";
	import writeToStream from "mqtt-packet/writeToStream.js";
	const { parser } = Parser;
	export { Buffer } from "buffer";
	export { codes, propertiesCodes, types } from "mqtt-packet/constants.js";
	export { parser, writeToStream };
	export default { parser, generate, writeToStream };
`;

/**
 * Writes a file that is whole at any moment, as other processes may use this folder; nothing where the file is as wanted
 * already. `options` as `writeFileSync`'s: the file is a new one. Throws a `NotWritableError`.
 */
export function writeWhole(path, contents, options) {
	if (options === undefined && holds(path, contents)) return;
	// Also of another container there is none of this name.
	const aside = `${path}.${randomUUID()}`;
	try {
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(aside, contents, options);
		renameSync(aside, path);
	} catch (error) {
		remove(aside);
		throw new NotWritableError(`${relative(process.cwd(), path)}: cannot be written (${error.code})`);
	}
}

/**
 * Writes the parts of a program, made smaller, which takes seconds: nothing where the files were made of the same parts.
 * Each file says so itself, as another process may be at it.
 */
export async function writeMinified(parts) {
	const hash = createHash("sha256").update(minifierVersion());
	for (const { text } of parts) hash.update(text);
	const mark = `// made of ${hash.digest("hex")}\n`;
	if (parts.every(({ path }) => beginsWith(path, mark))) return;
	const names = {};
	for (const { path, text } of parts) writeWhole(path, mark + (await minified(text, names)));
}

/** A file that cannot be written; the message is for a person. */
export class NotWritableError extends Error {
	name = "NotWritableError";
}

/** As far as it is there. */
function remove(path) {
	try {
		rmSync(path);
	} catch {
		// See above.
	}
}

function beginsWith(path, text) {
	try {
		return readFileSync(path, "utf8").startsWith(text);
	} catch {
		return false;
	}
}

function holds(path, contents) {
	try {
		return readFileSync(path).equals(Buffer.from(contents));
	} catch {
		return false;
	}
}

/** esbuild's `build`, whose files are whole at any moment. esbuild is loaded here: most runs of a command bundle nothing. */
export async function build(options) {
	const esbuild = await import("esbuild");
	const result = await esbuild.build({ ...options, write: false });
	if (options.write !== false) for (const { path, contents } of result.outputFiles) writeWhole(path, contents);
	return result;
}

/** Resolves with what esbuild tells of the client's part: `npm run sbom` looks for the packages in it. */
export async function buildMqttPacket() {
	const metafiles = [];
	for (const outfile of [mqttPacketModule, mqttPacketClientModule]) {
		const { metafile } = await build({
			stdin: { contents: mqttPacketEntry, resolveDir: root },
			outfile,
			bundle: true,
			format: "esm",
			platform: "neutral",
			target: "es2022",
			minifyWhitespace: true,
			external: ["text/encoder", "text/decoder"],
			plugins: [mqttPacketPlugin(join(root, "src/net/mqtt/stand-ins"), outfile === mqttPacketClientModule)],
			logLevel: "warning",
			metafile: true,
		});
		metafiles.push(metafile);
	}
	return metafiles.at(-1);
}

/** The engines' own TextEncoder and TextDecoder under the names Moddable gives them. */
export const textModules = {
	name: "text-modules",
	setup(build) {
		build.onResolve({ filter: /^text\/(encoder|decoder)$/ }, ({ path }) => ({ path, namespace: "text" }));
		build.onLoad({ filter: /.*/, namespace: "text" }, ({ path }) => ({
			contents: `export default globalThis.${path === "text/encoder" ? "TextEncoder" : "TextDecoder"};`,
		}));
	},
};

/** Tools stay outside of the bundles: there is one copy of each, which knows its path. */
const toolsOutside = {
	name: "tools-outside",
	setup(build) {
		build.onResolve({ filter: /\/tools\/[\w-]+\.js$/ }, ({ path, resolveDir }) => ({
			path: pathToFileURL(resolve(resolveDir, path)).href,
			external: true,
		}));
	},
};

const common = {
	bundle: true,
	absWorkingDir: root,
	logLevel: "warning",
	alias: { "mqtt-packet": mqttPacketModule },
	plugins: [textModules, toolsOutside],
};

/** One classic script, for the XS engine. `options` as esbuild's. */
export function bundleForXs(options) {
	return build({
		...common,
		format: "iife",
		platform: "neutral",
		target: "es2023",
		...options,
		alias: { ...common.alias, ...options.alias },
	});
}

/** ES modules for Node; packages stay outside, but for the firmware's mqtt-packet. */
export function bundleForNode(options) {
	return build({
		...common,
		format: "esm",
		platform: "node",
		target: "node20",
		// In a file of its own: who runs a program need not read it.
		sourcemap: "linked",
		external: [
			"aedes",
			"amqplib",
			"axe-core",
			"esbuild",
			"libsql",
			"mqtt",
			"pg",
			"playwright-core",
			"serialport",
			"ws",
		],
		define: { XS_ENGINE: JSON.stringify(engineProgram), XS_TLS_ENGINE: JSON.stringify(tlsEngineProgram) },
		...options,
	});
}

/** Whether a file, by its path in the project, exports a command for `commands/frame.ts`. */
export function isCommand(file) {
	return /^export const command\b/m.test(readFileSync(join(root, file), "utf8"));
}

/** Where `bundleProgram` puts a program: the bundle's path in `folder`, one for each program. */
export function bundlePath(file, folder) {
	return join(folder, `${file.replace(/\.ts$/, "").replaceAll("/", "-")}.js`);
}

/**
 * Bundles a program of the project for Node, by its path in the project: a program that runs when it is
 * loaded, or one that exports a command. Resolves with the bundle's path.
 */
export async function bundleProgram(file, folder = join(buildFolder, "programs")) {
	const outfile = bundlePath(file, folder);
	const contents = `
		import { main } from "./commands/frame.ts";
		import { command } from "./${file}";
		await main(command);`;
	const entry = isCommand(file) ? { stdin: { contents, resolveDir: root, loader: "ts" } } : { entryPoints: [file] };
	await bundleForNode({ ...entry, outfile });
	return outfile;
}

/** The station with the simulated chips, made smaller as for a board. */
export async function buildFirmware() {
	await buildMqttPacket();
	const { outputFiles } = await bundleForXs({
		entryPoints: ["hosts/sim/headless/xs/entry.ts"],
		alias: { host: join(root, "hosts/sim/headless/xs/host.ts"), "mqtt-packet": mqttPacketClientModule },
		minify: true,
		write: false,
	});
	await writeMinified([{ path: join(buildFolder, "firmware.js"), text: outputFiles[0].text }]);
}
