/**
 * The simulated board's two slots for firmware and its boot loader, in a file that
 * outlives the process.
 *
 * The simulator runs the same program whichever slot it starts. From an image it
 * takes only the description: its id and, in trial images, that it does not get
 * into the network.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Bytes, UpdatePort } from "../../../src/host.js";
import { makeFolder } from "../../node/folders.js";
import { type FirmwareImage, idOf, NO_NETWORK, readImage } from "../../node/update-image.ts";
import { isSigned } from "../../node/update-key.ts";

/** Bytes of a slot, as on a board with 4 MB of flash. */
export const FIRMWARE_SLOT_BYTES = 0x1e_0000;
/** First byte of every image. */
const IMAGE_MAGIC = 0xe9;

/** A slot's state for the boot loader: an image is started once before it is confirmed, and not again. */
const State = { Valid: 1, New: 2, Unconfirmed: 3, GivenUp: 4 } as const;

/** The record at the beginning of the file: a mark, the slot to start next, of each slot the state and the number of bytes. */
const MARK = Buffer.from("VLTA");
const BOOT_AT = 4;
const STATES_AT = 5;
const LENGTHS_AT = 8;
const RECORD_BYTES = 16;
/** The slots follow behind a block of flash. */
const SLOTS_AT = 4_096;

export class FirmwareSlots implements UpdatePort {
	/** The id of the program that the simulator runs: of a slot with nothing in it. */
	private readonly _builtIn: string;
	private _record: Buffer = Buffer.alloc(RECORD_BYTES);
	private readonly _file: number | undefined;
	/** Instead of a file. */
	private readonly _memory: Buffer | undefined;
	private _running = 0;
	private _image: FirmwareImage | undefined;
	/** Whether the other slot is being written, and its bytes so far. */
	private _open = false;
	private _length = 0;

	/**
	 * @param path the file, which is made if it is not there; without it, nothing outlives the process
	 * @param program the file with the program that the simulator runs
	 * Throws an Error that names the file if it cannot be used.
	 */
	constructor(path: string | undefined, program: string) {
		this._builtIn = idOf(createHash("sha256").update(readFileSync(program)).digest());
		this._record.set(MARK);
		this._record.set([State.Valid, State.GivenUp], STATES_AT);
		if (path === undefined) this._memory = Buffer.alloc(SLOTS_AT + 2 * FIRMWARE_SLOT_BYTES);
		else this._file = openFile(path, this._record);
		this.boot();
	}

	/** The machine starts. */
	boot(): void {
		this._open = false;
		const next = this._record[BOOT_AT]!;
		if (this._record[STATES_AT + next] === State.Unconfirmed) this._enter(next, State.GivenUp, { next: 1 - next });
		this._running = this._record[BOOT_AT]!;
		if (this._state === State.New) this._enter(this._running, State.Unconfirmed);
		const length = this._record.readUInt32BE(LENGTHS_AT + 4 * this._running);
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
		return this._state === State.Unconfirmed;
	}

	/** Firmware that works stays; otherwise the next start is one of the other slot, if there is firmware in it. */
	judge(works: boolean): void {
		const other = 1 - this._running;
		if (works) this._enter(this._running, State.Valid);
		else if (this._record[STATES_AT + other] === State.Valid)
			this._enter(this._running, State.GivenUp, { next: other });
	}

	open(byteLength: number): void {
		if (this._record[BOOT_AT] !== this._running) throw new Error("the new firmware waits for a restart");
		if (!(byteLength > 0 && byteLength <= FIRMWARE_SLOT_BYTES))
			throw new Error(`firmware has 1 to ${FIRMWARE_SLOT_BYTES} bytes`);
		if (this.unconfirmed) throw new Error("the flash refuses an update");
		this._enter(1 - this._running, State.GivenUp);
		this._open = true;
		this._length = 0;
	}

	write(bytes: Bytes): void {
		if (!this._open) throw new Error("no update is open");
		const end = this._length + bytes.length;
		if (end > FIRMWARE_SLOT_BYTES || (this._length === 0 && end > 0 && bytes[0] !== IMAGE_MAGIC)) {
			throw new Error("the flash does not take it");
		}
		this._write(bytes, SLOTS_AT + (1 - this._running) * FIRMWARE_SLOT_BYTES + this._length);
		this._length = end;
	}

	complete(signature: string, publicKey: Bytes): void {
		if (!this._open) throw new Error("no update is open");
		const slot = 1 - this._running;
		const image = this._read(slot, this._length);
		if (!isSigned(image, Buffer.from(signature, "hex"), publicKey)) throw new Error("the signature is wrong");
		this._open = false;
		readImage(image);
		this._enter(slot, State.New, { next: slot, length: this._length });
	}

	/** Gives up an incomplete update. */
	close(): void {
		this._open = false;
	}

	/** Gives the file back. */
	end(): void {
		if (this._file !== undefined) closeSync(this._file);
	}

	/** The state of the slot that runs. */
	private get _state(): number {
		return this._record[STATES_AT + this._running]!;
	}

	/** Changes a slot's state, and if need be which slot starts next, at once; nothing changes where the file refuses it. */
	private _enter(slot: number, state: number, { next = this._record[BOOT_AT]!, length = -1 } = {}): void {
		const record = Buffer.from(this._record);
		record[STATES_AT + slot] = state;
		record[BOOT_AT] = next;
		if (length >= 0) record.writeUInt32BE(length, LENGTHS_AT + 4 * slot);
		this._write(record, 0);
		this._record = record;
	}

	private _write(bytes: Uint8Array, offset: number): void {
		if (this._file === undefined) this._memory!.set(bytes, offset);
		else writeAll(this._file, bytes, offset);
	}

	private _read(slot: number, length: number): Buffer {
		const offset = SLOTS_AT + slot * FIRMWARE_SLOT_BYTES;
		if (this._file === undefined) return this._memory!.subarray(offset, offset + length);
		const bytes = Buffer.alloc(length);
		readSync(this._file, bytes, 0, length, offset);
		return bytes;
	}
}

/** A short write is followed by one of the rest, which tells why. */
function writeAll(file: number, bytes: Uint8Array, offset: number): void {
	for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, offset + done);
}

/** Reads the record that is there, or writes it to a new file. */
function openFile(path: string, record: Buffer): number {
	let file: number | undefined;
	try {
		makeFolder(dirname(path));
		file = openSync(path, constants.O_RDWR | constants.O_CREAT);
		if (fstatSync(file).size === 0) writeAll(file, record, 0);
		else if (readSync(file, record, 0, RECORD_BYTES, 0) < RECORD_BYTES || !record.subarray(0, BOOT_AT).equals(MARK)) {
			throw new Error("holds no firmware slots; remove it to begin anew");
		}
		return file;
	} catch (error) {
		if (file !== undefined) closeSync(file);
		const { code, message } = error as NodeJS.ErrnoException;
		throw new Error(`${path} ${code === undefined ? message : `cannot be used (${code})`}`);
	}
}
