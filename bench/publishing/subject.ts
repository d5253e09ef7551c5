/** What the subjects of `bench/publishing.ts` have in common: each publishes the same message, and a broker of four bytes answers. */
import { act, aside } from "../../hosts/sim/headless/xs/engine.ts";
import type { Bytes } from "../../src/host.ts";

export const TOPIC = "veleta/bench/state";
export const PAYLOAD: Bytes = new Uint8Array(100).fill(0x78);

/** Kinds of events. */
export const Ask = { Begin: 0, Publish: 1, Nothing: 2 } as const;

/** Connects, and returns what publishes the message at QoS 1; that calls `acknowledged` with the PUBACK. */
export type Subject = (acknowledged: () => void) => () => void;

/** Runs within `work` what is the broker's or the socket's. */
export function others<T>(work: () => T): T {
	aside(true);
	try {
		return work();
	} finally {
		aside(false);
	}
}

/** The PUBACK for a PUBLISH of less than 128 bytes behind its fixed header, which is in one piece or the last of several. */
export function pubackFor(packet: Uint8Array): Bytes {
	const at = 4 + packet[2]! * 0x100 + packet[3]!;
	return Uint8Array.of(0x40, 2, packet[at]!, packet[at + 1]!);
}

/** Makes a subject callable from outside the engine. */
export function measured(subject: Subject): void {
	let publish = () => {};
	let count = 0;
	Object.assign(globalThis, {
		onEvent: (kind: number) => {
			if (kind === Ask.Begin) publish = subject(() => count++);
			if (kind === Ask.Publish) publish();
			if (kind === Ask.Nothing) act(0, 0, count);
		},
	});
}
