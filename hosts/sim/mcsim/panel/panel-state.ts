/** The panel's state, and which part of it is shown: everything but the drawing. */
import type { SensorModel } from "../../../../src/sensors/models.js";
import type { Weather } from "../../devices/weather.js";
import type { Configuration, Identity, LinkState, Report, Status, ToPanel } from "../messages.js";
import { CURVE_READINGS, type Curve, curveOf } from "./curve.js";
import { type Line, PanelLog } from "./panel-log.js";
import { cellsOf, headsFor, type Scale, scalesOf } from "./scales.js";
import { typedNumber } from "./typed-number.js";

/** The last ones; earlier ones make room. */
export const REPORTS_SHOWN = 5;
/** Keep-alive intervals after which a broker takes a silent client for lost [MQTT-3.1.2-22]. */
const LOST_AFTER = 1.5;
/** The station's messages for an attempt to connect without an answer; other reasons follow a colon. */
const NOBODY_ANSWERS = ["cannot connect;", "cannot connect: no answer"];

/** Whether the machine has power, runs or sleeps. */
type Machine =
	| { readonly phase: "off" | "starting" | "running" }
	| { readonly phase: "asleep"; readonly until: number }
	| { readonly phase: "ended"; readonly reason: string };

/** The colour of the light. */
export type Light = "off" | "bad" | "busy" | "good";

export interface ReportRow {
	/** Number, local time, and the values. */
	readonly cells: readonly string[];
	/** Whether the broker does not have it yet. */
	readonly waits: boolean;
}

/** All that the panel shows beside its sliders and switches. */
export interface View {
	readonly light: Light;
	readonly connection: string;
	/** Advice in a sentence; or nothing. */
	readonly advice: string;
	/** Names and values. */
	readonly facts: readonly (readonly [name: string, value: string])[];
	/** The heads of the reports' columns; empty for channels that the sensor does not measure. */
	readonly heads: readonly string[];
	/** The newest first. */
	readonly reports: readonly ReportRow[];
	/** One for each slider. */
	readonly curves: readonly Curve[];
	/** The newest first. */
	readonly lines: readonly Line[];
}

export class PanelState {
	private _machine: Machine = { phase: "off" };
	private _identity: Identity | undefined;
	private _connection: LinkState | undefined;
	private _status: Status | undefined;
	/** The station's last reason why there is no connection. */
	private _problem = "";
	/** The newest last, and whether they wait for the broker. */
	private _reports: readonly { readonly report: Report; readonly waits: boolean }[] = [];
	private readonly _log = new PanelLog();
	private _byHand: Weather | undefined;
	private _sensorFault = false;
	private _linkCut = false;
	private _powerCut = false;
	/** Whether the machine asked for its last start, or the next one. */
	private _startedOnRequest = false;

	/** The configuration for the machine. */
	get configuration(): Configuration {
		const weather = this._byHand;
		return {
			...(weather && { weather }),
			sensorFault: this._sensorFault,
			linkCut: this._linkCut,
			...(this._startedOnRequest && { startedOnRequest: true }),
		};
	}

	get powered(): boolean {
		return this._machine.phase !== "off";
	}

	/** Whether the power was cut; before the first start it was not. */
	get powerCut(): boolean {
		return this._powerCut;
	}

	/** Whether the sliders set the weather; otherwise they show it. */
	get byHand(): boolean {
		return this._byHand !== undefined;
	}

	/** The sliders of this station's sensor; those of a BME280 as long as it is not known. */
	get scales(): readonly Scale[] {
		return scalesOf(this._sensor);
	}

	/** A slider's position, in its unit; `undefined` until the weather is known. */
	positionOf({ channel, factor, lowest, highest }: Scale): number | undefined {
		const weather = this._byHand ?? this._status?.weather;
		return weather && Math.min(highest, Math.max(lowest, weather[channel] / factor));
	}

