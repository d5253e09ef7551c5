/**
 * MQTT control packets to bytes and back, in versions 5.0, 3.1.1 and 3.1.
 *
 * mqtt-packet writes and reads what is inside a packet. The encoder and the
 * decoder give it names and types of the program's own, and refuse what it lets
 * pass against the standard. A received packet is gone through once: the framer
 * finds by the fixed header where it ends, mqtt-packet reads it, and where it
 * comes to the properties, `properties.ts` does. The two to five bytes of the
 * fixed header are read twice, as mqtt-packet's parser begins with them.
 * `[MQTT-…]` names a normative statement of MQTT 3.1.1, `[5.0: MQTT-…]` one of 5.0.
 *
 * Nothing else in the program knows mqtt-packet, but for its Buffer.
 */
export { ProtocolError } from "../errors.js";
export type * from "../packet.js";
export { Decoder, type DecoderOptions } from "./decoder.js";
export { encode } from "./encoder.js";
