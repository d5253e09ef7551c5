/** Modules of the SDK for TLS, as far as they are used here. */

declare module "crypt" {
	export class Digest {
		constructor(type: string);
		process(...data: Uint8Array[]): ArrayBuffer;
	}
}

declare module "curve" {
	export default class Curve {
		constructor(name: string);
		/** The order, and its number of bytes. */
		readonly n: bigint;
		readonly orderSize: number;
	}
}

declare module "ecp" {
	export default class ECPoint {
		constructor(x: bigint, y: bigint);
	}
}

declare module "ecdsa" {
	import type Curve from "curve";
	import type ECPoint from "ecp";
	export default class ECDSA {
		constructor(key: ECPoint, curve: Curve);
		/** `signature` is the two numbers behind each other. */
		verify(hash: ArrayBuffer, signature: Uint8Array): boolean;
	}
}

declare module "pkcs1_5" {
	export default class PKCS1_5 {
		/** `oid` is the hash's. */
		constructor(key: object, isPrivate: boolean, oid: readonly number[]);
		readonly rsa: { process(number: bigint): bigint };
		readonly modulusSize: number;
		emsaEncode(hash: ArrayBuffer, byteLength: number): bigint;
	}
}

declare module "rng" {
	const RNG: {
		/** Without a seed, from the machine's own random numbers. */
		init(seed?: ArrayBuffer): void;
	};
	export default RNG;
}

declare module "ssl/alert" {
	const alert: object;
	export default alert;
}

declare module "ssl/session" {
	export default class SSLSession {
		constructor(options: { serverName?: string; protocolVersion: number; cache: boolean });
		certificateManager: object;
		readonly clientCipher: object | null;
		readonly serverCipher: object | null;
		readonly alert: { readonly level: number; readonly description: number } | undefined;
		initiateHandshake(): void;
		handshake(wire: object): boolean;
		read(wire: object): Uint8Array<ArrayBuffer> | null | undefined;
		write(wire: object, bytes: Uint8Array): number;
		readPacket(wire: object): unknown;
		doProtocol(wire: object, protocol: object, ...parameters: unknown[]): void;
	}
}

declare module "ssl/constants" {
	export const ECDHE_RSA: number;
	export const AES: number;
	export const GCM: number;
	export const SHA256: number;
}
