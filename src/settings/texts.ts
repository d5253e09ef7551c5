/** The table of settings for people: no part of a firmware. */
import { SLOT_BYTES } from "../outbox/slot.js";
import { type Row, SETTINGS, type Table } from "./table.js";

/** `wifi.ssid` is the name of the member `ssid` of `wifi`. */
export type SettingName = NameIn<typeof SETTINGS>;
type NameIn<T> = {
	[N in keyof T & string]: T[N] extends { readonly properties: infer P } ? N | `${N}.${keyof P & string}` : N;
}[keyof T & string];

/** Each setting in a line. */
export const TEXTS: { readonly [name in SettingName]: string } = {
	sensor: "the sensor that is connected",
	interval: "seconds between readings",
	samples:
		"measurements of which a reading is the median, each quantity's for itself: one that is far off does not move it",
	change:
		"by how much a quantity has to differ from the last reading for a new one; without thresholds each measurement is one",
	"change.temperature": "°C",
	"change.humidity": "percentage points of relative humidity",
	"change.pressure": "hPa",
	"change.atMost": "intervals from one reading to the next where nothing changes",
	offsets: "what is added to the measured values, when they are sent",
	"offsets.temperature": "°C",
	"offsets.humidity": "percentage points of relative humidity; the sum stays within 0 and 100 %",
	"offsets.pressure": "hPa",
	altitude: "the station's, in m above sea level; with it a report has `seaLevelPressure`",
	derived: "what is computed of temperature and humidity, and is in the report, too",
	broker:
		"`mqtt://[user[:password]@]host[:port]`; `mqtts://` or `ssl://` for TLS, on port 8883; `ws://` and `wss://`, with a path, for WebSockets. `host[:port]` alone and `tcp://` are as `mqtt://`. `public:NAME`, or `public-tls:`, `public-ws:` or `public-wss:NAME`, is a public test broker: mosquitto, hivemq, eclipse or shiftr",
	username: "for the broker, instead of the one in the URL",
	password: "goes with the user name, instead of the one in the URL",
	id: "names the station; its client id is `veleta-` and the id. Each station needs another one",
	topic: "the beginning of the station's topics, such as `casa/cocina`",
	payload: "a reading's form at `<topic>/state` and `late`: JSON, or [CBOR](consuming.md#cbor) of a third of its size",
	state: "whether the newest reading goes to `<topic>/state`; without it, `values` are all there is of it",
	values:
		"the newest reading's quantities as plain numbers, retained: `true`, at `<topic>/temperature` and so on; or the topics of those that are wanted",
	"values.temperature": "such as `Casa/Cocina/Temperatura`",
	"values.humidity": "such as `Casa/Cocina/Humedad`",
	"values.pressure": "such as `Casa/Cocina/Presion`",
	"values.seaLevelPressure": "with `altitude`",
	"values.dewPoint": "with `derived`, as the next two",
	"values.absoluteHumidity": "such as `Casa/Cocina/HumedadAbsoluta`",
	"values.heatIndex": "such as `Casa/Cocina/Sensacion`",
	homeAssistant:
		"whether Home Assistant finds the station: `true`, or its prefix of topics where that is not `homeassistant`",
	commands: "which commands are carried out",
	keepAlive: "seconds; a lost station is `offline` after one and a half times this",
	qos: "of the readings",
	order: "which reading goes first after an outage: the `newest`, or always the `oldest`",
	full: "which readings are dropped when the flash is full",
	backlogRate: "readings per second of the backlog, after an outage",
	log: "what of the log goes to `<topic>/log`, too: nothing, warnings and errors, or all",
	diagnostics: "seconds between diagnostics; with nothing new 24 times as long; 0: none",
	timeServer: "a board's NTP server: a name or an address",
	outbox: `bytes of RAM for readings while the flash refuses: ${SLOT_BYTES} each`,
	tls: "for a broker at `mqtts://` or `wss://`; PEM files are named as from the config file, or their texts stand here",
	"tls.ca":
		"authorities of the broker's certificate, or `root:NAME` for those that computers know, such as `root:letsencrypt`. A board and mcsim need it, or a fingerprint; `npm start` otherwise trusts whom Node trusts",
	"tls.certificate": "the station's own certificate, for brokers that ask for one",
	"tls.key": "the private key of that certificate, without a password",
	"tls.fingerprint":
		"for a broker whose certificate nobody has issued, instead of authorities: the certificate's own SHA-256. Its name and dates do not count then",
	"tls.alpn":
		"the protocol that is asked for by ALPN, where one port has several: AWS IoT's 443 wants `mqtt` or `x-amzn-mqtt-ca`",
	sleep: "whether a board is in deep sleep between readings; `status` is `asleep` then",
	awake: "seconds: the longest time awake for one reading",
	updateKeys:
		"the public keys that verify updates, as `npm run update -- --new-key` shows one; without them there are no updates",
	updateKey: "one of them, as settings of before have it",
	address: "the I2C address of a BME280 or BMP280, where two are on the bus",
	pins: "GPIO numbers, where they are not the board's own",
	"pins.data": "the sensor's I2C data (SDA)",
	"pins.clock": "the sensor's I2C clock (SCL)",
	"pins.dht": "the data line of a DHT",
	"pins.led": "an LED that a high level lights",
	wifi: "the networks that a board may join; it needs one",
	"wifi.ssid": "the network's name",
	"wifi.password": "its passphrase, or the key of WPA2 that is made of it; an open network has none",
	"wifi.address": "an IPv4 address instead of one by DHCP",
	"wifi.mask": "goes with it, such as 255.255.255.0",
	"wifi.gateway": "goes with it, too",
	"wifi.dns": "a name server instead of DHCP's",
};

