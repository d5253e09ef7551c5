/** Certificates of a test's own, made with the command openssl. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./program.ts";

/** Paths of a certificate and its private key, in PEM. */
export interface Identity {
	readonly certificate: string;
	readonly key: string;
}

export interface Issue {
	/** `DNS:…` and `IP:…`; by default those of this computer. None: a certificate with a common name only. */
	readonly names?: readonly string[];
	readonly commonName?: string;
	/** From now; below 0 it has expired. */
	readonly days?: number;
	/** May issue others. */
	readonly authority?: boolean;
	readonly kind?: KeyKind;
	/** Further lines of OpenSSL's section of extensions. */
	readonly extensions?: readonly string[];
}

const KEYS = {
	ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
	ec384: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
	rsa: ["-newkey", "rsa:2048"],
} as const;
/** `ec` is made faster. */
export type KeyKind = keyof typeof KEYS;

export class Certificates {
	private readonly _folder: string;
	private _count = 0;

	constructor(folder: string) {
		this._folder = folder;
		mkdirSync(folder, { recursive: true });
	}

	/** One that has issued itself. */
	authority(commonName = "an authority", kind: KeyKind = "ec"): Identity {
		return this.selfSigned({ commonName, names: [], authority: true, kind });
	}

	selfSigned(issue: Issue = {}): Identity {
		const { path, identity } = this._paths();
		const request = ["req", "-x509", "-nodes", ...KEYS[issue.kind ?? "ec"], "-keyout", identity.key];
		const subject = ["-subj", `/CN=${issue.commonName ?? "localhost"}`, "-days", String(issue.days ?? 2)];
		const configuration = `${path}.cnf`;
		const lines = ["[req]", "distinguished_name=name", "[name]", "[extensions]", ...extensionsOf(issue)];
		writeFileSync(configuration, `${lines.join("\n")}\n`);
		openssl(
			...request,
			...subject,
			"-config",
			configuration,
			"-extensions",
			"extensions",
			"-out",
			identity.certificate,
		);
		return identity;
	}

	/** One that `issuer` has issued. */
	issue(issuer: Identity, issue: Issue = {}): Identity {
		const { path, identity } = this._paths();
		const request = ["req", "-new", "-nodes", ...KEYS[issue.kind ?? "ec"], "-keyout", identity.key];
		openssl(...request, "-subj", `/CN=${issue.commonName ?? "localhost"}`, "-out", `${path}.csr`);
		writeFileSync(`${path}.ext`, `${extensionsOf(issue).join("\n")}\n`);
		openssl(
			...["x509", "-req", "-in", `${path}.csr`, "-CA", issuer.certificate, "-CAkey", issuer.key],
			...["-set_serial", String(this._count), "-days", String(issue.days ?? 2), "-sha256"],
			...["-extfile", `${path}.ext`, "-out", identity.certificate],
		);
		return identity;
	}

	/** The same key, with the certificates of its issuers behind its own. */
	chain(identity: Identity, ...issuers: Identity[]): Identity {
		const { identity: chained } = this._paths();
		const certificates = [identity, ...issuers].map(({ certificate }) => readFileSync(certificate, "utf8"));
		writeFileSync(chained.certificate, certificates.join(""));
		return { certificate: chained.certificate, key: identity.key };
	}

	private _paths(): { path: string; identity: Identity } {
		const path = join(this._folder, String(++this._count));
		return { path, identity: { certificate: `${path}.pem`, key: `${path}.key` } };
	}
}

function extensionsOf({
	names = ["DNS:localhost", "IP:127.0.0.1"],
	authority = false,
	extensions = [],
}: Issue): string[] {
	return [
		`basicConstraints=${authority ? "critical,CA:TRUE" : "CA:FALSE"}`,
		"subjectKeyIdentifier=hash",
		...(names.length > 0 ? [`subjectAltName=${names.join(",")}`] : []),
		...extensions,
	];
}

function openssl(...args: string[]): void {
	execFileSync(findProgram("openssl"), args, { stdio: "pipe" });
}