	/** A slider was moved: from now on the weather is made by hand. */
	moveTo(scale: Scale, position: number): void {
		this.takeOver(true);
		if (this._byHand) this._byHand = { ...this._byHand, [scale.channel]: position * scale.factor };
	}

	/** A number was typed in place of a slider's position: takes it, or returns in a few words why not. */
	type(scale: Scale, text: string): string | undefined {
		const { lowest, highest, unit } = scale;
		const number = typedNumber(text);
		if (number === undefined) return "not a number";
		if (number < lowest || number > highest) return `only ${lowest} to ${highest} ${unit}`;
		if (this.positionOf(scale) === undefined) return "no weather yet";
		this.moveTo(scale, number);
		return undefined;
	}

	/** By hand, the weather stays until a slider is moved; otherwise it is simulated again. */
	takeOver(byHand: boolean): void {
		if (byHand) this._byHand ??= this._status?.weather;
		else this._byHand = undefined;
	}

	breakSensor(broken: boolean, now: number): void {
		this._sensorFault = broken;
		this._note(broken ? "the sensor is unplugged" : "the sensor is plugged in", now);
	}

	cutLink(cut: boolean, now: number): void {
		this._linkCut = cut;
		this._note(cut ? "the link is cut" : "the link is whole", now);
	}

	/** The machine gets power; its messages tell the rest. */
	launched(now: number): void {
		this._powerCut = false;
		this._machine = { phase: "starting" };
		this._forget();
		this._note("the machine starts", now);
	}

	/** The power is cut. */
	halted(now: number): void {
		this._startedOnRequest = false;
		this._powerCut = true;
		this._machine = { phase: "off" };
		this._forget();
		this._note("the power is cut", now);
	}

	/** The machine asks for a start anew. */
	restarted(): void {
		this._startedOnRequest = true;
	}

	/** The machine sleeps for `duration` ms. */
	slept(duration: number, now: number): void {
		this.restarted();
		this._machine = { phase: "asleep", until: now + duration };
		this._forget();
	}

	/** The engine gave up. */
	ended(reason: string, now: number): void {
		this._startedOnRequest = false;
		this._machine = { phase: "ended", reason };
		this._forget();
		this._note(`the program ended: ${reason}`, now);
	}

	/** A message of the machine, at wall-clock time `now` in ms. */
	receive(message: ToPanel, now: number): void {
		if ("identity" in message) {
			this._identity = message.identity;
			this._machine = { phase: "running" };
		} else if ("connection" in message) {
			this._connection = message.connection;
		} else if ("status" in message) {
			this._status = message.status;
			// Also of those that were dropped, or acknowledged when the power was cut.
			if (message.status.totals.queued === 0) this._delivered(() => true);
		} else if ("report" in message) {
			this._reports = [...this._reports, { report: message.report, waits: true }].slice(-CURVE_READINGS);
		} else if ("delivered" in message) {
			this._delivered(({ seq }) => seq === message.delivered);
		} else if ("line" in message) {
			const { level, text } = message.line;
			const ofBroker = this._identity && afterPrefix(text, `${this._identity.broker}: `);
			// The broker's address is among the facts.
			this._log.add({ time: clockTime(now), level, text: ofBroker ?? text });
			if (level === "warning" && ofBroker !== undefined) this._problem = ofBroker;
			if (level === "error" && !this._identity) this._machine = { phase: "ended", reason: text };
		}
	}

	view(now: number): View {
		return {
			light: this._light,
			connection: this._connectionText(now),
			advice: this._advice,
			facts: this._facts,
			heads: ["seq", "time", ...headsFor(this._sensor)],
			reports: this._reports
				.slice(-REPORTS_SHOWN)
				.reverse()
				.map(({ report, waits }) => ({ cells: rowOf(report), waits })),
			curves: this.scales.map(({ channel, unit, decimals }) => {
				const values = this._reports.flatMap(({ report }) => report[channel] ?? []);
				return curveOf(values, (value) => `${value.toFixed(decimals)} ${unit}`);
			}),
			lines: this._log.lines,
		};
	}

