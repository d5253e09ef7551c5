/** The broker's address as a user writes it: `mqtt[s]://[user[:password]@]host[:port]`, `ws[s]://…[/path]`, or `host[:port]`. */

export interface BrokerAddress {
	readonly host: string;
	readonly port: number;
	/** Whether the connection is encrypted, and the broker has to prove who it is. */
	readonly tls?: boolean;
	/** Of its WebSocket; without it MQTT is spoken without one. */
	readonly path?: string;
}

export interface BrokerUrl extends BrokerAddress {
	readonly tls: boolean;
	readonly username: string | undefined;
	readonly password: string | undefined;
}

/** Of a WebSocket whose URL has none: most brokers have theirs there, and the others take any. */
const DEFAULT_PATH = "/mqtt";

/** A scheme's port, which a URL need not name. */
export function defaultPort({ tls, path }: Pick<BrokerAddress, "tls" | "path">): number {
	// The ports that IANA assigned to MQTT, to MQTT over TLS, and to HTTP.
	if (path === undefined) return tls ? 8883 : 1883;
	return tls ? 443 : 80;
}

/** Only ws:// and wss:// have a path, of up to 256 characters. In a function, so that it is not preloaded: XS (SDK 8.2.3) spoils its heap when it uses a preloaded one. */
export const urlPattern = () =>
	/^(?=[Ww][Ss]{1,2}:|(?:[^/:]*:\/\/)?[^/]*\/?$)(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?)?(\[[^\]@/]*\]|[^:/?#[\]@\s]+)(?::([0-9]+))?(\/[!-"$-~]{0,255})?$/;

/** Throws an Error that names the fault, and never shows the URL: it may hold a password. */
export function parseBrokerUrl(url: string): BrokerUrl {
	const [, written = "mqtt", username, password, host, port, path] = urlPattern().exec(url) ?? [];
	if (host === undefined) {
		throw new Error("must look like mqtt://host, mqtts://host:8883, mqtt://user:password@host or ws://host:8083/path");
	}
	const scheme = written.toLowerCase();
	// Several clients write `tcp` for `mqtt`, and `ssl` for `mqtts`.
	const tls = [",mqtts,ssl,wss,", ",mqtt,tcp,ws,"].findIndex((schemes) => schemes.includes(`,${scheme},`));
	if (tls < 0) throw new Error(`must begin with mqtt://, mqtts://, ws:// or wss://, not ${written}://`);
	const isWebSocket = scheme.startsWith("ws");
	const address = { tls: tls === 0, ...(isWebSocket && { path: path ?? DEFAULT_PATH }) };
	const number = port === undefined ? defaultPort(address) : Number(port);
	if (number < 1 || number > 65_535) throw new Error("the port must be from 1 to 65535");
	return {
		// In a URL the % before a zone is %25 (RFC 6874); people write it as they see it.
		host: host.startsWith("[") ? host.slice(1, -1).replace("%25", "%") : host,
		port: number,
		...address,
		username: username === undefined ? undefined : decode(username),
		password: password === undefined ? undefined : decode(password),
	};
}

/** An IPv6 address without its zone, the interface that leads there (RFC 4007), which is only this machine's affair. */
export function withoutZone(host: string): string {
	return host.split("%")[0]!;
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
