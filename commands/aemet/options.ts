/** The command line of `npm run aemet`, and its file of settings. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { checkBrokerUrl, checkSettings } from "../../hosts/node/settings-check.ts";
import { readRawSettings } from "../../hosts/node/settings-file.ts";
import { checkPem } from "../../hosts/node/tls.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerUrl } from "../../src/net/broker-url.ts";
import { isPublic } from "../../src/settings.ts";
import { hasControls, printable } from "../../src/text.ts";
import {
	BROKER_OPTIONS,
	brokerUrl,
	environmentPassword,
	PASSWORD_VARIABLE,
	passwordOf,
	tlsOfBroker,
} from "../broker-options.ts";
import { explained, FLAG, HELP, LIST, readLine, UsageError, VALUE } from "../frame.ts";
import { checkTopic, placesOf } from "./place-settings.ts";
import type { MunicipalitySettings, StationSettings } from "./places.ts";

/** The variable of the environment with AEMET's key. */
export const KEY_VARIABLE = "AEMET_API_KEY";
const BROKER = "mqtt://127.0.0.1:1883";
const BASE = "aemet";
const DATA_FOLDER = ".veleta/aemet";

export const LINE = {
	name: "npm run aemet",
	options: {
		station: LIST,
		municipality: LIST,
		...BROKER_OPTIONS,
		base: VALUE,
		values: FLAG,
		"home-assistant": FLAG,
		"api-key-file": VALUE,
		config: VALUE,
		data: VALUE,
		find: VALUE,
		help: HELP,
	},
} as const;

export const USAGE = `Usage: npm run aemet -- [OPTION…]

Observations and forecasts of AEMET, Spain's weather service, on MQTT: each
hour's observation once, in a station's words and units, and forecasts by time.
Needs AEMET's key, which is free: https://opendata.aemet.es. It is in the
variable ${KEY_VARIABLE}, in a file, or in the file of settings.

  --station ID         publishes a station's observations, such as 3195 (Madrid,
                       Retiro); several times if need be
  --municipality ID    publishes forecasts of a municipality, by its five
                       digits, such as 28065 (Getafe); several times if need be
  --api-key-file FILE  a file with AEMET's key alone
  --broker URL         mqtt://[user[:password]@]host[:port], or mqtts:// for
                       TLS; ws:// and wss:// for WebSockets (default
                       ${BROKER})
  -u, --username NAME  for the broker; the password is in
  --password-file FILE a file with it alone, or in the variable ${PASSWORD_VARIABLE}
  --cafile FILE        authorities (PEM) of the broker's certificate, instead of
                       those that Node knows
  --cert FILE          our own certificate, and
  --key FILE           its private key
  --fingerprint SHA256 the broker's certificate must be this one
  --tls-alpn NAME      the protocol that is asked for by ALPN

  --base TOPIC         what topics begin with (default ${BASE}, for
                       ${BASE}/3195/state and so on)
  --values             each quantity of a station at a topic of its own, too
  --home-assistant     Home Assistant finds the stations
  --config FILE        settings as JSON: stations, municipalities, apiKey,
                       apiKeyFile, broker, username, password, tls, base,
                       values, homeAssistant; also topics of one's own for each
                       place and quantity; an option takes the place of its
                       setting
  --data FOLDER        where is kept what the broker has not taken (default
                       ${DATA_FOLDER})
  --find NAME          shows stations and municipalities with this name, and
                       their ids; AEMET's lists are fetched once, and kept
  --help               shows this text
`;

export interface Options {
	readonly apiKey: string;
	readonly stations: readonly StationSettings[];
	readonly municipalities: readonly MunicipalitySettings[];
	readonly broker: BrokerUrl;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	/** Home Assistant's prefix of topics; empty: it is told nothing. */
	readonly homeAssistant: string;
	readonly data: string;
}

/** `--find`. */
export interface FindOptions {
	readonly find: string;
	/** Throws a `UsageError`: it is needed once. */
	readonly apiKey: () => string;
	readonly data: string;
}

