/** What the log says of the broker. Its own texts are a stranger's, and a command's topic another's: neither gets there raw. */
import type { Host } from "../host.js";
import { showAddress } from "../net/broker-url.js";
import { type ProtocolVersion, VERSIONS } from "../net/mqtt/packet.js";
import { reasonText } from "../net/mqtt/reason-codes.js";
import type { Settings } from "../settings.js";
import { printable } from "../text.js";
import type { Source } from "./outgoing.js";
import { QuietLog } from "./quiet-log.js";

export class BrokerLog {
	private readonly _address: string;
	private readonly _settings: Settings;
	private readonly _log: Host["log"];
	private readonly _quiet: QuietLog;
	private _oversizedTold = false;
	private _unexpectedTold = false;

	constructor(settings: Settings, host: Pick<Host, "clock" | "log">) {
		this._address = showAddress(settings.broker);
		this._settings = settings;
		this._log = host.log;
		this._quiet = new QuietLog(host);
	}

	connected(version: ProtocolVersion, sessionPresent: boolean): void {
		const session = sessionPresent ? "session resumed" : "new session";
		this._log("info", `${this._address}: connected with MQTT ${VERSIONS[version]}, ${session}`);
	}

	/** The next attempt follows after `retryDelay` ms. */
	disconnected(reason: string, retryDelay: number): void {
		this._warn(`: ${printable(reason)}; next attempt in ${(retryDelay / 1_000).toFixed(1)} s`);
	}

	/** `version` is tried at once. */
	tooOld(version: ProtocolVersion): void {
		this._log("info", `${this._address}: does not speak a newer version of MQTT; trying ${VERSIONS[version]}`);
	}

	takenOver(): void {
		const { id } = this._settings;
		this._warn(` keeps closing the connection: is another client using the client id veleta-${id}?`);
	}

	/** Without `commands` it is about Home Assistant's status. */
	notSubscribed(topicFilter: string, commands: boolean): void {
		this._warn(`: ${commands ? "no commands: it" : "it"} does not let the station subscribe to ${topicFilter}`);
	}

	/** It is tried again. Told once in ten minutes. */
	rejected(what: Source | "birth message", reasonCode: number): void {
		const noun = typeof what === "string" ? "the status" : what.noun;
		this._quiet.warn(`${this._address}: does not take ${noun}: ${reasonText(reasonCode)}`);
	}

	acceptsAgain({ noun }: Source): void {
		this._log("info", `${this._address}: takes ${noun} again`);
	}

	/** The broker refuses the same message several times, and takes others. */
	refusesOne({ noun, fate }: Source): void {
		this._warn(`: does not take ${noun}, but others: ${fate}`);
	}

	/** The broker ends connections on it. */
	gaveUp(what: Source | "birth message" | "will message"): void {
		if (typeof what === "string") {
			this._warn(`: does not bear the ${what} to ${this._settings.topic}/status: it is left out`);
		} else {
			const { noun, fate = "it is left out" } = what;
			this._warn(`: closes the connection when it gets ${noun}: ${fate}`);
		}
	}

	/** The broker has a command of `size` bytes; told once. */
	readPast(size: number): void {
		if (this._oversizedTold) return;
		this._oversizedTold = true;
		this._warn(`: has a command of ${size} bytes, which is too large to be read`);
	}

	/** The broker does not take messages of QoS 2; told once by the session. */
	lowersQoS(): void {
		this._warn(": does not take messages of QoS 2: QoS 1 from now on, so that a reading may come twice");
	}

	/** The broker may not retain a delayed will; what it is known by stands in front. */
	forgetsWill(): void {
		this._warn(
			": no QoS 2 and no shared subscriptions, like RabbitMQ, which does not retain a delayed will: should this station not wake, new subscribers still get asleep; go by the time of its last reading",
		);
	}

	/** The broker sends `what`, which MQTT does not allow; told once. */
	unexpected(what: string): void {
		if (this._unexpectedTold) return;
		this._unexpectedTold = true;
		this._warn(`: sends ${what}`);
	}

	private _warn(text: string): void {
		this._log("warning", this._address + text);
	}
}
