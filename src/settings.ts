/** Validates a user's settings by the table in `settings/table.ts`. All have defaults, so `{}` is valid. */
import type { Bytes } from "./host.js";
import { type BrokerAddress, type BrokerUrl, parseBrokerUrl } from "./net/broker-url.js";
import type { QoS } from "./net/mqtt/packet.js";
import { SENSORS } from "./sensors/models.js";
import { Fields } from "./settings/fields.js";
import { COMMANDS, type CommandName, SETTINGS, type Values } from "./settings/table.js";
import { hasControls, messageOf } from "./text.js";

export { COMMANDS, type CommandName, INTERVAL_MAXIMUM_S } from "./settings/table.js";

/** Brokers at which everybody may read and publish everything: one text, which is smaller than a list. */
const PUBLIC_BROKERS =
	",test.mosquitto.org,broker.hivemq.com,broker.emqx.io,mqtt.eclipseprojects.io,mqtt.eclipse.org," +
	"broker.shiftr.io,public.cloud.shiftr.io,";

/**
 * Seconds. Longer than an interval of a minute, so that its readings spare PINGREQs. At the most what networks bear that
 * forget idle connections, some of them after 5 minutes; and 6 minutes until a lost station is `offline`.
 */
const KEEP_ALIVE_MINIMUM = 90;
const KEEP_ALIVE_MAXIMUM = 240;

type Given = Values<typeof SETTINGS>;

/** Settings whose type here is not the table's. */
type Understood =
	| "change"
	| "broker"
	| "username"
	| "password"
	| "id"
	| "topic"
	| "homeAssistant"
	| "commands"
	| "keepAlive"
	| "qos"
	| "updateKey"
	| "updateKeys";
export interface Settings extends Omit<Given, Understood> {
	/** Without a threshold there is none. */
	readonly change: Given["change"] | undefined;
	readonly broker: BrokerAddress;
	/** In the broker's URL, or beside it. */
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly id: string;
	readonly topic: string;
	/** What Home Assistant's topics begin with; empty: it is not to know the station. */
	readonly homeAssistant: string;
	/** Commands that are carried out. */
	readonly commands: readonly CommandName[];
	/** In s; 0: none. */
	readonly keepAlive: number;
	readonly qos: QoS;
	/** Public keys, of which one has to have signed an update. */
	readonly updateKeys: readonly Bytes[];
}

export type Wifi = Settings["wifi"][number];

/**
 * `defaultId` names a station whose settings name none: two of the same id throw each other out of their broker. For
 * checks any will do. Throws an Error with a line for each fault, which begins with the setting's name.
 */
export function parseSettings(raw: unknown, defaultId = "station"): Settings {
	const fields = new Fields();
	const given = fields.members("", raw ?? {}, { properties: SETTINGS });
	const { id = defaultId, pins } = given;
	const url = brokerOf(given.broker, fields);
	const { username = url.username, password = url.password, topic = `veleta/${id}`, updateKey, updateKeys } = given;
	const { host, port, tls, path } = url;
	const broker = { host, port, tls, ...(path !== undefined && { path }) };
	// At a public broker no commands, unless the user names them.
	const commands = given.commands ?? (isPublic(broker) ? false : COMMANDS);
	const keepAlive = Math.min(KEEP_ALIVE_MAXIMUM, Math.max(KEEP_ALIVE_MINIMUM, Math.ceil(1.5 * given.interval)));
	const shortest = shortestInterval(given);
	if (given.interval < shortest) fields.reject("samples", `an interval of ${shortest} s is the shortest for so many`);
	// With time for attempts after failures, and for what one sample needs.
	const awake = (given.samples + 3) * SENSORS[given.sensor] + SETTINGS.awake.minimum;
	if (given.sleep && given.samples > 1 && given.awake < awake)
		fields.reject("awake", `needs ${awake} s for so many samples`);
	const { temperature, humidity, pressure } = given.change;
	const change = (temperature ?? humidity ?? pressure) === undefined ? undefined : given.change;
	if (given.sleep && change) fields.reject("change", "does not go with sleep, which forgets the last reading");
	if (username === "") fields.reject("username", "must not be empty");
	if (typeof password === "string" && username === undefined) fields.reject("password", "needs a username beside it");
	if (topic && hasControls(topic)) fields.reject("topic", "contains a character that MQTT does not allow");
	if (!given.state && given.values === false) fields.reject("state", "needs values where it is false");
	if (typeof given.values === "object" && Object.values(given.values).some((topic) => topic && hasControls(topic)))
		fields.reject("values", "contains a character that MQTT does not allow");
	if (given.tls.ca && given.tls.fingerprint)
		fields.reject("tls.fingerprint", "does not go with tls.ca: one of the two");
	const homeAssistant = given.homeAssistant === true ? "homeassistant" : given.homeAssistant || "";
	if (homeAssistant === topic) fields.reject("homeAssistant", "is the station's topic");
	if (homeAssistant && given.payload === "cbor" && given.values === false)
		fields.reject("payload", "Home Assistant does not read cbor: it needs values");
	if (pins.clock === (pins.data ?? -1)) fields.reject("pins.clock", "is the pin of pins.data, too");
	fields.check();
	return {
		...given,
		change,
		broker,
		username,
		password,
		id,
		topic,
		homeAssistant,
		// All commands: the list that is in flash.
		commands:
			commands === COMMANDS ? COMMANDS : COMMANDS.filter((name) => commands !== false && commands.includes(name)),
		keepAlive: given.keepAlive ?? keepAlive,
		qos: given.qos as QoS,
		updateKeys: (updateKey === undefined ? updateKeys : [updateKey, ...updateKeys]).map(bytesOfHex),
	};
}

/** In s; the sensor has to be asked for all samples of a reading. */
export function shortestInterval({ sensor, samples }: Pick<Given, "sensor" | "samples">): number {
	return SENSORS[sensor] * samples;
}

/** For a wrong URL a placeholder. */
function brokerOf(url: string, fields: Fields): BrokerUrl {
	try {
		return parseBrokerUrl(url);
	} catch (error) {
		fields.reject("broker", messageOf(error));
		return parseBrokerUrl("mqtt://unknown@unknown");
	}
}

/** Whether everybody may publish at this broker, and so send commands. */
export function isPublic({ host }: BrokerAddress): boolean {
	// A full stop at the end of a name is DNS's root.
	return PUBLIC_BROKERS.includes(`,${host.toLowerCase()},`.replace(".,", ","));
}

function bytesOfHex(text: string): Bytes {
	const bytes = new Uint8Array(text.length / 2);
	for (let index = 0; index < bytes.length; index++)
		bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16);
	return bytes;
}
