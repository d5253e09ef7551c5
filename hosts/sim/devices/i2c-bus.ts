/** An I2C bus with simulated chips on it. */
import type { I2C, I2COptions } from "../../../src/host.js";

/** A chip as the bus sees it. */
export interface I2CChip {
	/** Takes the bytes of a write transfer; returns whether it acknowledges. */
	write(bytes: Uint8Array): boolean;
	/** Gives bytes to a read transfer; `undefined` where it does not acknowledge. */
	read(byteLength: number): Uint8Array | undefined;
	/** It holds the data line low: no transfer on the bus works. */
	readonly holdsBus: boolean;
}

/** The bus, which a board's `SimulatedI2C` gets from its port. The map may change: chips come and go. */
export class I2CBus {
	readonly chips: ReadonlyMap<number, I2CChip>;
	/** Addresses of the objects that are open. */
	readonly open = new Set<number>();

	constructor(chips: ReadonlyMap<number, I2CChip>) {
		this.chips = chips;
	}
}

/** As ECMA-419's `I2C`. It throws the errors of Moddable's I2C on ESP32. */
export class SimulatedI2C implements I2C {
	private readonly _bus: I2CBus;
	private _address: number | undefined;

	constructor(options: I2COptions) {
		const { address, hz } = options;
		if (address === undefined) throw new RangeError("address required");
		if (!(address >= 0 && address <= 127)) throw new RangeError("invalid address");
		if (hz !== undefined && !(hz > 0 && hz <= 1_000_000)) throw new RangeError("invalid hz");
		this._bus = options.bus as I2CBus;
		if (this._bus.open.has(address)) throw new RangeError("duplicate address");
		this._bus.open.add(address);
		this._address = address;
	}

	read(byteLength: number): ArrayBuffer | Uint8Array {
		const bytes = this._chip("read failed").read(byteLength);
		if (bytes === undefined) throw new Error("read failed");
		return bytes.slice();
	}

	write(bytes: Uint8Array): void {
		if (!this._chip("write failed").write(bytes)) throw new Error("write failed");
	}

	close(): void {
		if (this._address !== undefined) this._bus.open.delete(this._address);
		this._address = undefined;
	}

	private _chip(failure: string): I2CChip {
		if (this._address === undefined) throw new Error("closed");
		const { chips } = this._bus;
		const chip = chips.get(this._address);
		for (const { holdsBus } of chips.values()) {
			if (holdsBus) throw new Error(failure);
		}
		if (chip === undefined) throw new Error(failure);
		return chip;
	}
}
