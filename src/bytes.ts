/** Functions on bytes. */
import type { Bytes } from "./host.js";

/** What a port gives, without a copy. */
export function asBytes(bytes: ArrayBuffer | Uint8Array): Bytes {
	return bytes instanceof Uint8Array ? (bytes as Bytes) : new Uint8Array(bytes);
}

/** All parts in one; `size`: their bytes. */
export function joined(parts: readonly Bytes[], size = parts.reduce((sum, part) => sum + part.length, 0)): Bytes {
	if (parts.length === 1) return parts[0]!;
	const bytes = new Uint8Array(size);
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}
