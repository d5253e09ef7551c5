/**
 * Home Assistant's MQTT discovery: a retained message for each entity, which says where its state is and where its
 * commands go. Of the documentation's two forms that with one entity a message: a few hundred bytes each, one after the
 * other. https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
 */
import { Alarm } from "../alarm.js";
import type { Host } from "../host.js";
import type { Link } from "../net/link.js";
import type { ReceivedMessage } from "../net/mqtt/message.js";
import type { Session } from "../net/mqtt/session.js";
import { type Quantity, type QuantityName, quantitiesWith } from "../net/quantities.js";
import { crc16 } from "../outbox/crc16.js";
import { SENSORS } from "../sensors/models.js";
import { SETTINGS } from "../settings/table.js";
import { type CommandName, homeAssistantPrefix, INTERVAL_MAXIMUM_S, type Settings } from "../settings.js";
import { bytesOf } from "../text.js";
import type { Outcome, Outgoing, Source } from "./outgoing.js";
import type { Reports } from "./reports.js";
import { lostAfter } from "./sleep-cycle.js";

/** Counts up when other messages come of the same settings. */
const EDITION = 1;
/** From one beginning to the next, in ms: strangers can say `online`, too. */
const PAUSE_MS = 60_000;
/** The longest delay after `online`, in ms: it spreads the stations of a home. */
const SPREAD_MS = 10_000;
/** How long messages that the broker does not bear are left out, in ms: each try ends three connections. */
const GIVEN_UP_MS = 3_600_000;
/** Digits of the settings' CRC, with which the memo begins; in place of them, before all messages have arrived. */
const DIGITS = 4;
const UNFINISHED = "----";

/** Entities that are no quantities, by their keys: no two entities have the same, and no key ever changes. */
const OTHERS = Object.freeze(["rssi", "uptime", "queued", "restartReason", "sample", "restart", "interval"] as const);
/** By unit. */
const CLASSES = Object.freeze({
	"°C": "temperature",
	"%": "humidity",
	hPa: "atmospheric_pressure",
	"g/m³": "absolute_humidity",
} satisfies Record<Quantity["unit"], string>);
const MEASUREMENT = Object.freeze({ stat_cla: "measurement" });
const ONLINE = "online";

type Key = QuantityName | (typeof OTHERS)[number];

export interface DiscoveryOptions {
	readonly host: Host;
	readonly settings: Settings;
	/** Keeps what was published: the prefix, behind the CRC of the settings that matter. */
	readonly reports: Pick<Reports, "memo">;
	readonly session: Pick<Session<Outgoing>, "subscribe" | "unsubscribe">;
	readonly link: Pick<Link<Outgoing>, "wake">;
	/** The present time between readings, in s. */
	readonly interval: () => number;
	/** Whether the machine sleeps between readings. */
	readonly sleeps: boolean;
}

export class Discovery implements Source {
	readonly noun = "a message for Home Assistant";
	private readonly _options: DiscoveryOptions;
	private readonly _alarm: Alarm;
	/** Empty: it is not to know the station. */
	private readonly _prefix: string;
	/** What is to be kept when all messages have arrived. */
	private readonly _memo: string;
	/** The next message; `undefined`: none is wanted. */
	private _at: number | undefined;
	private _inFlight = false;
	private _isClosed = false;
	/** The first reading goes before the first message. */
	private _isSampled = false;
	/** No messages begin before, in ms. */
	private _earliest = Number.NEGATIVE_INFINITY;

	constructor(options: DiscoveryOptions) {
		const { host, settings, reports, session, sleeps } = options;
		const prefix = homeAssistantPrefix(settings.homeAssistant);
		const before = reports.memo.slice(DIGITS);
		this._options = options;
		this._alarm = new Alarm(host.timer);
		this._prefix = prefix;
		this._memo = prefix && digestOf(settings) + prefix;
		const isWake = sleeps && host.startedOnRequest === true;
		if (!isWake || reports.memo !== this._memo) this._at = 0;
		// Whoever sleeps does not hear it: Home Assistant says it once, at QoS 0.
		const listens = prefix !== "" && !sleeps;
		if (listens) session.subscribe({ topicFilter: statusOf(prefix), qos: 0 });
		if (before !== "" && (before !== prefix || !listens)) session.unsubscribe(statusOf(before));
	}

