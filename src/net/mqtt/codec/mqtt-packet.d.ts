/**
 * mqtt-packet as the codec uses it: bundled with its stand-ins into
 * `build/modules/mqtt-packet.js` by `tools/build.js`.
 */
declare module "mqtt-packet" {
	/** A parsed packet from a broker; its members depend on `cmd`. */
	export interface Parsed {
		readonly cmd:
			| "connack"
			| "publish"
			| "puback"
			| "pubrec"
			| "pubrel"
			| "pubcomp"
			| "suback"
			| "unsuback"
			| "pingresp"
			| "disconnect"
			| "auth";
		readonly qos: 0 | 1 | 2;
		readonly dup: boolean;
		readonly retain: boolean;
		readonly topic: string;
		/** A view of the bytes that were parsed. */
		readonly payload: Buffer;
		readonly sessionPresent: boolean;
		/** Before MQTT 5.0. */
		readonly returnCode?: number;
		/** In MQTT 5.0. */
		readonly reasonCode?: number;
		/** Where the packet has some. */
		properties?: Record<string, unknown>;
		/** -1 where the packet ends before it. */
		readonly messageId: number;
		/** In an UNSUBACK from MQTT 5.0 on. */
		readonly granted?: number[];
	}

	/** The version is 4 where this is left out. A CONNECT tells its own. */
	export interface Options {
		readonly protocolVersion?: number;
		/**
		 * Reads the properties of a packet, which begin at `at`, in the parser's place, and
		 * returns the place after them. `tools/mqtt-packet.js` adds this option.
		 */
		readonly readProperties?: (packet: Parsed, list: ByteList, at: number) => number;
	}

	/** The parser's input: a packet without its fixed header. */
	export interface ByteList {
		readonly length: number;
		readUInt8(at: number): number;
		readUInt16BE(at: number): number;
		readUInt32BE(at: number): number;
		/** A view of the bytes. */
		slice(begin: number, end: number): Buffer;
		/** Throws a TypeError where they are not UTF-8. */
		toString(encoding: "utf8", begin: number, end: number): string;
	}

	export interface Parser {
		on(event: "packet", listener: (packet: Parsed) => void): this;
		on(event: "error", listener: (error: Error) => void): this;
		/** Returns the number of bytes that it could not use yet. */
		parse(bytes: Uint8Array<ArrayBuffer>): number;
	}

	interface Writable {
		write(chunk: Uint8Array | string): boolean;
		destroy(error: Error): void;
	}

	/** The stand-in of Node's Buffer that the bundle was made with. */
	export class Buffer extends Uint8Array<ArrayBuffer> {
		constructor(value: number | ArrayLike<number> | ArrayBuffer, byteOffset?: number, length?: number);
		static isBuffer(value: unknown): value is Buffer;
		static from(value: string | ArrayLike<number>): Buffer;
	}

	export function parser(options?: Options): Parser;
	export function writeToStream(packet: object, stream: Writable, options?: Options): boolean;
	/** The names of the packet types, by their numbers: `cmd`, and for 0 something else. */
	export const types: Readonly<Record<number, string>>;
	/** Their numbers in decimal digits, by their names. */
	export const codes: Readonly<Record<string, string>>;
	/** The names of MQTT 5.0's properties, by their identifiers. */
	export const propertiesCodes: Readonly<Record<number, string>>;
	const mqttPacket: { parser: typeof parser; writeToStream: typeof writeToStream };
	export default mqttPacket;
}
