/** The terms of the station's session, and what becomes of what it tells. */
import type { Observer } from "../host.js";
import type { Message, ReceivedMessage } from "../net/mqtt/message.js";
import type { Properties, ProtocolVersion, Will } from "../net/mqtt/packet.js";
import type { Session } from "../net/mqtt/session.js";
import type { SessionOptions } from "../net/mqtt/session-options.js";
import type { Settings } from "../settings.js";
import { bytesOf } from "../text.js";
import type { BrokerLog } from "./broker-log.js";
import type { Commands } from "./commands.js";
import type { Diagnostics } from "./diagnostics.js";
import type { Discovery } from "./discovery.js";
import type { Outgoing } from "./outgoing.js";
import { type Reports, WILL_TOLD } from "./reports.js";
import type { SleepCycle } from "./sleep-cycle.js";
import { statusMessage } from "./status.js";

/**
 * Largest packet that the station receives, in bytes beside its topic: what `npm run update`
 * sends has some 1,100, and each of them is in RAM while it is incomplete.
 */
const PACKET_SIZE_MAXIMUM = 1_280;
/** A broker of MQTT 5.0 is to hold back only what would take long to read past. */
const PACKET_SIZE_ANNOUNCED = 65_536;

/** Parts of the station. */
interface Parts {
	readonly observer: Observer;
	readonly brokerLog: BrokerLog;
	readonly reports: Reports;
	readonly commands: Commands;
	readonly diagnostics: Diagnostics;
	/** Where Home Assistant is to know the station, or has known it. */
	readonly discovery: Discovery | undefined;
	readonly station: { nextMessage(): Outgoing | undefined };
	readonly session: Session<Outgoing>;
}

/** A class, not an object of functions: its methods are in flash, where each function of an object takes RAM. */
export class SessionEvents implements SessionOptions<Outgoing> {
	readonly clientId: string;
	readonly keepAlive: number;
	readonly cleanStart: boolean;
	readonly username: string | undefined;
	readonly password: string | undefined;
	readonly will: Will;
	readonly sessionExpiryInterval?: number;
	readonly birth: Message;
	/** A command that brings the machine down must not come again for ever. */
	readonly acknowledgesFirst = true;
	readonly maximumPacketSize: number;
	readonly announcedPacketSize = PACKET_SIZE_ANNOUNCED;
	/** Of the station's commands. */
	readonly commandFilter: string;
	/** Connections that the broker accepted. */
	connections = 0;
	/** Whether the broker has granted the subscription to commands. */
	takesCommands = false;
	/** There before the first connection. */
	parts!: Parts;
	private readonly _wantsCommands: boolean;

	constructor(
		{ id, keepAlive, username, password, topic, qos, commands }: Settings,
		{ lostAfter, sessionExpiryInterval }: Partial<SleepCycle> = {},
	) {
		this.clientId = `veleta-${id}`;
		this.keepAlive = keepAlive;
		// Which packet ids of QoS 2 an earlier run left unreleased, nobody knows.
		this.cleanStart = qos === 2;
		this.username = username;
		this.password = password;
		this.will = {
			...statusMessage(topic, "offline"),
			...(lostAfter !== undefined && { properties: { willDelayInterval: lostAfter } }),
		};
		if (sessionExpiryInterval !== undefined) this.sessionExpiryInterval = sessionExpiryInterval;
		this.birth = statusMessage(topic, "online");
		this.maximumPacketSize = PACKET_SIZE_MAXIMUM + bytesOf(topic).length;
		this.commandFilter = `${topic}/cmd/#`;
		this._wantsCommands = commands.length > 0;
	}

	nextMessage(): Outgoing | undefined {
		return this.parts.station.nextMessage();
	}

	onConnect(sessionPresent: boolean, version: ProtocolVersion, properties: Properties): void {
		const { reports, commands, observer, diagnostics, brokerLog, session } = this.parts;
		this.connections++;
		const wasTold = reports.brokerTraits >= WILL_TOLD;
		// Only a will with a delay has properties. No broker tells what becomes of one; RabbitMQ is known by what it lacks.
		const isForgotten =
			this.will.properties && properties.maximumQoS === 1 && properties.sharedSubscriptionAvailable === false;
		reports.brokerTraits = session.traits + (isForgotten ? WILL_TOLD : 0);
		// MQTT 3.1 does not tell whether the broker has something left for the station.
		if (!sessionPresent && version > 3) commands.newSession();
		// It may remember what an earlier run with other settings subscribed to.
		else if (!this._wantsCommands) session.unsubscribe(this.commandFilter);
		observer.onState?.("online");
		diagnostics.wanted();
		brokerLog.connected(version, sessionPresent);
		if (isForgotten && !wasTold) brokerLog.forgetsWill();
	}

	onPublish({ source }: Outgoing, redelivered: boolean): void {
		source.sent?.(redelivered);
	}

	onAcknowledge({ source, tag }: Outgoing): void {
		source.settled(tag, "acknowledged");
	}

	onReject(what: Outgoing | "birth message", reasonCode: number): void {
		const { brokerLog, commands } = this.parts;
		if (typeof what === "string") return brokerLog.rejected(what, reasonCode);
		const { source, tag } = what;
		// A stranger decides where replies go.
		if (source !== commands) brokerLog.rejected(source, reasonCode);
		source.settled(tag, "rejected", reasonCode);
	}

	onGiveUp(what: Outgoing | "birth message" | "will message"): void {
		this.parts.brokerLog.gaveUp(typeof what === "string" ? what : what.source);
		if (typeof what !== "string") what.source.settled(what.tag, "given up");
	}

	onLowerQoS(): void {
		this.parts.brokerLog.lowersQoS();
	}

	onUnexpected(what: string): void {
		this.parts.brokerLog.unexpected(what);
	}

	onOversized(size: number): void {
		this.parts.brokerLog.readPast(size);
	}

	onMessage(message: ReceivedMessage): void {
		const { commandFilter, parts } = this;
		const commandTopic = commandFilter.slice(0, -1);
		// Under an older topic, the broker may keep a subscription that was this station's.
		if (!message.topic.startsWith(commandTopic)) return parts.discovery?.receive(message);
		parts.commands.receive(message.topic.slice(commandTopic.length), message);
	}

	onSubscribe(topicFilter: string, reasonCode: number): void {
		const isCommands = topicFilter === this.commandFilter;
		if (reasonCode >= 0x80) this.parts.brokerLog.notSubscribed(topicFilter, isCommands);
		else if (isCommands) this.takesCommands = true;
	}
}
