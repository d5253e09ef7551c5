/** TLS in C, by Mbed TLS (`connection.c`): these functions are all that is seen of it. `binding.ts` has them. */
import type { Bytes } from "../../../src/host.js";

/** One connection's TLS. */
export type TlsConnection = object;

/** As `TlsState` in `connection.h`. */
export const HANDSHAKE = 0;
export const OPEN = 1;
/** The broker has ended it in good order. */
export const CLOSED = 2;
export const FAILED = 3;

/** Bytes that a TLS record adds to its content, at most. */
export const RECORD_OVERHEAD = 5 + 8 + 16 + 1;

export interface MbedTls {
	/**
	 * `time`: s since 1970, or `undefined` while it is not known. `saved`: of `save`. Throws an Error
	 * with a reason in words for texts that cannot be used, and without memory.
	 */
	open(
		host: string,
		time: number | undefined,
		ca: string | undefined,
		certificate: string | undefined,
		key: string | undefined,
		fingerprint: string | undefined,
		alpn: string | undefined,
		saved: Bytes | ArrayBuffer | undefined,
	): TlsConnection;
	/**
	 * Goes on with the handshake in a task of its own, and calls `done` in a later turn;
	 * until then no function may be called but `free`, which takes the call of `done` back. Throws
	 * an Error while the task is busy with another connection.
	 */
	handshake(connection: TlsConnection, done: () => void): void;
	state(connection: TlsConnection): number;
	/** Why it has failed or was closed, in words. */
	reason(connection: TlsConnection): string;
	/** TCP has ended during the handshake: `reason` then says what that is likely to mean. */
	ended(connection: TlsConnection): void;
	/** How many encrypted bytes of the broker `push` takes now. */
	wanted(connection: TlsConnection): number;
	push(connection: TlsConnection, bytes: Bytes): void;
	/** Encrypted bytes for the broker, at most `maximum`. */
	pull(connection: TlsConnection, maximum: number): ArrayBuffer | undefined;
	/** Decrypted bytes, at most `maximum`. */
	read(connection: TlsConnection, maximum: number): ArrayBuffer | undefined;
	/** Returns how many bytes it took. */
	write(connection: TlsConnection, bytes: Bytes): number;
	/** Tells the broker that nothing more comes; `pull` has the bytes. */
	close(connection: TlsConnection): void;
	/** What resumes the connection later, if it is new since the last call. Secret. */
	save(connection: TlsConnection): ArrayBuffer | undefined;
	/** Afterwards no function may be called. */
	free(connection: TlsConnection): void;
}
