/** The panel for mcsim, `hosts/sim/mcsim/panel`, as mcsim takes it: one JavaScript file in a folder of its own. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build, buildFolder, root } from "./build.js";

/** The manifest names it, too (SIMULATORS). */
export const simulatorFolder = join(buildFolder, "modules/mcsim/simulator");
const PANEL = "veleta.js";

/** mcsim has these modules itself. */
const EXTERNAL = ["ControlsPane", "DevicePane", "assets", "piu/*"];

export async function buildPanel() {
	await build({
		absWorkingDir: root,
		entryPoints: ["hosts/sim/mcsim/panel/panel.ts"],
		outfile: join(simulatorFolder, PANEL),
		bundle: true,
		format: "esm",
		platform: "neutral",
		target: "es2024",
		external: EXTERNAL,
		logLevel: "warning",
	});
	// mcsim takes each file there for a simulator.
	for (const name of readdirSync(simulatorFolder)) if (name !== PANEL) rmSync(join(simulatorFolder, name));
}
