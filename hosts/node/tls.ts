/** TLS on Node: connections as `TlsOptions` wants them, and in plain words why they fail. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import {
	checkServerIdentity,
	connect,
	createSecureContext,
	type DetailedPeerCertificate,
	type SecureContextOptions,
	type TLSSocket,
} from "node:tls";
import type { TlsOptions } from "../../src/host.ts";
import { withoutZone } from "../../src/net/broker-url.ts";
import { lookup } from "./names.ts";

export interface TlsAddress extends TlsOptions {
	/** Where to connect to, if it is not `host`. */
	readonly address?: string;
	/** The name or the IP address that the broker's certificate has to be for. */
	readonly host: string;
	readonly port: number;
	readonly noDelay?: boolean;
}

/**
 * Connects. The socket emits `TRUSTED` when the broker has proved its
 * identity, and not before: `secureConnect` says less. Throws an Error for PEM texts that cannot be used.
 */
export function connectTls({ address, host, port, noDelay = false, ...options }: TlsAddress): Socket {
	const { fingerprint, alpn } = options;
	const key = JSON.stringify([address, host, port, options]);
	const session = new ResumableSession(key, fingerprint !== undefined);
	const socket = connect({
		host: address ?? host,
		port,
		lookup,
		checkServerIdentity: (_, certificate) => checkServerIdentity(withoutZone(host), certificate),
		// Server name indication takes no addresses (RFC 6066, section 3).
		...(isIP(host) ? {} : { servername: host }),
		...(alpn !== undefined && { ALPNProtocols: [alpn] }),
		secureContext: createSecureContext(checkPem(options)),
		// Then nobody but the certificate itself says whose it is.
		rejectUnauthorized: fingerprint === undefined,
		session: session.saved,
	});
	socket.setNoDelay(noDelay);
	session.follow(socket);
	socket.once("secureConnect", () => {
		// Only of somebody who was trusted is a session kept, and for the same fingerprint; Node then shows no certificate.
		const isOther = fingerprint !== undefined && !socket.isSessionReused() && !hasFingerprint(socket, fingerprint);
		if (isOther) return socket.destroy(Object.assign(new Error("another certificate"), { code: OTHER_CERTIFICATE }));
		trusted.add(socket);
		socket.emit(TRUSTED);
	});
	return socket;
}

/** The event of a socket of `connectTls` whose broker has proved who it is. */
export const TRUSTED = "trusted";
const OTHER_CERTIFICATE = "OTHER_CERTIFICATE";
const trusted = new WeakSet<Socket>();

/** Whether that was so. */
export function isTrusted(socket: Socket): boolean {
	return trusted.has(socket);
}

function hasFingerprint(socket: TLSSocket, expected: string): boolean {
	const bare = (fingerprint: string) => fingerprint.replaceAll(":", "").toLowerCase();
	const { fingerprint256 } = socket.getPeerCertificate();
	return fingerprint256 !== undefined && bare(fingerprint256) === bare(expected);
}

/** Brokers whose sessions are kept. */
const SESSIONS_MAXIMUM = 16;
/** What resumes the connection to a broker, by the options with which it was made. Secret. */
const sessions = new Map<string, { readonly bytes: Buffer; readonly until: number }>();

/** The session of one connection, for the next: its handshake then needs no certificates, and a round trip less in TLS 1.2. */
class ResumableSession {
	private readonly _key: string;
	/** Dates do not count where one certificate is trusted for itself. */
	private readonly _isDateless: boolean;
	/** What has come before the broker has proved who it is: Node looks at no name where a session is resumed. */
	private _early: Buffer | undefined;
	/** In ms since 1970; until then, nobody has proved anything. */
	private _until: number | undefined;

	constructor(key: string, isDateless: boolean) {
		this._key = key;
		this._isDateless = isDateless;
	}

	/** One whose certificates are valid still. */
	get saved(): Buffer | undefined {
		const session = sessions.get(this._key);
		return session && session.until > Date.now() ? session.bytes : undefined;
	}

	follow(socket: TLSSocket): void {
		socket.on("session", (bytes) => this._save(bytes));
		socket.once(TRUSTED, () => {
			const own = this._isDateless ? Number.POSITIVE_INFINITY : lastDay(socket);
			this._until = socket.isSessionReused() ? sessions.get(this._key)?.until : own;
			if (this._early) this._save(this._early);
		});
		// Whatever it was that TLS did not like: the next attempt has nothing in common with this one.
		socket.once("connect", () =>
			socket.once("error", () => {
				if (this._until === undefined) sessions.delete(this._key);
			}),
		);
	}

	private _save(bytes: Buffer): void {
		if (this._until === undefined) {
			this._early = bytes;
			return;
		}
		sessions.delete(this._key);
		sessions.set(this._key, { bytes, until: this._until });
		const [oldest] = sessions.keys();
		if (sessions.size > SESSIONS_MAXIMUM) sessions.delete(oldest!);
	}
}

/** Until when the broker's certificates are valid, in ms since 1970. */
function lastDay(socket: TLSSocket): number {
	let until = Number.POSITIVE_INFINITY;
	let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
	for (let depth = 0; certificate?.valid_to && depth < CHAIN_MAXIMUM; depth++) {
		until = Math.min(until, Date.parse(certificate.valid_to));
		const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
		certificate = issuer === certificate ? undefined : issuer;
	}
	return until;
}

/** Certificates that are looked at: two may name each other as their issuers. */
const CHAIN_MAXIMUM = 10;

