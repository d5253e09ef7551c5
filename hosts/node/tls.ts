/** TLS on Node: connections as `TlsOptions` wants them, and in plain words why they fail. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { connect, createSecureContext, type SecureContextOptions } from "node:tls";
import type { TlsOptions } from "../../src/host.ts";

export interface TlsAddress extends TlsOptions {
	/** Where to connect to, if it is not `host`. */
	readonly address?: string;
	/** The name or the IP address that the broker's certificate has to be for. */
	readonly host: string;
	readonly port: number;
	readonly noDelay?: boolean;
}

/**
 * Connects. The socket emits `secureConnect` when the broker has proved its
 * identity. Throws an Error for PEM texts that cannot be used.
 */
export function connectTls({ address, host, port, noDelay = false, ca, certificate, key }: TlsAddress): Socket {
	const socket = connect({
		host: address ?? host,
		port,
		// Server name indication takes no addresses (RFC 6066, section 3).
		...(isIP(host) ? {} : { servername: host }),
		secureContext: createSecureContext(checkPem({ ca, certificate, key })),
	});
	socket.setNoDelay(noDelay);
	return socket;
}

const SETTINGS = { ca: "tls.ca", certificate: "tls.certificate", key: "tls.key" };

/**
 * Throws an Error for PEM texts that cannot be used: OpenSSL ignores a wrong `ca`,
 * and has words of its own for a wrong certificate or key. `names`: what the Error
 * calls them.
 */
export function checkPem(
	{ ca, certificate, key }: { [name in keyof TlsOptions]: string | undefined },
	names: Readonly<Record<keyof TlsOptions, string>> = SETTINGS,
): SecureContextOptions {
	const check = (name: keyof TlsOptions, what: string, read: () => unknown) => {
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
	UNKNOWN_CA: `${NOT_ACCEPTED}: it does not know who issued it`,
	PROTOCOL_VERSION: NO_VERSION,
	UNRECOGNIZED_NAME: "the broker does not know itself by this host name",
};
