/** The command line of `npm run mqtt`: flags as mosquitto_pub and mosquitto_sub have them. */
import { randomBytes } from "node:crypto";
import { checkBrokerUrl } from "../../hosts/node/settings-check.ts";
import type { TlsOptions } from "../../src/host.ts";
import type { BrokerAddress, BrokerUrl } from "../../src/net/broker-url.ts";
import type { Properties, ProtocolVersion, QoS, Will } from "../../src/net/mqtt/packet.ts";
import { topicFilterFault, topicNameFault } from "../../src/net/mqtt/topic.ts";
import { brokerAt, environmentPassword, passwordOf, tlsOptions } from "../broker-options.ts";
import type { ConnectionOptions } from "../client.ts";
import { explained, FLAG, type Options, UsageError, VALUE } from "../frame.ts";
import { lost, Values } from "./flags.ts";
import { checkFormat } from "./format.ts";

/** Where the payloads come from. */
export type Source =
	| { readonly from: "argument"; readonly payload: Uint8Array<ArrayBuffer> }
	| { readonly from: "file"; readonly path: string }
	| { readonly from: "stdin" }
	| { readonly from: "lines" };

export interface PubOptions extends ConnectionOptions {
	readonly topic: string;
	readonly qos: QoS;
	readonly retain: boolean;
	readonly source: Source;
	/** Failures to connect, in a row, after which to give up. */
	readonly attempts: number | undefined;
	readonly properties: Properties | undefined;
}

export interface SubOptions extends ConnectionOptions {
	readonly topicFilters: readonly string[];
	readonly unsubscribe: readonly string[];
	readonly qos: QoS;
	/** Messages to print before the end; `Infinity`: no end. */
	readonly count: number;
	/** ms to run; `undefined`: no end. */
	readonly timeout: number | undefined;
	/** Whether to end when the broker has answered the subscriptions. */
	readonly untilSubscribed: boolean;
	/** Whether to pass over retained messages. */
	readonly noStale: boolean;
	readonly newline: boolean;
	readonly format: string;
}

export type MqttCommand = ({ readonly name: "pub" } & PubOptions) | ({ readonly name: "sub" } & SubOptions);

const CONNECTION = {
	host: { ...VALUE, short: "h" },
	port: { ...VALUE, short: "p" },
	url: { ...VALUE, short: "L" },
	cafile: VALUE,
	cert: VALUE,
	key: VALUE,
	fingerprint: VALUE,
	"tls-alpn": VALUE,
	"tls-use-os-certs": FLAG,
	id: { ...VALUE, short: "i" },
	qos: { ...VALUE, short: "q" },
	keepalive: { ...VALUE, short: "k" },
	"disable-clean-session": { ...FLAG, short: "c" },
	"session-expiry-interval": { ...VALUE, short: "x" },
	"protocol-version": { ...VALUE, short: "V" },
	username: { ...VALUE, short: "u" },
	pw: { ...VALUE, short: "P" },
	"password-file": VALUE,
	"will-topic": VALUE,
	"will-payload": VALUE,
	"will-qos": VALUE,
	"will-retain": FLAG,
	debug: { ...FLAG, short: "d" },
	help: FLAG,
} as const satisfies Options;

export const PUB = {
	...CONNECTION,
	topic: { ...VALUE, short: "t" },
	message: { ...VALUE, short: "m" },
	file: { ...VALUE, short: "f" },
	"null-message": { ...FLAG, short: "n" },
	"stdin-file": { ...FLAG, short: "s" },
	"stdin-line": { ...FLAG, short: "l" },
	attempts: VALUE,
	retain: { ...FLAG, short: "r" },
	"response-topic": VALUE,
	"correlation-data": VALUE,
	"message-expiry-interval": VALUE,
} as const satisfies Options;

export const SUB = {
	...CONNECTION,
	topic: { ...VALUE, short: "t", multiple: true },
	unsubscribe: { ...VALUE, short: "U", multiple: true },
	verbose: { ...FLAG, short: "v" },
	count: { ...VALUE, short: "C" },
	timeout: { ...VALUE, short: "W" },
	"until-subscribed": { ...FLAG, short: "E" },
	"no-stale": { ...FLAG, short: "R" },
	"no-newline": { ...FLAG, short: "N" },
	format: { ...VALUE, short: "F" },
} as const satisfies Options;

