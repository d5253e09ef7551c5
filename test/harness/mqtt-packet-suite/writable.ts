/** A Node stream as far as mqtt-packet's test suite uses it: it can be corked, and its methods be replaced. */
import { Buffer } from "mqtt-packet";

type Chunk = Uint8Array | string;

export class Writable {
	private readonly _errorListeners: ((error: Error) => void)[] = [];
	private readonly _waiting: Chunk[] = [];
	private _corks = 0;

	on(event: string, listener: (error: Error) => void): this {
		if (event === "error") this._errorListeners.push(listener);
		return this;
	}

	cork(): void {
		this._corks++;
	}

	uncork(): void {
		if (this._corks > 0) this._corks--;
		if (this._corks === 0) this._flush();
	}

	write(chunk: Chunk): boolean {
		this._waiting.push(chunk);
		if (this._corks === 0) this._flush();
		return true;
	}

	/** Waits for the uncorking, if there is anything to write. */
	end(): void {}

	destroy(error: Error): void {
		Promise.resolve().then(() => {
			for (const listener of this._errorListeners) listener(error);
		});
	}

	_write(_chunk: Uint8Array, _encoding: string, done: () => void): void {
		done();
	}

	private _flush(): void {
		for (const chunk of this._waiting.splice(0)) {
			this._write(typeof chunk === "string" ? Buffer.from(chunk) : chunk, "buffer", () => {});
		}
	}
}
