/** An I2C bus with simulated chips on it. */
import type { I2C, I2CConstructor, I2COptions } from "../../../src/host.js";

/** A chip as the bus sees it. */
export interface I2CChip {
	/** Takes the bytes of a write transfer; returns whether it acknowledges. */
	write(bytes: Uint8Array): boolean;
	/** Gives bytes to a read transfer; `undefined` where it does not acknowledge. */
	read(byteLength: number): Uint8Array | undefined;
	/** It holds the data line low: no transfer on the bus works. */
	readonly holdsBus: boolean;
}

/**
 * A class as ECMA-419's `I2C` for a board with these chips at these 7-bit
 * addresses. It throws the errors of Moddable's I2C on ESP32. The map may change:
 * chips come and go.
 */
export function createI2C(chips: ReadonlyMap<number, I2CChip>): I2CConstructor {
	const open = new Set<number>();
	return class SimulatedI2C implements I2C {
		private _address: number | undefined;

		constructor({ address, hz }: I2COptions) {
			if (address === undefined) throw new RangeError("address required");
			if (!(address >= 0 && address <= 127)) throw new RangeError("invalid address");
			if (hz !== undefined && !(hz > 0 && hz <= 1_000_000)) throw new RangeError("invalid hz");
			if (open.has(address)) throw new RangeError("duplicate address");
			open.add(address);
			this._address = address;
		}

		read(byteLength: number): ArrayBuffer {
			const bytes = this._chip("read failed").read(byteLength);
			if (bytes === undefined) throw new Error("read failed");
			return Uint8Array.from(bytes).buffer;
		}

		write(bytes: Uint8Array): void {
			if (!this._chip("write failed").write(bytes)) throw new Error("write failed");
		}

		close(): void {
			if (this._address !== undefined) open.delete(this._address);
			this._address = undefined;
		}

		private _chip(failure: string): I2CChip {
			if (this._address === undefined) throw new Error("closed");
			const chip = chips.get(this._address);
			for (const { holdsBus } of chips.values()) {
				if (holdsBus) throw new Error(failure);
			}
			if (chip === undefined) throw new Error(failure);
			return chip;
		}
	};
}
