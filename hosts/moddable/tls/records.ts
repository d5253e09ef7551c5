/**
 * The records that a broker may send in TLS 1.2 (RFC 5246), and their order. They
 * are checked in front of the SDK's session, which takes anything at any time.
 *
 * From the session of SDK 8.2.3 it keeps away: an alert instead of a handshake,
 * after which the session would send everything unencrypted; an unsigned key for
 * the encryption; a change of ciphers before there are keys; and lengths for which
 * a board has no memory. It joins handshake messages that come in several records,
 * which the session does not.
 */
import type { Bytes } from "../../../src/host.js";
import { alertReason, DECODE_ERROR, PROTOCOL_VERSION, TlsError, UNEXPECTED_MESSAGE } from "./alerts.js";

/** Bytes of a record's content: the largest plain text, and the overhead of AES-GCM (RFC 5288). */
const CONTENT_MAXIMUM = 16_384 + 8 + 16;
/** Bytes of a handshake message; the chain of certificates is the longest. */
const MESSAGE_MAXIMUM = 16_384;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;

const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;

const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const SERVER_KEY_EXCHANGE = 12;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;
/** The handshake messages that may come at each stage; the first leads to the next stage. */
const MESSAGES: readonly (readonly number[])[] = Object.freeze([
	Object.freeze([SERVER_HELLO]),
	Object.freeze([CERTIFICATE]),
	Object.freeze([SERVER_KEY_EXCHANGE]),
	Object.freeze([CERTIFICATE_REQUEST, SERVER_HELLO_DONE]),
	Object.freeze([SERVER_HELLO_DONE]),
]);
/** Stages after the handshake messages: the broker changes ciphers, sends its Finished, and then data. */
const CHANGING = MESSAGES.length;
const FINISHING = CHANGING + 1;
const OPEN = FINISHING + 1;

/** The beginning of ServerECDHParams (RFC 8422, section 5.4): a named curve, secp256r1, and an uncompressed point on it. */
const KEY_PARAMETERS: readonly number[] = Object.freeze([3, 0, 23, 65, 4]);
const SIGNATURE_AT = 4 + 65;
/** SignatureAndHashAlgorithm: SHA-256, with RSA or ECDSA. */
const SHA256 = 4;
const RSA = 1;
const ECDSA = 3;

export class TlsRecords {
	private readonly _checkSignature: (signature: Bytes) => void;
	private readonly _hasCertificate: boolean;
	/** The broker has asked for a client certificate. */
	private _wantsCertificate = false;
	/** Arrived, not taken apart yet. */
	private _arrived: Bytes = NOTHING;
	/** The record that is arriving, or its header, and its bytes so far. */
	private _record: Bytes = new Uint8Array(RECORD_HEADER_BYTES);
	private _filled = 0;
	/** Handshake messages that are not whole yet, or wait for the messages before them. */
	private _messages: Bytes = NOTHING;
	private _stage = 0;

	/**
	 * `checkSignature` throws for a signature of the broker's key that the session
	 * must not get; `hasCertificate`: whether the client has a certificate.
	 */
	constructor(checkSignature: (signature: Bytes) => void, hasCertificate: boolean) {
		this._checkSignature = checkSignature;
		this._hasCertificate = hasCertificate;
	}

	/** Why the broker ends the handshake: with an alert, or without a word. */
	refusal(alert?: number): TlsError {
		if (this._wantsCertificate && !this._hasCertificate) {
			return new TlsError("the broker wants a client certificate (tls.certificate)");
		}
		return new TlsError(alert ? alertReason(alert) : "closed by the broker during the TLS handshake");
	}

	/** Takes bytes that have arrived, once `next` has used up the last ones. */
	push(bytes: Bytes): void {
		this._arrived = bytes;
	}

	/** The next record for the session; throws a `TlsError` where the broker may not send it. */
	next(): Bytes | undefined {
		for (;;) {
			const message = this._stage < CHANGING ? this._nextMessage() : undefined;
			if (message) return message;
			const record = this._nextRecord();
			if (!record) return undefined;
			const content = record.subarray(RECORD_HEADER_BYTES);
			if (this._stage < CHANGING && record[0] === HANDSHAKE) this._messages = joined([this._messages, content]);
			else {
				this._check(record[0]!, content);
				return record;
			}
		}
	}

