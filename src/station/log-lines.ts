/** The log's lines as messages to `<topic>/log`, where the setting `log` asks for them. */
import { Alarm } from "../alarm.js";
import type { Host, LogLevel } from "../host.js";
import type { Link } from "../net/link.js";
import type { Settings } from "../settings.js";
import { bytesOf, isoTime } from "../text.js";
import type { Outgoing, Source } from "./outgoing.js";

/** Characters of the lines that wait; of more the oldest are dropped, and counted. */
const WAITING_MAXIMUM = 1_024;

export class LogLines implements Source {
	readonly noun = "a line of the log";
	/** There before the first line of the link's. */
	link: Pick<Link<Outgoing>, "wake"> | undefined;
	private readonly _host: Host;
	private readonly _settings: Pick<Settings, "log" | "topic">;
	private readonly _alarm: Alarm;
	private readonly _waiting: string[] = [];
	private _size = 0;
	private _dropped = 0;

	constructor(host: Host, settings: Pick<Settings, "log" | "topic">) {
		this._host = host;
		this._settings = settings;
		this._alarm = new Alarm(host.timer);
	}

	/** A line, which goes to the host's log, too. */
	add(level: LogLevel, text: string): void {
		const { log, clock } = this._host;
		log(level, text);
		if (level === "info" && this._settings.log !== "info") return;
		const line = JSON.stringify({ time: isoTime(clock.time()), level, text });
		this._waiting.push(line);
		this._size += line.length;
		while (this._size > WAITING_MAXIMUM) {
			this._size -= this._waiting.shift()!.length;
			this._dropped++;
		}
		// Not now: it may be the link's own line.
		this._alarm.set(() => this.link?.wake(), 0);
	}

	/** At QoS 0: a line that is lost was one of the log. */
	next(): Outgoing | undefined {
		const { topic } = this._settings;
		let line = this._waiting.shift();
		if (line === undefined) return undefined;
		this._size -= line.length;
		if (this._dropped > 0) line = `${line.slice(0, -1)},"dropped":${this._dropped}}`;
		this._dropped = 0;
		return { topic: `${topic}/log`, payload: bytesOf(line), qos: 0, retain: false, source: this, tag: 0 };
	}

	settled(): void {}

	close(): void {
		this._alarm.clear();
	}
}
