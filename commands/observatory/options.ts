/** The command line of the observatory. */
import { join } from "node:path";
import { checkBrokerUrl } from "../../hosts/node/settings-check.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerUrl } from "../../src/net/broker-url.ts";
import { topicFilterFault, topicNameFault } from "../../src/net/mqtt/topic.ts";
import { hasControls } from "../../src/text.ts";
import { accountOf, BROKER_OPTIONS, brokerUrl, PASSWORD_VARIABLE, passwordOf, tlsOfBroker } from "../broker-options.ts";
import { explained, FLAG, LIST, numberOf, readLine, UsageError, VALUE } from "../frame.ts";
import { GROUP_MAXIMUM, keyFault } from "./collecting/amqp-queues.ts";
import { type AmqpUrl, hasVhost, isAmqp, parseAmqpUrl } from "./collecting/amqp-url.ts";
import { webSocketUrl } from "./home-assistant/connection.ts";
import { isPostgres } from "./store/open.ts";
import { DAY_MS } from "./store/times.ts";

/** The variable of the environment with the page's password. */
const PAGE_PASSWORD_VARIABLE = "VELETA_PAGE_PASSWORD";
/** The variable of the environment with Home Assistant's token. */
const TOKEN_VARIABLE = "VELETA_HOME_ASSISTANT_TOKEN";
const DATA_FOLDER = ".veleta/observatory";
const STORE_FILE = "readings.db";
const BASE = "veleta/+";
export const LOOPBACK = "127.0.0.1";
export const PAGE_PORT = 8_080;
const BROKER_PORT = 1_883;
/** Filters in one subscription's worth of options: a session has 32 subscriptions. */
const FILTERS_MAXIMUM = 32;
const LEVELS_OF_BASE = 5;

export const LINE = {
	name: "npm run observatory",
	options: {
		...BROKER_OPTIONS,
		"broker-host": VALUE,
		"broker-port": VALUE,
		base: LIST,
		topic: { ...LIST, short: "t" },
		group: VALUE,
		data: VALUE,
		store: VALUE,
		keep: VALUE,
		host: VALUE,
		port: VALUE,
		"page-password-file": VALUE,
		"no-commands": FLAG,
		"home-assistant": VALUE,
		"token-file": VALUE,
		"no-page": FLAG,
		export: VALUE,
		help: FLAG,
	},
} as const;

export const USAGE = `Usage: npm run observatory -- [OPTION…]

Keeps the readings of all stations, each once, and shows them in a browser:
broker, store and page in one command. Each part can be somebody else's.

The broker
  --broker URL         one that runs: mqtt://[user[:password]@]host[:port], or
                       mqtts:// for TLS; ws:// and wss:// for WebSockets; or
                       public:NAME; or RabbitMQ by AMQP, whose queues are spread
                       over a cluster: amqp://[user[:password]@]host[/vhost],
                       amqps:// for TLS. Without it mosquitto is started, or
                       where that is not installed a simpler broker
  --broker-host HOST   where the started one listens (default ${LOOPBACK}:
                       this computer only); elsewhere it needs -u
  --broker-port N      its port (default ${BROKER_PORT})
  -u, --username NAME  for the broker; a started one lets in nobody else. The
                       password is in
  --password-file FILE a file with it alone, or in the variable ${PASSWORD_VARIABLE}
  --cafile FILE        authorities (PEM) of the broker's certificate, instead of
                       those that Node knows
  --cert FILE          the observatory's own certificate, and
  --key FILE           its private key
  --fingerprint SHA256 the broker's certificate must be this one
  --tls-alpn NAME      the protocol that is asked for by ALPN

What is collected
  --base FILTER        what stations' topics begin with (default ${BASE});
                       may be given more than once
  -t, --topic FILTER   topics with plain numbers, too, such as 'Casa/#'; may be
                       given more than once
  --group NAME         divides the readings among all observatories with this
                       name (MQTT 5.0, AMQP)

The store
  --store STORE        an SQLite file (default ${STORE_FILE} in the folder of
                       --data), or postgres://[user[:password]@]host/database
  --keep DAYS          removes readings after so many days; hours and days stay
                       (default: keeps them)
  --data FOLDER        where the store, the started broker and the session are
                       kept (default ${DATA_FOLDER})
  --export csv         writes all readings to stdout, and ends

The page
  --host HOST          where it is served (default ${LOOPBACK}: this computer
                       only); elsewhere it needs a password
  --port N             its port (default ${PAGE_PORT})
  --page-password-file FILE
                       a file with the page's password alone; or in the variable
                       ${PAGE_PASSWORD_VARIABLE}
  --no-commands        stations are not commanded from the page
  --no-page            only collects

Home Assistant
  --home-assistant URL sends it each hour's statistics, and again when a late
                       reading changes them: http://homeassistant:8123
  --token-file FILE    a file with an administrator's long-lived access token
                       alone; or in the variable ${TOKEN_VARIABLE}

  --help               this text
`;

