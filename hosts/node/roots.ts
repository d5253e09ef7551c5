/**
 * Root certificates by their names, which a computer turns into PEM: no part of the firmware knows them. They are those
 * that Node.js brings along; the fingerprints here see to it that a name means the same certificate for ever.
 */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";

export interface Root {
	/** Its common name. */
	readonly name: string;
	/** Of the certificate, SHA-256, as OpenSSL shows it. */
	readonly fingerprint: string;
	/** The last day of its validity, by ISO 8601. */
	readonly expires: string;
}

/** From the authorities' own pages, compared with Mozilla's list, which is Node's. */
const ISRG_X1: Root = {
	name: "ISRG Root X1",
	fingerprint: "96:BC:EC:06:26:49:76:F3:74:60:77:9A:CF:28:C5:A7:CF:E8:A3:C0:AA:E1:1A:8F:FC:EE:05:C0:BD:DF:08:C6",
	expires: "2035-06-04",
};
const ISRG_X2: Root = {
	name: "ISRG Root X2",
	fingerprint: "69:72:9B:8E:15:A8:6E:FC:17:7A:57:AF:B7:17:1D:FC:64:AD:D2:8C:2F:CA:8C:F1:50:7E:34:45:3C:CB:14:70",
	expires: "2040-09-17",
};

/** What stands behind `root:`, and the certificates that it is. */
export const ROOTS: Readonly<Record<string, readonly Root[]>> = {
	// Its chains of today lead to one of them, or to both.
	letsencrypt: [ISRG_X1, ISRG_X2],
	"isrg-x1": [ISRG_X1],
	"isrg-x2": [ISRG_X2],
	"digicert-g2": [
		{
			name: "DigiCert Global Root G2",
			fingerprint: "CB:3C:CB:B7:60:31:E5:E0:13:8F:8D:D3:9A:23:F9:DE:47:FF:C3:5E:43:C1:14:4C:EA:27:D4:6A:5A:B1:CB:5F",
			expires: "2038-01-15",
		},
	],
	"gts-r1": [
		{
			name: "GTS Root R1",
			fingerprint: "D9:47:43:2A:BD:E7:B7:FA:90:FC:2E:6B:59:10:1B:12:80:E0:E1:C7:E4:E4:0F:A3:C6:88:7F:FF:57:A7:F4:CF",
			expires: "2036-06-22",
		},
	],
	"gts-r4": [
		{
			name: "GTS Root R4",
			fingerprint: "34:9D:FA:40:58:C5:E2:63:12:3B:39:8A:E7:95:57:3C:4E:13:13:C8:3F:E6:8F:93:55:6C:D5:E8:03:1B:3C:7D",
			expires: "2036-06-22",
		},
	],
	"amazon-1": [
		{
			name: "Amazon Root CA 1",
			fingerprint: "8E:CD:E6:88:4F:3D:87:B1:12:5B:A3:1A:C3:FC:B1:3D:70:16:DE:7F:57:CC:90:4F:E1:CB:97:C6:AE:98:19:6E",
			expires: "2038-01-17",
		},
	],
};

const PREFIX = "root:";

/** Whether it is to be a name of roots: no path begins like that. */
export function isRootName(text: string): boolean {
	return text.startsWith(PREFIX);
}

/** The certificates in PEM. Throws an Error for a name that there is not, and where this Node.js does not have one of them. */
export function rootsOf(text: string): string {
	const name = text.slice(PREFIX.length);
	if (!Object.hasOwn(ROOTS, name)) {
		throw new Error(`there is no such root: there are ${Object.keys(ROOTS).join(", ")}`);
	}
	return ROOTS[name]!.map(pemOf).join("");
}

function pemOf({ name, fingerprint }: Root): string {
	for (const pem of rootCertificates) {
		if (new X509Certificate(pem).fingerprint256 === fingerprint) return `${pem}\n`;
	}
	throw new Error(`this Node.js does not know ${name}: name a file in PEM instead`);
}
