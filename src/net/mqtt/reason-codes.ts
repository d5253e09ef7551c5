/** A broker's reason codes: constants for those that the program compares, and texts for all. */

// Of MQTT 5.0 (5.0, table 2-6).
export const DISCONNECT_WITH_WILL = 0x04;
export const NO_MATCHING_SUBSCRIBERS = 0x10;
export const RE_AUTHENTICATE = 0x19;
export const MALFORMED_PACKET = 0x81;
export const PROTOCOL_ERROR = 0x82;
export const UNSUPPORTED_PROTOCOL_VERSION = 0x84;
export const NOT_AUTHORIZED = 0x87;
export const SESSION_TAKEN_OVER = 0x8e;
export const TOPIC_NAME_INVALID = 0x90;
export const PACKET_IDENTIFIER_NOT_FOUND = 0x92;
export const RECEIVE_MAXIMUM_EXCEEDED = 0x93;
export const TOPIC_ALIAS_INVALID = 0x94;
export const PACKET_TOO_LARGE = 0x95;
export const PAYLOAD_FORMAT_INVALID = 0x99;
export const RETAIN_NOT_SUPPORTED = 0x9a;
export const QOS_NOT_SUPPORTED = 0x9b;

// Return codes of a CONNACK before MQTT 5.0 (3.1.1, table 3.1).
export const UNACCEPTABLE_PROTOCOL_VERSION = 1;
export const IDENTIFIER_REJECTED = 2;
export const CLIENT_NOT_AUTHORIZED = 5;
/** The greatest of them. */
export const RETURN_CODE_MAXIMUM = 5;

/** Reason codes of a CONNACK of MQTT 5.0 from 0x80 on (5.0, table 3-1), a bit each: 0x80 to 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99 to 0x9d, 0x9f. */
const CONNACK_REFUSALS = 0xbea1_17ff;

/** From here on reason codes are refusals. */
const REFUSED_FROM = 0x80;
const REFUSED =
	"unspecified error,malformed packet,protocol error,implementation-specific error,protocol version not supported," +
	"client id not valid,bad user name or password,not authorized,server unavailable,server busy,banned," +
	"server shutting down,bad authentication method,keep-alive timeout,session taken over,topic filter not valid," +
	"topic name not valid,packet id in use,packet id not found,too many messages in flight,topic alias not valid," +
	"packet too large,messages come too fast,quota exceeded,administrative action,payload format not valid," +
	"retained messages not supported,QoS not supported,use another server,server moved," +
	"shared subscriptions not supported,too many connections,maximum connect time," +
	"subscription identifiers not supported,wildcard subscriptions not supported";

/** Below 0x80. 0 means something else in each packet, and success in all. */
const OTHERS: Readonly<Record<number, string>> = Object.freeze({
	0: "success",
	1: "QoS 1 granted",
	2: "QoS 2 granted",
	4: "disconnect with will message",
	16: "no matching subscribers",
	17: "no subscription existed",
	24: "continue authentication",
	25: "re-authenticate",
});

/** 3.1.1, table 3.1, from 1 on. */
const REFUSALS =
	"it does not speak this version of MQTT,client id (or a keepAlive above 60) rejected,service unavailable," +
	"bad user name or password,not authorized";

const UNKNOWN = "unknown reason";

/** Whether it is a CONNACK's of MQTT 5.0. */
export function isConnackReasonCode(reasonCode: number): boolean {
	if (reasonCode < REFUSED_FROM) return reasonCode === 0;
	return reasonCode < 0xa0 && ((CONNACK_REFUSALS >>> (reasonCode - REFUSED_FROM)) & 1) === 1;
}

/** The text of a reason code of MQTT 5.0. */
export function reasonText(reasonCode: number): string {
	return REFUSED.split(",")[reasonCode - REFUSED_FROM] ?? OTHERS[reasonCode] ?? UNKNOWN;
}

/** The text of a CONNACK's return code from 1 on, before MQTT 5.0. */
export function refusalText(returnCode: number): string {
	return REFUSALS.split(",")[returnCode - 1] ?? UNKNOWN;
}
