/** The command line of `npm run update`. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readAuthorities } from "../../hosts/node/pem-files.ts";
import { checkBrokerUrl } from "../../hosts/node/settings-check.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerUrl } from "../../src/net/broker-url.ts";
import { topicNameFault } from "../../src/net/mqtt/topic.ts";
import { brokerUrl, tlsTexts } from "../broker-options.ts";
import { explained, FLAG, HELP, readLine, UsageError, VALUE } from "../frame.ts";

export const LINE = {
	name: "npm run update",
	options: {
		broker: VALUE,
		cafile: VALUE,
		fingerprint: VALUE,
		id: VALUE,
		topic: VALUE,
		key: VALUE,
		"new-key": VALUE,
		"new-image": VALUE,
		"no-network": FLAG,
		help: HELP,
	},
	takesArguments: true,
};

export const USAGE = `Usage: npm run update -- --broker URL --id ID --key KEY.pem [OPTION…] [FILE.bin]
       npm run update -- --new-key KEY.pem

Sends firmware to a station, through the broker, and waits until the station
runs it. Without FILE.bin, what npm run build:esp32 made.

  --broker URL    mqtt://[user:password@]host[:port], or mqtts:// for TLS;
                  ws:// and wss://, with a path, for WebSockets
  --cafile FILE   authorities (PEM) of the broker's certificate, instead of
                  those that Node knows
  --fingerprint SHA256
                  instead: the broker's certificate must be this one
  --id ID         the station's name
  --topic TOPIC   what its topics begin with (default veleta/ID)
  --key FILE      the private key that signs the firmware

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
	/** The beginning of the station's topics. */
	readonly topic: string;
	readonly key: string;
	readonly file: string;
}

export type UpdateCommand =
	| PushOptions
	| { readonly name: "new key"; readonly path: string }
	| { readonly name: "new image"; readonly path: string; readonly hasNetwork: boolean };

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
	const { broker, cafile, fingerprint, id, topic = id && `veleta/${id}`, key } = values;
	if (broker === undefined) throw new UsageError(`--broker is missing; ${LINE.name} -- --help`);
	if (!topic) throw new UsageError("the station is missing: --id or --topic");
	const fault = topicNameFault(topic);
	if (fault) throw new UsageError(`${values.topic === undefined ? "--id" : "--topic"}: ${fault}`);
	if (key === undefined) throw new UsageError("--key is missing; --new-key FILE makes one");
	// No error shows the URL: it may hold a password.
	const address = explained(() => checkBrokerUrl(brokerUrl(broker)), "--broker: ");
	const texts = tlsTexts({ cafile, fingerprint });
	if ((cafile ?? fingerprint) !== undefined && !address.tls) {
		throw new UsageError("--cafile and --fingerprint are for mqtts:// and wss://");
	}
	if (positionals.length > 1) throw new UsageError(`${positionals[1]}: one file at a time`);
	return {
		name: "push",
		broker: address,
		tls: {
			...(cafile !== undefined && { ca: explained(() => readAuthorities("--cafile", cafile)) }),
			...texts,
		},
		topic,
		key,
		file: positionals[0] ?? builtImage(),
	};
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
