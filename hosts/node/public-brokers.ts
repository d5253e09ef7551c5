/**
 * Public test brokers by their names, which a computer turns into URLs: no board, and no
 * part of the firmware, knows them. A bare name is a host's: networks of containers
 * often have one that is called mosquitto.
 */

/** The ways to connect, by what stands before the name. */
const SCHEMES = { public: "mqtt", "public-tls": "mqtts", "public-ws": "ws", "public-wss": "wss" } as const;
type Scheme = (typeof SCHEMES)[keyof typeof SCHEMES];

interface PublicBroker {
	/** With the user that the page names. */
	readonly host: string;
	/** Of those that are not the scheme's. */
	readonly ports: Readonly<Partial<Record<Scheme, number>>>;
}

/** From the brokers' own pages. With TLS those ports whose certificates an authority has signed that computers know. */
const BROKERS: Readonly<Record<string, PublicBroker>> = {
	mosquitto: { host: "test.mosquitto.org", ports: { mqtts: 8886, ws: 8080, wss: 8081 } },
	hivemq: { host: "broker.hivemq.com", ports: { ws: 8000, wss: 8884 } },
	eclipse: { host: "mqtt.eclipseprojects.io", ports: {} },
	shiftr: { host: "public:public@public.cloud.shiftr.io", ports: {} },
};

const NAMES = Object.keys(BROKERS);

/** All there are: `public:mosquitto`, and so on. */
export const PUBLIC_BROKERS: readonly string[] = Object.keys(SCHEMES).flatMap((prefix) =>
	NAMES.map((name) => `${prefix}:${name}`),
);

/** Letters only: behind the colon of `public:1883` is the port of a host. */
const PRESET = /^(public(?:-tls|-wss?)?):([A-Za-z]+)$/;

/** A URL for `public:NAME`, `public-tls:NAME` and so on, and anything else as it is. Throws an Error for a name that there is not. */
export function withoutPreset(broker: string): string {
	const [, prefix, name] = PRESET.exec(broker) ?? [];
	if (name === undefined) return broker;
	if (!Object.hasOwn(BROKERS, name)) throw new Error(`there is no such public broker: there are ${NAMES.join(", ")}`);
	const scheme = SCHEMES[prefix as keyof typeof SCHEMES];
	const { host, ports } = BROKERS[name]!;
	const port = ports[scheme];
	return `${scheme}://${host}${port === undefined ? "" : `:${port}`}`;
}

/** The same for the settings of a file. Throws an Error that begins with the setting's name. */
export function withBrokerUrl(raw: object): object {
	const { broker } = raw as { readonly broker?: unknown };
	if (typeof broker !== "string") return raw;
	try {
		return { ...raw, broker: withoutPreset(broker) };
	} catch (error) {
		throw new Error(`broker: ${(error as Error).message}`);
	}
}
