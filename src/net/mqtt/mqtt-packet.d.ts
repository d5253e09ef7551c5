/**
 * mqtt-packet as the codec uses it: bundled with its stand-ins into
 * `build/modules/mqtt-packet.js` by `tools/build.js`.
 */
declare module "mqtt-packet" {
	/** What the parser makes of a packet from a broker; which members are there depends on `cmd`. */
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
		readonly properties?: object;
		/** -1 where the packet ends before it. */
		readonly messageId: number;
		/** In an UNSUBACK from MQTT 5.0 on. */
		readonly granted?: number[];
	}

	/** The version is 4 where this is left out. A CONNECT tells its own. */
	export interface Options {
		readonly protocolVersion?: number;
		/** Whether the parser reads over them; an edit of the bundle's. */
		readonly ignoreUserProperties?: boolean;
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
	/** The names of MQTT 5.0's properties, by their identifiers. */
	export const propertiesCodes: Readonly<Record<number, string>>;
	const mqttPacket: { parser: typeof parser; writeToStream: typeof writeToStream };
	export default mqttPacket;
}
