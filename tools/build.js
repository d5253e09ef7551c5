/**
 * Bundles TypeScript with esbuild into `build/`. As a program: builds what the
 * firmware is made of, `build/modules/mqtt-packet.js` and `build/firmware.js`.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
export const buildFolder = join(root, "build");
/** mqtt-packet as one ES module, what the device and all tests run. */
export const mqttPacketModule = join(buildFolder, "modules/mqtt-packet.js");

const standIns = join(root, "src/net/mqtt/stand-ins");

/**
 * mqtt-packet for a small machine. Node's modules that it asks for are
 * answered by this project's small stand-ins, and two things are left out:
 * its debug statements, a fifth of the work of reading a PUBACK, and its cache
 * of remaining lengths, which keeps some 200 bytes for each length ever sent.
 */
const standInPlugin = {
	name: "stand-ins",
	setup(build) {
		build.onResolve({ filter: /^(buffer|events|bl|debug|process-nextick-args)$/ }, ({ path }) => ({
			path: join(standIns, `${path}.ts`),
		}));
		build.onLoad({ filter: /[\\/]mqtt-packet[\\/](parser|writeToStream)\.js$/ }, ({ path }) => {
			const source = readFileSync(path, "utf8").replace(/^ *debug\(.*\)$/gm, "");
			const contents = source.replace("if (num < 16384) varByteIntCache[num] = buffer", "");
			if (path.endsWith("writeToStream.js") && contents === source)
				throw new Error(`${path} has no such cache any more`);
			return { contents };
		});
	},
};

/**
 * What is bundled: mqtt-packet, and the stand-in of Buffer that it was bundled
 * with. Its tables are frozen: in a preloaded module, whatever could be
 * changed takes up RAM.
 */
const mqttPacketEntry = `
	import tables from "mqtt-packet/constants.js";
	const freeze = (value) => {
		if (typeof value !== "object" || ArrayBuffer.isView(value)) return;
		Object.values(Object.freeze(value)).forEach(freeze);
	};
	freeze(tables);
	export { default } from "mqtt-packet";
	export { Buffer } from "buffer";
`;

export async function buildMqttPacket() {
	mkdirSync(dirname(mqttPacketModule), { recursive: true });
	await esbuild.build({
		stdin: { contents: mqttPacketEntry, resolveDir: root },
		outfile: mqttPacketModule,
		bundle: true,
		format: "esm",
		platform: "neutral",
		mainFields: ["main"],
		target: "es2022",
		minify: true,
		external: ["text/encoder", "text/decoder"],
		plugins: [standInPlugin],
		logLevel: "warning",
	});
}

/** The engines' own TextEncoder and TextDecoder under the names Moddable gives them. */
const textModules = {
	name: "text-modules",
	setup(build) {
		build.onResolve({ filter: /^text\/(encoder|decoder)$/ }, ({ path }) => ({ path, namespace: "text" }));
		build.onLoad({ filter: /.*/, namespace: "text" }, ({ path }) => ({
			contents: `export default globalThis.${path === "text/encoder" ? "TextEncoder" : "TextDecoder"};`,
		}));
	},
};

const common = {
	bundle: true,
	absWorkingDir: root,
	logLevel: "warning",
	alias: { "mqtt-packet": mqttPacketModule },
	plugins: [textModules],
};

/** One classic script, for the XS engine. `options` as esbuild's. */
export function bundleForXs(options) {
	return esbuild.build({
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
	return esbuild.build({
		...common,
		format: "esm",
		platform: "node",
		target: "node20",
		sourcemap: "inline",
		external: ["aedes", "esbuild", "@agoric/xsnap"],
		...options,
	});
}

export async function buildFirmware() {
	await buildMqttPacket();
	await bundleForXs({
		entryPoints: ["hosts/sim/headless/xs/entry.ts"],
		outfile: join(buildFolder, "firmware.js"),
		alias: { host: join(root, "hosts/sim/headless/xs/host.ts") },
	});
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
	await buildFirmware();
	process.stdout.write(`${relative(process.cwd(), buildFolder)}/firmware.js\n`);
}
