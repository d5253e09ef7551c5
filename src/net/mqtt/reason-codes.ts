/** What a broker answers, in words for people: as one text each, taken apart at need, which is smaller than a list. */

/** The reason codes of MQTT 5.0 from 0x80 on (5.0, table 2-6). */
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

/** Those below. 0 means something else in each packet, and success in all. */
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
	"it does not speak this version of MQTT,client id rejected,service unavailable," +
	"bad user name or password,not authorized";

const UNKNOWN = "unknown reason";

/** What a reason code of MQTT 5.0 means. */
export function reasonText(reasonCode: number): string {
	return REFUSED.split(",")[reasonCode - REFUSED_FROM] ?? OTHERS[reasonCode] ?? UNKNOWN;
}

/** What a CONNACK's return code from 1 on means before MQTT 5.0. */
export function refusalText(returnCode: number): string {
	return REFUSALS.split(",")[returnCode - 1] ?? UNKNOWN;
}
