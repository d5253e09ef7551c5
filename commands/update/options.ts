/** The command line of `npm run update`. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BOARDS } from "../../hosts/esp32/boards.ts";
import { readAuthorities } from "../../hosts/node/pem-files.ts";
import { checkBrokerUrl } from "../../hosts/node/settings-check.ts";
import { type RawSettings, readSettings } from "../../hosts/node/settings-file.ts";
import { NUMBER_MAXIMUM } from "../../hosts/node/update-manifest.ts";
import { SIMULATED_BOARD } from "../../hosts/sim/headless/protocol.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerUrl } from "../../src/net/broker-url.ts";
import { topicFilterFault, topicNameFault } from "../../src/net/mqtt/topic.ts";
import { parseSettings, type Settings } from "../../src/settings.ts";
import { printable } from "../../src/text.ts";
import { brokerUrl, environmentPassword, PASSWORD_VARIABLE, passwordOf, tlsTexts } from "../broker-options.ts";
import { explained, FLAG, HELP, readLine, UsageError, VALUE, type Values } from "../frame.ts";

export const LINE = {
	name: "npm run update",
	options: {
		broker: VALUE,
		username: { ...VALUE, short: "u" },
		"password-file": VALUE,
		cafile: VALUE,
		fingerprint: VALUE,
		"tls-alpn": VALUE,
		config: VALUE,
		id: VALUE,
		topic: VALUE,
		all: VALUE,
		"at-once": VALUE,
		key: VALUE,
		number: VALUE,
		board: VALUE,
		"new-key": VALUE,
		"new-image": VALUE,
		"no-network": FLAG,
		help: HELP,
	},
	takesArguments: true,
} as const;

export const USAGE = `Usage: npm run update -- --broker URL --id ID --key KEY.pem [OPTION…] [FILE.bin]
       npm run update -- --config FILE --key KEY.pem [OPTION…] [FILE.bin]
       npm run update -- --new-key KEY.pem

Sends firmware to a station, through the broker, and waits until the station
has confirmed it. Without FILE.bin, what npm run build:esp32 made.

  --broker URL    mqtt://[user:password@]host[:port], or mqtts:// for TLS;
                  ws:// and wss://, with a path, for WebSockets
  -u, --username NAME
                  for the broker; the password is in
  --password-file FILE
                  a file with it alone, or in the variable ${PASSWORD_VARIABLE}
  --cafile FILE   authorities (PEM) of the broker's certificate, instead of
                  those that Node knows
  --fingerprint SHA256
                  instead: the broker's certificate must be this one
  --tls-alpn NAME the protocol that is asked for by ALPN
  --config FILE   the station's settings: broker, user, password, TLS, id and
                  topic are taken from it where there is no option
  --id ID         the station's name
  --topic TOPIC   what its topics begin with (default veleta/ID)
  --all FILTER    instead: all stations that are there, one after the other,
                  such as 'veleta/+'; the first failure ends it
  --at-once N     so many of them at a time (default 1)

  --key FILE      the private key that signs the update
  --number N      above that of all updates before (default: when FILE.bin was
                  written, in seconds since 1970)
  --board NAME    what the firmware is made for (default: what it says)

  --new-key FILE  makes a private key, and shows the setting for config.json
                  with which a station takes what this key has signed
  --new-image FILE
                  makes an image for the simulator, to try it
  --no-network    lets that image not get into the network
  --help          this text

Exit code: 0 if the station runs the new firmware, 1 if not, 2 for a command
line that cannot be used.
`;

export interface PushOptions {
	readonly name: "push";
	readonly broker: BrokerUrl;
	readonly tls: TlsOptions;
	readonly username: string | undefined;
	readonly password: string | undefined;
	/** The beginning of the station's topics, or a filter of those of several. */
	readonly where: { readonly topic: string } | { readonly filter: string; readonly atOnce: number };
	readonly key: string;
	readonly file: string;
	readonly number: number | undefined;
	readonly board: string | undefined;
}

export type UpdateCommand =
	| PushOptions
	| { readonly name: "new key"; readonly path: string }
	| { readonly name: "new image"; readonly path: string; readonly hasNetwork: boolean };