export interface StartedBroker {
	readonly host: string;
	readonly port: number;
}

export interface Options {
	readonly broker: BrokerUrl | AmqpUrl | StartedBroker;
	/** Whether the broker is to be started. */
	readonly starts: boolean;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly bases: readonly string[];
	readonly topics: readonly string[];
	readonly group: string | undefined;
	/** A folder. */
	readonly data: string;
	/** A file, or a URL. */
	readonly store: string;
	/** In ms; `undefined`: for ever. */
	readonly keep: number | undefined;
	readonly page: { readonly host: string; readonly port: number; readonly password: string | undefined } | undefined;
	readonly commands: boolean;
	readonly homeAssistant: { readonly url: string; readonly token: string } | undefined;
	/** Whether readings are written as CSV, and nothing else is done. */
	readonly exports: boolean;
}

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseOptions(args: string[]): Options | undefined {
	const values = readLine(args, LINE)?.values;
	if (!values) return undefined;
	const { data = DATA_FOLDER, store = join(data, STORE_FILE), keep } = values;
	checkPath("--data", data);
	checkStore(store);
	if (values.export !== undefined && values.export !== "csv") throw new UsageError("--export: must be csv");
	const starts = values.broker === undefined;
	const url = values.broker === undefined ? undefined : givenBroker(values.broker);
	if (url)
		for (const name of ["broker-host", "broker-port"] as const)
			refuse(values[name], name, "is for a started broker, not for --broker");
	const tls = tlsOf(values, url);
	const { username, password } = accountOf(values, url);
	const brokerHost = values["broker-host"] ?? LOOPBACK;
	if (starts && username !== undefined && password === undefined) {
		throw new UsageError(`-u: the started broker needs a password: --password-file, or ${PASSWORD_VARIABLE}`);
	}
	// As mosquitto's file of passwords has them: a # begins a comment there.
	if (starts && username !== undefined && (username === "" || /^#|:/.test(username) || hasControls(username)))
		throw new UsageError("-u: must not be empty, nor begin with #, nor have a colon");
	if (starts && !isLoopback(brokerHost) && username === undefined) {
		throw new UsageError("--broker-host: others reach the broker there, so it needs -u and --password-file");
	}
	const filters = filtersOf(values);
	const group = groupOf(values.group, store);
	if (url && hasVhost(url)) checkForAmqp(filters, group);
	return {
		broker: url ?? { host: brokerHost, port: portOf("--broker-port", values["broker-port"], BROKER_PORT) },
		starts,
		tls,
		username,
		password,
		...filters,
		group,
		data,
		store,
		keep: keep === undefined ? undefined : numberOf("--keep", keep, 1, 36_500) * DAY_MS,
		page: pageOf(values),
		commands: values["no-commands"] !== true,
		homeAssistant: homeAssistantOf(values),
		exports: values.export !== undefined,
	};
}

type Values = NonNullable<ReturnType<typeof readLine<typeof LINE.options>>>["values"];

function givenBroker(broker: string): BrokerUrl | AmqpUrl {
	// No error shows the URL: it may hold a password.
	if (isAmqp(broker)) return explained(() => parseAmqpUrl(broker), "--broker: ");
	return explained(() => checkBrokerUrl(brokerUrl(broker)), "--broker: ");
}

function refuse(value: unknown, name: string, why: string): void {
	if (value !== undefined) throw new UsageError(`--${name} ${why}`);
}

function tlsOf(values: Values, url: BrokerUrl | AmqpUrl | undefined): TlsOptions {
	const byAmqp = url !== undefined && hasVhost(url);
	// amqplib would give the password to whoever answers, before anybody has looked at the certificate.
	if (byAmqp && url.tls)
		refuse(values.fingerprint, "fingerprint", "is for mqtts:// and wss://: with amqps:// it is --cafile");
	return tlsOfBroker(values, url?.tls === true, byAmqp ? "amqps://" : undefined);
}

function filtersOf(values: Values): Pick<Options, "bases" | "topics"> {
	const { base: bases = [BASE], topic: topics = [] } = values;
	for (const base of bases) {
		const fault = base.includes("#")
			? "# stands for the end of a topic, and stations have more levels behind it"
			: topicFilterFault(base);
		if (fault) throw new UsageError(`--base ${base}: ${fault}`);
	}
	for (const [index, topic] of topics.entries()) {
		const fault = topicFilterFault(topic);
		if (fault) throw new UsageError(`--topic ${topic}: ${fault}`);
		// A broker may deliver a message for each of the two, and a plain number has nothing to be known again by.
		const other = topics.slice(0, index).find((other) => other !== topic && overlap(other, topic));
		if (other !== undefined) throw new UsageError(`--topic ${topic}: has topics that ${other} has, too`);
	}
	if (LEVELS_OF_BASE * bases.length + topics.length > FILTERS_MAXIMUM) {
		throw new UsageError("too many of --base and --topic: six of --base at the most, or fewer with --topic");
	}
	return { bases: [...new Set(bases)], topics: [...new Set(topics)] };
}

/** Throws a `UsageError` that shows nothing of a URL: it may hold a password. */
export function checkStore(store: string): void {
	if (!/^[a-z][a-z0-9+.-]*:/i.test(store) || /^[a-z]:[\\/]/i.test(store)) return checkPath("--store", store);
	const problem = "--store: must be a file, or look like postgres://[user[:password]@]host[:port]/database";
	if (!isPostgres(store)) throw new UsageError(problem);
	let url: URL;
	try {
		url = new URL(store);
	} catch {
		throw new UsageError(problem);
	}
	if (url.hostname === "" || !/^\/[^/@:]+$/.test(url.pathname)) throw new UsageError(problem);
}

function checkPath(option: string, path: string): void {
	if (path === "" || hasControls(path)) throw new UsageError(`${option}: must be a path`);
}

/** Whether there is a topic that both filters take. */
function overlap(one: string, other: string): boolean {
	const [a, b] = [one.split("/"), other.split("/")];
	for (let level = 0; level < Math.max(a.length, b.length); level++) {
		const [x, y] = [a[level], b[level]];
		// A # takes the level above it, too.
		if (x === "#" || y === "#") return true;
		if (x === undefined || y === undefined) return false;
		if (x !== "+" && y !== "+" && x !== y) return false;
	}
	return true;
}

function groupOf(group: string | undefined, store: string): string | undefined {
	if (group === undefined) return undefined;
	if (!isPostgres(store)) throw new UsageError("--group: those of a group need one store: --store postgres://…");
	if (group.includes("/") || topicNameFault(group)) throw new UsageError("--group: must be a name without /, + and #");
	return group;
}

function checkForAmqp({ bases, topics }: Pick<Options, "bases" | "topics">, group: string | undefined): void {
	for (const [option, filters] of [
		["--base", bases],
		["--topic", topics],
	] as const) {
		for (const filter of filters) {
			const fault = keyFault(filter);
			if (fault) throw new UsageError(`${option} ${filter}: ${fault}`);
		}
	}
	if (group !== undefined && (hasControls(group) || Buffer.byteLength(group) > GROUP_MAXIMUM)) {
		throw new UsageError(`--group: by AMQP it must be a name of ${GROUP_MAXIMUM} bytes at the most`);
	}
}

function pageOf(values: Values): Options["page"] {
	if (values["no-page"]) {
		for (const name of ["host", "port", "page-password-file"] as const) refuse(values[name], name, "is for the page");
		return undefined;
	}
	const host = values.host ?? LOOPBACK;
	const file = values["page-password-file"];
	const password =
		passwordOf(undefined, file, "--page-password-file") ?? (process.env[PAGE_PASSWORD_VARIABLE] || undefined);
	if (!isLoopback(host) && password === undefined) {
		throw new UsageError(
			`--host: others reach the page there, so it needs --page-password-file, or ${PAGE_PASSWORD_VARIABLE}`,
		);
	}
	return { host, port: portOf("--port", values.port, PAGE_PORT), password };
}

function homeAssistantOf(values: Values): Options["homeAssistant"] {
	const { "home-assistant": url, "token-file": file } = values;
	if (url === undefined) {
		refuse(file, "token-file", "is for --home-assistant");
		return undefined;
	}
	explained(() => webSocketUrl(url), "--home-assistant: ");
	const token = passwordOf(undefined, file, "--token-file") ?? process.env[TOKEN_VARIABLE]?.trim();
	if (!token) throw new UsageError(`--home-assistant: needs a token: --token-file, or ${TOKEN_VARIABLE}`);
	return { url, token };
}

function portOf(option: string, text: string | undefined, preset: number): number {
	return text === undefined ? preset : numberOf(option, text, 1, 65_535, true);
}

/** Whether only this computer can reach it. */
export function isLoopback(host: string): boolean {
	return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
