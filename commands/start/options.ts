/** The command line of the simulator. */
import { readFileSync, statSync } from "node:fs";
import { isIPv6 } from "node:net";
import { readAuthorities, readPem } from "../../hosts/node/pem-files.ts";
import { checkBrokerUrl, checkSettings } from "../../hosts/node/settings-check.ts";
import { readRawSettings } from "../../hosts/node/settings-file.ts";
import { parseReplay, pickReplay } from "../../hosts/sim/devices/replay.ts";
import { type KeptId, keptId } from "../../hosts/sim/headless/kept-id.ts";
import { parseBrokerUrl, showAddress } from "../../src/net/broker-url.ts";
import type { Row } from "../../src/settings/table.ts";
import { defaultOf, rows, type SettingName, TEXTS, valuesOf } from "../../src/settings/texts.ts";
import type { Settings } from "../../src/settings.ts";
import { messageOf } from "../../src/text.ts";
import { brokerAt, brokerUrl, environmentPassword, PASSWORD_VARIABLE, passwordOf } from "../broker-options.ts";
import { durationOf, explained, FLAG, numberOf, readLine, UsageError, VALUE } from "../frame.ts";

/** An option, which takes a value if `value` names one. */
interface Option {
	readonly value?: "MODEL" | "FILE" | "URL" | "HOST" | "NAME" | "PASSWORD" | "TIME" | "N" | "ID" | "TOPIC" | "SHA256";
	/** As mosquitto_pub has it. */
	readonly short?: "h" | "p" | "u" | "P" | "q" | "i" | "t";
	/** The setting that it stands for, whose text, values and default are in the table. */
	readonly setting?: SettingName;
	/** The option's text, or an addition to the setting's. */
	readonly text?: string;
	/** The range of a number that is no setting. */
	readonly row?: Row & { readonly minimum: number; readonly maximum: number; readonly default: number };
}

const OPTIONS = {
	sensor: { value: "MODEL", setting: "sensor" },
	replay: {
		value: "FILE",
		text: "recorded registers or pulse trains instead of simulated weather; FILE#NAME takes one recording of several",
	},
	broker: { value: "URL", setting: "broker" },
	host: {
		short: "h",
		value: "HOST",
		text: "the broker's host, instead of --broker; with an option of TLS, or port 8883, by TLS",
	},
	port: {
		short: "p",
		value: "N",
		text: "the broker's port (default 1883, or 8883 by TLS); without -h, that of the broker which is started (default 1883, or another one if that is taken)",
	},
	username: { short: "u", value: "NAME", setting: "username" },
	pw: {
		short: "P",
		value: "PASSWORD",
		text: "goes with the user name; other users see it in the list of processes",
	},
	"password-file": {
		value: "FILE",
		text: `a file with the password alone, which others do not see; nor the variable ${PASSWORD_VARIABLE}`,
	},
	cafile: { value: "FILE", setting: "tls.ca" },
	cert: { value: "FILE", setting: "tls.certificate" },
	key: { value: "FILE", setting: "tls.key" },
	fingerprint: { value: "SHA256", setting: "tls.fingerprint" },
	"tls-alpn": { value: "NAME", setting: "tls.alpn" },
	"board-tls": {
		text: "TLS as on a board: by Mbed TLS in the station's memory, not by Node; needs --cafile or --fingerprint",
	},
	interval: { value: "TIME", setting: "interval", text: "also as 5s, 1m or 1h" },
	speed: {
		value: "N",
		text: "simulated seconds per second",
		row: { type: "number", minimum: 1, maximum: 10_000, default: 1 },
	},
	duration: { value: "TIME", text: "simulated time to run; without it, until Ctrl-C" },
	id: {
		short: "i",
		value: "ID",
		setting: "id",
		text: "by default sim; with --broker or -h, sim- and four random digits, which .veleta/id keeps",
	},
	topic: { short: "t", value: "TOPIC", setting: "topic" },
	qos: { short: "q", value: "N", setting: "qos" },
	config: { value: "FILE", text: "settings from FILE, as config.example.json; the options above go before it" },
	state: {
		value: "FILE",
		text: "the station's flash: what it remembers across restarts (default, with --broker or -h: .veleta/ID.flash; without: none)",
	},
	seed: {
		value: "N",
		text: "another day of weather; with the id, other jitter",
		row: { type: "number", minimum: 0, maximum: 0xffff_ffff, default: 1 },
	},
	page: {
		text: "opens a page with the station's values and charts, at http://127.0.0.1:8080, or another port if that is taken",
	},
	json: { text: "what a subscriber receives, in lines with topic and payload, as where the output is no terminal" },
	verbose: { text: "at the end also the memory that the station had in use" },
	help: { text: "this text" },
} as const satisfies Readonly<Record<string, Option>>;
type OptionName = keyof typeof OPTIONS;

