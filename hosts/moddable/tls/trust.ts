/**
 * Whether a certificate chain proves the identity of the broker (RFC 5280, section
 * 6.1, as far as it concerns a station; RFC 6125).
 *
 * The SDK's own check (8.2.3, `ssl_cert.js`) is not used: it accepts any
 * certificate with the right name, if a certificate of the authority comes behind
 * it; it accepts expired certificates and issuers that are no authorities; and it
 * refuses a broker that sends only its own certificate.
 */
import type { Bytes } from "../../../src/host.js";
import { isIPv4 } from "../../../src/net/ipv4.js";
import { BAD_CERTIFICATE, CERTIFICATE_EXPIRED, TlsError, UNKNOWN_CA } from "./alerts.js";
import { type Certificate, decodeCertificate } from "./certificate.js";
import { equalBytes } from "./der.js";

/** Certificates that a broker may send. */
const CHAIN_MAXIMUM = 6;

export interface Trust {
	/** The name or the IPv4 address of the broker, from the settings. */
	readonly host: string;
	readonly authorities: readonly Certificate[];
	/** ms since 1970; without it dates are not looked at. */
	readonly time: number | undefined;
	/** Whether this key of the issuer's has made the certificate's signature; may throw. */
	isSignedBy(certificate: Certificate, issuer: Certificate): boolean;
}

/**
 * `chain` has the broker's certificates in DER, its own first. Returns the
 * broker's own; throws a `TlsError` that names the fault.
 */
export function checkCertificates(chain: readonly Bytes[], trust: Trust): Certificate {
	if (chain.length === 0) throw failure("the broker has none");
	if (chain.length > CHAIN_MAXIMUM) throw failure("has too many issuers");
	const certificates = chain.map(decodeCertificate);
	const [own] = certificates as [Certificate];
	if (!isFor(own, trust.host)) throw failure("host name does not match");
	if (!own.mayServe) throw failure("it, or one of its issuers, is not meant for this");
	checkPath(certificates, trust);
	return own;
}

/** Follows the issuers from the broker's certificate to a trusted certificate. */
function checkPath(certificates: Certificate[], { authorities, time, isSignedBy }: Trust): void {
	const issues = (issuer: Certificate, certificate: Certificate) =>
		equalBytes(issuer.subject, certificate.issuer) && isSignedBy(certificate, issuer);
	let [current, ...others] = certificates as [Certificate, ...Certificate[]];
	for (let depth = 0; ; depth++) {
		checkAlone(current, time);
		const { der } = current;
		// The user trusts this very certificate.
		if (authorities.some((authority) => equalBytes(authority.der, der))) return;
		// `tls.ca` may have an authority twice, if it was renewed with its key.
		const issuers = authorities.filter((authority) => issues(authority, current));
		const authority = issuers.find((issuer) => isValidAt(issuer, time)) ?? issuers[0];
		if (authority) {
			checkAlone(authority, time);
			// A certificate in `tls.ca` need not claim to be an authority; but it must not deny it.
			if (authority.isAuthority !== false) return checkIssuer(authority, depth);
		}
		const issuer = others.find((other) => issues(other, current));
		if (!issuer) throw failure("no trusted authority has issued it (tls.ca)", UNKNOWN_CA);
		if (!issuer.isAuthority) throw failure("one of its issuers is no authority");
		checkIssuer(issuer, depth);
		others = others.filter((other) => other !== issuer);
		current = issuer;
	}
}

function isValidAt({ validFrom, validTo }: Certificate, time: number | undefined): boolean {
	return time === undefined || (time >= validFrom && time <= validTo);
}

function checkAlone({ validFrom, validTo, hasUnknown }: Certificate, time: number | undefined): void {
	if (hasUnknown) throw failure("has a restriction that is not known here");
	if (time === undefined) return;
	if (time < validFrom) throw failure("is not valid yet", CERTIFICATE_EXPIRED);
	if (time > validTo) throw failure("has expired", CERTIFICATE_EXPIRED);
}

/** `depth` authorities come between the issuer and the broker's certificate. */
function checkIssuer({ maySign, mayServe, pathLength }: Certificate, depth: number): void {
	if (!mayServe) throw failure("it, or one of its issuers, is not meant for this");
	if (!maySign) throw failure("one of its issuers is no authority");
	if (depth > pathLength) throw failure("has too many issuers");
}

/** The common name counts where there are no other host names, as it does for OpenSSL; never for an address. */
function isFor({ names, addresses, commonName }: Certificate, host: string): boolean {
	const wanted = host.toLowerCase();
	if (isIPv4(wanted)) return addresses.includes(wanted);
	const known = names.length > 0 ? names : [commonName ?? ""];
	return known.some((name) => name === wanted || matchesWildcard(name, wanted));
}

/** `*.` stands for one whole label, in front of at least two (RFC 6125, section 6.4.3). */
function matchesWildcard(pattern: string, name: string): boolean {
	const rest = pattern.slice(1);
	const dot = name.indexOf(".");
	return (
		pattern.startsWith("*.") && rest.includes(".", 1) && !rest.includes("*") && dot > 0 && name.slice(dot) === rest
	);
}

function failure(problem: string, alert = BAD_CERTIFICATE): TlsError {
	return new TlsError(`certificate: ${problem}`, alert);
}
