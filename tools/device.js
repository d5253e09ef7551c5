/**
 * The program for a Moddable host as the manifests name it, in
 * `build/modules/HOST`: `station.js`, which is preloaded, and `main.js`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import * as esbuild from "esbuild";
import { buildFolder, mqttPacketClientModule, root } from "./build.js";
import { shrink } from "./shrink.js";

const ENTRY = "src/main.ts";

/**
 * `preloaded`: what the entry and the host's ports import of the project. It
 * is evaluated when the firmware is linked, and stays in flash; the entry and
 * the ports are evaluated on the board, with a stack too small for the rest.
 */
const HOSTS = {
	esp32: {
		ports: "hosts/esp32/host.ts",
		preloaded: [
			"hosts/esp32/ntp-client.ts",
			"hosts/esp32/pulse-capture.ts",
			"hosts/esp32/sdk-ports.ts",
			"hosts/esp32/wifi-station.ts",
			"src/settings.ts",
			"src/station.ts",
		],
	},
	mcsim: {
		ports: "hosts/sim/mcsim/host.ts",
		preloaded: [
			"hosts/esp32/sdk-ports.ts",
			"hosts/sim/devices/simulated-sensor.ts",
			"hosts/sim/mcsim/flash.ts",
			"src/settings.ts",
			"src/station.ts",
		],
	},
};

/** Modules of the SDK, and the user's settings. */
const EXTERNAL = ["embedded:*", "config", "file", "mc/config", "net", "sntp", "text/*", "time", "timer"];

/** What is imported by more than one entry comes out as a chunk: this makes a second entry, which is not written. */
const preloadedEntry = (preloaded) => ({
	name: "preloaded",
	setup(build) {
		build.onResolve({ filter: /^preloaded$/ }, ({ path }) => ({ path, namespace: "preloaded" }));
		build.onLoad({ filter: /.*/, namespace: "preloaded" }, () => ({
			contents: preloaded.map((path) => `export * from "./${path}";\n`).join(""),
			resolveDir: root,
		}));
	},
});

/** `name` is one of `esp32` and `mcsim`; mqtt-packet has to be built. */
export async function buildForModdable(name) {
	const { ports, preloaded } = HOSTS[name];
	const folder = join(buildFolder, "modules", name);
	const { outputFiles, metafile } = await esbuild.build({
		absWorkingDir: root,
		entryPoints: { main: ENTRY, preloaded: "preloaded" },
		outdir: folder,
		write: false,
		metafile: true,
		bundle: true,
		splitting: true,
		chunkNames: "station",
		format: "esm",
		platform: "neutral",
		target: "es2024",
		external: EXTERNAL,
		alias: { host: join(root, ports), "mqtt-packet": mqttPacketClientModule },
		plugins: [preloadedEntry(preloaded)],
		logLevel: "warning",
	});
	checkMain(metafile, ports);
	mkdirSync(folder, { recursive: true });
	for (const { path, text } of outputFiles) {
		if (basename(path) !== "preloaded.js") writeFileSync(path, await shrink(text));
	}
}

/** What the lists above forget would be in `main.js`. */
function checkMain({ outputs }, ports) {
	const [, { inputs }] = Object.entries(outputs).find(([path]) => basename(path) === "main.js");
	const forgotten = Object.keys(inputs).filter((path) => ![ENTRY, ports].includes(path));
	if (forgotten.length > 0) throw new Error(`${forgotten} should be preloaded: see tools/device.js`);
}
