/** A broker's alerts (RFC 5246, section 7.2; RFC 6066, section 9) in words for a user. */

export const CLOSE_NOTIFY = 0;
export const UNEXPECTED_MESSAGE = 10;
export const BAD_CERTIFICATE = 42;
export const CERTIFICATE_EXPIRED = 45;
export const UNKNOWN_CA = 48;
export const DECODE_ERROR = 50;
export const PROTOCOL_VERSION = 70;

/** A failure of TLS, with the alert for the broker. */
export class TlsError extends Error {
	readonly alert: number | undefined;

	constructor(message: string, alert?: number) {
		super(message);
		this.alert = alert;
	}
}

const NOT_ACCEPTED = "the broker does not accept the client certificate";

export function alertReason(description: number): string {
	switch (description) {
		case CLOSE_NOTIFY:
			return "by the broker";
		case 40:
			return "the broker refuses the TLS handshake";
		case BAD_CERTIFICATE:
		case 43:
		case 46:
		case 49:
		case 51:
			return NOT_ACCEPTED;
		case 44:
			return `${NOT_ACCEPTED}: it has been revoked`;
		case CERTIFICATE_EXPIRED:
			return `${NOT_ACCEPTED}: it has expired`;
		case UNKNOWN_CA:
			return `${NOT_ACCEPTED}: it does not know who issued it`;
		case PROTOCOL_VERSION:
			return "the broker does not speak TLS 1.2";
		case 112:
			return "the broker does not know itself by this host name";
		default:
			return `the broker ended TLS: alert ${description}`;
	}
}