	private _nextRecord(): Bytes | undefined {
		while (this._arrived.length > 0) {
			const part = this._arrived.subarray(0, this._record.length - this._filled);
			this._record.set(part, this._filled);
			this._filled += part.length;
			this._arrived = this._arrived.subarray(part.length);
			if (this._filled < this._record.length) return undefined;
			const record = this._record;
			if (record.length === RECORD_HEADER_BYTES) {
				const [type, major, , high, low] = record as unknown as [number, number, number, number, number];
				const length = high * 256 + low;
				if (type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA || major !== 3) {
					throw new TlsError(
						this._stage === 0 ? "the broker does not speak TLS on this port" : "TLS: a record of no known type",
					);
				}
				if (length === 0 || length > CONTENT_MAXIMUM)
					throw new TlsError("TLS: a record of a wrong length", DECODE_ERROR);
				this._record = new Uint8Array(RECORD_HEADER_BYTES + length);
				this._record.set(record);
				continue;
			}
			this._record = new Uint8Array(RECORD_HEADER_BYTES);
			this._filled = 0;
			return record;
		}
		return undefined;
	}

	/** One handshake message, in a record of its own: checking the next message needs the session's state after this one. */
	private _nextMessage(): Bytes | undefined {
		const messages = this._messages;
		if (messages.length < MESSAGE_HEADER_BYTES) return undefined;
		const [type, high, middle, low] = messages as unknown as [number, number, number, number];
		const length = MESSAGE_HEADER_BYTES + high * 65_536 + middle * 256 + low;
		if (length > MESSAGE_MAXIMUM) throw new TlsError("TLS: a handshake message that is too long", DECODE_ERROR);
		if (messages.length < length) return undefined;
		const message = messages.subarray(MESSAGE_HEADER_BYTES, length);
		this._messages = messages.subarray(length);
		const expected = MESSAGES[this._stage]!;
		if (!expected.includes(type)) throw outOfOrder();
		if (type === SERVER_HELLO && (message[0] !== 3 || message[1] !== 3)) {
			throw new TlsError("the broker does not speak TLS 1.2", PROTOCOL_VERSION);
		}
		if (type === SERVER_KEY_EXCHANGE) this._checkKey(message);
		if (type === CERTIFICATE_REQUEST) this._wantsCertificate = true;
		this._stage = type === SERVER_HELLO_DONE ? CHANGING : this._stage + 1;
		if (this._stage === CHANGING && this._messages.length > 0) throw outOfOrder();
		const record = new Uint8Array(RECORD_HEADER_BYTES + length);
		record.set([HANDSHAKE, 3, 3, length >> 8, length & 0xff]);
		record.set(messages.subarray(0, length), RECORD_HEADER_BYTES);
		return record;
	}

	/** The session does not check a key without a signature, or with a signature of an unknown kind. */
	private _checkKey(message: Bytes): void {
		const [hash, algorithm, high = 0, low = 0] = message.subarray(SIGNATURE_AT);
		const signature = message.subarray(SIGNATURE_AT + 4);
		if (
			KEY_PARAMETERS.some((value, index) => value !== message[index]) ||
			hash !== SHA256 ||
			(algorithm !== RSA && algorithm !== ECDSA) ||
			signature.length === 0 ||
			signature.length !== high * 256 + low
		) {
			throw new TlsError("TLS: the broker's key is not signed as it has to be", DECODE_ERROR);
		}
		if (algorithm === ECDSA) this._checkSignature(signature);
	}

	/** A record that the session gets as it is. */
	private _check(type: number, content: Bytes): void {
		if (type === ALERT && this._stage <= CHANGING) throw this.refusal(content[1] ?? 0);
		if (type === CHANGE_CIPHER_SPEC && this._stage === CHANGING && content.length === 1) this._stage = FINISHING;
		else if (type === HANDSHAKE && this._stage === FINISHING) this._stage = OPEN;
		else if (type !== ALERT && (type !== APPLICATION_DATA || this._stage < OPEN)) throw outOfOrder();
	}
}

const NOTHING = new Uint8Array(0);

export function joined(parts: readonly Bytes[]): Bytes {
	const [first = NOTHING] = parts;
	if (parts.length <= 1) return first;
	const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

function outOfOrder(): TlsError {
	return new TlsError("TLS: the broker sends a record out of turn", UNEXPECTED_MESSAGE);
}