/** The simulator is for watching: a reading a minute would be slow to watch. Without a broker one is started. */
const DEFAULTS: { readonly [name in SettingName]?: unknown } = { id: undefined, interval: 5, broker: undefined };
/** At the broker of this run there is no other station. */
const EMBEDDED_ID = "sim";
/** Where the id of a station that nobody has named is kept; beside a flash of its own it has the flash's name. */
const ID_FILE = ".veleta/id";

/** Columns of the help, and those that are left to an option's name. */
const COLUMNS = 80;
const INDENT = 23;

export const USAGE = `Usage: npm start -- [OPTION…]

Runs the station inside the XS engine with a simulated sensor, and shows its
readings. Without --broker or -h it starts a broker of its own. Where
mosquitto_pub has an option, it is the same here; -i names the station.

${Object.entries(OPTIONS).map(help).join("")}`;

/** The lines of the help about an option. */
function help([name, option]: [string, Option]): string {
	const letter = option.short ? `-${option.short}, ` : "";
	const lines = [`  ${letter}--${name} ${option.value ?? ""}`.padEnd(INDENT - 1)];
	for (const word of meaning(option).replaceAll("`", "").split(" ")) {
		const longer = `${lines.at(-1)} ${word}`;
		if (longer.length <= COLUMNS) lines[lines.length - 1] = longer;
		else lines.push(" ".repeat(INDENT) + word);
	}
	return `${lines.join("\n")}\n`;
}

function meaning({ setting, text = "", row: own }: Option): string {
	const row = own ?? rowOf(setting);
	const means = [...(setting ? [TEXTS[setting]] : []), ...(text ? [text] : [])].join(", ");
	if (!row) return means;
	const values = row.type === "string" ? "" : `: ${valuesOf(row)}`;
	const preset = setting ? (setting in DEFAULTS ? DEFAULTS[setting] : defaultOf(setting, row)) : row.default;
	return `${means}${values}${preset === undefined || preset === "none" ? "" : ` (default ${preset})`}`;
}

function rowOf(setting: SettingName | undefined): Row | undefined {
	return rows().find(([name]) => name === setting)?.[1];
}

/** For `commands/frame.ts`. */
export const LINE = {
	name: "npm start",
	options: {
		...(Object.fromEntries(
			(Object.entries(OPTIONS) as [string, Option][]).map(([name, { short }]) => [
				name,
				{ ...VALUE, ...(short && { short }) },
			]),
		) as Record<OptionName, typeof VALUE>),
		"board-tls": FLAG,
		page: FLAG,
		json: FLAG,
		verbose: FLAG,
		help: FLAG,
	},
};

