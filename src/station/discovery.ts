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
import { quantitiesWith } from "../net/quantities.js";
import { crc16 } from "../outbox/crc16.js";
import { type CommandName, type Settings, shortestInterval } from "../settings.js";
import { bytesOf } from "../text.js";
import type { Diagnostics } from "./diagnostics.js";
import { GIVEN_UP_PAUSE_MS, type Outcome, type Outgoing, type Source } from "./outgoing.js";
import type { Reports } from "./reports.js";
import type { Sampling } from "./sampling.js";
import { LOST_AFTER_INTERVALS } from "./sleep-cycle.js";
import { valueTopic } from "./values.js";

/** Counts up when other messages come of the same settings. */
const EDITION = 1;
/** From one beginning to the next, in ms: strangers can say `online`, too. */
const PAUSE_MS = 60_000;
/** The longest delay after `online`, in ms: it spreads the stations of a home. */
const SPREAD_MS = 10_000;
/** Digits of the settings' CRC, with which the memo begins; in place of them, before all messages have arrived. */
const DIGITS = 4;
const UNFINISHED = "----";

/**
 * Entities: component, key, name, and the beginning of the members that only this one has, by Home Assistant's
 * abbreviations. Component and key make its ids, and so never change. The first ones are the quantities; then the key
 * is the member of the diagnostics, or the command. A text, which takes less flash and RAM than objects.
 */
const QUANTITIES = 7;
const ENTITIES =
	'sensor|temperature|Temperature|"dev_cla":"temperature"\n' +
	'sensor|humidity|Humidity|"dev_cla":"humidity"\n' +
	'sensor|pressure|Pressure|"dev_cla":"atmospheric_pressure"\n' +
	'sensor|seaLevelPressure|Sea level pressure|"dev_cla":"atmospheric_pressure"\n' +
	'sensor|dewPoint|Dew point|"dev_cla":"temperature"\n' +
	'sensor|absoluteHumidity|Absolute humidity|"dev_cla":"absolute_humidity"\n' +
	'sensor|heatIndex|Heat index|"dev_cla":"temperature"\n' +
	'sensor|rssi|RSSI|"ent_cat":"diagnostic","dev_cla":"signal_strength","unit_of_meas":"dBm","stat_cla":"measurement"\n' +
	'sensor|uptime|Uptime|"ent_cat":"diagnostic","dev_cla":"duration","unit_of_meas":"s"\n' +
	'sensor|queued|Queued readings|"ent_cat":"diagnostic","stat_cla":"measurement"\n' +
	'sensor|restart|Restart reason|"ent_cat":"diagnostic"\n' +
	'button|sample|Sample now|"qos":1\n' +
	'button|restart|Restart|"qos":1,"ent_cat":"config","dev_cla":"restart"\n' +
	'number|interval|Interval|"qos":1,"ent_cat":"config","dev_cla":"duration","unit_of_meas":"s","max":86400,"mode":"box"';

/** Of them, members of the diagnostics on every host. */
const FACTS = "uptime queued interval";

export class Discovery implements Source {
	readonly noun = "a message for Home Assistant";
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _link: Pick<Link<Outgoing>, "wake">;
	/** Keeps what was published: the prefix, behind the CRC of the settings. */
	private readonly _reports: Pick<Reports, "memo">;
	private readonly _sampling: Pick<Sampling, "interval">;
	private readonly _diagnostics: Pick<Diagnostics, "wanted">;
	private readonly _sleeps: boolean;
	private readonly _alarm: Alarm;
	/** What is to be kept when all messages have arrived. */
	private readonly _memo: string;
	/** The next message; `undefined`: none is wanted. */
	private _at: number | undefined;
	private _inFlight = false;
	/** The first reading goes before the first message. */
	private _isSampled = false;
	/** No messages begin before, in ms. */
	private _earliest = Number.NEGATIVE_INFINITY;

	/** `sleeps`: whether the machine sleeps between readings. */
	constructor(
		host: Host,
		settings: Settings,
		session: Pick<Session<Outgoing>, "subscribe" | "unsubscribe">,
		link: Pick<Link<Outgoing>, "wake">,
		reports: Pick<Reports, "memo">,
		sampling: Pick<Sampling, "interval">,
		diagnostics: Pick<Diagnostics, "wanted">,
		sleeps: boolean,
	) {
		this._host = host;
		this._settings = settings;
		this._link = link;
		this._reports = reports;
		this._sampling = sampling;
		this._diagnostics = diagnostics;
		this._sleeps = sleeps;
		this._alarm = new Alarm(host.timer);
		const { homeAssistant: prefix } = settings;
		// All settings but for long ones without a part in it. The prefix stands beside it.
		const bytes = bytesOf(JSON.stringify({ ...settings, tls: EDITION, updateKeys: sleeps }));
		this._memo = prefix && crc16(bytes, 0, bytes.length).toString(16).padStart(DIGITS, "0") + prefix;
		const memo = reports.memo();
		const before = memo.slice(DIGITS);
		if (!sleeps || !host.startedOnRequest || memo !== this._memo) this._at = 0;
		// Who sleeps does not hear it: Home Assistant says it once, at QoS 0.
		const listens = prefix !== "" && !sleeps;
		if (listens) session.subscribe({ topicFilter: `${prefix}/status`, qos: 0 });
		if (before !== "" && (before !== prefix || !listens)) session.unsubscribe(`${before}/status`);
	}

	/** The first sample was taken, or there will be none. */
	sampled(): void {
		if (this._isSampled) return;
		this._isSampled = true;
		this._link.wake();
	}