	/** Forgets the state that a machine without power has lost. */
	private _forget(): void {
		this._connection = undefined;
		this._problem = "";
	}

	private _delivered(isDelivered: (report: Report) => boolean): void {
		this._reports = this._reports.map(({ report, waits }) => ({ report, waits: waits && !isDelivered(report) }));
	}

	private _note(text: string, now: number): void {
		this._log.add({ time: clockTime(now), level: "panel", text });
	}

	private get _light(): Light {
		const { phase } = this._machine;
		if (phase === "off" || phase === "asleep") return "off";
		if (phase === "ended") return "bad";
		if (this._connection === "online") return this._linkCut ? "busy" : "good";
		return this._connection === "offline" ? "bad" : "busy";
	}

	private _connectionText(now: number): string {
		const machine = this._machine;
		switch (machine.phase) {
			case "off":
				return "no power";
			case "starting":
				return "starting";
			case "asleep":
				return `asleep for ${Math.max(0, Math.ceil((machine.until - now) / 1_000))} s`;
			case "ended":
				return "ended";
			case "running":
				return this._connection ?? "connecting";
		}
	}

	private get _advice(): string {
		const machine = this._machine;
		const { broker = "", keepAlive = 0 } = this._identity ?? {};
		if (machine.phase === "ended") return machine.reason;
		if (machine.phase === "asleep") return "The station starts anew when it has slept.";
		if (machine.phase === "off") return "Nothing runs. What the station has not delivered is in its flash.";
		if (this._linkCut) {
			if (this._connection !== "online") return "The link is cut. Readings wait until it is whole.";
			const patience = LOST_AFTER * keepAlive;
			return keepAlive > 0
				? `The link is cut, unnoticed. After ${patience} s of silence the broker says "offline".`
				: "The link is cut, unnoticed, as the keep-alive is off.";
		}
		if (this._connection === "offline" && NOBODY_ANSWERS.some((text) => this._problem.startsWith(text))) {
			return `No broker answers at ${broker}. The station keeps trying.`;
		}
		if (this._connection === "offline") return this._problem;
		if (this._sensorFault) return "The sensor is unplugged: there are no readings.";
		const { queued = 0 } = this._status?.totals ?? {};
		if (this._connection !== "online") return "";
		return queued === 0 ? "Nothing waits for the broker." : `Waiting for the broker: ${queued}.`;
	}

	private get _sensor(): SensorModel {
		return this._identity?.sensor ?? "bme280";
	}

	private get _facts(): View["facts"] {
		const { id, sensor, broker, interval, topic } = this._identity ?? {};
		const { uptime, totals } = this._status ?? {};
		if (!totals || uptime === undefined || interval === undefined) return [];
		const upFor = this._machine.phase === "running" ? `up ${duration(uptime)}` : "down";
		return [
			["Broker", `${broker}`],
			["Topic", `${topic}/state`],
			["Station", `${id}, ${sensor}, every ${interval} s, ${upFor}`],
			["Readings", `${totals.readings} taken, ${totals.faults} failed`],
			["Outbox", `${totals.queued} queued, ${totals.dropped} dropped`],
			["Delivered", `${totals.acknowledged} acknowledged, ${totals.redelivered} sent again`],
		];
	}
}

/** hours:minutes:seconds. */
function duration(seconds: number): string {
	return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Local time. */
function clockTime(time: number): string {
	const date = new Date(time);
	return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function two(number: number): string {
	return `${number}`.padStart(2, "0");
}

/** What comes behind a prefix that the text has. */
function afterPrefix(text: string, prefix: string): string | undefined {
	return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

function rowOf(report: Report): readonly string[] {
	const { seq, time } = report;
	return [`${seq}`, time === undefined ? "" : clockTime(Date.parse(time)), ...cellsOf(report)];
}
