/**
 * The broker's end of TLS, by Node's OpenSSL, on no socket: what goes in comes out, decrypted or encrypted, in an order
 * that no clock decides.
 */
import { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { BrokerEnd } from "./broker-end.ts";

/** Turns of the event loop in which nothing comes out: then nothing more does. Node needs two from record to record. */
const QUIET_TURNS = 8;

export interface BrokerIdentity {
	/** In PEM. */
	readonly certificate: string;
	readonly key: string;
}

export class TlsBroker implements BrokerEnd {
	/** With the keys of its tickets, for all connections. */
	private readonly _context: SecureContext;
	private _socket: TLSSocket | undefined;
	private _wire: Duplex | undefined;
	private _encrypted: Buffer[] = [];
	private _said: Buffer[] = [];

	constructor({ certificate, key }: BrokerIdentity) {
		this._context = createSecureContext({ cert: certificate, key, maxVersion: "TLSv1.2" });
	}

	open(): void {
		this._socket?.destroy();
		this._encrypted = [];
		this._said = [];
		this._wire = new Duplex({
			read: () => {},
			write: (bytes: Buffer, _encoding, done) => {
				this._encrypted.push(Buffer.from(bytes));
				done();
			},
		});
		this._socket = new TLSSocket(this._wire as never, { isServer: true, secureContext: this._context });
		this._socket.on("data", (bytes: Buffer) => this._said.push(bytes));
		this._socket.on("error", () => {});
	}

	async receive(bytes: Uint8Array): Promise<{ said: Uint8Array; answer: Uint8Array }> {
		this._wire!.push(bytes);
		await this._quiet();
		return { said: Buffer.concat(this._said.splice(0)), answer: Buffer.concat(this._encrypted.splice(0)) };
	}

	async wrap(bytes: Uint8Array): Promise<Uint8Array> {
		this._socket!.write(bytes);
		await this._quiet();
		return Buffer.concat(this._encrypted.splice(0));
	}

	private async _quiet(): Promise<void> {
		let seen = -1;
		for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
			const come = this._encrypted.length + this._said.length;
			if (come !== seen) quiet = 0;
			seen = come;
			await new Promise((resolve) => setImmediate(resolve));
		}
	}
}
