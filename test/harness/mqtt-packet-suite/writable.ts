/** A Node stream as far as mqtt-packet's test suite uses it: it can be corked, and its methods be replaced. */
import { Buffer } from "mqtt-packet";

type Chunk = Uint8Array | string;

export class Writable {
	readonly #errorListeners: ((error: Error) => void)[] = [];
	readonly #waiting: Chunk[] = [];
	#corks = 0;

	on(event: string, listener: (error: Error) => void): this {
		if (event === "error") this.#errorListeners.push(listener);
		return this;
	}

	cork(): void {
		this.#corks++;
	}

	uncork(): void {
		if (this.#corks > 0) this.#corks--;
		if (this.#corks === 0) this.#flush();
	}

	write(chunk: Chunk): boolean {
		this.#waiting.push(chunk);
		if (this.#corks === 0) this.#flush();
		return true;
	}

	/** Waits for the uncorking, if there is anything to write. */
	end(): void {}

	destroy(error: Error): void {
		Promise.resolve().then(() => {
			for (const listener of this.#errorListeners) listener(error);
		});
	}

	_write(_chunk: Uint8Array, _encoding: string, done: () => void): void {
		done();
	}

	#flush(): void {
		for (const chunk of this.#waiting.splice(0)) {
			this._write(typeof chunk === "string" ? Buffer.from(chunk) : chunk, "buffer", () => {});
		}
	}
}
