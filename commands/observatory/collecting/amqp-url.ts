/** A broker's address by AMQP: `amqp[s]://[user[:password]@]host[:port][/vhost]`, as RabbitMQ's URI specification has it. */
import { checkBrokerUrl } from "../../../hosts/node/settings-check.ts";
import type { BrokerUrl } from "../../../src/net/broker-url.ts";
import { hasControls, messageOf } from "../../../src/text.ts";

export interface AmqpAddress {
	readonly host: string;
	readonly port: number;
	readonly tls: boolean;
	/** The virtual host, in which queues and exchanges have their names. */
	readonly vhost: string;
}

export interface AmqpUrl extends AmqpAddress, Pick<BrokerUrl, "username" | "password"> {}

/** Ports that IANA assigned to AMQP, and to AMQP over TLS. */
const PORT = 5_672;
const TLS_PORT = 5_671;
/** RabbitMQ's own, which a URL need not name. */
const DEFAULT_VHOST = "/";
/** Bytes of a short string (AMQP 0-9-1, section 4.2.5.3): names of virtual hosts and queues, routing keys. */
export const SHORT_STRING_MAXIMUM = 255;
const FORM = "must look like amqp://host, amqps://host:5671 or amqp://user:password@host/vhost";

/** Whether it is an address for AMQP, with or without a fault. */
export function isAmqp(url: string): boolean {
	return /^amqps?:/i.test(url);
}

export function hasVhost(address: object): address is AmqpAddress {
	return "vhost" in address;
}

/** Throws an Error that names the fault, and never shows the URL: it may hold a password. */
export function parseAmqpUrl(url: string): AmqpUrl {
	const [, secure, authority, path] = /^amqp(s?):\/\/([^/?#]+)(?:\/([^/?#]*))?$/i.exec(url) ?? [];
	// A password with a / in it would be taken for a virtual host, and its beginning for a port.
	if (authority === undefined || /[@:]/.test(path ?? "")) {
		throw new Error(`${FORM}; in a user, a password or a vhost write %40 for @, %2F for / and %3A for :`);
	}
	let address: BrokerUrl;
	try {
		address = checkBrokerUrl(`mqtt${secure}://${authority}`);
	} catch (error) {
		throw new Error(messageOf(error).replace(/^must look like [^;]*/, FORM));
	}
	const { host, tls, username, password } = address;
	const port = /:\d+$/.test(authority.slice(authority.lastIndexOf("@") + 1)) ? address.port : tls ? TLS_PORT : PORT;
	return { host, port, tls, vhost: vhostOf(path || encodeURIComponent(DEFAULT_VHOST)), username, password };
}

function vhostOf(path: string): string {
	let vhost: string;
	try {
		vhost = decodeURIComponent(path);
	} catch {
		throw new Error("the vhost has a % that is not followed by two hexadecimal digits; write %25 for %");
	}
	if (hasControls(vhost) || Buffer.byteLength(vhost) > SHORT_STRING_MAXIMUM) {
		throw new Error(`the vhost must be a name of ${SHORT_STRING_MAXIMUM} bytes at the most`);
	}
	return vhost;
}