	/** A message that is no command. A retained `online` may be old. */
	receive({ topic, payload, retain }: ReceivedMessage): void {
		if (retain || topic !== `${this._settings.homeAssistant}/status` || `${payload}` !== `${bytesOf("online")}`) return;
		this._again(this._host.random() * SPREAD_MS);
	}

	/** Home Assistant shows it, and expects the readings by it; but for a machine that sleeps it does not hold. */
	intervalChanged(): void {
		if (this._sleeps) return;
		this._again(0);
		this._diagnostics.wanted();
	}

	next(now: number): Outgoing | undefined {
		const reports = this._reports;
		const { id, homeAssistant: prefix } = this._settings;
		while (this._at !== undefined && !this._inFlight && this._isSampled) {
			const entities = ENTITIES.split("\n");
			const memo = reports.memo();
			const before = memo.slice(DIGITS);
			if (before === "") reports.memo(UNFINISHED + prefix);
			// First those of an earlier prefix are removed.
			const removes = before !== "" && before !== prefix;
			if (this._at === 0) this._earliest = now + PAUSE_MS;
			for (; this._at < entities.length; this._at++) {
				const entity = entities[this._at]!.split("|");
				const payload = removes ? "" : this._payload(entity, this._at < QUANTITIES);
				// What was published by the same settings has nothing to be removed.
				if (payload === "" && memo === this._memo) continue;
				this._inFlight = true;
				return {
					// An id may have points, and a level of this topic must not.
					topic: `${removes ? before : prefix}/${entity[0]}/veleta-${id.replaceAll(".", "_2e_")}/${entity[1]}/config`,
					payload: bytesOf(payload),
					qos: 1,
					retain: true,
					source: this,
					tag: this._at,
				};
			}
			this._at = removes && prefix !== "" ? 0 : undefined;
			reports.memo(this._at === undefined ? this._memo : UNFINISHED + prefix);
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
		this._earliest = this._host.clock.now() + GIVEN_UP_PAUSE_MS;
		// Who sleeps would try it at each wake.
		if (this._reports.memo().slice(DIGITS) === this._settings.homeAssistant) this._reports.memo(this._memo);
	}

	/** The station stops. */
	close(): void {
		this._at = undefined;
		this._earliest = Number.POSITIVE_INFINITY;
		this._alarm.clear();
	}

	/** All messages are to be sent, `delay` ms from now at the earliest. */
	private _again(delay: number): void {
		const { clock } = this._host;
		const wait = Math.max(delay, this._earliest - clock.now());
		if (this._alarm.isSet || wait === Number.POSITIVE_INFINITY || this._settings.homeAssistant === "") return;
		this._alarm.set(() => {
			// Others may have begun since.
			if (clock.now() < this._earliest) return this._again(0);
			this._at = 0;
			this._link.wake();
		}, wait);
	}

	/** `entity`: a line of the table. Empty: there is no such entity. */
	private _payload(entity: readonly string[], isQuantity: boolean): string {
		const settings = this._settings;
		const host = this._host;
		const { id, topic, sensor, change, state, payload, awake, diagnostics, commands } = settings;
		const component = entity[0]!;
		const key = entity[1]!;
		const name = entity[2]!;
		let members = entity[3]!;
		let stateTopic: string | undefined = "~/diagnostics";
		let isJson = true;
		if (isQuantity) {
			const quantity = quantitiesWith(sensor, settings).find((quantity) => quantity.name === key);
			if (!quantity) return "";
			isJson = state && payload === "json";
			stateTopic = isJson ? "~/state" : valueTopic(settings, "~", quantity.name);
			const silence = this._sampling.interval * (change?.atMost ?? 1);
			const expires = Math.ceil(LOST_AFTER_INTERVALS * silence + awake);
			members += `,"stat_cla":"measurement","unit_of_meas":"${quantity.unit}"`;
			members += `,"sug_dsp_prc":${quantity.decimals},"exp_aft":${expires}`;
		} else if (component === "button" || diagnostics === 0 || !(FACTS.includes(key) || host.diagnostics?.()[key]))
			stateTopic = undefined;
		if (component === "sensor") {
			if (stateTopic === undefined) return "";
		} else {
			// The next wake's interval is that of the settings again.
			const isDone = key === "restart" ? host.restart : key === "sample" || !this._sleeps;
			if (!isDone || !commands.includes(key as CommandName)) return "";
			members += `,"cmd_t":"~/cmd/${key}"`;
			if (key === "interval") members += `,"min":${shortestInterval(settings)}`;
		}
		if (stateTopic !== undefined) members += `,"stat_t":${JSON.stringify(stateTopic)}`;
		// A member that is not there makes the state unknown, without a warning in Home Assistant's log.
		if (stateTopic !== undefined && isJson) members += `,"val_tpl":"{{value_json.${key}|default(None)}}"`;
		const entityId = `${id} ${name}`.toLowerCase().replaceAll(" ", "_").replaceAll("-", "_").replaceAll(".", "_");
		// Ids come from the station's, so that they stay when names and topics change.
		const device = `veleta_${id}`;
		return (
			`{"~":${JSON.stringify(topic)},"name":"${name}","uniq_id":"${device}_${component}_${key}"` +
			`,"def_ent_id":"${component}.${entityId}",${members},"avty_t":"~/status"` +
			`,"avty_tpl":"{{'offline' if value=='offline' else 'online'}}"` +
			`,"dev":{"ids":"${device}","name":"${id}","mf":"Veleta","mdl":"${sensor.toUpperCase()}"},"o":{"name":"Veleta"}}`
		);
	}
}
