/** What a release has of a board: one image of its flash, and the manifest from which ESP Web Tools installs. */
import type { FlashPart } from "../../../tools/firmware.js";

/** What flash has that was erased. */
const ERASED = 0xff;

/**
 * One image, for the flash's beginning. Between the parts it is erased flash, so it takes the settings that were sent to the
 * board; waiting readings lie behind its end.
 */
export function mergedImage(parts: readonly FlashPart[]): Uint8Array {
	const image = new Uint8Array(Math.max(...parts.map(({ offset, bytes }) => offset + bytes.length))).fill(ERASED);
	let end = 0;
	for (const { name, offset, bytes } of inOrder(parts)) {
		if (offset < end) throw new Error(`${name} begins at 0x${offset.toString(16)}, where another part is`);
		image.set(bytes, offset);
		end = offset + bytes.length;
	}
	return image;
}

/** In the order of their offsets. */
export function inOrder(parts: readonly FlashPart[]): FlashPart[] {
	return [...parts].sort((one, other) => one.offset - other.offset);
}

/**
 * As ESP Web Tools reads it, with the parts beside it: written one by one, they leave settings and readings as they are. By
 * `name` it knows a board that has this firmware, and erases any other, unless the user does not want that.
 */
export function webManifest(version: string, chipFamily: string, parts: readonly FlashPart[]) {
	return {
		name: "Veleta",
		version,
		new_install_prompt_erase: true,
		builds: [{ chipFamily, parts: inOrder(parts).map(({ name, offset }) => ({ path: name, offset })) }],
	};
}
