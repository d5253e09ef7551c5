/** The broker and its password on a command line, as mosquitto_pub has them; and a password that `ps` does not show. */
import { readFileSync } from "node:fs";
import { readAuthorities, readPem } from "../hosts/node/pem-files.ts";
import { withoutPreset } from "../hosts/node/public-brokers.ts";
import { checkPem } from "../hosts/node/tls.ts";
import type { TlsOptions } from "../src/host.ts";
import { type BrokerAddress, defaultPort } from "../src/net/broker-url.ts";
import { parseSettings } from "../src/settings.ts";
import { messageOf } from "../src/text.ts";
import { explained, UsageError, VALUE } from "./frame.ts";

/** The variable of the environment with a password. */
export const PASSWORD_VARIABLE = "VELETA_PASSWORD";

/** The URL of `--broker`, which may be the name of a public broker. */
export function brokerUrl(given: string): string {
	return explained(() => withoutPreset(given), "--broker: ");
}

/** TLS where it is asked for, as by naming a certificate, and on its own port. */
export function brokerAt(host: string | undefined, port: number | undefined, wantsTls: boolean): BrokerAddress {
	const tls = wantsTls || port === defaultPort({ tls: true });
	return { host: host ?? "localhost", port: port ?? defaultPort({ tls }), tls };
}

/** The password of -P, or in the file of `--password-file`, or of another option. Throws a `UsageError`, which shows nothing of it. */
export function passwordOf(
	password: string | undefined,
	file: string | undefined,
	option = "--password-file",
): string | undefined {
	if (file === undefined) return password;
	if (password !== undefined) throw new UsageError(`-P and ${option} both give a password`);
	const complain = (problem: string) => new UsageError(`${option} ${file}: ${problem}`);
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw complain(code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`);
	}
	// Editors end the last line, too.
	const line = text.replace(/\r?\n$/, "");
	if (line === "" || /[\r\n]/.test(line)) throw complain("needs one line, with the password alone");
	return line;
}

/** The options of the commands for settings of TLS. */
const TLS_OPTIONS: Readonly<Record<string, string>> = {
	ca: "--cafile",
	certificate: "--cert",
	fingerprint: "--fingerprint",
	alpn: "--tls-alpn",
};

/** A text about settings of TLS, for people who have options. */
export function withTlsOptions(text: string): string {
	return text.replace(/\btls\.(ca|certificate|fingerprint|alpn)\b/g, (_, name) => TLS_OPTIONS[name]!);
}

/**
 * Settings of TLS that are texts, of the options for them, checked as settings are. `cafile` is what they do not go with.
 * Throws a `UsageError`.
 */
export function tlsTexts(options: {
	readonly cafile: string | undefined;
	readonly fingerprint: string | undefined;
	readonly "tls-alpn"?: string | undefined;
}): TlsOptions {
	const { cafile, fingerprint, "tls-alpn": alpn } = options;
	if (cafile !== undefined && fingerprint !== undefined) {
		throw new UsageError("--fingerprint does not go with --cafile: one of the two");
	}
	const tls = { ...(fingerprint !== undefined && { fingerprint }), ...(alpn !== undefined && { alpn }) };
	try {
		parseSettings({ tls });
	} catch (error) {
		throw new UsageError(withTlsOptions(messageOf(error)));
	}
	return tls;
}

/** TLS, of the options for it; files are read. Throws a `UsageError`. */
export function tlsOptions(options: {
	readonly cafile?: string | undefined;
	readonly cert?: string | undefined;
	readonly key?: string | undefined;
	readonly fingerprint?: string | undefined;
	readonly "tls-alpn"?: string | undefined;
}): TlsOptions {
	const { cafile, cert, key, fingerprint, "tls-alpn": alpn } = options;
	if ((cert === undefined) !== (key === undefined)) throw new UsageError("--cert and --key go together");
	const tls: TlsOptions = {
		...(cafile !== undefined && { ca: explained(() => readAuthorities("--cafile", cafile)) }),
		...(cert !== undefined && { certificate: explained(() => readPem("--cert", cert)) }),
		...(key !== undefined && { key: explained(() => readPem("--key", key)) }),
		...tlsTexts({ cafile, fingerprint, "tls-alpn": alpn }),
	};
	explained(() => checkPem(tls, { ca: "--cafile", certificate: "--cert", key: "--key" }));
	return tls;
}

/** The options of a broker by its URL: which one, an account there, and TLS. */
export const BROKER_OPTIONS = {
	broker: VALUE,
	username: { ...VALUE, short: "u" },
	"password-file": VALUE,
	cafile: VALUE,
	cert: VALUE,
	key: VALUE,
	fingerprint: VALUE,
	"tls-alpn": VALUE,
} as const;
type BrokerValues = { readonly [Name in keyof typeof BROKER_OPTIONS]?: string | undefined };

/** TLS of `BROKER_OPTIONS`, for a broker that has it if `isSecure`; `secure`: how one is written. Throws a `UsageError`. */
export function tlsOfBroker(values: BrokerValues, isSecure: boolean, secure = "mqtts:// or wss://"): TlsOptions {
	for (const name of ["cafile", "cert", "key", "fingerprint", "tls-alpn"] as const) {
		if (!isSecure && values[name] !== undefined) throw new UsageError(`--${name} is for a --broker at ${secure}`);
	}
	return tlsOptions(values);
}

/** User and password of `BROKER_OPTIONS`, or in the URL, or the environment. Throws a `UsageError`. */
export function accountOf(
	values: BrokerValues,
	url: { readonly username?: string | undefined; readonly password?: string | undefined } | undefined,
) {
	const username = values.username ?? url?.username;
	const given = passwordOf(undefined, values["password-file"]);
	if (given !== undefined && username === undefined) throw new UsageError("--password-file needs -u");
	return { username, password: given ?? url?.password ?? (username === undefined ? undefined : environmentPassword()) };
}

/** The environment's password; an empty one is none. */
export function environmentPassword(): string | undefined {
	return process.env[PASSWORD_VARIABLE] || undefined;
}
