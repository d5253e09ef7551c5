/**
 * What a computer checks of settings, and no board: faults that would come to
 * light only when the station connects. All that a board gets comes from here.
 * Also in a browser, so without Node's modules.
 */
import { type BrokerUrl, parseBrokerUrl } from "../../src/net/broker-url.ts";
import { DERIVED } from "../../src/net/derived.ts";
import { isIPv4 } from "../../src/net/ipv4.ts";
import { quantitiesWith } from "../../src/net/quantities.ts";
import { SENSORS, type SensorModel } from "../../src/sensors/models.ts";
import { SETTINGS } from "../../src/settings/table.ts";
import { parseSettings, type Settings } from "../../src/settings.ts";
import { messageOf } from "../../src/text.ts";
import { SettingsError } from "./settings-error.ts";

/** A label of a name [RFC 1123, 2.1]; local names have underscores and letters beyond ASCII, too. */
const LABEL = /^(?!-)(?:[\w-]|[^\0-\x7f\s]){1,63}$/u;
/** Characters of a name [RFC 1035, 2.3.4], without the full stop at its end, which is DNS's root. */
const NAME_MAXIMUM = 253;
/** An interface. */
const ZONE = /^[\w.-]{1,15}$/;
/** A URL whose host is in brackets. */
const IN_BRACKETS = /\](?::\d+)?\/?$/;

/** `parseSettings`, and more. Throws a `SettingsError`. */
export function checkSettings(raw: unknown, defaultId?: string): Settings {
	let settings: Settings | undefined;
	const faults: string[] = [];
	try {
		settings = parseSettings(raw, defaultId);
	} catch (error) {
		const { broker } = Object(raw);
		const hint = typeof broker === "string" ? secretHint(broker) : "";
		faults.push(messageOf(error).replace(/^broker: must look like .*$/m, (line) => line + hint));
	}
	faults.push(...furtherFaults(Object(raw)), ...unmeasured(Object(raw)));
	if (settings) faults.push(...valueFaults(settings), ...tlsFaults(settings));
	if (!settings || faults.length > 0) throw new SettingsError(faults.join("\n"));
	return settings;
}

/** `parseBrokerUrl`, and more. No error shows the URL: it may hold a password. */
export function checkBrokerUrl(url: string): BrokerUrl {
	let address: BrokerUrl;
	try {
		address = parseBrokerUrl(url);
	} catch (error) {
		throw new Error(messageOf(error).replace(/^must look like .*$/, (text) => text + secretHint(url)));
	}
	const problem = hostProblem(address.host, IN_BRACKETS.test(url));
	if (problem !== undefined) throw new Error(problem);
	return address;
}

/**
 * What to do where a user or a password has characters as they are that part a
 * URL. No error shows which: they may be a secret's.
 */
function secretHint(url: string): string {
	const [, secrets = ""] = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(.*)@/s.exec(url) ?? [];
	return /[@/]/.test(secrets) ? "; in a user or password write %40 for @ and %2F for /" : "";
}

/** The faults that `parseSettings` does not tell. */
function furtherFaults({ broker, timeServer }: { readonly broker?: unknown; readonly timeServer?: unknown }): string[] {
	const problems = {
		broker: typeof broker === "string" ? brokerProblem(broker) : undefined,
		// That it is empty was told.
		timeServer: typeof timeServer === "string" && timeServer !== "" ? serverProblem(timeServer) : undefined,
	};
	return Object.entries(problems).flatMap(([name, problem]) => (problem === undefined ? [] : [`${name}: ${problem}`]));
}

/** What sensors measure. */
const MEASURED = Object.keys(SETTINGS.offsets.properties);

/**
 * Settings about a quantity that the sensor does not measure. A board leaves such a
 * quantity out of its reports.
 */
