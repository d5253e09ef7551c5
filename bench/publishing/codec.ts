/** The project's codec, in MQTT 5.0. */
import { Decoder, encode } from "../../src/net/mqtt/codec/codec.ts";
import { others, PAYLOAD, pubackFor, type Subject, TOPIC } from "./subject.ts";

export const subject: Subject = (acknowledged) => {
	const decoder = new Decoder({ maximumPacketSize: 4_096, protocolVersion: 5 });
	return () => {
		const packet = encode(
			{ cmd: "publish", topic: TOPIC, payload: PAYLOAD, qos: 1, retain: false, dup: false, packetId: 1 },
			5,
		);
		if (decoder.puback(others(() => pubackFor(packet)))?.packetId === 1) acknowledged();
	};
};
