/** Moddable's modules for UTF-8; elsewhere the bundler maps their names to the engine's globals. */

declare module "text/encoder" {
	export default class TextEncoder {
		encode(text: string): Uint8Array<ArrayBuffer>;
	}
}

declare module "text/decoder" {
	export default class TextDecoder {
		constructor(encoding: "utf-8", options: { fatal: boolean; ignoreBOM: boolean });
		/** With `fatal` it throws a TypeError for bytes that are not UTF-8. */
		decode(bytes: Uint8Array): string;
	}
}
