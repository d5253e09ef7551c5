/**
 * Public test brokers by their names, which a computer turns into URLs: no board, and no
 * part of the firmware, knows them. A bare name is a host's: networks of containers
 * often have one that is called mosquitto.
 */

interface Hosts {
	readonly plain: string;
	readonly tls: string;
}

/** From the brokers' own pages. With TLS those ports whose certificates an authority has signed that computers know. */
const BROKERS: Readonly<Record<string, Hosts>> = {
	mosquitto: { plain: "test.mosquitto.org", tls: "test.mosquitto.org:8886" },
	hivemq: { plain: "broker.hivemq.com", tls: "broker.hivemq.com" },
	eclipse: { plain: "mqtt.eclipseprojects.io", tls: "mqtt.eclipseprojects.io" },
	shiftr: { plain: "public:public@public.cloud.shiftr.io", tls: "public:public@public.cloud.shiftr.io" },
};

/** The names, as in `public:mosquitto`. */
export const PUBLIC_BROKERS: readonly string[] = Object.keys(BROKERS);

/** Letters only: behind the colon of `public:1883` is the port of a host. */
const PRESET = /^public(-tls)?:([A-Za-z]+)$/;

/** A URL for `public:NAME` and `public-tls:NAME`, and anything else as it is. Throws an Error for a name that there is not. */
export function withoutPreset(broker: string): string {
	const [, tls, name] = PRESET.exec(broker) ?? [];
	if (name === undefined) return broker;
	if (!Object.hasOwn(BROKERS, name))
		throw new Error(`there is no such public broker: there are ${PUBLIC_BROKERS.join(", ")}`);
	const { plain, tls: encrypted } = BROKERS[name]!;
	return tls === undefined ? `mqtt://${plain}` : `mqtts://${encrypted}`;
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
