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
			| "pingresp";
		readonly qos: 0 | 1 | 2;
		readonly dup: boolean;
		readonly retain: boolean;
		readonly topic: string;
		/** A view of the bytes that were parsed. */
		readonly payload: Buffer;
		readonly sessionPresent: boolean;
		readonly returnCode: number;
		/** -1 where the packet ends before it. */
		readonly messageId: number;
		readonly granted: number[];
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

	export function parser(): Parser;
	export const writeToStream: {
		(packet: object, stream: Writable): boolean;
		/** Whether the bytes of every 16-bit number are kept: 65,536 Buffers, made at the first packet. */
		cacheNumbers: boolean;
	};
	const mqttPacket: { parser: typeof parser; writeToStream: typeof writeToStream };
	export default mqttPacket;
}
