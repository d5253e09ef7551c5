/** The broker's address as a user writes it: `mqtt://[user[:password]@]host[:port]`. */

export interface BrokerAddress {
	readonly host: string;
	readonly port: number;
}

export interface BrokerUrl extends BrokerAddress {
	readonly username: string | undefined;
	readonly password: string | undefined;
}

/** The port that IANA assigned to MQTT. */
const DEFAULT_PORT = 1883;
/** Schemes of MQTT that a user may know and this station does not speak. */
const NOT_SPOKEN: readonly string[] = Object.freeze(["mqtts", "ssl", "ws", "wss"]);

const PATTERN =
	/^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\[[0-9A-Fa-f:.]+\]|[^:/?#[\]@\s]+)(?::([0-9]+))?\/?$/;

/** Throws an Error that says what is wrong, and never shows the URL: it may hold a password. */
export function parseBrokerUrl(url: string): BrokerUrl {
	const [, scheme, username, password, host, port] = PATTERN.exec(url) ?? [];
	if (scheme === undefined || host === undefined) {
		throw new Error("must look like mqtt://host, mqtt://host:1883 or mqtt://user:password@host");
	}
	if (NOT_SPOKEN.includes(scheme.toLowerCase())) throw new Error(`${scheme}:// is not supported; use mqtt://`);
	if (scheme.toLowerCase() !== "mqtt") throw new Error(`must begin with mqtt://, not ${scheme}://`);
	const number = port === undefined ? DEFAULT_PORT : Number(port);
	if (number < 1 || number > 65_535) throw new Error("the port must be from 1 to 65535");
	return {
		host: host.startsWith("[") ? host.slice(1, -1) : host,
		port: number,
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
