/**
 * The program for a Moddable host as the manifests name it, in
 * `build/modules/HOST`: `station.js`, which is preloaded, and `main.js`.
 */
import { basename, join, relative } from "node:path";
import * as esbuild from "esbuild";
import { buildFolder, mqttPacketClientModule, root, writeMinified, writeWhole } from "./build.js";
import { hasMbedTls } from "./moddable.js";
import { buildPanel } from "./panel.js";

const MAIN = "src/main.ts";

/**
 * `preloaded`: modules of the project that the entry and the host's ports import.
 * They are evaluated when the firmware is linked, and stay in flash; the entry and
 * the ports are evaluated on the board, with a stack too small for the rest.
 */
const HOSTS = {
	esp32: {
		ports: "hosts/esp32/host.ts",
		preloaded: [
			"hosts/esp32/console/console.ts",
			"hosts/esp32/machine/led.ts",
			"hosts/esp32/machine/machine.ts",
			"hosts/esp32/sensors/pulse-capture.ts",
			"hosts/esp32/tls/session-memory.ts",
			"hosts/esp32/update/update.ts",
			"hosts/esp32/wifi/wifi-radio.ts",
			"hosts/esp32/wifi/wifi-station.ts",
			"hosts/moddable/ports.ts",
			"hosts/moddable/tls/ports.ts",
			"src/settings.ts",
			"src/start.ts",
		],
	},
	mcsim: {
		entry: "hosts/sim/mcsim/entry.ts",
		ports: "hosts/sim/mcsim/host.ts",
		preloaded: [
			"hosts/moddable/ports.ts",
			"hosts/moddable/tls/ports.ts",
			"hosts/sim/devices/simulated-sensor.ts",
			"hosts/sim/mcsim/cable.ts",
			"hosts/sim/mcsim/flash.ts",
			"hosts/sim/mcsim/kept-id.ts",
			"hosts/sim/mcsim/remote-panel.ts",
			"src/settings.ts",
			"src/start.ts",
		],
	},
};

/** Modules of the SDK, and the user's settings. */
const EXTERNAL = ["embedded:*", "config", "control", "file", "mc/config", "net", "text/*", "time", "timer"];

/** What names the C of TLS. A manifest in `build/modules/mcsim` includes it, or has nothing in it. */
const TLS_MANIFEST = "hosts/moddable/tls/manifest.json";

/** esbuild puts modules of several entries into a chunk: this makes a second entry, which is not written. */
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

const withoutTls = {
	name: "without-tls",
	setup(build) {
		build.onLoad({ filter: /\/tls\/ports\.ts$/ }, () => ({ contents: "export const createTls = () => undefined;" }));
	},
};

/**
 * `name` is one of `esp32` and `mcsim`; mqtt-packet and the settings have to be
 * built. A board always has TLS; mcsim where the computer has what it needs. Resolves with what esbuild tells of it.
 */
export async function buildForModdable(name, { tls = name === "esp32" || hasMbedTls() } = {}) {
	const { entry = MAIN, ports, preloaded } = HOSTS[name];
	const folder = join(buildFolder, "modules", name);
	const { outputFiles, metafile } = await esbuild.build({
		absWorkingDir: root,
		entryPoints: { main: entry, preloaded: "preloaded" },
		outdir: folder,
		write: false,
		metafile: true,
		bundle: true,
		splitting: true,
		chunkNames: "station",
		format: "esm",
		platform: "neutral",
		target: "es2024",
		// Inlines constants of other modules, and shortens the names of imports between the parts.
		minify: true,
		external: EXTERNAL,
		alias: { host: join(root, ports), "mqtt-packet": mqttPacketClientModule },
		plugins: [preloadedEntry(preloaded), ...(tls ? [] : [withoutTls])],
		logLevel: "warning",
	});
	checkMain(metafile, [MAIN, entry, ports]);
	await writeMinified(outputFiles.filter(({ path }) => basename(path) !== "preloaded.js"));
	if (name !== "mcsim") return metafile;
	const manifest = tls ? { include: relative(folder, join(root, TLS_MANIFEST)).replaceAll("\\", "/") } : {};
	writeWhole(join(folder, "tls.json"), `${JSON.stringify(manifest)}\n`);
	await buildPanel();
	return metafile;
}

/** A module that is missing in the lists above would be in `main.js`. */
function checkMain({ outputs }, expected) {
	const [, { inputs }] = Object.entries(outputs).find(([path]) => basename(path) === "main.js");
	const forgotten = Object.keys(inputs).filter((path) => !expected.includes(path));
	if (forgotten.length > 0) throw new Error(`${forgotten} should be preloaded: see tools/device.js`);
}