/** Defaults that the table cannot express. */
const IMPLIED: { readonly [name in SettingName]?: string } = {
	id: "a board's MAC address, its last three bytes: `a1b2c3`; in a simulator `sim-` and four random digits",
	topic: "`veleta/` and the id",
	homeAssistant: "`false`",
	commands: "all; none at a public broker",
	keepAlive: "one and a half intervals; 90 at least, 240 at most",
	address: "both are tried",
	pins: "the board's",
	"pins.data": "the board's",
	"pins.clock": "the board's",
	"pins.dht": "the board's",
	"pins.led": "the board's",
	"wifi.ssid": "required",
	"wifi.address": "by DHCP",
	"wifi.mask": "by DHCP",
	"wifi.gateway": "by DHCP",
	"wifi.dns": "by DHCP",
};

/** All rows with their names, each object's members behind it. */
export function rows(): [name: SettingName, row: Row][] {
	const rowsOf = (table: Table, prefix: string): [string, Row][] =>
		Object.entries(table).flatMap(([name, row]) => [
			[prefix + name, row],
			...(row.properties ? rowsOf(row.properties, `${prefix}${name}.`) : []),
		]);
	return rowsOf(SETTINGS, "") as [SettingName, Row][];
}

/** A setting's values in words. */
export function valuesOf(row: Row): string {
	if (row.enum) return listOf(row.enum, "or");
	if (row.some) return `\`false\`, or a list of ${listOf(row.some, "and")}`;
	if (row.items) return `${valuesOf(row.items)}, or a list of up to ${row.maxItems}`;
	if (row.properties) return row.maxItems === undefined ? "an object" : `an object, or a list of up to ${row.maxItems}`;
	if (row.type === "boolean") return listOf(["true", "false"], "or");
	if (row.type === "string") return /^(?:needs|must be) (.*)$/.exec(row.problem ?? "")?.[1] ?? "a text";
	const least = leastOf(row);
	const others = typeof row.minimum === "object" ? Object.entries(row.minimum) : [];
	const ranges = others
		.filter(([, minimum]) => minimum > least)
		.map(([sensor, minimum]) => `${range(minimum, row)} for \`${sensor}\``);
	return [range(least, row), ...ranges].join("; ");
}

/** The lowest minimum of all sensors. */
export function leastOf({ minimum = 0 }: Row): number {
	return typeof minimum === "number" ? minimum : Object.values(minimum).reduce((a, b) => Math.min(a, b));
}

function range(minimum: number, { maximum = 0 }: Row): string {
	return `${numberOf(minimum)} to ${numberOf(maximum)}`;
}

/** A setting's default in words. */
export function defaultOf(name: SettingName, row: Row): string {
	const implied = IMPLIED[name];
	if (implied !== undefined) return implied;
	if (row.default === undefined) return "none";
	return typeof row.default === "number" ? numberOf(row.default) : `\`${row.default}\``;
}

function listOf(items: readonly string[], conjunction: string): string {
	const quoted = items.map((item) => `\`${item}\``);
	return `${quoted.slice(0, -1).join(", ")} ${conjunction} ${quoted.at(-1)}`;
}

function numberOf(value: number): string {
	return value.toLocaleString("en");
}
