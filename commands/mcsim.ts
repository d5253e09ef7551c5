/** `npm run mcsim`: the station in mcsim, the Moddable SDK's simulator, with the project's own panel. */
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { makeFolder } from "../hosts/node/folders.js";
import { SENSORS } from "../src/sensors/models.ts";
import { parseSettings } from "../src/settings.ts";
import { buildMqttPacket, root } from "../tools/build.js";
import { buildForModdable } from "../tools/device.js";
import { computer, findSdk, hasMbedTls, mcconfig, outFolder, start, which } from "../tools/moddable.js";
import { simulatorFolder } from "../tools/panel.js";
import { brokerUrl } from "./broker-options.ts";
import { buildSettings } from "./device-settings.ts";
import { type Command, explained, FLAG, HELP, readLine, say, UsageError, VALUE } from "./frame.ts";

const USAGE = `usage: npm run mcsim -- [OPTION…]

Builds the station for mcsim and opens it there, with sliders for the weather,
switches for faults, and a list of what the station does. Needs the Moddable
SDK, and a broker that is running: see docs/mcsim.md. Settings come from
config.json, if there is one.

  --sensor MODEL     one of ${Object.keys(SENSORS).join(", ")}
  --broker URL       mqtt://[user:password@]host[:port]; public:NAME for a public
                     broker, see docs/brokers.md
  --interval N       seconds between readings (default 5)
  --keep-alive N     seconds; the broker says "offline" after one and a half
                     times this (default 10)
  --config FILE      settings from FILE instead of config.json
  --build-only       do not start mcsim
`;
const LINE = {
	name: "npm run mcsim",
	options: {
		sensor: VALUE,
		broker: VALUE,
		interval: VALUE,
		"keep-alive": VALUE,
		config: VALUE,
		"build-only": FLAG,
		help: HELP,
	},
};

interface Wanted {
	/** Settings from options. */
	readonly given: object;
	/** The file with settings. */
	readonly file: string | undefined;
	readonly buildOnly: boolean;
}

/** In s. mcsim is for watching: a minute to the next reading, or to the end of a cut link, would be long. */
const DEFAULTS = { interval: 5, keepAlive: 10 };
const NO_TLS = "mcsim has no TLS here: it needs Linux, and Mbed TLS (`apt-get install libmbedtls-dev`)";
/** mcconfig's output for mcsim. */
const LIBRARY: Readonly<Record<string, string>> = { lin: "mc.so", mac: "mc.so", win: "mc.dll" };

export const command: Command<Wanted> = { ...LINE, help: USAGE, read, run };

function read(args: string[]): Wanted | undefined {
	const line = readLine(args, LINE);
	if (!line) return undefined;
	const { sensor, broker, interval, "keep-alive": keepAlive, config, "build-only": buildOnly = false } = line.values;
	const given = {
		...(sensor !== undefined && { sensor }),
		...(broker !== undefined && { broker: brokerUrl(broker) }),
		...(interval !== undefined && { interval: seconds("--interval", interval) }),
		...(keepAlive !== undefined && { keepAlive: seconds("--keep-alive", keepAlive) }),
	};
	explained(() => parseSettings(given));
	const file = config === undefined ? undefined : resolve(config);
	if (file !== undefined && !existsSync(file)) throw new UsageError(`--config ${config}: there is no such file`);
	return { given, file, buildOnly };
}

function seconds(option: string, value: string): number {
	if (!/^\d+(\.\d+)?$/.test(value)) throw new UsageError(`${option} needs a number of seconds`);
	return Number(value);
}

async function run({ given, file, buildOnly }: Wanted): Promise<number> {
	const library = LIBRARY[computer];
	if (!library) throw new Error("mcsim is for Linux, macOS and Windows");
	// The settings' faults come first: checking them needs no tools.
	const { broker } = buildSettings({
		...(file !== undefined && { file }),
		change: (settings) => ({ ...DEFAULTS, ...settings, ...given }),
	});
	if (broker.tls && !hasMbedTls()) say(`${NO_TLS}: the station will not start`);
	const sdk = findSdk();
	const open = buildOnly ? undefined : opener(sdk);
	if (computer === "win" && !which("nmake", sdk.path)) {
		throw new Error("nmake is missing: run this in the x86 Native Tools Command Prompt of Visual Studio");
	}
	await buildMqttPacket();
	await buildForModdable("mcsim");
	// Always with a target: mcconfig's default one ends every mcsim that is running.
	const code = await mcconfig(sdk, ["-m", "-p", computer, "-t", "build"]);
	if (code !== 0 || !open) return code;
	const program = join(outFolder, "bin", computer, "mc/release/veleta", library);
	if (!existsSync(program)) throw new Error(`mcconfig made no ${program}`);
	// The station's storage does not make this folder; on macOS its folder exists.
	makeFolder(join(root, ".veleta"));
	return open(simulatorFolder, program);
}

/** Opens mcsim with files: the panel's folder and the program. Looks for mcsim and a screen before anything is built. */
function opener({ moddable, path, environment }: ReturnType<typeof findSdk>): (...files: string[]) => Promise<number> {
	if (computer === "mac") {
		const application = join(moddable, "build/bin/mac/release/mcsim.app");
		return (...files) => start("open", ["-a", application, ...files], environment);
	}
	const mcsim = which("mcsim", path);
	if (!mcsim) throw new Error("mcsim is not built: build the SDK's tools as its guide says");
	if (computer === "lin") {
		if (!environment.DISPLAY && !environment.WAYLAND_DISPLAY) {
			throw new Error(
				"mcsim needs a screen (DISPLAY is not set); without one use `npm start`, or `xvfb-run npm run mcsim`",
			);
		}
		// It ends at once where its own folder is missing.
		const settings = environment.XDG_CONFIG_HOME ?? join(homedir(), ".config");
		mkdirSync(join(settings, "tech.moddable.mcsim"), { recursive: true });
	}
	return (...files) => start(mcsim, files, environment);
}
