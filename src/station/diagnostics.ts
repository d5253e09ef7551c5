/** What the station knows of itself, at `<topic>/diagnostics`: with each connection, and again after a while. */
import { Alarm } from "../alarm.js";
import type { Host } from "../host.js";
import type { Link } from "../net/link.js";
import type { Settings } from "../settings.js";
import { bytesOf } from "../text.js";
import type { Outcome, Outgoing, Source } from "./outgoing.js";

/** How long diagnostics that the broker does not bear are left out, in ms: each try ends three connections. */
const PAUSE_MS = 3_600_000;

export class Diagnostics implements Source {
	readonly noun = "the diagnostics";
	private readonly _host: Host;
	private readonly _settings: Settings;
	private readonly _link: Pick<Link<Outgoing>, "connected" | "wake">;
	private readonly _content: () => object;
	private readonly _alarm: Alarm;
	private _wanted = false;
	/** Until the broker has them: what would be newer then can wait. */
	private _inFlight = false;
	private _earliest = Number.NEGATIVE_INFINITY;
	private _closed = false;

	/** `content` gives the members of the JSON. */
	constructor(host: Host, settings: Settings, link: Pick<Link<Outgoing>, "connected" | "wake">, content: () => object) {
		this._host = host;
		this._settings = settings;
		this._link = link;
		this._content = content;
		this._alarm = new Alarm(host.timer);
	}

	/** The broker has accepted a connection: they are wanted now, and after each interval. */
	connected(): void {
		const { diagnostics } = this._settings;
		if (diagnostics === 0 || this._closed) return;
		this._alarm.set(() => this.connected(), diagnostics * 1_000);
		if (!this._link.connected || this._host.clock.now() < this._earliest) return;
		this._wanted = true;
		this._link.wake();
	}

	next(): Outgoing | undefined {
		if (!this._wanted || this._inFlight) return undefined;
		this._wanted = false;
		this._inFlight = true;
		const payload = bytesOf(JSON.stringify({ ...this._content() }));
		return { topic: `${this._settings.topic}/diagnostics`, payload, qos: 1, retain: true, source: this, tag: 0 };
	}

	settled(_tag: number, outcome: Outcome): void {
		this._inFlight = false;
		if (outcome !== "given up") return;
		this._wanted = false;
		this._earliest = this._host.clock.now() + PAUSE_MS;
	}

	/** From now on no more are wanted; those that wait still go. */
	close(): void {
		this._closed = true;
		this._alarm.clear();
	}
}
