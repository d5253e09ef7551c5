/** Whether the station is there, at `<topic>/status`: birth message, last will and the last word. */
import type { Message } from "../net/mqtt/message.js";
import { bytesOf } from "../text.js";

/** The last status before the station is gone for good, or until it wakes. */
export type LastStatus = "offline" | "asleep";

export function statusMessage(topic: string, status: "online" | LastStatus): Message {
	return { topic: `${topic}/status`, payload: bytesOf(status), qos: 1, retain: true };
}