	/** Whether messages are to be sent. */
	get pending(): boolean {
		return this._at !== undefined;
	}

	/** The first sample was taken, or there will be none. */
	sampled(): void {
		if (this._isSampled) return;
		this._isSampled = true;
		this._options.link.wake();
	}

	/** A message that is no command. A retained `online` may be old. */
	receive({ topic, payload, retain }: ReceivedMessage): void {
		if (retain || topic !== statusOf(this._prefix) || payload.length !== ONLINE.length) return;
		if (payload.every((byte, at) => byte === ONLINE.charCodeAt(at)))
			this.again(this._options.host.random() * SPREAD_MS);
	}

	/** All messages are to be sent, `delay` ms from now at the earliest. */
	again(delay = 0): void {
		const { clock } = this._options.host;
		if (this._alarm.isSet || this._isClosed || this._prefix === "") return;
		this._alarm.set(() => this._begin(), Math.max(delay, this._earliest - clock.now()));
	}

	next(now: number): Outgoing | undefined {
		const { reports } = this._options;
		while (this._at !== undefined && !this._inFlight && this._isSampled) {
			// First those of an earlier prefix are removed.
			const before = reports.memo.slice(DIGITS);
			if (before === "") reports.memo = UNFINISHED + this._prefix;
			const message = this._messageAt(before || this._prefix, now);
			if (message) return message;
			const isRemoved = before !== "" && before !== this._prefix;
			this._at = isRemoved && this._prefix !== "" ? 0 : undefined;
			reports.memo = this._at === undefined ? this._memo : UNFINISHED + this._prefix;
		}
		return undefined;
	}

	settled(tag: number, outcome: Outcome): void {
		this._inFlight = false;
		if (outcome === "acknowledged") {
			// Unless all began anew meanwhile.
			if (tag === this._at) this._at++;
			return;
		}
		this._at = undefined;
		if (outcome === "rejected") return;
		const { host, reports } = this._options;
		this._earliest = host.clock.now() + GIVEN_UP_MS;
		// Who sleeps would try it at each wake.
		if (reports.memo.slice(DIGITS) === this._prefix) reports.memo = this._memo;
	}

	/** The station stops. */
	close(): void {
		this._isClosed = true;
		this._at = undefined;
		this._alarm.clear();
	}

	private _begin(): void {
		const { host, link } = this._options;
		// Others may have begun since.
		if (host.clock.now() < this._earliest) return this.again();
		this._at = 0;
		link.wake();
	}

	/** The message at `_at`, or the first one behind it that there is. */
	private _messageAt(prefix: string, now: number): Outgoing | undefined {
		const { settings, reports } = this._options;
		const keys = [...Object.keys(SETTINGS.values.properties), ...OTHERS] as Key[];
		if (this._at === 0) this._earliest = now + PAUSE_MS;
		for (; this._at! < keys.length; this._at!++) {
			const key = keys[this._at!]!;
			const members = prefix === this._prefix ? this._membersOf(key) : undefined;
			// What was published by the same settings has nothing to be removed.
			if (!members && reports.memo === this._memo) continue;
			this._inFlight = true;
			return {
				// An id may have points, and a level of this topic must not.
				topic: `${prefix}/${componentOf(key)}/veleta-${settings.id.split(".").join("_2e_")}/${key}/config`,
				payload: bytesOf(members ? this._payload(key, members) : ""),
				qos: 1,
				retain: true,
				source: this,
				tag: this._at!,
			};
		}
		return undefined;
	}

	/** Ids come from the station's, so that they stay when names and topics change. */
	private _payload(key: Key, members: object): string {
		const { id, topic, sensor } = this._options.settings;
		let slug = "";
		for (const character of id.toLowerCase()) slug += "-.".includes(character) ? "_" : character;
		const words = wordsOf(key, " ");
		return JSON.stringify({
			"~": topic,
			name: words[0]!.toUpperCase() + words.slice(1),
			uniq_id: `veleta_${id}_${key}`,
			def_ent_id: `${componentOf(key)}.${slug}_${wordsOf(key, "_")}`,
			...members,
			avty_t: "~/status",
			avty_tpl: "{{'offline' if value=='offline' else 'online'}}",
			dev: { ids: `veleta_${id}`, name: id, mf: "Veleta", mdl: sensor.toUpperCase() },
			o: { name: "Veleta" },
		});
	}

