/** The SDK's TLS session, with certificates checked by `trust.ts`. */
import RNG from "rng";
import alert from "ssl/alert";
import Session from "ssl/session";
import type { Bytes } from "../../../src/host.js";
import { CLOSE_NOTIFY, TlsError } from "./alerts.js";
import { type Certificate, decodeCertificate } from "./certificate.js";
import { checkEcdsaSignature, decodePrivateKey, decodePublicKey, isSignedBy } from "./keys.js";
import { decodePem } from "./pem.js";
import type { TlsSession, TlsSessionOptions, Wire } from "./socket.js";
import { checkCertificates } from "./trust.js";

const TLS_1_2 = 0x303;
/** Certificates in `tls.ca`: all are in RAM during a handshake. */
const AUTHORITIES_MAXIMUM = 16;
const WARNING = 1;
const FATAL = 2;

/** Answers the questions of the SDK's session about certificates. */
class Certificates {
	private readonly _options: TlsSessionOptions;
	private readonly _authorities: readonly Certificate[];
	private readonly _own: readonly Bytes[];
	private _broker: Certificate | undefined;

	constructor(options: TlsSessionOptions) {
		const { ca, certificate = "" } = options;
		if (ca === undefined) throw new TlsError("tls.ca: a board knows no authorities of its own");
		const authorities = decodePem(ca, "CERTIFICATE");
		if (authorities.length === 0) throw new TlsError("tls.ca: holds no certificate");
		if (authorities.length > AUTHORITIES_MAXIMUM) {
			throw new TlsError(`tls.ca: holds more than ${AUTHORITIES_MAXIMUM} certificates`);
		}
		this._options = options;
		this._authorities = authorities.map(decodeCertificate);
		this._own = decodePem(certificate, "CERTIFICATE");
	}

	/** Throws an Error if the chain does not prove that the broker is `host`. */
	verify(chain: readonly Bytes[]): boolean {
		const { host, time } = this._options;
		this._broker = checkCertificates(chain, { host, time, authorities: this._authorities, isSignedBy });
		return true;
	}

	register(): void {}

	/** The broker's public key, or the private key of the client's certificate. */
	getKey(certificate: unknown): object {
		const { key } = this._options;
		return certificate === this._own[0] && key !== undefined ? decodePrivateKey(key) : decodePublicKey(this._key);
	}

	findPreferredCert(): readonly Bytes[] {
		return this._own;
	}

	checkSignature(signature: Bytes): void {
		checkEcdsaSignature(signature, this._key);
	}

	private get _key() {
		if (!this._broker) throw new TlsError("TLS: no certificate");
		return this._broker.publicKey;
	}
}

export class SdkSession extends Session implements TlsSession {
	/** Until the handshake is over: they take a few KB. */
	private _certificates: Certificates | undefined;

	constructor(options: TlsSessionOptions) {
		// No cache: the certificate of a resumed session would not be checked.
		super({ ...serverName(options.host), protocolVersion: TLS_1_2, cache: false });
		this._certificates = new Certificates(options);
		this.certificateManager = this._certificates;
		this.initiateHandshake();
	}

	override handshake(wire: Wire): boolean {
		// A new seed: the session's secret random numbers and those that it sends come from one state, seeded once otherwise.
		RNG.init();
		const isOver = super.handshake(wire);
		if (isOver) this._certificates = undefined;
		return isOver;
	}

	/** Called for each record, which is there already. */
	override readPacket(wire: Wire): Bytes {
		return wire.take();
	}

	tell(wire: Wire, description: number): void {
		this.doProtocol(wire, alert, description === CLOSE_NOTIFY ? WARNING : FATAL, description);
	}

	get encrypts(): boolean {
		return Boolean(this.clientCipher && this.serverCipher);
	}

	get alerted(): number | undefined {
		return this.alert?.description;
	}

	checkSignature(signature: Bytes): void {
		// Without certificates that is an error, too.
		this._certificates!.checkSignature(signature);
	}
}

/** Server name indication takes no addresses (RFC 6066, section 3). */
function serverName(host: string): { serverName?: string } {
	return /^[\d.]+$/.test(host) ? {} : { serverName: host };
}
