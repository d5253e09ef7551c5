/** An application message, either way. */
import type { Bytes } from "../../host.js";
import type { Properties, QoS } from "./packet.js";

export interface Message {
	readonly topic: string;
	readonly payload: Bytes;
	readonly qos: QoS;
	readonly retain: boolean;
	/** MQTT 5.0; left out before it. */
	readonly properties?: Properties | undefined;
}

/** A message from a subscription. */
export interface ReceivedMessage extends Message {
	/** Whether the broker may have delivered it before; a message of QoS 2 is handed on once all the same. */
	readonly dup: boolean;
}
