/** mqtt-packet as a board has it, in MQTT 5.0. */
import { parser, writeToStream } from "mqtt-packet";
import { others, PAYLOAD, pubackFor, type Subject, TOPIC } from "./subject.ts";

const VERSION_5 = { protocolVersion: 5 };

export const subject: Subject = (acknowledged) => {
	const reader = parser({ ...VERSION_5, readProperties: (_packet, _list, at) => at }).on("packet", ({ messageId }) => {
		if (messageId === 1) acknowledged();
	});
	return () => {
		const parts: Uint8Array[] = [];
		const stream = {
			write: (part: Uint8Array | string) => parts.push(part as Uint8Array) > 0,
			destroy: (error: Error) => {
				throw error;
			},
		};
		const publish = { cmd: "publish", topic: TOPIC, payload: PAYLOAD, qos: 1, retain: false, dup: false, messageId: 1 };
		writeToStream(publish, stream, VERSION_5);
		reader.parse(others(() => pubackFor(Uint8Array.from(parts.flatMap((part) => Array.from(part))))));
	};
};
