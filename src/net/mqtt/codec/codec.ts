/**
 * MQTT control packets to bytes and back, in versions 5.0, 3.1.1 and 3.1.
 *
 * mqtt-packet writes and reads the content of a packet. The encoder and the
 * decoder translate it to the program's names and types, and refuse what
 * mqtt-packet lets pass against the standard. A received packet is read once: the
 * framer finds its end by the fixed header, mqtt-packet reads it, and
 * `properties.ts` reads its properties. Only the two to five bytes of the fixed
 * header are read twice, as mqtt-packet's parser begins with them.
 * The PUBLISH to the broker and its PUBACK, of which each message has one, do without mqtt-packet as long as there is
 * nothing uncommon in them: `direct.ts`.
 * `[MQTT-…]` names a normative statement of MQTT 3.1.1, `[5.0: MQTT-…]` one of 5.0.
 *
 * Nothing else in the program knows mqtt-packet, but for its Buffer.
 */
export { ProtocolError } from "../errors.js";
export type * from "../packet.js";
export { Decoder, type DecoderOptions } from "./decoder.js";
export { encode } from "./encoder.js";