type Pems = Pick<TlsOptions, "ca" | "certificate" | "key">;
const SETTINGS = { ca: "tls.ca", certificate: "tls.certificate", key: "tls.key" };

/**
 * Throws an Error for PEM texts that cannot be used: OpenSSL ignores a wrong `ca`,
 * and has words of its own for a wrong certificate or key. `names`: what the Error
 * calls them.
 */
export function checkPem(
	{ ca, certificate, key }: Pems,
	names: Readonly<Record<keyof Pems, string>> = SETTINGS,
): SecureContextOptions {
	const check = (name: keyof Pems, what: string, read: () => unknown) => {
		try {
			return read();
		} catch {
			throw new Error(`${names[name]}: ${what}`);
		}
	};
	if (ca !== undefined) check("ca", "holds no certificate", () => new X509Certificate(ca));
	if (certificate === undefined || key === undefined) return { ca };
	const own = check("certificate", "is no certificate", () => new X509Certificate(certificate)) as X509Certificate;
	const privateKey = check("key", "is no private key without a password", () => createPrivateKey(key));
	if (!own.checkPrivateKey(privateKey as ReturnType<typeof createPrivateKey>)) {
		throw new Error(`${names.key}: does not belong to ${names.certificate}`);
	}
	return { ca, cert: certificate, key };
}

/** Why a TLS connection failed, in words; `undefined` for errors that are not of TLS. */
export function tlsReason({ code = "", message }: NodeJS.ErrnoException): string | undefined {
	const certificate = CERTIFICATE_REASONS[code] ?? CERTIFICATE_REASONS[message];
	if (certificate !== undefined) return `certificate: ${certificate}`;
	const [, alert] = /^ERR_SSL_(?:TLSV1|TLSV13|SSLV3)_(?:ALERT_)?(\w+)$/.exec(code) ?? [];
	if (alert !== undefined) return ALERTS[alert] ?? `the broker ended TLS: ${alert.toLowerCase().replaceAll("_", " ")}`;
	if (code === "ERR_SSL_UNSUPPORTED_PROTOCOL") return NO_VERSION;
	if (code === "ERR_SSL_WRONG_VERSION_NUMBER") return "the broker does not speak TLS on this port";
	return /^(ERR_SSL|ERR_TLS|EPROTO)/.test(code) ? `TLS: ${message}` : undefined;
}

const UNKNOWN = "no trusted authority has issued it (tls.ca)";
const NO_AUTHORITY = "one of its issuers is no authority";
const OTHER = "is another one than tls.fingerprint says";
const RESTRICTED = "has a restriction that is not known here";
const WEAK = "it, or one of its issuers, has a key or a signature that is too weak";
/** OpenSSL's X509_V_ERR_… as Node names them, and Node's own check of the name. */
const CERTIFICATE_REASONS: Readonly<Record<string, string>> = {
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN,
	UNABLE_TO_GET_ISSUER_CERT: UNKNOWN,
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN,
	SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN,
	DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN,
	CERT_UNTRUSTED: UNKNOWN,
	[OTHER_CERTIFICATE]: OTHER,
	CERT_SIGNATURE_FAILURE: "its signature is wrong",
	CERT_HAS_EXPIRED: "has expired",
	CERT_NOT_YET_VALID: "is not valid yet",
	CERT_REVOKED: "has been revoked",
	INVALID_CA: NO_AUTHORITY,
	INVALID_PURPOSE: "it, or one of its issuers, is not meant for this",
	PATH_LENGTH_EXCEEDED: "has too many issuers",
	CERT_CHAIN_TOO_LONG: "has too many issuers",
	ERR_TLS_CERT_ALTNAME_INVALID: "host name does not match",
	ERR_TLS_CERT_ALTNAME_FORMAT: "host name does not match",
	// Node has no names for these, but OpenSSL's words.
	"unhandled critical extension": RESTRICTED,
	"permitted subtree violation": RESTRICTED,
	"excluded subtree violation": RESTRICTED,
	"key usage does not include certificate signing": NO_AUTHORITY,
	"EE certificate key too weak": WEAK,
	"CA certificate key too weak": WEAK,
	"CA signature digest algorithm too weak": WEAK,
};

const NO_VERSION = "the broker speaks no version of TLS that is spoken here";
const NOT_ACCEPTED = "the broker does not accept the client certificate";
/** Alerts of the broker (RFC 5246, section 7.2; RFC 8446, section 6.2). */
const ALERTS: Readonly<Record<string, string>> = {
	CERTIFICATE_REQUIRED: "the broker wants a client certificate (tls.certificate)",
	HANDSHAKE_FAILURE: "the broker refuses the TLS handshake; it may want a client certificate (tls.certificate)",
	BAD_CERTIFICATE: NOT_ACCEPTED,
	UNSUPPORTED_CERTIFICATE: NOT_ACCEPTED,
	CERTIFICATE_UNKNOWN: NOT_ACCEPTED,
	ACCESS_DENIED: NOT_ACCEPTED,
	DECRYPT_ERROR: NOT_ACCEPTED,
	CERTIFICATE_REVOKED: `${NOT_ACCEPTED}: it has been revoked`,
	CERTIFICATE_EXPIRED: `${NOT_ACCEPTED}: it has expired`,
	NO_APPLICATION_PROTOCOL: "the broker does not speak the protocol of tls.alpn",
	UNKNOWN_CA: `${NOT_ACCEPTED}: it does not know who issued it`,
	PROTOCOL_VERSION: NO_VERSION,
	UNRECOGNIZED_NAME: "the broker does not know itself by this host name",
};
