/** X.509 certificates (RFC 5280), read as far as a TLS client has to know them. */
import type { Bytes } from "../../../src/host.js";
import {
	BOOLEAN,
	bitsOf,
	CONSTRUCTED,
	contentOf,
	type DerValue,
	decodeDer,
	GENERALIZED_TIME,
	INTEGER,
	identifierOf,
	malformed,
	OBJECT_IDENTIFIER,
	OCTET_STRING,
	SET,
	textOf,
	UTC_TIME,
	valuesIn,
	wholeOf,
} from "./der.js";

export interface Certificate {
	readonly der: Bytes;
	/** The signed bytes, the algorithm's object identifier in hexadecimal, and the signature. */
	readonly signed: Bytes;
	readonly algorithm: string;
	readonly signature: Bytes;
	readonly issuer: Bytes;
	readonly subject: Bytes;
	/** The last of the subject's common names. */
	readonly commonName: string | undefined;
	/** ms since 1970. */
	readonly validFrom: number;
	readonly validTo: number;
	/** SubjectPublicKeyInfo. */
	readonly publicKey: DerValue;
	/** The certificate's host names in lower case, and IPv4 addresses. */
	readonly names: readonly string[];
	readonly addresses: readonly string[];
	/** Whether it claims to be an authority; `undefined` if it does not say. */
	readonly isAuthority: boolean | undefined;
	/** How many authorities may come between it and the last certificate. */
	readonly pathLength: number;
	/** Whether its key may sign certificates, and whether it may be a server's; true if it does not say. */
	readonly maySign: boolean;
	readonly mayServe: boolean;
	/** It has a critical extension that is not known here. */
	readonly hasUnknown: boolean;
}

/** Object identifiers in hexadecimal: id-at-commonName, and extensions (RFC 5280, section 4.2.1). */
const COMMON_NAME = "550403";
const KEY_USAGE = "551d0f";
const ALTERNATIVE_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";
const EXTENDED_KEY_USAGE = "551d25";
const SERVER_AUTHENTICATION = "2b06010505070301";
const ANY_USAGE = "551d2500";
/** Bit 5 of KeyUsage, counted from the highest. */
const KEY_CERT_SIGN = 0x04;
/** GeneralName: dNSName, iPAddress. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** Throws an Error where the bytes are no certificate. */
export function decodeCertificate(der: Bytes): Certificate {
	const [outer, rest] = decodeDer(der);
	const [signed, algorithm, signature] = valuesIn(outer);
	const fields = valuesIn(signed);
	// [0], the version, is not there in version 1.
	if (fields[0]?.tag === CONSTRUCTED) fields.shift();
	const [, , issuer, validity, subject, publicKey, ...others] = fields;
	const [from, to] = valuesIn(validity);
	if (rest || !signed || !issuer || !subject || !publicKey) throw malformed();
	const extensions = others.find(({ tag }) => tag === CONSTRUCTED + 3);
	return {
		der,
		signed: wholeOf(signed),
		algorithm: identifierOf(valuesIn(algorithm)[0]),
		signature: bitsOf(signature),
		issuer: wholeOf(issuer),
		subject: wholeOf(subject),
		commonName: commonNameOf(subject),
		validFrom: timeOf(from),
		validTo: timeOf(to),
		publicKey,
		...decodeExtensions(extensions ? valuesIn(valuesIn(extensions, CONSTRUCTED + 3)[0]) : []),
	};
}

function commonNameOf(subject: DerValue): string | undefined {
	let name: string | undefined;
	for (const set of valuesIn(subject)) {
		for (const attribute of valuesIn(set, SET)) {
			const [type, value] = valuesIn(attribute);
			if (identifierOf(type) === COMMON_NAME && value) name = textOf(value.content).toLowerCase();
		}
	}
	return name;
}

function decodeExtensions(extensions: readonly DerValue[]) {
	const names: string[] = [];
	const addresses: string[] = [];
	let isAuthority: boolean | undefined;
	let pathLength = Number.POSITIVE_INFINITY;
	let maySign = true;
	let mayServe = true;
	let hasUnknown = false;
	for (const extension of extensions) {
		const [type, ...others] = valuesIn(extension);
		const isCritical = others[0]?.tag === BOOLEAN && others.shift()?.content[0] !== 0;
		const [value] = decodeDer(contentOf(others[0], OCTET_STRING));
		switch (identifierOf(type)) {
			case BASIC_CONSTRAINTS: {
				const [authority, length] = valuesIn(value);
				isAuthority = authority?.tag === BOOLEAN && authority.content[0] !== 0;
				if (length) pathLength = contentOf(length, INTEGER)[0]!;
				break;
			}
			case KEY_USAGE:
				maySign = ((value?.content[1] ?? 0) & KEY_CERT_SIGN) !== 0;
				break;
			case EXTENDED_KEY_USAGE:
				mayServe = valuesIn(value).some((usage) => {
					const usageId = usage.tag === OBJECT_IDENTIFIER && identifierOf(usage);
					return usageId === SERVER_AUTHENTICATION || usageId === ANY_USAGE;
				});
				break;
			case ALTERNATIVE_NAME:
				for (const { tag, content } of valuesIn(value)) {
					if (tag === DNS_NAME) names.push(textOf(content).toLowerCase());
					if (tag === IP_ADDRESS && content.length === 4) addresses.push(content.join("."));
				}
				break;
			default:
				hasUnknown ||= isCritical;
		}
	}
	return { names, addresses, isAuthority, pathLength, maySign, mayServe, hasUnknown };
}

/** `YYMMDDHHMMSSZ`, from 1950 to 2049, or with four digits of the year (RFC 5280, section 4.1.2.5). */
function timeOf(value: DerValue | undefined): number {
	const text = textOf(contentOf(value, value?.tag === GENERALIZED_TIME ? GENERALIZED_TIME : UTC_TIME));
	const [, year, ...rest] = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
	if (year === undefined || (year.length === 4) !== (value?.tag === GENERALIZED_TIME)) {
		throw malformed();
	}
	const [month = 1, day = 1, hours = 0, minutes = 0, seconds = 0] = rest.map(Number);
	const century = year.length === 4 ? 0 : Number(year) < 50 ? 2_000 : 1_900;
	return Date.UTC(century + Number(year), month - 1, day, hours, minutes, seconds);
}
