/**
 * The simulated board's two slots for firmware and its boot loader, in flash.
 *
 * The simulator runs the same program whichever slot it starts. From an image it
 * takes only the description: its id and, in trial images, that it does not get
 * into the network.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Bytes, Flash, UpdatePort } from "../../../src/host.js";
import { bytesOf, textOf } from "../../../src/text.js";
import { type FirmwareImage, idOf, NO_NETWORK, readImage } from "../../node/update-image.ts";
import { isSigned } from "../../node/update-key.ts";
import { FlashChip } from "../devices/flash-chip.ts";
import { SlotsFile } from "./slots-flash.ts";

/** Bytes of a slot, as on a board with 4 MB of flash, and of a block. */
export const FIRMWARE_SLOT_BYTES = 0x1e_0000;
const BLOCK_BYTES = 4_096;
/** Bytes of the text that the program keeps. */
const KEPT_MAXIMUM = 256;

/** A slot's state for the boot loader: an image is started once before it is confirmed, and not again. */
type State = "valid" | "new" | "unconfirmed" | "given up";

/** The boot loader's, and what the program keeps: two blocks by turns, so that a power cut leaves the one before. */
interface BootRecord {
	/** The slot to start next. */
	readonly next: number;
	readonly states: readonly [State, State];
	/** Bytes of the image; 0: the program that the simulator runs. */
	readonly lengths: readonly [number, number];
	readonly kept: string;
}

const RECORD_BLOCKS = 2;
const MARK = "VLT2";
/** Behind the mark: the record's number, its bytes; then the record, and the beginning of the SHA-256 of all before. */
const NUMBER_AT = 4;
const LENGTH_AT = 8;
const RECORD_AT = 12;
const CHECK_BYTES = 8;
const FIRST: BootRecord = { next: 0, states: ["valid", "given up"], lengths: [0, 0], kept: "" };

/** Blocks of flash for slots of so many bytes. */
export function slotBlocks(slotBytes: number): number {
	return RECORD_BLOCKS + (2 * slotBytes) / BLOCK_BYTES;
}

export class FirmwareSlots implements UpdatePort {
	/** The id of the program that the simulator runs: of a slot with nothing in it. */
	private readonly _builtIn: string;
	private readonly _flash: Flash & { close?(): void };
	private readonly _slotBytes: number;
	private _record = FIRST;
	private _number = 0;
	private _running = 0;
	private _image: FirmwareImage | undefined;

	/** `builtIn`: the id of the program that the simulator runs. */
	constructor(flash: Flash, builtIn: string) {
		this._flash = flash;
		this._builtIn = builtIn;
		this._slotBytes = ((flash.status().blocks - RECORD_BLOCKS) * BLOCK_BYTES) / 2;
		this.boot();
	}

	/**
	 * @param path the file, which is made if it is not there; without it, nothing outlives the process
	 * @param program the file with the program that the simulator runs
	 * Throws an Error that names the file if it cannot be used.
	 */
	static open(path: string | undefined, program: string): FirmwareSlots {
		const builtIn = idOf(createHash("sha256").update(readFileSync(program)).digest());
		const blocks = slotBlocks(FIRMWARE_SLOT_BYTES);
		if (path === undefined) return new FirmwareSlots(new FlashChip({ blockLength: BLOCK_BYTES, blocks }), builtIn);
		const file = new SlotsFile(path, BLOCK_BYTES, blocks);
		try {
			if (!newestRecord(file) && !isBlank(file))
				throw new Error(`${path} holds no firmware slots; remove it to begin anew`);
			return new FirmwareSlots(file, builtIn);
		} catch (error) {
			file.close();
			throw error;
		}
	}

	/** The machine starts. */
	boot(): void {
		const { number, record } = newestRecord(this._flash) ?? { number: 0, record: FIRST };
		this._number = number;
		this._record = record;
		const { next } = record;
		if (record.states[next] === "unconfirmed") this._enter(next, "given up", { next: 1 - next });
		this._running = this._record.next;
		if (this._state === "new") this._enter(this._running, "unconfirmed");
		const length = this._record.lengths[this._running]!;
		this._image = length === 0 ? undefined : readImage(this._read(this._running, length));
	}

	/** The running firmware's id. */
	get id(): string {
		return this._image?.id ?? this._builtIn;
	}

	/** Whether the firmware that runs gets into the network. */
	get hasNetwork(): boolean {
		return this._image?.version !== NO_NETWORK;
	}

	get unconfirmed(): boolean {
		return this._state === "unconfirmed";
	}

	/**
	 * Firmware that works stays; otherwise the next start is one of the other slot, if there is firmware in it. Where the
	 * flash refuses, all stays as it is.
	 */
	judge(works: boolean): void {
		const other = 1 - this._running;
		try {
			if (works) this._enter(this._running, "valid");
			else if (this._record.states[other] === "valid") this._enter(this._running, "given up", { next: other });
		} catch {
			// The boot loader does not start it once more.
		}
	}

	kept(): string {
		return this._record.kept;
	}