function unmeasured(settings: { readonly [name: string]: unknown }): string[] {
	const { sensor, altitude, derived } = settings;
	const model = (sensor ?? SETTINGS.sensor.default) as SensorModel;
	// That there is no such sensor was told.
	if (!Object.hasOwn(SENSORS, model)) return [];
	const measured: string[] = quantitiesWith(model, {}).map(({ name }) => name);
	const given: readonly (readonly [name: string, quantity: string, isGiven: boolean])[] = [
		...["change", "offsets"].flatMap((object) =>
			MEASURED.map((name) => [`${object}.${name}`, name, (Object(settings[object])[name] ?? null) !== null] as const),
		),
		["altitude", "pressure", (altitude ?? undefined) !== undefined],
		["derived", "humidity", Array.isArray(derived) && derived.some((name) => DERIVED.includes(name))],
	];
	return given
		.filter(([, quantity, isGiven]) => isGiven && !measured.includes(quantity))
		.map(([name, quantity]) => `${name}: needs the ${quantity}, which a ${model} does not measure`);
}

/** Topics of values that no reading has, or that something else has, too. */
function valueFaults({ sensor, altitude, derived, values, topic: base }: Settings): string[] {
	if (typeof values !== "object") return [];
	const available: string[] = quantitiesWith(sensor, {
		...(altitude !== undefined && { altitude }),
		...(derived && { derived }),
	}).map(({ name }) => name);
	const taken = new Map(
		["state", "late", "status", "diagnostics", "reply"].map((end) => [`${base}/${end}`, `the station's ${end}`]),
	);
	return Object.entries(values).flatMap(([name, topic]) => {
		const owner = topic.startsWith(`${base}/cmd/`) ? "its commands" : taken.get(topic);
		taken.set(topic, `values.${name}`);
		if (owner !== undefined) return [`values.${name}: is the topic of ${owner}, too`];
		return available.includes(name) ? [] : [`values.${name}: a ${sensor} with these settings gives no ${name}`];
	});
}

/** Who names a certificate does not mean to speak to anybody. */
function tlsFaults({ broker, tls }: Settings): string[] {
	const isMeant = Object.values(tls).some((value) => value !== undefined);
	return isMeant && !broker.tls ? ["tls: is for a broker at mqtts:// or wss://"] : [];
}

function serverProblem(host: string): string | undefined {
	// A board's UDP is IPv4's.
	if (isName(host) || isIPv4(host)) return undefined;
	return "must be a name or an IPv4 address alone, such as pool.ntp.org: no ntp://, port, zone or blank";
}

function brokerProblem(url: string): string | undefined {
	let address: BrokerUrl;
	try {
		address = parseBrokerUrl(url);
	} catch {
		// That was told.
		return undefined;
	}
	return hostProblem(address.host, IN_BRACKETS.test(url));
}

/** Why a host cannot be there. `inBrackets`: it was written as an IPv6 address. */
function hostProblem(host: string, inBrackets: boolean): string | undefined {
	if (inBrackets) {
		const [address = "", zone = "-"] = host.split(/%(.*)/s);
		return isIPv6(address) && ZONE.test(zone)
			? undefined
			: "in [] must be an IPv6 address such as 2001:db8::1, or fe80::1%eth0";
	}
	// To Linux it is the computer itself.
	if (host === "0.0.0.0") return "0.0.0.0 is nobody's address";
	return isName(host) || isIPv4(host) ? undefined : "the host must be a name, or an IPv4 address such as 192.168.1.20";
}

/** What ends in a number is no name, but an address with a fault [WHATWG URL, "ends in a number"]. */
function isName(text: string): boolean {
	const name = text.replace(/\.$/, "");
	const labels = name.split(".");
	return name.length <= NAME_MAXIMUM && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1)!);
}

/** As [WHATWG URL] reads it. */
function isIPv6(text: string): boolean {
	return /^[\dA-Fa-f:.]+$/.test(text) && URL.canParse(`http://[${text}]/`);
}