export interface Options {
	/** The settings for the station. */
	readonly rawSettings: Record<string, unknown>;
	/** The same, parsed. */
	readonly settings: Settings;
	/** The kept id, if they have none. */
	readonly kept: KeptId | undefined;
	/** Whether to start a broker. */
	readonly embedded: boolean;
	/** Where it is to listen; `undefined`: where it can. */
	readonly port: number | undefined;
	readonly replay: { text: string; name?: string } | undefined;
	readonly speed: number;
	/** Simulated ms. */
	readonly duration: number | undefined;
	readonly state: string | undefined;
	readonly seed: number;
	readonly boardTls: boolean;
	/** Whether to serve the page. */
	readonly page: boolean;
	/** Lines with topics and payloads, also at a terminal. */
	readonly json: boolean;
	/** Whether the end tells of memory, too. */
	readonly verbose: boolean;
}

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseOptions(args: string[]): Options | undefined {
	const given = readLine(args, LINE)?.values;
	if (!given) return undefined;
	const values = { ...given, ...(given.broker !== undefined && { broker: brokerUrl(given.broker) }) };
	const config = values.config === undefined ? {} : readConfig(values.config);
	const rawSettings: Record<string, unknown> = { ...DEFAULTS, ...config };
	for (const [name, option] of Object.entries(OPTIONS) as [OptionName, Option][]) {
		const given = values[name];
		if (option.setting !== undefined && typeof given === "string")
			set(rawSettings, option.setting, settingOf(`--${name}`, option, given));
	}
	// The command line goes before the file: who says whom to trust there does not mean the file's, too.
	if (values.fingerprint !== undefined && values.cafile === undefined) set(rawSettings, "tls.ca", undefined);
	if (values.cafile !== undefined && values.fingerprint === undefined) set(rawSettings, "tls.fingerprint", undefined);
	const password = passwordOf(values.pw, values["password-file"]);
	if (password !== undefined) rawSettings.password = password;
	const port = values.port === undefined ? undefined : numberOf("--port", values.port, 1, 65_535, true);
	if (values.host !== undefined) {
		if (values.broker !== undefined) throw new UsageError("--host: is in the URL of --broker");
		const wantsTls = values["board-tls"] === true || Object.keys(Object(rawSettings.tls)).length > 0;
		rawSettings.broker = urlOf(values.host, port, wantsTls);
	} else if (port !== undefined && rawSettings.broker !== undefined) {
		throw new UsageError(
			`--port: is in the URL of ${values.broker === undefined ? "the broker in the file" : "--broker"}`,
		);
	}
	const replay = values.replay === undefined ? undefined : readReplay(values.replay);
	// A recording tells its sensor, unless it holds several.
	if (replay?.kinds.length === 1) rawSettings.sensor ??= replay.kinds[0];
	let settings = explained(() => checkedSettings(rawSettings, values));
	const fallback = environmentPassword();
	// The command line goes before the environment, which goes before the file.
	if (
		fallback !== undefined &&
		settings.username !== undefined &&
		password === undefined &&
		!hasPassword(values.broker)
	) {
		rawSettings.password = fallback;
		settings = explained(() => checkedSettings(rawSettings, values));
	}
	replay?.check(settings.sensor);
	const embedded = rawSettings.broker === undefined;
	if (embedded) rawSettings.id ??= EMBEDDED_ID;
	// When all else can be used: it makes a file.
	const kept = rawSettings.id === undefined ? keptId(values.state ? `${values.state}.id` : ID_FILE) : undefined;
	settings = explained(() => checkedSettings(rawSettings, values, kept?.id));
	const state = values.state ?? (embedded ? undefined : `.veleta/${settings.id}.flash`);
	return {
		rawSettings,
		settings,
		kept,
		embedded,
		port: embedded ? port : undefined,
		replay: replay?.source,
		speed: numberIn("speed", values.speed),
		duration: values.duration === undefined ? undefined : durationOf("--duration", values.duration),
		state,
		seed: numberIn("seed", values.seed),
		boardTls: values["board-tls"] === true,
		page: values.page === true,
		json: values.json === true,
		verbose: values.verbose === true,
	};
}

/** -h and -p as a URL. */
function urlOf(host: string, port: number | undefined, wantsTls: boolean): string {
	if (host === "" || /[@/\s]/.test(host) || (host.includes(":") && !isIPv6(host)))
		throw new UsageError("--host: must be a name or an address alone; --broker takes a URL");
	const address = brokerAt(host, port, wantsTls);
	const url = `${address.tls ? "mqtts" : "mqtt"}://${showAddress(address)}`;
	explained(() => checkBrokerUrl(url), "--host: ");
	return url;
}

