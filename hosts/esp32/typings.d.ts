/**
 * Modules of the SDK that `@moddable/typings` 5.6.0 does not know, as far as
 * they are used here. The SDK brings typings of its own to a build.
 */

declare module "embedded:storage/flash" {
	export class Flash {
		close(): void;
		status(): { size: number; blockLength: number; blocks: number };
		read(byteLength: number, byteOffset: number): ArrayBuffer;
		write(bytes: ArrayBuffer | ArrayBufferView, byteOffset: number): void;
		/** Without `end`, one block. */
		eraseBlock(start: number, end?: number): void;
	}
	/** `path` is the partition's label; throws an Error where there is none. */
	const FlashPartitions: { open(options: { path: string; mode?: "r" | "r+" }): Flash };
	export default FlashPartitions;
}

/** Classes and functions written in C; XS binds them by their names. */
declare function Native(destructor: string): new () => object;
// biome-ignore lint/suspicious/noExplicitAny: what a native function takes and returns is written in C
declare function native(name: string): (this: unknown, ...values: any[]) => any;
