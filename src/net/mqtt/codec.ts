/**
 * MQTT control packets to bytes and back, in versions 5.0, 3.1.1 and 3.1.
 *
 * mqtt-packet writes and reads what is inside a packet. The encoder and the
 * decoder give it names and types of the program's own, the framer finds where
 * a received packet ends, and all refuse what mqtt-packet lets pass against the
 * standard. `[MQTT-…]` names a normative statement of MQTT 3.1.1, `[5.0: MQTT-…]`
 * one of 5.0.
 * Nothing else in the program knows mqtt-packet, but for its Buffer.
 */
export { Decoder, type DecoderOptions } from "./decoder.js";
export { encode } from "./encoder.js";
export type * from "./packet.js";
export { ProtocolError } from "./packet.js";