const VERSIONS: Readonly<Record<string, ProtocolVersion>> = {
	5: 5,
	mqttv5: 5,
	311: 4,
	mqttv311: 4,
	31: 3,
	mqttv31: 3,
};
/** Subscriptions that a session takes. */
const TOPICS_MAXIMUM = 32;
/** Bytes of a client id in MQTT 3.1. */
const CLIENT_ID_MAXIMUM_3_1 = 23;

/** Throws a `UsageError`; returns `undefined` for `--help`. */
export function parseCommand([name, ...args]: readonly string[]): MqttCommand | undefined {
	if (name === "--help" || name === "help") return undefined;
	if (name !== "pub" && name !== "sub") {
		throw lost(`${name === undefined ? "a command is missing" : "the command is wrong"}: pub or sub`);
	}
	const values = new Values(args, name === "pub" ? PUB : SUB);
	if (values.has("help")) return undefined;
	return name === "pub" ? { name, ...pubOptions(values) } : { name, ...subOptions(values) };
}

function connectionOptions(values: Values): ConnectionOptions {
	const version = values.all("protocol-version")[0];
	const protocolVersion = version === undefined ? 5 : Object.hasOwn(VERSIONS, version) ? VERSIONS[version] : undefined;
	if (protocolVersion === undefined) {
		throw new UsageError("--protocol-version: must be 5, 311 or 31, or mqttv5, mqttv311 or mqttv31");
	}
	const cleanSession = !values.has("disable-clean-session");
	const id = values.text("id");
	if (!cleanSession && !id) throw new UsageError("-c needs a client id: -i");
	if (cleanSession && values.has("session-expiry-interval")) throw new UsageError("-x needs -c");
	if (protocolVersion === 3 && id !== undefined) {
		const length = Buffer.byteLength(id);
		if (length < 1 || length > CLIENT_ID_MAXIMUM_3_1) {
			throw new UsageError(`--id: must have 1 to ${CLIENT_ID_MAXIMUM_3_1} bytes in MQTT 3.1`);
		}
	}
	const url = urlOf(values)?.broker;
	const username = values.text("username") ?? url?.username;
	const password = passwordOf(values.text("pw"), values.text("password-file"));
	if (password !== undefined && username === undefined) {
		throw new UsageError(`${values.has("pw") ? "-P" : "--password-file"} needs -u`);
	}
	const tls = tlsOf(values);
	const wantsTls = Object.keys(tls).length > 0;
	if (url && !url.tls && wantsTls) {
		throw new UsageError("--cafile, --cert, --fingerprint and --tls-alpn are for mqtts:// and wss://");
	}
	return {
		broker: url ?? brokerOf(values, wantsTls),
		tls,
		// Not left to the broker: MQTT 3.1 has no empty client id.
		clientId: id ?? `veleta-${randomBytes(6).toString("hex")}`,
		protocolVersion,
		fallback: version === undefined,
		cleanSession,
		sessionExpiryInterval: values.number("session-expiry-interval", 0, 0xffff_ffff),
		keepAlive: values.number("keepalive", 0, 65_535) ?? 60,
		username,
		password: password ?? url?.password ?? (username === undefined ? undefined : environmentPassword()),
		will: willOf(values),
		debug: values.has("debug"),
	};
}

/**
 * `mqtt[s]://[user[:password]@]host[:port]/topic`, as mosquitto_pub -L has it; behind `ws[s]://` the path is that of the
 * WebSocket, and -t has the topic. No error shows the URL: it may hold a password.
 */
function urlOf(values: Values): { readonly broker: BrokerUrl; readonly topic: string | undefined } | undefined {
	const text = values.text("url");
	if (text === undefined) return undefined;
	const isWebSocket = /^wss?:/i.test(text);
	for (const name of ["host", "port", "username", "pw", "password-file", ...(isWebSocket ? [] : ["topic"])]) {
		if (values.has(name)) throw new UsageError(`--${name}: is in the URL of -L`);
	}
	const [, url = text, topic] = isWebSocket ? [] : (/^([^/]*:\/\/[^/]*)\/(.+)$/s.exec(text) ?? []);
	if (topic === undefined && !isWebSocket) throw new UsageError("--url: must look like mqtt://host/topic");
	try {
		return { broker: checkBrokerUrl(url), topic };
	} catch (error) {
		throw new UsageError(`--url: ${(error as Error).message}`);
	}
}

function brokerOf(values: Values, wantsTls: boolean): BrokerAddress {
	const port = values.number("port", 1, 65_535);
	return brokerAt(values.text("host"), port, wantsTls || values.has("tls-use-os-certs"));
}