	keep(kept: string): void {
		if (bytesOf(kept).length > KEPT_MAXIMUM) throw new Error("the flash refuses");
		this._write({ ...this._record, kept });
	}

	hash(bytes: Bytes): string {
		return createHash("sha256").update(bytes).digest("hex");
	}

	verify(bytes: Bytes, signature: Bytes, publicKey: Bytes): void {
		if (!isSigned(bytes, signature, publicKey)) throw new Error("the signature is wrong");
	}

	reserve(byteLength: number): void {
		if (this._record.next !== this._running) throw new Error("the new firmware waits for a restart");
		if (!(byteLength > 0 && byteLength <= this._slotBytes))
			throw new Error(`firmware has 1 to ${this._slotBytes} bytes`);
		if (this.unconfirmed) throw new Error("the flash refuses an update");
	}

	write(bytes: Bytes, byteOffset: number): void {
		const end = byteOffset + bytes.length;
		this.reserve(end);
		const other = 1 - this._running;
		// There is nothing to go back to any more.
		if (this._record.states[other] !== "given up") this._enter(other, "given up");
		const first = this._blockOf(other);
		for (let block = Math.ceil(byteOffset / BLOCK_BYTES); block * BLOCK_BYTES < end; block++)
			this._flash.eraseBlock(first + block);
		this._flash.write(bytes, first * BLOCK_BYTES + byteOffset);
	}

	complete(byteLength: number, hash: string): void {
		this.reserve(byteLength);
		const slot = 1 - this._running;
		const image = this._read(slot, byteLength);
		if (this.hash(image) !== hash) throw new Error("the flash has not kept what was written");
		readImage(image);
		this._enter(slot, "new", { next: slot, length: byteLength });
	}

	/** Gives the file back. */
	end(): void {
		this._flash.close?.();
	}

	/** The state of the slot that runs. */
	private get _state(): State {
		return this._record.states[this._running]!;
	}

	/** Changes a slot's state, and if need be which slot starts next, at once; nothing changes where the flash refuses it. */
	private _enter(slot: number, state: State, { next = this._record.next, length = -1 } = {}): void {
		const states = [...this._record.states] as [State, State];
		states[slot] = state;
		const lengths = [...this._record.lengths] as [number, number];
		if (length >= 0) lengths[slot] = length;
		this._write({ ...this._record, next, states, lengths });
	}

	private _write(record: BootRecord): void {
		const number = this._number + 1;
		const content = bytesOf(JSON.stringify(record));
		const bytes = new Uint8Array(RECORD_AT + content.length + CHECK_BYTES);
		bytes.set(bytesOf(MARK));
		const view = new DataView(bytes.buffer);
		view.setUint32(NUMBER_AT, number);
		view.setUint32(LENGTH_AT, content.length);
		bytes.set(content, RECORD_AT);
		const end = RECORD_AT + content.length;
		bytes.set(checkOf(bytes.subarray(0, end)), end);
		const block = number % RECORD_BLOCKS;
		this._flash.eraseBlock(block);
		this._flash.write(bytes, block * BLOCK_BYTES);
		this._number = number;
		this._record = record;
	}

	private _blockOf(slot: number): number {
		return RECORD_BLOCKS + (slot * this._slotBytes) / BLOCK_BYTES;
	}

	private _read(slot: number, length: number): Bytes {
		return Uint8Array.from(new Uint8Array(this._flash.read(length, this._blockOf(slot) * BLOCK_BYTES)));
	}
}

/** The boot loader takes the newest record that is whole. */
function newestRecord(flash: Flash): { readonly number: number; readonly record: BootRecord } | undefined {
	let newest: ReturnType<typeof newestRecord>;
	for (let block = 0; block < RECORD_BLOCKS; block++) {
		const bytes = Uint8Array.from(new Uint8Array(flash.read(BLOCK_BYTES, block * BLOCK_BYTES)));
		const view = new DataView(bytes.buffer);
		const number = view.getUint32(NUMBER_AT);
		const length = view.getUint32(LENGTH_AT);
		const isMarked = Buffer.from(bytes.subarray(0, MARK.length)).equals(Buffer.from(MARK));
		if (!isMarked || length > BLOCK_BYTES - RECORD_AT - CHECK_BYTES || (newest && newest.number > number)) continue;
		const end = RECORD_AT + length;
		const check = Buffer.from(bytes.subarray(end, end + CHECK_BYTES));
		if (check.equals(checkOf(bytes.subarray(0, end))))
			newest = { number, record: JSON.parse(textOf(bytes.subarray(RECORD_AT, end))) };
	}
	return newest;
}

/** Whether the block of the second record was never written: the process may have ended within the first one. */
function isBlank(flash: Flash): boolean {
	return new Uint8Array(flash.read(BLOCK_BYTES, 0)).every((byte) => byte === 0 || byte === 0xff);
}

/** The beginning of a record's SHA-256. */
function checkOf(bytes: Uint8Array): Buffer {
	return createHash("sha256").update(bytes).digest().subarray(0, CHECK_BYTES);
}
