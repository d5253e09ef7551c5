/** The least that can be done by hand: nothing is checked, nothing kept, and the packet id does for all. */
import TextEncoder from "text/encoder";
import { others, PAYLOAD, pubackFor, type Subject, TOPIC } from "./subject.ts";

const PACKET_ID = 1;

export const subject: Subject = (acknowledged) => () => {
	const topic = new TextEncoder().encode(TOPIC);
	const length = 2 + topic.length + 2 + 1 + PAYLOAD.length;
	const packet = new Uint8Array(2 + length);
	packet[0] = 0x32;
	packet[1] = length;
	packet[3] = topic.length;
	packet.set(topic, 4);
	packet[5 + topic.length] = PACKET_ID;
	packet.set(PAYLOAD, 7 + topic.length);
	const puback = others(() => pubackFor(packet));
	if (puback[0] === 0x40 && puback[2]! * 0x100 + puback[3]! === PACKET_ID) acknowledged();
};
