/**
 * Modules of the SDK that `@moddable/typings` 5.6.0 does not know, as far as
 * they are used here. The SDK brings typings of its own to a build.
 */

declare module "embedded:network/interface/wifi" {
	export default class WiFi {
		constructor(options: { onChanged?: (property: "connection" | "address") => void });
		/** 200 disconnected, 300 connecting, 400 connected, 500 has an address. */
		readonly connection: number;
		readonly address: string | undefined;
		connect(options: { SSID: string; password?: string }): void;
		disconnect(): void;
		close(): void;
	}
}

declare module "embedded:storage/key-value" {
	export class Storage {
		close(): void;
		delete(key: string): void;
		read(key: string): ArrayBuffer | string | number | bigint | undefined;
		write(key: string, value: ArrayBuffer | string | number | bigint): void;
	}
	const KeyValueStorage: { open(options: { path: string; format?: "string" | "buffer"; mode?: "r" | "r+" }): Storage };
	export default KeyValueStorage;
}

/** Classes and functions written in C; XS binds them by their names. */
declare function Native(destructor: string): new () => object;
// biome-ignore lint/suspicious/noExplicitAny: what a native function takes and returns is written in C
declare function native(name: string): (this: unknown, ...values: any[]) => any;
