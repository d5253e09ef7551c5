/** The broker and its password on a command line, as mosquitto_pub has them; and a password that `ps` does not show. */
import { readFileSync } from "node:fs";
import { withoutPreset } from "../hosts/node/public-brokers.ts";
import type { TlsOptions } from "../src/host.ts";
import { type BrokerAddress, defaultPort } from "../src/net/broker-url.ts";
import { parseSettings } from "../src/settings.ts";
import { messageOf } from "../src/text.ts";
import { explained, UsageError } from "./frame.ts";

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

/** The password of -P, or in the file of `--password-file`. Throws a `UsageError`, which shows nothing of it. */
export function passwordOf(password: string | undefined, file: string | undefined): string | undefined {
	if (file === undefined) return password;
	if (password !== undefined) throw new UsageError("-P and --password-file both give a password");
	const complain = (problem: string) => new UsageError(`--password-file ${file}: ${problem}`);
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

/** Settings of TLS that are texts, of the options for them, checked as settings are. Throws a `UsageError`. */
export function tlsTexts(options: {
	readonly fingerprint?: string | undefined;
	readonly "tls-alpn"?: string | undefined;
}): TlsOptions {
	const { fingerprint, "tls-alpn": alpn } = options;
	const tls = { ...(fingerprint !== undefined && { fingerprint }), ...(alpn !== undefined && { alpn }) };
	try {
		parseSettings({ tls });
	} catch (error) {
		const names = { "tls.fingerprint": "--fingerprint", "tls.alpn": "--tls-alpn" };
		throw new UsageError(messageOf(error).replace(/^tls\.\w+/gm, (name) => names[name as keyof typeof names]));
	}
	return tls;
}

/** The environment's password; an empty one is none. */
export function environmentPassword(): string | undefined {
	return process.env[PASSWORD_VARIABLE] || undefined;
}
