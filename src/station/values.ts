/** The newest reading's quantities, each as a plain number at a topic of its own, retained. */
import type { Host } from "../host.js";
import type { Quantities, QuantityName } from "../net/quantities.js";
import type { Settings } from "../settings.js";
import { bytesOf } from "../text.js";
import { GIVEN_UP_PAUSE_MS, type Outcome, type Outgoing, type Source } from "./outgoing.js";

type OnSettled = (outcome: Outcome, reasonCode: number) => void;

/** The topic of a quantity's values, if it has one; `base`: the station's topic, or what stands for it. */
export function valueTopic({ values }: Settings, base: string, name: QuantityName): string | undefined {
	return typeof values === "object" ? values[name] : `${base}/${name}`;
}

export class Values implements Source {
	readonly noun = "a value";
	private readonly _host: Host;
	private readonly _settings: Settings;
	private _waiting: { readonly topic: string; readonly payload: string }[] = [];
	private _inFlight = 0;
	/** Whether those that wait are of a newer reading than those in flight, which may leave again. */
	private _isNewer = false;
	/** Quantities that no topic has: they were removed. */
	private readonly _absent = new Set<string>();
	private _onSettled: OnSettled | undefined;
	private _outcome: Outcome = "acknowledged";
	private _reasonCode = 0;
	private _pausedUntil = Number.NEGATIVE_INFINITY;

	constructor(host: Host, settings: Settings) {
		this._host = host;
		this._settings = settings;
	}

	/** Whether some wait. */
	get pending(): boolean {
		return this._waiting.length > 0;
	}

	/**
	 * Publishes the values of a reading; those of the one before it that wait are left out. `onSettled`: the broker
	 * has all, or how another one ended. Returns whether there are any.
	 */
	publish(quantities: Quantities, onSettled?: OnSettled): boolean {
		if (this._host.clock.now() < this._pausedUntil) return false;
		const waiting = [];
		for (const [name, value] of Object.entries(quantities)) {
			const topic = valueTopic(this._settings, this._settings.topic, name as QuantityName);
			if (topic === undefined || (value === undefined && !this._isGone(name))) continue;
			if (value !== undefined) this._absent.delete(name);
			waiting.push({ topic, payload: value === undefined ? "" : `${value}` });
		}
		if (waiting.length === 0) return false;
		this._waiting = waiting;
		this._isNewer = this._inFlight > 0;
		this._onSettled = onSettled;
		this._outcome = "acknowledged";
		return true;
	}

	next(): Outgoing | undefined {
		if (this._isNewer && this._inFlight > 0) return undefined;
		this._isNewer = false;
		const value = this._waiting.shift();
		if (!value) return undefined;
		this._inFlight++;
		const { topic, payload } = value;
		return { topic, payload: bytesOf(payload), qos: this._settings.qos, retain: true, source: this, tag: 0 };
	}

	settled(_tag: number, outcome: Outcome, reasonCode = 0): void {
		this._inFlight--;
		if (outcome !== "acknowledged") {
			this._outcome = outcome;
			this._reasonCode = reasonCode;
		}
		if (outcome === "given up") {
			this._pausedUntil = this._host.clock.now() + GIVEN_UP_PAUSE_MS;
			this._waiting = [];
		}
		if (this._inFlight > 0 || this._waiting.length > 0) return;
		const onSettled = this._onSettled;
		this._onSettled = undefined;
		onSettled?.(this._outcome, this._reasonCode);
	}

	/**
	 * A formula that does not hold any more gives no number: what the topic has is removed, once. What the sensor never
	 * measures has no topic.
	 */
	private _isGone(name: string): boolean {
		const { derived } = this._settings;
		if (!derived || !(derived as readonly string[]).includes(name) || this._absent.has(name)) return false;
		this._absent.add(name);
		return true;
	}
}