/** Stations at a time: each has a connection of its own. */
const AT_ONCE_MAXIMUM = 16;
/** mcconfig's output, in a folder for each board with TLS, and for each without it (`tools/firmware.js`). */
const IMAGE = "xs_esp32.bin";
const BUILDS_FOLDER = "build/moddable";
const IMAGES_IN_BUILD = "bin/esp32";

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseUpdateCommand(args: string[]): UpdateCommand | undefined {
	const line = readLine(args, LINE);
	if (!line) return undefined;
	const { values, positionals } = line;
	const { "new-key": newKey, "new-image": newImage, "no-network": noNetwork = false } = values;
	const makes = newKey ?? newImage;
	if (makes !== undefined && positionals.length > 0) throw new UsageError(`${positionals[0]}: nothing is sent now`);
	if (newKey !== undefined) return { name: "new key", path: newKey };
	if (newImage !== undefined) return { name: "new image", path: newImage, hasNetwork: !noNetwork };
	if (noNetwork) throw new UsageError("--no-network goes with --new-image");
	const { config, cafile, fingerprint, "tls-alpn": alpn, key, board } = values;
	const settings = config === undefined ? undefined : settingsIn(config);
	if (values.broker === undefined && settings?.raw.broker === undefined)
		throw new UsageError(`--broker is missing; ${LINE.name} -- --help`);
	const where = whereOf(values, settings);
	if (key === undefined) throw new UsageError("--key is missing; --new-key FILE makes one");
	if (board !== undefined && board !== SIMULATED_BOARD && !Object.hasOwn(BOARDS, board))
		throw new UsageError(`--board ${printable(board)}: the boards are ${Object.keys(BOARDS).join(", ")}`);
	// No error shows the URL: it may hold a password.
	const broker = explained(
		() => checkBrokerUrl(brokerUrl(values.broker ?? String(settings!.raw.broker))),
		"--broker: ",
	);
	const texts = tlsTexts({ cafile, fingerprint, "tls-alpn": alpn });
	const hasTlsOptions = (cafile ?? fingerprint ?? alpn) !== undefined;
	if (hasTlsOptions && !broker.tls) {
		throw new UsageError("--cafile, --fingerprint and --tls-alpn are for mqtts:// and wss://");
	}
	if (positionals.length > 1) throw new UsageError(`${positionals[1]}: one file at a time`);
	const own = { ...texts, ...(cafile !== undefined && { ca: explained(() => readAuthorities("--cafile", cafile)) }) };
	// Another broker's user is none of this one's.
	const kept = values.broker === undefined ? settings?.parsed : undefined;
	const username = values.username ?? broker.username ?? kept?.username;
	const filed = passwordOf(undefined, values["password-file"]);
	if (filed !== undefined && username === undefined) throw new UsageError("--password-file needs -u");
	const ownPassword = values.username === undefined ? (broker.password ?? kept?.password) : undefined;
	return {
		name: "push",
		...{ broker, where, key, board, username },
		tls: hasTlsOptions ? own : broker.tls ? (settings?.parsed.tls ?? {}) : {},
		password: filed ?? ownPassword ?? (username === undefined ? undefined : environmentPassword()),
		number: values.number === undefined ? undefined : countOf(values.number, "--number", NUMBER_MAXIMUM),
		file: positionals[0] ?? builtImage(),
	};
}

/** A station's settings. Nothing of them is shown. */
function settingsIn(path: string): { readonly raw: RawSettings; readonly parsed: Settings } {
	return explained(() => {
		const raw = readSettings(path);
		if (!raw) throw new Error(`${path}: there is no such file`);
		return { raw, parsed: parseSettings(raw) };
	}, "--config ");
}

function whereOf(
	values: Values<typeof LINE.options>,
	settings: ReturnType<typeof settingsIn> | undefined,
): PushOptions["where"] {
	const { all, id } = values;
	if (all !== undefined) {
		if ((id ?? values.topic) !== undefined) throw new UsageError("--all is instead of --id and --topic");
		const fault = all.includes("#") ? "# cannot be in it" : topicFilterFault(all);
		if (fault !== undefined) throw new UsageError(`--all: ${fault}`);
		return {
			filter: all,
			atOnce: values["at-once"] === undefined ? 1 : countOf(values["at-once"], "--at-once", AT_ONCE_MAXIMUM),
		};
	}
	if (values["at-once"] !== undefined) throw new UsageError("--at-once goes with --all");
	const isNamed = (settings?.raw.id ?? settings?.raw.topic) !== undefined;
	const topic = values.topic ?? (id && `veleta/${id}`) ?? (isNamed ? settings?.parsed.topic : undefined);
	if (!topic) throw new UsageError("the station is missing: --id or --topic");
	const fault = topicNameFault(topic);
	if (fault) throw new UsageError(`${values.topic === undefined ? "--id" : "--topic"}: ${fault}`);
	return { topic };
}

function countOf(text: string, name: string, maximum: number): number {
	const count = Number(text);
	if (!/^\d{1,10}$/.test(text) || count < 1 || count > maximum)
		throw new UsageError(`${name}: must be a whole number from 1 to ${maximum}`);
	return count;
}

function builtImage(): string {
	const filesIn = (folder: string, recursive = false) =>
		existsSync(folder) ? readdirSync(folder, { recursive, encoding: "utf8" }).map((path) => join(folder, path)) : [];
	const images = filesIn(BUILDS_FOLDER)
		.flatMap((build) => filesIn(join(build, IMAGES_IN_BUILD), true))
		.filter((path) => path.endsWith(IMAGE));
	const [only] = images;
	if (only === undefined) throw new UsageError("no firmware is built: npm run build:esp32 does it; or name a file");
	if (images.length === 1) return only;
	throw new UsageError(
		`firmware is built for several boards, or with TLS and without; name one of ${images.join(", ")}`,
	);
}
