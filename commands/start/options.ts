/** The command line of the simulator. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { readPem, withPemFiles } from "../../hosts/node/pem-files.ts";
import { parseReplay, pickReplay } from "../../hosts/sim/devices/replay.ts";
import { parseSettings, type Settings } from "../../src/settings.ts";
import { explained, HELP, numberOf, readLine, UsageError, VALUE } from "../frame.ts";

export const USAGE = `Usage: npm start -- [OPTION…]

Runs the station inside the XS engine with a simulated sensor, and prints what a
subscriber receives. Without --broker it starts a broker of its own.

  --sensor MODEL     bme280, bmp280, dht22 or dht11 (default bme280)
  --replay FILE      recorded registers or pulse trains instead of simulated
                     weather; FILE#NAME takes one recording of several
  --broker URL       mqtt://[user:password@]host[:port], or mqtts:// for TLS
  --cafile FILE      authorities (PEM) of the broker's certificate, instead of
                     those that Node knows
  --cert FILE        the station's own certificate, and
  --key FILE         its private key, for brokers that ask for them
  --interval TIME    between readings: 1s, 5s, 1m, 1h; a number alone is
                     seconds (default 5s)
  --speed N          simulated seconds per second, 1 to 10000 (default 1)
  --duration TIME    simulated time to run; without it, until Ctrl-C
  --id ID            the station's name (default sim)
  --topic TOPIC      what its topics begin with (default veleta/ID)
  --config FILE      settings from FILE, as config.example.json;
                     the options above go before it
  --state FILE       the station's flash: what it remembers across restarts
                     (default, with --broker: .veleta/ID.flash; without: none)
  --seed N           another day of weather, other jitter (default 1)
  --help             this text
`;

export const LINE = {
	name: "npm start",
	options: {
		sensor: VALUE,
		replay: VALUE,
		broker: VALUE,
		cafile: VALUE,
		cert: VALUE,
		key: VALUE,
		interval: VALUE,
		speed: VALUE,
		duration: VALUE,
		id: VALUE,
		topic: VALUE,
		config: VALUE,
		state: VALUE,
		seed: VALUE,
		help: HELP,
	},
};

export interface Options {
	/** As the station gets them. */
	readonly rawSettings: Record<string, unknown>;
	/** As they were understood. */
	readonly settings: Settings;
	/** Whether to start a broker. */
	readonly embedded: boolean;
	readonly replay: { text: string; name?: string } | undefined;
	readonly speed: number;
	/** Simulated ms. */
	readonly duration: number | undefined;
	readonly state: string | undefined;
	readonly seed: number;
}

const UNITS_MS: Readonly<Record<string, number>> = {
	ms: 1,
	s: 1_000,
	m: 60_000,
	h: 3_600_000,
	d: 86_400_000,
	"": 1_000,
};
const SPEED_MAXIMUM = 10_000;
/** Options that name PEM files, and the settings in `tls` that they stand for. */
const PEM_OPTIONS = { cafile: "ca", cert: "certificate", key: "key" } as const;
/** The simulator is for watching: a reading a minute would be slow to watch. */
const DEFAULTS = { id: "sim", interval: 5 };

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseOptions(args: string[]): Options | undefined {
	const values = readLine(args, LINE)?.values;
	if (!values) return undefined;
	const config = values.config === undefined ? {} : readConfig(values.config);
	const rawSettings: Record<string, unknown> = { ...DEFAULTS, ...config };
	for (const name of ["sensor", "broker", "id", "topic"] as const) {
		if (values[name] !== undefined) rawSettings[name] = values[name];
	}
	for (const [option, member] of Object.entries(PEM_OPTIONS)) {
		const path = values[option as keyof typeof PEM_OPTIONS];
		if (path === undefined) continue;
		rawSettings.tls = { ...(rawSettings.tls as object), [member]: explained(() => readPem(`--${option}`, path)) };
	}
	if (values.interval !== undefined) rawSettings.interval = duration("--interval", values.interval) / 1_000;
	const replay = values.replay === undefined ? undefined : readReplay(values.replay);
	// A recording tells its sensor, unless it holds several.
	if (replay?.kinds.length === 1) rawSettings.sensor ??= replay.kinds[0];
	const settings = explained(() => parseSettings(rawSettings));
	replay?.check(settings.sensor);
	const embedded = rawSettings.broker === undefined;
	const state = values.state ?? (embedded ? undefined : `.veleta/${settings.id}.flash`);
	return {
		rawSettings,
		settings,
		embedded,
		replay: replay?.source,
		speed: numberOf("--speed", values.speed ?? "1", 1, SPEED_MAXIMUM),
		duration: values.duration === undefined ? undefined : duration("--duration", values.duration),
		state,
		seed: numberOf("--seed", values.seed ?? "1", 0, 0xffff_ffff),
	};
}

function readText(option: string, path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new UsageError(
			`${option} ${path}: ${code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`}`,
		);
	}
}

function readConfig(path: string): object {
	const text = readText("--config", path);
	let config: unknown;
	try {
		// Windows' editors put a mark in front.
		config = JSON.parse(text.replace(/^\uFEFF/, ""));
	} catch (error) {
		throw new UsageError(`--config ${path}: is not JSON: ${jsonProblem(text, (error as Error).message)}`);
	}
	if (typeof config !== "object" || config === null || Array.isArray(config)) {
		throw new UsageError(`--config ${path}: must hold one object`);
	}
	return explained(() => withPemFiles(config, dirname(path))) as object;
}

/** The engine's message with the line instead of the text around the problem: there may be a password in it. */
function jsonProblem(text: string, message: string): string {
	const [, problem, position] = /^(.*?) in JSON at position (\d+)/s.exec(message) ?? [];
	if (position !== undefined) return `${problem} in line ${lineAt(text, Number(position))}`;
	const [, token, excerpt] =
		/^(Unexpected token '.+?'), \.\.\."(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(message) ?? [];
	// Ten characters of the excerpt come before the token.
	if (excerpt !== undefined) return `${token} in line ${lineAt(text, text.indexOf(excerpt) + 10)}`;
	return message.replace(/, ".*$/s, "");
}

function lineAt(text: string, position: number): number {
	return text.slice(0, position).split("\n").length;
}

/** `FILE` or `FILE#NAME`. */
function readReplay(argument: string) {
	const [path = "", name] = argument.split("#");
	const source = { text: readText("--replay", path), ...(name !== undefined && { name }) };
	const prefix = `--replay ${argument}: `;
	const replays = explained(() => parseReplay(source.text, name), prefix);
	return {
		source,
		kinds: replays.map(({ kind }) => kind),
		/** Throws where nothing was recorded from such a sensor. */
		check: (sensor: string) => explained(() => pickReplay(replays, sensor), prefix),
	};
}

function duration(option: string, text: string): number {
	const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|)$/.exec(text) ?? [];
	if (digits === undefined) throw new UsageError(`${option} ${text}: must be a time such as 5s, 1m or 1h`);
	return Number(digits) * UNITS_MS[unit ?? ""]!;
}
