/** `npm run mcsim`: the station in mcsim, the Moddable SDK's simulator, with the project's own panel. */
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { buildMqttPacket, root } from "./build.js";
import { buildConfig, importTypeScript } from "./config.js";
import { buildForModdable } from "./device.js";
import { command, computer, findSdk, mcconfig, outFolder, start, ToolError, which } from "./moddable.js";
import { simulatorFolder } from "./panel.js";

const help = `usage: node tools/mcsim.js [OPTION…]

Builds the station for mcsim and opens it there, with sliders for the weather,
switches for faults, and a list of what the station does. Needs the Moddable
SDK, and a broker that is running: see docs/mcsim.md. Settings come from
config.json, if there is one.

  --sensor MODEL     bme280, bmp280, dht22 or dht11
  --broker URL       mqtt://[user:password@]host[:port]
  --interval N       seconds between readings (default 5)
  --keep-alive N     seconds; the broker says "offline" after one and a half
                     times this (default 10)
  --config FILE      settings from FILE instead of config.json
  --build-only       do not start mcsim
`;
const text = { type: "string" };
const options = {
	sensor: text,
	broker: text,
	interval: text,
	"keep-alive": text,
	config: text,
	"build-only": { type: "boolean" },
};

/** mcsim is for watching: a minute between readings, or until somebody knows that the link is cut, would be long. */
const DEFAULTS = { interval: 5, keepAlive: 10 };
/** What mcconfig makes of the program for mcsim. */
const LIBRARY = { lin: "mc.so", mac: "mc.so", win: "mc.dll" };

await command(help, options, async (values, [extra]) => {
	if (extra !== undefined) throw new ToolError(`${extra}: there are only options; see --help`, 2);
	const given = await givenSettings(values);
	const file = values.config === undefined ? undefined : resolve(values.config);
	if (file !== undefined && !existsSync(file))
		throw new ToolError(`--config ${values.config}: there is no such file`, 2);
	if (!LIBRARY[computer]) throw new ToolError("mcsim is for Linux, macOS and Windows");
	// What is wrong with the settings is said first: it needs no tools.
	await buildConfig({ ...(file && { file }), change: (settings) => ({ ...DEFAULTS, ...settings, ...given }) });
	const sdk = findSdk();
	const open = values["build-only"] ? undefined : opener(sdk);
	if (computer === "win" && !which("nmake", sdk.path)) {
		throw new ToolError("nmake is missing: run this in the x86 Native Tools Command Prompt of Visual Studio");
	}
	await buildMqttPacket();
	await buildForModdable("mcsim");
	// Always with a target: mcconfig's default one ends every mcsim that is running.
	const code = await mcconfig(sdk, ["-m", "-p", computer, "-t", "build"]);
	if (code !== 0 || !open) return code;
	const program = join(outFolder, "bin", computer, "mc/release/veleta", LIBRARY[computer]);
	if (!existsSync(program)) throw new ToolError(`mcconfig made no ${program}`);
	// The station's storage does not make it; on macOS it is in a folder that is there.
	mkdirSync(join(root, ".veleta"), { recursive: true });
	return open(simulatorFolder, program);
});

/** The settings among the options, checked. */
async function givenSettings(values) {
	const given = {};
	for (const name of ["sensor", "broker"]) if (values[name] !== undefined) given[name] = values[name];
	if (values.interval !== undefined) given.interval = number("--interval", values.interval);
	if (values["keep-alive"] !== undefined) given.keepAlive = number("--keep-alive", values["keep-alive"]);
	const { parseSettings } = await importTypeScript("src/settings.ts");
	try {
		parseSettings({ ...given });
	} catch (error) {
		throw new ToolError(error.message, 2);
	}
	return given;
}

function number(option, value) {
	if (!/^\d+(\.\d+)?$/.test(value)) throw new ToolError(`${option} needs a number of seconds`, 2);
	return Number(value);
}

/** Opens mcsim with files: the panel's folder and the program. Looks for what it needs before anything is built. */
function opener({ moddable, path, environment }) {
	if (computer === "mac") {
		const application = join(moddable, "build/bin/mac/release/mcsim.app");
		return (...files) => start("open", ["-a", application, ...files], environment);
	}
	const mcsim = which("mcsim", path);
	if (!mcsim) throw new ToolError("mcsim is not built: build the SDK's tools as its guide says");
	if (computer === "lin") {
		if (!environment.DISPLAY && !environment.WAYLAND_DISPLAY) {
			throw new ToolError(
				"mcsim needs a screen (DISPLAY is not set); without one use `npm start`, or `xvfb-run npm run mcsim`",
			);
		}
		// It ends at once where its own folder is missing.
		const settings = environment.XDG_CONFIG_HOME ?? join(homedir(), ".config");
		mkdirSync(join(settings, "tech.moddable.mcsim"), { recursive: true });
	}
	return (...files) => start(mcsim, files, environment);
}