/** What the file of settings may have. */
const SETTINGS = [
	...["stations", "municipalities", "apiKey", "apiKeyFile", "broker", "username", "password", "tls", "base"],
	...["values", "homeAssistant"],
] as const;

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseOptions(
	args: string[],
	environment: NodeJS.ProcessEnv = process.env,
): Options | FindOptions | undefined {
	const values = lineOf(args)?.values;
	if (!values) return undefined;
	const { config } = values;
	const file = config === undefined ? {} : settingsIn(config);
	const { data = DATA_FOLDER, find } = values;
	if (data === "" || hasControls(data)) throw new UsageError("--data: must be a path");
	if (find !== undefined) {
		if (find.trim() === "") throw new UsageError("--find: needs a part of a name");
		return { find, data, apiKey: () => apiKeyOf(values["api-key-file"], environment, file, config) };
	}
	const given = values.broker ?? text(file.broker, "broker");
	const broker = brokerOf(
		given ?? BROKER,
		values.broker === undefined && given !== undefined ? "broker: " : "--broker: ",
	);
	const { tls, homeAssistant } = checkedSettings(values, file, broker, brokerUrl(given ?? BROKER));
	const base = values.base ?? text(file.base, "base");
	if (base !== undefined) checkTopic(base, values.base === undefined ? "base" : "--base");
	if (isPublic(broker) && base === undefined)
		throw new UsageError(`--broker: ${broker.host} is everybody's, and needs a --base of your own`);
	const username = values.username ?? text(file.username, "username") ?? broker.username;
	const filed = passwordOf(undefined, values["password-file"]) ?? text(file.password, "password");
	if (filed !== undefined && username === undefined) throw new UsageError("a password needs a user name: -u");
	const password = filed ?? broker.password ?? (username === undefined ? undefined : environmentPassword());
	if (file.values !== undefined && typeof file.values !== "boolean")
		throw new UsageError("values: must be true or false");
	const { station, municipality } = values;
	const { stations, municipalities } = file;
	return {
		...placesOf({
			...{ station, municipality, stations, municipalities },
			base: base ?? BASE,
			values: values.values ?? file.values ?? false,
		}),
		...{ broker, tls, username, password, data, homeAssistant },
		apiKey: apiKeyOf(values["api-key-file"], environment, file, config),
	};
}

/** Those that stations have, too, by the same names. Options of TLS take the place of all its settings. */
function checkedSettings(
	values: Parameters<typeof tlsOfBroker>[0] & { readonly "home-assistant"?: boolean | undefined },
	file: Settings,
	broker: BrokerUrl,
	url: string,
): { readonly tls: TlsOptions; readonly homeAssistant: string } {
	const fromOptions = tlsOfBroker(values, broker.tls);
	const tls = Object.keys(fromOptions).length > 0 || file.tls === undefined ? {} : file.tls;
	return explained(() => {
		const settings = checkSettings({
			...{ broker: url, tls },
			homeAssistant: values["home-assistant"] ?? file.homeAssistant ?? false,
		});
		checkPem(settings.tls);
		return { tls: { ...settings.tls, ...fromOptions }, homeAssistant: settings.homeAssistant };
	});
}

/** A key is no argument: no error shows one. */
function lineOf(args: string[]) {
	try {
		return readLine(args, LINE);
	} catch (error) {
		throw error instanceof UsageError ? new UsageError(withoutKeys(error.message)) : error;
	}
}

/** A text without what begins as AEMET's keys do. */
function withoutKeys(text: string): string {
	return text.replace(/eyJ[\w.=-]*/g, "eyJ…");
}

type Settings = Readonly<Partial<Record<(typeof SETTINGS)[number], unknown>>>;

/** Nothing of its values is shown: it may have the key, and a password. */
function settingsIn(path: string): Settings {
	const settings = explained(() => readRawSettings(path, path), "--config ");
	if (!settings) throw new UsageError(`--config ${path}: there is no such file`);
	const unknown = Object.keys(settings).find(
		(name) => name !== "$schema" && !(SETTINGS as readonly string[]).includes(name),
	);
	if (unknown !== undefined) throw new UsageError(`--config ${path}: ${printable(unknown)}: there is no such setting`);
	return settings;
}

function text(value: unknown, name: string): string | undefined {
	if (value === undefined || typeof value === "string") return value;
	throw new UsageError(`${name}: must be a text`);
}

function brokerOf(given: string, prefix: string): BrokerUrl {
	// No error shows the URL: it may hold a password.
	const url = brokerUrl(given);
	return explained(() => checkBrokerUrl(url), prefix);
}

/** Its messages show nothing of it. */
function apiKeyOf(
	file: string | undefined,
	{ [KEY_VARIABLE]: variable }: NodeJS.ProcessEnv,
	settings: Settings,
	config: string | undefined,
): string {
	if (file !== undefined) return keyIn(file, "--api-key-file");
	if (variable !== undefined && variable !== "") return checkedKey(variable.trim(), KEY_VARIABLE);
	const { apiKey, apiKeyFile } = settings;
	if (apiKey !== undefined && apiKeyFile !== undefined) throw new UsageError("apiKey and apiKeyFile: one of the two");
	if (apiKey !== undefined) return checkedKey(text(apiKey, "apiKey")!.trim(), "apiKey");
	// As from the file that names it.
	if (apiKeyFile !== undefined) return keyIn(resolve(dirname(config!), text(apiKeyFile, "apiKeyFile")!), "apiKeyFile");
	throw new UsageError(
		`AEMET's key is missing: ${KEY_VARIABLE}, --api-key-file or apiKey in the file of settings; https://opendata.aemet.es`,
	);
}

function keyIn(path: string, name: string): string {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		const problem = code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`;
		throw new UsageError(withoutKeys(`${name} ${path}: ${problem}`));
	}
	return checkedKey(text.trim(), withoutKeys(`${name} ${path}`));
}

/** A JSON Web Token, in a header of HTTP. */
function checkedKey(key: string, name: string): string {
	if (!/^[A-Za-z0-9_.=-]{8,4096}$/.test(key))
		throw new UsageError(`${name}: is no key of AEMET's: one line of letters, digits, - _ and .`);
	return key;
}