function tlsOf(values: Values): TlsOptions {
	const first = (name: string) => values.all(name)[0];
	return tlsOptions({
		...{ cafile: first("cafile"), cert: first("cert"), key: first("key") },
		...{ fingerprint: values.text("fingerprint"), "tls-alpn": values.text("tls-alpn") },
	});
}

function willOf(values: Values): Will | undefined {
	const topic = values.topicName("will-topic");
	if (topic === undefined) {
		for (const name of ["will-payload", "will-qos", "will-retain"]) {
			if (values.has(name)) throw new UsageError(`--${name} needs --will-topic`);
		}
		return undefined;
	}
	const payload = values.bytes("will-payload") ?? new Uint8Array(0);
	if (payload.length > 0xffff) throw new UsageError("--will-payload: of more than 65535 bytes");
	return { topic, payload, qos: values.qos("will-qos"), retain: values.has("will-retain") };
}

function pubOptions(values: Values): PubOptions {
	const connection = connectionOptions(values);
	const topic = urlOf(values)?.topic ?? values.topicName("topic");
	const fault = topic === undefined ? undefined : topicNameFault(topic);
	if (fault) throw new UsageError(`--url: ${fault}`);
	if (topic === undefined) throw lost("a topic is missing: -t");
	const properties = propertiesOf(values);
	if (properties && connection.protocolVersion < 5) throw new UsageError("properties of a message need MQTT 5");
	return {
		...connection,
		// A message must not lose its properties because a broker is old.
		fallback: connection.fallback && properties === undefined,
		topic,
		qos: values.qos("qos"),
		retain: values.has("retain"),
		source: sourceOf(values),
		attempts: values.number("attempts", 1, 1_000_000),
		properties,
	};
}

function sourceOf(values: Values): Source {
	const message = values.bytes("message");
	const path = values.all("file")[0];
	const sources: Source[] = [];
	if (message !== undefined) sources.push({ from: "argument", payload: message });
	if (path !== undefined) sources.push({ from: "file", path });
	if (values.has("null-message")) sources.push({ from: "argument", payload: new Uint8Array(0) });
	if (values.has("stdin-file")) sources.push({ from: "stdin" });
	if (values.has("stdin-line")) sources.push({ from: "lines" });
	const [source] = sources;
	if (!source || sources.length > 1) throw lost("what to publish: give one of -m, -f, -n, -s and -l");
	return source;
}

function propertiesOf(values: Values): Properties | undefined {
	const responseTopic = values.topicName("response-topic");
	const correlationData = values.bytes("correlation-data");
	if (correlationData && correlationData.length > 0xffff) {
		throw new UsageError("--correlation-data: of more than 65535 bytes");
	}
	const messageExpiryInterval = values.number("message-expiry-interval", 0, 0xffff_ffff);
	const properties: Properties = {
		...(responseTopic === undefined ? {} : { responseTopic }),
		...(correlationData === undefined ? {} : { correlationData }),
		...(messageExpiryInterval === undefined ? {} : { messageExpiryInterval }),
	};
	return Object.keys(properties).length > 0 ? properties : undefined;
}

function subOptions(values: Values): SubOptions {
	const connection = connectionOptions(values);
	const topic = urlOf(values)?.topic;
	const fault = topic === undefined ? undefined : topicFilterFault(topic);
	if (fault) throw new UsageError(`--url: ${fault}`);
	const topicFilters = topic === undefined ? values.topicFilters("topic") : [topic];
	const unsubscribe = values.topicFilters("unsubscribe");
	if (topicFilters.length + unsubscribe.length === 0) throw lost("a topic is missing: -t");
	if (topicFilters.length + unsubscribe.length > TOPICS_MAXIMUM) {
		throw new UsageError(`more than ${TOPICS_MAXIMUM} topics`);
	}
	const both = topicFilters.find((filter) => unsubscribe.includes(filter));
	if (both !== undefined) throw new UsageError(`${both} cannot be both subscribed to and unsubscribed from`);
	const seconds = values.number("timeout", 1, 1_000_000);
	const format = values.all("format")[0] ?? (values.has("verbose") ? "%t %p" : "%p");
	explained(() => checkFormat(format));
	return {
		...connection,
		topicFilters,
		unsubscribe,
		qos: values.qos("qos"),
		count: values.number("count", 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
		timeout: seconds === undefined ? undefined : seconds * 1_000,
		untilSubscribed: values.has("until-subscribed") || topicFilters.length === 0,
		noStale: values.has("no-stale"),
		newline: !values.has("no-newline"),
		format,
	};
}
