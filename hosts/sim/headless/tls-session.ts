/**
 * What resumes a TLS connection. It lies on the Node side, as it lies in RTC memory on a board: it outlives restarts
 * and deep sleep, and not a power cut. The flash's file has nothing of it.
 */
import type { Bytes } from "../../../src/host.js";
import type { Sessions } from "../../moddable/tls/socket.js";

/** The first byte of a request; firmware slots have lower ones. */
const LOAD = 0x10;
/** The session follows. */
const SAVE = 0x11;

/** Bytes that a board has room for. */
export const SESSION_MAXIMUM = 2_548;

/** XS's side. `call` carries a request to the other side and returns the answer. */
export class RemoteSessions implements Sessions {
	private readonly _call: (request: ArrayBuffer) => ArrayBuffer;

	constructor(call: (request: ArrayBuffer) => ArrayBuffer) {
		this._call = call;
	}

	load(): ArrayBuffer | undefined {
		const bytes = this._call(Uint8Array.of(LOAD).buffer);
		return bytes.byteLength > 0 ? bytes : undefined;
	}

	save(bytes: ArrayBuffer): void {
		const request = new Uint8Array(1 + bytes.byteLength);
		request[0] = SAVE;
		request.set(new Uint8Array(bytes), 1);
		this._call(request.buffer);
	}
}

/** Node's side. */
export class SessionMemory {
	/** None: no bytes. A session that is too long is forgotten, as on a board. */
	bytes: Bytes = new Uint8Array(0);

	/** Carries out a request; `undefined` for one that is not about sessions. */
	answer(request: Uint8Array): Bytes | undefined {
		if (request[0] === LOAD) return this.bytes;
		if (request[0] !== SAVE) return undefined;
		const fits = request.length - 1 <= SESSION_MAXIMUM;
		this.bytes = fits ? Uint8Array.from(request.subarray(1)) : new Uint8Array(0);
		return new Uint8Array(0);
	}
}