function hasPassword(url: string | undefined): boolean {
	return url !== undefined && parseBrokerUrl(url).password !== undefined;
}

/** A fault of an option's value is told of the option: the setting's name may be in no file of the user's. */
function checkedSettings(
	raw: unknown,
	values: { readonly [name in OptionName]?: unknown },
	defaultId?: string,
): Settings {
	try {
		return checkSettings(raw, defaultId);
	} catch (error) {
		const told = withOptionNames(messageOf(error)).split("\n");
		const passwordOption = values.pw === undefined ? values["password-file"] && "--password-file" : "-P";
		const isGiven = (name: string) => name in OPTIONS && values[name as OptionName] !== undefined;
		throw new Error(
			told
				.map((line) => (isGiven(line.replace(/:.*$/, "")) ? `--${line}` : line))
				.map((line) => (passwordOption ? line.replace(/^password:/, `${passwordOption}:`) : line))
				.join("\n"),
		);
	}
}

/** A text about settings with the options beside those that have another name: `--cafile or tls.ca`. */
export function withOptionNames(text: string): string {
	return (Object.entries(OPTIONS) as [string, Option][]).reduce(
		(told, [name, { setting = name }]) =>
			setting === name
				? told
				: told.replace(
						new RegExp(`(^|[ (])${setting.replace(".", "\\.")}(?![\\w.])`, "gm"),
						`$1--${name} or ${setting}`,
					),
		text,
	);
}

/** A setting's value from its option: of the type that the table has. */
export function settingOf(option: string, { setting, value }: Option, given: string): unknown {
	if (value === "TIME") return durationOf(option, given) / 1_000;
	if (value === "FILE") return explained(() => (setting === "tls.ca" ? readAuthorities : readPem)(option, given));
	switch (rowOf(setting)?.type) {
		case "number":
		case "integer":
			// What is no number is refused with the setting's range.
			return given.trim() === "" ? Number.NaN : Number(given);
		case "boolean":
			return given === "true" || (given === "false" ? false : given);
		default:
			return given;
	}
}

function set(settings: Record<string, unknown>, setting: SettingName, value: unknown): void {
	const [name = "", member] = setting.split(".");
	settings[name] = member === undefined ? value : { ...(settings[name] as object), [member]: value };
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
	const name = `--config ${path}`;
	const config = explained(() => readRawSettings(path, name));
	if (!config) throw new UsageError(`${name}: there is no such file`);
	return config;
}

/** `FILE` or `FILE#NAME`; a file's name, or that of a folder, may have a # in it. */
function splitReplay(argument: string): [path: string, name?: string] {
	for (let end = argument.length; end > 0; end = argument.lastIndexOf("#", end - 1)) {
		const path = argument.slice(0, end);
		if (statSync(path, { throwIfNoEntry: false })?.isFile())
			return end < argument.length ? [path, argument.slice(end + 1)] : [path];
	}
	const at = argument.lastIndexOf("#");
	return at < 0 ? [argument] : [argument.slice(0, at), argument.slice(at + 1)];
}

function readReplay(argument: string) {
	const [path, name] = splitReplay(argument);
	const source = { text: readText("--replay", path), ...(name !== undefined && { name }) };
	const prefix = `--replay ${argument}: `;
	const replays = explained(() => parseReplay(source.text, name), prefix);
	return {
		source,
		kinds: replays.map(({ kind }) => kind),
		/** Throws a `UsageError` if the file has no recording of the sensor. */
		check: (sensor: string) => explained(() => pickReplay(replays, sensor), prefix),
	};
}

function numberIn(option: "speed" | "seed", text: string | undefined): number {
	const { minimum, maximum, default: preset } = OPTIONS[option].row;
	return numberOf(`--${option}`, text ?? String(preset), minimum, maximum, option === "seed");
}
