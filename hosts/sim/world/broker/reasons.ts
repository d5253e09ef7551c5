/** Reason codes (5.0, table 2-6) that a simulated broker gives. */

export const NO_MATCHING_SUBSCRIBERS = 0x10;
export const NO_SUBSCRIPTION_EXISTED = 0x11;
export const MALFORMED_PACKET = 0x81;
export const PROTOCOL_ERROR = 0x82;
export const KEEP_ALIVE_TIMEOUT = 0x8d;
export const SESSION_TAKEN_OVER = 0x8e;
export const TOPIC_FILTER_INVALID = 0x8f;
export const TOPIC_NAME_INVALID = 0x90;
export const PACKET_IDENTIFIER_IN_USE = 0x91;
export const PACKET_IDENTIFIER_NOT_FOUND = 0x92;
export const RECEIVE_MAXIMUM_EXCEEDED = 0x93;
export const TOPIC_ALIAS_INVALID = 0x94;
export const PACKET_TOO_LARGE = 0x95;
export const RETAIN_NOT_SUPPORTED = 0x9a;
export const QOS_NOT_SUPPORTED = 0x9b;

/** Reasons to refuse a message (5.0, tables 3-4 and 3-5). */
export const REFUSALS = [0x80, 0x83, 0x87, 0x90, 0x97, 0x99] as const;
/** Reasons to end a connection (5.0, table 3-10) for which its client is not to blame. */
export const ENDS = [0x80, 0x89, 0x8b, 0x96, 0x97, 0x98] as const;

/** Why a CONNECT is refused: the return code before MQTT 5.0 (3.1.1, table 3.1), and the reason code. */
export const CONNECT_REFUSALS = {
	"unacceptable protocol version": [0x01, 0x84],
	"client id not valid": [0x02, 0x85],
	"server unavailable": [0x03, 0x88],
	"bad credentials": [0x04, 0x86],
} as const;

/** The client broke the protocol: its connection has to be ended. */
export class Violation extends Error {
	override name = "Violation";
	/** What a DISCONNECT of MQTT 5.0 gives as the reason. */
	readonly reasonCode: number;
	/** Whether it was a limit of the broker's, which a client learns from the CONNACK. */
	readonly limit: boolean;

	constructor(message: string, reasonCode: number, limit = false) {
		super(message);
		this.reasonCode = reasonCode;
		this.limit = limit;
	}
}

/** Why a connection ends, for the trace: it brought a message that the broker does not bear. */
export const POISON = "a message that it does not bear";
