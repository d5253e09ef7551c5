/** What the page's form shows of a board's settings, and which settings are made of what it has then. */
import { SETTINGS } from "../../../../src/settings/table.ts";
import { HIDDEN } from "../../settings-transfer.ts";

type Members = { readonly [name: string]: unknown };

/** All are texts, as in a form. Empty: the setting is left out, or a secret stays as it is. */
export interface Form {
	readonly ssid: string;
	readonly wifiPassword: string;
	readonly broker: string;
	readonly username: string;
	readonly password: string;
	readonly ca: string;
	readonly sensor: string;
	readonly interval: string;
	readonly id: string;
	readonly topic: string;
	readonly homeAssistant: boolean;
	/** All other settings, as JSON. */
	readonly others: string;
}

/** The settings that have a field of their own, under their own names. */
const TEXTS = ["broker", "username", "sensor", "id", "topic"] as const;

/** What a form begins with, of settings as the board shows them. */
export function formOf(shown: Members): Form {
	const { wifi, tls, interval, homeAssistant, password: _, ...rest } = shown;
	const [network, ...networks] = list(wifi);
	const { ca, ...otherTls } = members(tls);
	const others = Object.entries(rest).filter(([name]) => !(TEXTS as readonly string[]).includes(name));
	if (networks.length > 0) others.push(["wifi", networks]);
	if (Object.keys(otherTls).length > 0) others.push(["tls", otherTls]);
	const text = (name: string) => (typeof shown[name] === "string" ? (shown[name] as string) : "");
	return {
		ssid: typeof network?.ssid === "string" ? network.ssid : "",
		wifiPassword: "",
		broker: text("broker"),
		username: text("username"),
		password: "",
		ca: typeof ca === "string" && ca !== HIDDEN ? ca : "",
		sensor: text("sensor"),
		interval: typeof interval === "number" ? String(interval) : "",
		id: text("id"),
		topic: text("topic"),
		homeAssistant: homeAssistant !== undefined && homeAssistant !== false,
		others: others.length === 0 ? "" : JSON.stringify(Object.fromEntries(others), undefined, "\t"),
	};
}

/** Which secrets stay where their field is left empty. */
export interface Kept {
	readonly wifiPassword: boolean;
	readonly password: boolean;
	readonly ca: boolean;
}

/** `shown`: what the board has. It gives a secret neither to another network nor to another broker. */
export function keptSecrets(form: Form, shown: Members): Kept {
	const [network] = list(shown.wifi);
	const tls = members(shown.tls);
	const isSameBroker = form.broker.trim() === shown.broker;
	return {
		wifiPassword: network?.password === HIDDEN && form.ssid === network.ssid,
		password: shown.password === HIDDEN && isSameBroker && form.ca === "",
		ca: tls.ca === HIDDEN && isTls(form.broker),
	};
}

/** Throws an Error that names the other settings where they are no JSON. */
export function settingsOf(form: Form, shown: Members): Members {
	const kept = keptSecrets(form, shown);
	const { wifi: otherNetworks, tls: otherTls, ...others } = parsed(form.others);
	const settings: Record<string, unknown> = { ...others };
	for (const name of TEXTS) {
		const text = form[name].trim();
		// A choice always has a value: one that nobody has made is no setting.
		const isDefault = name === "sensor" && text === SETTINGS.sensor.default && shown.sensor === undefined;
		if (text !== "" && !isDefault) settings[name] = text;
	}
	if (form.interval.trim() !== "") settings.interval = Number(form.interval);
	if (form.password !== "" || kept.password) settings.password = form.password || HIDDEN;
	// A prefix of its own stays.
	if (form.homeAssistant) settings.homeAssistant = shown.homeAssistant || true;

	const networks = [...list(otherNetworks)];
	if (form.ssid !== "") {
		const [before] = list(shown.wifi);
		const { password: _, ...known } = before?.ssid === form.ssid ? before : { ssid: form.ssid };
		const password = form.wifiPassword || (kept.wifiPassword ? HIDDEN : "");
		networks.unshift({ ...known, ...(password !== "" && { password }) });
	}
	if (networks.length > 0) settings.wifi = networks;

	const ca = form.ca.trim() === "" ? (kept.ca ? HIDDEN : undefined) : `${form.ca.trim()}\n`;
	const tls = { ...members(otherTls), ...(ca !== undefined && { ca }) };
	if (isTls(form.broker) && Object.keys(tls).length > 0) settings.tls = inOrderOf(members(shown.tls), tls);
	return settings;
}

/** With stand-ins for secrets that stay, so that the settings can be checked here. */
export function withStandIns(settings: Members): Members {
	return JSON.parse(JSON.stringify(settings), function (this: Members, name, value) {
		if (value === HIDDEN) return name === "password" ? "a kept secret" : "-----BEGIN what is kept-----";
		return name === "broker" && typeof value === "string" ? value.replace(`//${HIDDEN}@`, "//kept@") : value;
	});
}

function isTls(broker: string): boolean {
	return /^\s*(mqtts|ssl|wss):/i.test(broker);
}

/** The board takes settings for the same only if they are in the same order. */
function inOrderOf(before: Members, now: Members): Members {
	const names = [...Object.keys(before), ...Object.keys(now)].filter((name) => name in now);
	return Object.fromEntries(names.map((name) => [name, now[name]]));
}

function parsed(text: string): Members {
	if (text.trim() === "") return {};
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		throw new NotJsonError((error as Error).message);
	}
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NotJsonError("must be an object");
	return value as Members;
}

/** Of the field of the other settings. */
export class NotJsonError extends Error {
	override name = "NotJsonError";
}

function members(value: unknown): Members {
	return typeof value === "object" && value !== null ? (value as Members) : {};
}

function list(value: unknown): readonly Members[] {
	if (Array.isArray(value)) return value.map(members);
	return typeof value === "object" && value !== null ? [value as Members] : [];
}
