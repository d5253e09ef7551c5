/** The panel for mcsim, `hosts/sim/mcsim/panel`, as mcsim takes it: one JavaScript file in a folder of its own. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { buildFolder, root } from "./build.js";

/** The manifest names it, too (SIMULATORS). */
export const simulatorFolder = join(buildFolder, "modules/mcsim/simulator");

/** mcsim has these modules itself. */
const EXTERNAL = ["ControlsPane", "DevicePane", "assets", "piu/*"];

export async function buildPanel() {
	// mcsim takes each file there for a simulator.
	rmSync(simulatorFolder, { recursive: true, force: true });
	await esbuild.build({
		absWorkingDir: root,
		entryPoints: { veleta: "hosts/sim/mcsim/panel/panel.ts" },
		outdir: simulatorFolder,
		bundle: true,
		format: "esm",
		platform: "neutral",
		target: "es2024",
		external: EXTERNAL,
		logLevel: "warning",
	});
}