	/** What only this entity has; `undefined`: there is no such entity. */
	private _membersOf(key: Key): object | undefined {
		const { settings, interval, sleeps } = this._options;
		switch (key) {
			case "rssi":
				return this._diagnosticOf(key, {
					name: "RSSI",
					dev_cla: "signal_strength",
					unit_of_meas: "dBm",
					...MEASUREMENT,
				});
			case "uptime":
				return this._diagnosticOf(key, { dev_cla: "duration", unit_of_meas: "s" });
			case "queued":
				return this._diagnosticOf(key, { name: "Queued readings", ...MEASUREMENT });
			case "restartReason":
				return this._diagnosticOf("restart", {});
			case "sample":
				return this._commandOf(key, { name: "Sample now" });
			case "restart":
				return this._options.host.restart && this._commandOf(key, { dev_cla: key, ent_cat: "config" });
			case "interval":
				// The next wake is by the settings again.
				if (sleeps) return undefined;
				return this._commandOf(key, {
					...this._diagnosticOf(key, {}),
					dev_cla: "duration",
					unit_of_meas: "s",
					ent_cat: "config",
					min: SENSORS[settings.sensor],
					max: INTERVAL_MAXIMUM_S,
					mode: "box",
				});
			default: {
				const quantity = quantitiesWith(settings.sensor, settings).find(({ name }) => name === key);
				const { state, values, awake } = settings;
				const topic = state ? "~/state" : typeof values === "object" ? values[key] : `~/${key}`;
				if (!quantity || topic === undefined) return undefined;
				const { unit, decimals } = quantity;
				return {
					stat_t: topic,
					...(state && { val_tpl: templateOf(key) }),
					dev_cla: CLASSES[unit],
					...MEASUREMENT,
					unit_of_meas: unit,
					sug_dsp_prc: decimals,
					exp_aft: lostAfter({ interval: interval(), awake }),
				};
			}
		}
	}

	/** An entity whose state is in the diagnostics, if these have it. */
	private _diagnosticOf(name: string, members: object): object | undefined {
		const { host, settings } = this._options;
		if (settings.diagnostics === 0) return undefined;
		if ((name === "rssi" || name === "restart") && host.diagnostics?.()[name] === undefined) return undefined;
		return { ...members, stat_t: "~/diagnostics", val_tpl: templateOf(name), ent_cat: "diagnostic" };
	}

	/** An entity that sends a command, if the station takes it. The broker keeps it for a station that sleeps. */
	private _commandOf(name: CommandName, members: object): object | undefined {
		if (!this._options.settings.commands.includes(name)) return undefined;
		return { ...members, cmd_t: `~/cmd/${name}`, qos: 1 };
	}
}

function componentOf(key: Key): "sensor" | "button" | "number" {
	if (key === "interval") return "number";
	return key === "sample" || key === "restart" ? "button" : "sensor";
}

/** Where Home Assistant says whether it is there. */
function statusOf(prefix: string): string {
	return `${prefix}/status`;
}

/** A member that is not there makes the state unknown, without a warning in Home Assistant's log. */
function templateOf(member: string): string {
	return `{{value_json.${member}|default(None)}}`;
}

/** `seaLevelPressure` as `sea level pressure`. */
function wordsOf(key: string, separator: string): string {
	let words = "";
	for (const letter of key) words += letter < "a" ? separator + letter.toLowerCase() : letter;
	return words;
}

/** Of all settings that the messages come of, but for the prefix. */
function digestOf(settings: Settings): string {
	const { id, topic, sensor, interval, awake, sleep, state, values, altitude, derived, commands, diagnostics } =
		settings;
	const switches = [sleep, state, altitude === undefined, diagnostics === 0];
	const bytes = bytesOf(
		JSON.stringify([EDITION, id, topic, sensor, interval, awake, switches, values, derived, commands]),
	);
	return crc16(bytes, 0, bytes.length).toString(16).padStart(DIGITS, "0");
}
