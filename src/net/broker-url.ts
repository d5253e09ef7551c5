/** The broker's address as a user writes it: `mqtt[s]://[user[:password]@]host[:port]`, or `host[:port]`. */

export interface BrokerAddress {
	readonly host: string;
	readonly port: number;
	/** Whether the connection is encrypted, and the broker has to prove who it is. */
	readonly tls?: boolean;
}

export interface BrokerUrl extends BrokerAddress {
	readonly tls: boolean;
	readonly username: string | undefined;
	readonly password: string | undefined;
}

/** The ports that IANA assigned to MQTT, and to MQTT over TLS. */
export const DEFAULT_PORT = 1883;
export const DEFAULT_TLS_PORT = 8883;
/** Several clients write `tcp` for `mqtt`, and `ssl` for `mqtts`. */
const SCHEMES: readonly string[] = Object.freeze(["mqtt", "tcp"]);
const TLS_SCHEMES: readonly string[] = Object.freeze(["mqtts", "ssl"]);
/** Schemes of MQTT that a user may know and this station does not speak. */
const NOT_SPOKEN: readonly string[] = Object.freeze(["ws", "wss"]);

/** In a function, so that it is not preloaded: XS (SDK 8.2.3) spoils its heap when it uses a preloaded one. */
export const urlPattern = () =>
	/^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?)?(\[[^\]@/]*\]|[^:/?#[\]@\s]+)(?::([0-9]+))?\/?$/;

/** Throws an Error that names the fault, and never shows the URL: it may hold a password. */
export function parseBrokerUrl(url: string): BrokerUrl {
	const [, written = "mqtt", username, password, host, port] = urlPattern().exec(url) ?? [];
	if (host === undefined) {
		throw new Error("must look like mqtt://host, mqtts://host:8883 or mqtt://user:password@host");
	}
	const scheme = written.toLowerCase();
	if (NOT_SPOKEN.includes(scheme)) throw new Error(`${written}:// is not supported; use mqtt:// or mqtts://`);
	const tls = TLS_SCHEMES.includes(scheme);
	if (!tls && !SCHEMES.includes(scheme)) throw new Error(`must begin with mqtt:// or mqtts://, not ${written}://`);
	const number = port === undefined ? (tls ? DEFAULT_TLS_PORT : DEFAULT_PORT) : Number(port);
	if (number < 1 || number > 65_535) throw new Error("the port must be from 1 to 65535");
	return {
		host: host.startsWith("[") ? host.slice(1, -1) : host,
		port: number,
		tls,
		username: username === undefined ? undefined : decode(username),
		password: password === undefined ? undefined : decode(password),
	};
}

/** `host:port` for people. */
export function showAddress({ host, port }: BrokerAddress): string {
	return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		throw new Error("user or password has a % that is not followed by two hexadecimal digits; write %25 for %");
	}
}
