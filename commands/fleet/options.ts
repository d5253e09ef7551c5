/** The command line of `npm run fleet`. */
import { checkBrokerUrl } from "../../hosts/node/settings-check.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerUrl } from "../../src/net/broker-url.ts";
import { isPublic, parseSettings, type Settings } from "../../src/settings.ts";
import { accountOf, BROKER_OPTIONS, brokerUrl, PASSWORD_VARIABLE, tlsOfBroker } from "../broker-options.ts";
import { durationOf, explained, FLAG, HELP, numberOf, readLine, UsageError, VALUE } from "../frame.ts";
import { checkStore } from "../observatory/options.ts";
import { STATIONS_MAXIMUM as STORED_STATIONS_MAXIMUM } from "../observatory/store/store.ts";

const BROKER = "mqtt://127.0.0.1:1883";
const PREFIX = "fleet";
/** More would want several processes. */
const STATIONS_MAXIMUM = 50_000;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const INTERVAL_MS = 60_000;
const INTERVAL_MAXIMUM_MS = DAY_MS;
/** As long as a timer of Node's can be. */
const DURATION_MAXIMUM_MS = 24 * DAY_MS;
/** Of each station, per hour. */
const FAULTS = { outages: 1, powerCuts: 0.2, most: 600 } as const;

export const LINE = {
	name: "npm run fleet",
	options: {
		stations: { ...VALUE, short: "n" },
		...BROKER_OPTIONS,
		interval: VALUE,
		duration: VALUE,
		outages: VALUE,
		"power-cuts": VALUE,
		id: VALUE,
		seed: VALUE,
		store: VALUE,
		curve: VALUE,
		json: FLAG,
		help: HELP,
	},
} as const;

export const USAGE = `Usage: npm run fleet -- [OPTION…]

Thousands of simulated stations in one process, at a real broker: each is the
whole station, with a sensor, a flash, and outages of its own. At the end it is
told what became of their readings, and how long it took until all were back
when the broker was away. Ends with 1 if a reading is lost, or stored twice.

  -n, --stations N     how many (default 100, at most ${STATIONS_MAXIMUM.toLocaleString("en")})
  --broker URL         mqtt://[user[:password]@]host[:port], or mqtts:// for
                       TLS; ws:// and wss:// for WebSockets (default
                       ${BROKER})
  -u, --username NAME  for the broker; the password is in
  --password-file FILE a file with it alone, or in the variable ${PASSWORD_VARIABLE}
  --cafile FILE        authorities (PEM) of the broker's certificate, instead of
                       those that Node knows
  --cert FILE          the stations' own certificate, and
  --key FILE           its private key
  --fingerprint SHA256 the broker's certificate must be this one
  --tls-alpn NAME      the protocol that is asked for by ALPN

  --interval TIME      from one reading of a station to the next, such as 10s
                       (default 1m; 1s to 1d)
  --duration TIME      of the run, such as 5m (default: until Ctrl-C)
  --outages N          how often a station loses its network, per hour (default
                       ${FAULTS.outages}, at most ${FAULTS.most}; 0: never)
  --power-cuts N       how often it loses its power, per hour (default ${FAULTS.powerCuts},
                       at most ${FAULTS.most}; 0: never)
  --id PREFIX          of the stations' ids (default ${PREFIX}, for
                       veleta/${PREFIX}-00001 and so on)
  --seed N             of weather and faults (default 1)

  --store STORE        looks for the readings in the store of an observatory at
                       the same broker, as its own --store has it: a file, or
                       postgres://…; without it a subscriber looks for them
  --curve FILE         writes a line of CSV each second: how many are connected,
                       and what came meanwhile
  --json               writes the summary as JSON
  --help               this text
`;

export interface Options {
	readonly stations: number;
	readonly broker: BrokerUrl;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	/** Each station's, counted from 0. */
	readonly settingsOf: (station: number) => Settings;
	/** In s. */
	readonly interval: number;
	/** In ms; `Infinity`: until Ctrl-C. */
	readonly duration: number;
	/** Of each station, per hour. */
	readonly outages: number;
	readonly powerCuts: number;
	readonly prefix: string;
	readonly seed: number;
	readonly store: string | undefined;
	readonly curve: string | undefined;
	readonly json: boolean;
}

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseOptions(args: string[]): Options | undefined {
	const values = readLine(args, LINE)?.values;
	if (!values) return undefined;
	const rate = (name: "outages" | "power-cuts", preset: number) =>
		values[name] === undefined ? preset : numberOf(`--${name}`, values[name], 0, FAULTS.most);
	const time = (name: "interval" | "duration", highest: number) => {
		const text = values[name];
		if (text === undefined) return undefined;
		const ms = durationOf(`--${name}`, text);
		if (ms < SECOND_MS || ms > highest)
			throw new UsageError(`--${name} ${text}: must be from 1s to ${highest / DAY_MS}d`);
		return ms;
	};
	const whole = (name: "stations" | "seed", preset: number, lowest: number, highest: number) =>
		values[name] === undefined ? preset : numberOf(`--${name}`, values[name], lowest, highest, true);
	// No error shows the URL: it may hold a password.
	const given = brokerUrl(values.broker ?? BROKER);
	const broker = explained(() => checkBrokerUrl(given), "--broker: ");
	const tls = tlsOfBroker(values, broker.tls);
	if (isPublic(broker))
		throw new UsageError(`--broker: ${broker.host} is everybody's, and not for thousands of stations`);
	const { username, password } = accountOf(values, broker);
	const { id: prefix = PREFIX, store, curve, json = false } = values;
	if (!/^[A-Za-z0-9-]{1,32}$/.test(prefix)) throw new UsageError("--id: 1 to 32 letters, digits and hyphens");
	if (store !== undefined) checkStore(store);
	if (curve === "") throw new UsageError("--curve: must be a path");
	const stations = whole("stations", 100, 1, STATIONS_MAXIMUM);
	if (store !== undefined && stations > STORED_STATIONS_MAXIMUM)
		throw new UsageError(`--store: has room for ${STORED_STATIONS_MAXIMUM} stations`);
	const interval = (time("interval", INTERVAL_MAXIMUM_MS) ?? INTERVAL_MS) / SECOND_MS;
	const settingsOf = (station: number) => {
		return parseSettings({ broker: given, username, password, interval, id: idOf(prefix, station), tls });
	};
	explained(() => settingsOf(0));
	return {
		...{ broker, tls, username, password, stations, settingsOf, interval, prefix, store, curve, json },
		duration: time("duration", DURATION_MAXIMUM_MS) ?? Number.POSITIVE_INFINITY,
		outages: rate("outages", FAULTS.outages),
		powerCuts: rate("power-cuts", FAULTS.powerCuts),
		seed: whole("seed", 1, 0, Number.MAX_SAFE_INTEGER),
	};
}

function idOf(prefix: string, station: number): string {
	return `${prefix}-${String(station + 1).padStart(5, "0")}`;
}

export function topicOf(prefix: string, station: number): string {
	return `veleta/${idOf(prefix, station)}`;
}

/** The station of a topic's base, counted from 0; `undefined`: it is none of this fleet's. */
export function stationOf(prefix: string, base: string): number | undefined {
	const begin = `veleta/${prefix}-`;
	if (!base.startsWith(begin) || !/^\d{5}$/.test(base.slice(begin.length))) return undefined;
	return Number(base.slice(begin.length)) - 1;
}
