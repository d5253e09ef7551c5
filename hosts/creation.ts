/**
 * The memory of XS on each board, from `manifest.json`, where mcconfig reads it:
 * for every engine that is to have a board's limits.
 *
 * One creation for all boards, so that a program that fits into it fits on each of
 * them. It overrides the SDK's own, which differ: on the bare ESP32 a heap that
 * grows until Wi-Fi has no memory left, and on the C6 and the S3 158 KB that are
 * taken whether they are used or not.
 *
 * - `static` is the SDK's for boards with an ESP32-C3. With TLS 39 KB of it are
 *   live, and the stack takes 10 KB.
 * - Slots and chunks begin with room for the garbage of a reading, so that it is
 *   seldom collected: the block is taken anyway. 22 KB are left for either to grow.
 * - `stack` is such that the highest use ever seen is three quarters of it at the
 *   most. The SDK's 384 slots were too few for ordinary work.
 */
import manifest from "../manifest.json";

/** Bytes of a slot on a board. */
export const XS_SLOT_BYTES = 16;

/** The size at first, and the size of each growth; without growth the heap has a fixed size. */
export interface Growth {
	readonly initial: number;
	readonly incremental: number;
}

export interface Creation {
	/** Bytes of one block for chunks, slots and the stack; without it each has its own memory. */
	readonly static?: number;
	/** Bytes. */
	readonly chunk: Growth;
	/** Slots. */
	readonly heap: Growth;
	/** Slots. */
	readonly stack: number;
}

export interface Manifest {
	readonly creation?: {
		readonly static?: number;
		readonly chunk?: Partial<Growth>;
		readonly heap?: Partial<Growth>;
		readonly stack?: number;
	};
	readonly platforms?: Readonly<Record<string, Manifest>>;
}

/** By mcconfig's name of a board, its `-p`. Throws a RangeError for a value that the manifest leaves to the SDK. */
export function creationOf(platform: string): Creation {
	return creationIn(manifest as Manifest, platform);
}

/** As mcconfig merges it: a platform's values override those for all. */
export function creationIn({ creation, platforms = {} }: Manifest, platform: string): Creation {
	const own = platformIn(platforms, platform)?.creation;
	const size = (value: number | undefined, name: string): number => {
		if (value !== undefined && Number.isInteger(value) && value >= 0) return value;
		throw new RangeError(`manifest.json says no creation.${name} for ${platform}`);
	};
	const growth = (name: "chunk" | "heap"): Growth => {
		const { initial, incremental }: Partial<Growth> = { ...creation?.[name], ...own?.[name] };
		return { initial: size(initial, `${name}.initial`), incremental: size(incremental, `${name}.incremental`) };
	};
	const one = size(own?.static ?? creation?.static, "static");
	return {
		...(one > 0 && { static: one }),
		chunk: growth("chunk"),
		heap: growth("heap"),
		stack: size(own?.stack ?? creation?.stack, "stack"),
	};
}

/** As mcconfig chooses it: the first entry for the platform or a group with it, or else for the platform's parent. */
function platformIn(platforms: Readonly<Record<string, Manifest>>, platform: string): Manifest | undefined {
	const isMeant = (name: string) => (name.endsWith("/*") ? platform.startsWith(name.slice(0, -1)) : platform === name);
	const found = Object.keys(platforms).find(isMeant);
	if (found !== undefined) return platforms[found];
	const end = platform.lastIndexOf("/");
	return end < 0 ? undefined : platformIn(platforms, platform.slice(0, end));
}
