/**
 * A NOR flash, simulated: a write clears bits and sets none, an erase sets all
 * bits of a block. It fails on request: a power cut in the middle of an
 * operation, bit errors, operations that throw.
 */
import type { Bytes, Flash } from "../../../src/host.js";
import { createRandom } from "./random.js";

/** Steps of an erase; a power cut comes before or within one. */
export const ERASE_STEPS = 16;

const NOTHING = () => {};

export type FlashOperation = "read" | "write" | "erase";

export interface FlashChipOptions {
	/** Bytes of a block, and how many blocks there are. */
	readonly blockLength: number;
	readonly blocks: number;
	/** The content of the flash, used in place; without it, all of the flash is erased. */
	readonly image?: Bytes;
	/** Uniform in [0, 1): decides the remains of a power cut, and which bits flip. */
	readonly random?: () => number;
}

/** Thrown by the operation in which the power is lost, and by all until it is back. */
export class PowerCut extends Error {
	override get name(): string {
		return "PowerCut";
	}
}

export class FlashChip implements Flash {
	readonly image: Bytes;
	/** Erases of each block, those included that failed. */
	readonly erases: number[];
	/** Write operations. */
	writes = 0;
	/** Bytes whose writes asked to set a bit: they stay cleared, as in a real chip. */
	overwrites = 0;
	/** Byte-programs and steps of erases that are still completed; the power is lost in the middle of the next one. */
	cutAfter: number | undefined;
	/** The power was lost. */
	onPowerCut: (() => void) | undefined;
	/**
	 * Asked before each operation, with the offset in bytes; `true` or a number makes the operation throw an Error. A
	 * number is the part of the work that it does before, from 0 to 1.
	 */
	failing: ((operation: FlashOperation, offset: number) => boolean | number) | undefined;
	private readonly _blockLength: number;
	private readonly _blocks: number;
	private readonly _random: () => number;
	private _powered = true;

	constructor({ blockLength, blocks, image, random = createRandom(1) }: FlashChipOptions) {
		const size = blockLength * blocks;
		if (image && image.length !== size) throw new RangeError(`an image of ${image.length} bytes for ${size}`);
		this.image = image ?? new Uint8Array(size).fill(0xff);
		this.erases = new Array<number>(blocks).fill(0);
		this._blockLength = blockLength;
		this._blocks = blocks;
		this._random = random;
	}

	/** Whether the power is on. */
	get powered(): boolean {
		return this._powered;
	}

	/** Ends a power cut, and forgets `cutAfter`. */
	powerOn(): void {
		this._powered = true;
		this.cutAfter = undefined;
	}

	/** Flips `count` bits at random places. */
	flipBits(count: number): void {
		for (let flipped = 0; flipped < count; flipped++) this.flipBit(this._below(this.image.length * 8));
	}

	/** Flips a bit; they are counted from the first byte's least significant one. */
	flipBit(bit: number): void {
		this.image[bit >> 3]! ^= 1 << (bit & 7);
	}

	status(): { blockLength: number; blocks: number } {
		this._needPower();
		return { blockLength: this._blockLength, blocks: this._blocks };
	}

	read(byteLength: number, byteOffset: number): ArrayBuffer {
		this._begin("read", byteOffset, byteLength, 0, NOTHING);
		const { buffer, byteOffset: begin } = this.image;
		return buffer.slice(begin + byteOffset, begin + byteOffset + byteLength);
	}

	write(bytes: Bytes, byteOffset: number): void {
		this.writes++;
		this._begin("write", byteOffset, bytes.length, bytes.length, (index, whole) => {
			const byte = bytes[index]!;
			const before = this.image[byteOffset + index]!;
			if (byte & ~before) this.overwrites++;
			this.image[byteOffset + index] = before & (whole ? byte : byte | this._below(256));
		});
	}

	eraseBlock(block: number): void {
		const start = block * this._blockLength;
		const first = this._below(ERASE_STEPS);
		if (block >= 0 && block < this._blocks) this.erases[block]!++;
		// Which part of a block is erased first is up to the chip.
		this._begin("erase", start, this._blockLength, ERASE_STEPS, (index, whole) => {
			const step = (first + index) % ERASE_STEPS;
			const end = start + Math.floor(((step + 1) * this._blockLength) / ERASE_STEPS);
			for (let at = start + Math.floor((step * this._blockLength) / ERASE_STEPS); at < end; at++) {
				this.image[at] = whole ? 0xff : this._below(256);
			}
		});
	}

	/** Does an operation's steps until it fails; `whole`: whether the step is completed. */
	private _begin(
		operation: FlashOperation,
		offset: number,
		length: number,
		steps: number,
		step: (index: number, whole: boolean) => void,
	): void {
		this._needPower();
		if (!(offset >= 0 && length >= 0 && offset + length <= this.image.length)) {
			throw new RangeError(`${operation} of ${length} bytes at ${offset} in a flash of ${this.image.length}`);
		}
		const failure = this.failing?.(operation, offset) ?? false;
		const done = failure === false ? steps : Math.round(steps * Number(failure === true ? 0 : failure));
		for (let index = 0; index < done; index++) {
			if (this.cutAfter === 0) {
				step(index, false);
				this._powered = false;
				this.onPowerCut?.();
				this._needPower();
			}
			if (this.cutAfter !== undefined) this.cutAfter--;
			step(index, true);
		}
		if (failure !== false) throw new Error(`flash ${operation} failed`);
	}

	private _needPower(): void {
		if (!this._powered) throw new PowerCut("the power is off");
	}

	private _below(bound: number): number {
		return Math.floor(this._random() * bound);
	}
}
