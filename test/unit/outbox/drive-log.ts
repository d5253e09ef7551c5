/** Logs for tests: records that can be told from others, and what a log is after the next start. */
import { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import { createRandom } from "../../../hosts/sim/devices/random.ts";
import type { Bytes } from "../../../src/host.ts";
import { crc16 } from "../../../src/outbox/crc16.ts";
import { Log, type LogRecord } from "../../../src/outbox/log.ts";
import { equal, fail, ok } from "../../harness/harness.ts";

/** Eight records to a block, three blocks in use at a time. */
export const BLOCK_LENGTH = 256;
export const BLOCKS = 4;
export const SLOTS = 10;
export const NOTE = 0x84;

export function create(image?: Bytes, blockLength = BLOCK_LENGTH, blocks = BLOCKS, seed = 1): FlashChip {
	return new FlashChip({ blockLength, blocks, random: createRandom(seed), ...(image && { image: image.slice() }) });
}

/** A record whose every byte follows from its number. */
export function record(seq: number, kind = 1 + (seq % 5)): LogRecord {
	const body = new Uint8Array(15);
	for (let index = 0; index < body.length; index++)
		body[index] = Math.imul(seq * 15 + index + kind, 0x9e37_79b1) >>> 24;
	return { kind, seq, body };
}

const isNote = (name: string) => Number(name.split(":")[1]) >= 0x80;

const written = new Map<string, string>();
/** Fails unless a record is as `record` makes it. */
function check(found: LogRecord): string {
	const name = `${found.seq}:${found.kind}`;
	let body = written.get(name);
	if (body === undefined) written.set(name, (body = record(found.seq, found.kind).body.join()));
	equal(found.body.join(), body, name);
	return name;
}

/** What a log is, as far as its owner can tell. Records as `record:kind`. */
export interface State {
	records: string[];
	waiting: number;
	dropped: number;
	lastSeq: number;
}

/** Mounts a copy of a chip's image, or the chip itself; every record it tells must be one that was written. */
export function mount(
	source: FlashChip | Bytes,
	blockLength = BLOCK_LENGTH,
	blocks = BLOCKS,
): { log: Log; state: State } {
	const chip = source instanceof FlashChip ? source : create(source, blockLength, blocks);
	const told = new Map<number, string>();
	const log = new Log(chip, (found, position) => {
		ok(position > ([...told.keys()].at(-1) ?? -1), "positions rise");
		told.set(position, check(found));
	});
	const records = new Map([...told].filter(([, name]) => isNote(name)));
	const waiting = positions(log);
	for (const position of waiting) {
		const record = log.read(position)!;
		records.set(position, check(record));
		ok(told.has(position) || record.kind % 2 === 1, "who needs a note is told");
		told.delete(position);
	}
	ok([...told.values()].every(isNote), "none is told that does not wait");
	const { dropped, lastSeq } = log;
	const sorted = [...records].sort(([first], [second]) => first - second).map(([, name]) => name);
	return { log, state: { records: sorted, waiting: waiting.length, dropped, lastSeq } };
}

/** Where readings wait, as `next` tells; each must be readable and as it was written. */
export function positions(log: Log): number[] {
	const found: number[] = [];
	for (let at = log.next(0); at !== undefined; at = log.next(at + 1)) {
		ok(at > (found.at(-1) ?? -1), "positions rise");
		const reading = log.read(at) ?? fail(`nothing at ${at}`);
		check(reading);
		found.push(at);
	}
	equal(log.waiting, found.length);
	return found;
}

export const seqs = (log: Log) => positions(log).map((position) => log.read(position)!.seq);
/** Appends readings with the numbers from `first` to `last`. */
export const fill = (log: Log, first: number, last: number) =>
	Array.from({ length: last - first + 1 }, (_, index) => log.append(record(first + index)));
/** A chip whose log holds the readings with the numbers up to `last`. */
export function filled(last: number, blockLength = BLOCK_LENGTH, blocks = BLOCKS): FlashChip {
	const chip = create(undefined, blockLength, blocks);
	fill(new Log(chip), 1, last);
	return chip;
}
/** Makes a flash one of an earlier version: its headers do not tell which blocks a start has to read. */
export function makeEarlier({ image }: FlashChip): void {
	for (let at = 0; at < image.length; at += BLOCK_LENGTH) {
		for (const copy of [image.subarray(at, at + 24), image.subarray(at + 24, at + 48)]) {
			if (copy[23] !== 0) continue;
			copy[20] = 0;
			new DataView(copy.buffer, copy.byteOffset).setUint16(1, crc16(copy, 3, 24));
		}
	}
}
export const attempt = (run: () => unknown) => {
	try {
		run();
		return true;
	} catch {
		return false;
	}
};

/** Small, for loops over all that can happen: three records to a block, three blocks in use. */
export const SMALL = [128, 4] as const;
