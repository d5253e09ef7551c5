/** A session's options and callbacks. */
import type { Message, ReceivedMessage } from "./message.js";
import type { Properties, ProtocolVersion, Will } from "./packet.js";

/** A day, in s: how long a broker of MQTT 5.0 is asked to keep the session of a client that is away. */
export const SESSION_EXPIRY_S = 86_400;

export interface SessionOptions<M extends Message> {
	/** Stable, so that the broker knows the session again [MQTT-3.1.3-2]. Empty: the broker assigns one (5.0), or the session is a clean one. */
	readonly clientId: string;
	/** The highest version to speak, by default 5. */
	readonly protocolVersion?: ProtocolVersion;
	/** Whether an older version is spoken to a broker that does not know this one; by default it is. */
	readonly fallback?: boolean;
	/** Whether each connection begins a new session (5.0: clean start) and none outlives its connection; by default not. */
	readonly cleanSession?: boolean;
	/**
	 * Whether the first connection ends the session of an earlier run, by default
	 * not. A client without memory needs it for messages of QoS 2: the broker would
	 * take a new one for an unreleased one with the same packet id. Before MQTT 5.0
	 * that takes a connection of its own.
	 */
	readonly cleanStart?: boolean;
	/** Seconds, 0 to 65535; 0 turns PINGREQs off. A broker of MQTT 5.0 may decide otherwise. */
	readonly keepAlive: number;
	readonly username?: string | undefined;
	readonly password?: string | undefined;
	/** Published by the broker when the connection ends without a DISCONNECT. */
	readonly will?: Will | undefined;
	/**
	 * Published first on every connection, at QoS 1 whatever its own. At QoS 2 a
	 * broker that had received it before the will would not publish it again.
	 */
	readonly birth?: Message | undefined;
	/** Seconds (5.0): how long the broker is to keep the session; by default a day. */
	readonly sessionExpiryInterval?: number;
	/** Largest packet to receive, in bytes; by default 4,096, `Infinity`: no limit. A broker of MQTT 5.0 is told of a limit. */
	readonly maximumPacketSize?: number;
	/**
	 * The Maximum Packet Size in the CONNECT (5.0), by default the same. Where it is larger, messages of sizes between
	 * are read past: a broker may stop after too many messages held back as too large (mosquitto 2.0 does after 64).
	 */
	readonly announcedPacketSize?: number;
	/** Whether packets may follow the CONNECT before the CONNACK; by default they do, if the broker supports it. */
	readonly pipelining?: boolean;
	/**
	 * Whether a message of QoS 1 or 2 is acknowledged before it is handed on, by
	 * default after. For commands: a command that brings the machine down would come
	 * again for ever. See `handOn`.
	 */
	readonly acknowledgesFirst?: boolean;
	/**
	 * Whether a message of QoS 1 or 2 is acknowledged only when `acknowledge` is called for it: by a client that has to
	 * keep it first. Not with `acknowledgesFirst`.
	 */
	readonly acknowledgesByHand?: boolean;
	/** Messages of QoS 1 and 2 that a broker of MQTT 5.0 is to have in flight, by default 64. */
	readonly receiveMaximum?: number;
	/** The next message to publish, or `undefined`: called when it can be sent at once. */
	readonly nextMessage?: () => M | undefined;
	/** The broker accepted the connection; with the properties of its CONNACK (5.0). */
	readonly onConnect?: (sessionPresent: boolean, version: ProtocolVersion, properties: Properties) => void;
	/** A message from `nextMessage` left for the first time, or again after a reconnect. */
	readonly onPublish?: (message: M, redelivered: boolean) => void;
	/** The broker has a message from `nextMessage`; one of QoS 0 has left. */
	readonly onAcknowledge?: (message: M) => void;
	/**
	 * The broker does not take a message from `nextMessage` (5.0), or MQTT does not
	 * allow it; `reasonCode` as in table 2-6. It is not tried again. Nor does it take
	 * the birth message: that one is tried again, after 1 s to two minutes.
	 */
	readonly onReject?: (what: M | "birth message", reasonCode: number) => void;
	/**
	 * The broker ended several connections because of a message from `nextMessage`,
	 * or of the birth message, or did not accept one with the will. The message is
	 * not tried again, whether the broker has it or not; the birth message is, last,
	 * after a minute or more; the will is with the next connection.
	 */
	readonly onGiveUp?: (what: M | "birth message" | "will message") => void;
	/**
	 * The broker does not take messages of QoS 2 (before MQTT 5.0): three connections
	 * ended on one. They are sent at QoS 1 for as long as this session lasts.
	 */
	readonly onLowerQoS?: () => void;
	/**
	 * The broker sent an answer that nothing waits for, or that of another QoS, which
	 * MQTT does not allow; `what` is for people. The connection goes on, as it would
	 * end again and again.
	 */
	readonly onUnexpected?: (what: string) => void;
	/** A message that is larger than `maximumPacketSize`, in bytes, was read past. It counts as received. */
	readonly onOversized?: (size: number) => void;
	/** A message from a subscription: at QoS 2 exactly once. Its payload is valid during the call only. */
	readonly onMessage?: (message: ReceivedMessage) => void;
	/** The broker's answer to a subscription: the QoS granted, or a reason code of 0x80 and above. */
	readonly onSubscribe?: (topicFilter: string, reasonCode: number) => void;
	readonly onUnsubscribe?: (topicFilter: string, reasonCode: number) => void;
}
