/** `npm run mcsim`: the station in mcsim, the Moddable SDK's simulator. */
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { buildMqttPacket, root } from "./build.js";
import { buildConfig } from "./config.js";
import { buildForModdable } from "./device.js";
import { command, computer, findSdk, mcconfig, outFolder, start, ToolError, which } from "./moddable.js";

const help = `usage: node tools/mcsim.js [--build-only]

Builds the station for mcsim and starts it there; what the station says appears
here on Linux. Needs the Moddable SDK: see docs/esp32.md. Settings come from
config.json, if there is one.

  --build-only   do not start mcsim
`;

await command(help, { "build-only": { type: "boolean" } }, async (values, [extra]) => {
	if (extra !== undefined) throw new ToolError(`${extra}: there are only options; see --help`, 2);
	if (computer !== "lin" && computer !== "mac") {
		throw new ToolError("this starts mcsim on Linux and macOS only; elsewhere call `mcconfig -m -p win` yourself");
	}
	const sdk = findSdk();
	await buildConfig();
	await buildMqttPacket();
	await buildForModdable("mcsim");
	// Always with a target: mcconfig's default one ends every mcsim that is running.
	const code = await mcconfig(sdk, ["-m", "-p", computer, "-t", "build"]);
	if (code !== 0 || values["build-only"]) return code;
	return startMcsim(sdk, join(outFolder, "bin", computer, "mc/release/veleta/mc.so"));
});

function startMcsim({ moddable, path, environment }, program) {
	if (computer === "mac") {
		const mcsim = join(moddable, "build/bin/mac/release/mcsim.app");
		return start("open", ["-a", mcsim, join(moddable, "build/simulators"), program], environment);
	}
	const mcsim = which("mcsim", path);
	if (!mcsim) throw new ToolError("mcsim is not built: build the SDK's tools with `npx xs-dev setup`");
	if (!environment.DISPLAY && !environment.WAYLAND_DISPLAY) {
		throw new ToolError(
			"mcsim needs a screen (DISPLAY is not set); without one use `npm start`, or `xvfb-run npm run mcsim`",
		);
	}
	// It ends at once where its own folder is missing, and the station's storage is not made for it either.
	mkdirSync(join(environment.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "tech.moddable.mcsim"), {
		recursive: true,
	});
	mkdirSync(join(root, ".veleta"), { recursive: true });
	if (!existsSync(program)) throw new ToolError(`mcconfig made no ${program}`);
	return start(mcsim, [join(moddable, "build/simulators"), program], environment);
}
