/** What a screen of Xvfb shows: the file that it keeps in the folder of its option -fbdir, in XWD format (`XWDFile.h` of X11). */
import { readFileSync } from "node:fs";

export interface Area {
	readonly left: number;
	readonly top: number;
	readonly right: number;
	readonly bottom: number;
}

export class Picture {
	private readonly _bytes: Buffer;
	private readonly _start: number;
	private readonly _lineBytes: number;

	/** Throws an Error for a screen that has not 32 bits a pixel. */
	constructor(file: string) {
		const bytes = readFileSync(file);
		const field = (index: number) => bytes.readUInt32BE(4 * index);
		const [headerBytes, version, bits, colors] = [field(0), field(1), field(11), field(19)];
		if (version !== 7 || bits !== 32) throw new Error(`${file}: XWD version ${version}, ${bits} bits a pixel`);
		this._lineBytes = field(12);
		this._start = headerBytes + 12 * colors;
		this._bytes = bytes;
	}

	/** `#rrggbb`. */
	private _colorAt(x: number, y: number): string {
		const at = this._start + y * this._lineBytes + 4 * x;
		return `#${this._bytes.readUIntLE(at, 3).toString(16).padStart(6, "0")}`;
	}

	/** How many pixels of an area have the colour `#rrggbb`. */
	count(color: string, { left, top, right, bottom }: Area): number {
		let count = 0;
		for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) if (this._colorAt(x, y) === color) count++;
		return count;
	}
}
