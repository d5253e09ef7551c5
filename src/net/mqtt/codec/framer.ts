/**
 * Cuts a broker's bytes into packets, and refuses a packet as soon as its fixed header is wrong.
 *
 * A PUBLISH that is larger than the client takes is read past: only its packet
 * id is kept, to acknowledge it.
 */
import type { Bytes } from "../../../host.js";
import { malformed, ProtocolError } from "../errors.js";
import type { Oversized, ProtocolVersion, QoS } from "../packet.js";
import { PACKET_TOO_LARGE, PROTOCOL_ERROR, TOPIC_NAME_INVALID } from "../reason-codes.js";
import { mayBeSent, PUBLISH, packetName } from "./packet-types.js";

/** Bytes of a fixed header: the packet type and up to four of the remaining length (3.1.1, section 2.2.3). */
const FIXED_HEADER_MAXIMUM = 5;

export class Framer {
	/** The whole packet that the last `take` completed; a view of the bytes it was given, where they hold all of it. */
	packet: Bytes | undefined;
	/** The PUBLISH that was read past, if it ended with the last `take`. */
	oversized: Oversized | undefined;

	private readonly _maximumPacketSize: number;
	private readonly _version5: boolean;
	/** The fixed header that is being read. */
	private _firstByte = 0;
	private _headerLength = 0;
	private _remainingLength = 0;
	/**
	 * A packet whose fixed header is complete and whose rest is not, its size, and the
	 * number of its bytes so far. The buffer for the rest is made when the rest comes: a
	 * session busy with the packet before is not given it yet.
	 */
	private _partial: Bytes | undefined;
	private _size = 0;
	private _filled = 0;
	private _passing: Passing | undefined;

	constructor(maximumPacketSize: number, protocolVersion: ProtocolVersion) {
		this._maximumPacketSize = maximumPacketSize;
		this._version5 = protocolVersion === 5;
	}

	/** Whether a PUBLISH that is read past has not ended yet. */
	get passing(): boolean {
		return this._passing !== undefined;
	}

	/** Whether the next byte begins a packet, and one of this size is taken. */
	takesWhole(size: number): boolean {
		const isBetween = this._headerLength === 0 && this._partial === undefined && this._passing === undefined;
		return isBetween && size <= this._maximumPacketSize;
	}

	/** Takes bytes from `at` on, up to the end of one packet at the most, and returns the place after them. */
	take(bytes: Bytes, at: number): number {
		this.packet = this.oversized = undefined;
		if (this._passing) return this._pass(this._passing, bytes, at);
		if (!this._partial) {
			const begin = at;
			do {
				if (at === bytes.length) return at;
			} while (!this._takeHeader(bytes[at++]!));
			const headerLength = this._headerLength;
			const remainingLength = this._remainingLength;
			const size = headerLength + remainingLength;
			this._headerLength = this._remainingLength = 0;
			if (size > this._maximumPacketSize) {
				this._passing = new Passing(this._firstByte, headerLength, remainingLength);
				return this._pass(this._passing, bytes, at);
			}
			if (at - begin === headerLength && begin + size <= bytes.length) {
				this.packet = size === bytes.length ? bytes : bytes.subarray(begin, begin + size);
				return begin + size;
			}
			this._partial = new Uint8Array(Math.min(size, headerLength + bytes.length - at));
			this._partial[0] = this._firstByte;
			for (let index = 1, length = remainingLength; index < headerLength; index++, length >>= 7) {
				this._partial[index] = (length & 0x7f) | (index < headerLength - 1 ? 0x80 : 0);
			}
			this._size = size;
			this._filled = headerLength;
		} else if (this._partial.length < this._size) {
			const whole = new Uint8Array(this._size);
			whole.set(this._partial);
			this._partial = whole;
		}
		const end = Math.min(bytes.length, at + this._size - this._filled);
		this._partial.set(bytes.subarray(at, end), this._filled);
		this._filled += end - at;
		if (this._filled === this._size) {
			this.packet = this._partial;
			this._partial = undefined;
		}
		return end;
	}

	private _pass(passing: Passing, bytes: Bytes, begin: number): number {
		const end = passing.take(bytes, begin);
		if (passing.left === 0) {
			this._passing = undefined;
			this.oversized = passing.oversized;
		}
		return end;
	}

	/** One more byte of the fixed header; returns whether it was the last. */
	private _takeHeader(byte: number): boolean {
		const index = this._headerLength++;
		if (index === 0) {
			this._firstByte = byte;
			if (mayBeSent(byte, this._version5)) return false;
			throw new ProtocolError(`a broker must not send ${packetName(byte)}`, PROTOCOL_ERROR);
		}
		this._remainingLength += (byte & 0x7f) * 0x80 ** (index - 1);
		const complete = byte < 0x80;
		if (!complete && index === FIXED_HEADER_MAXIMUM - 1) {
			throw malformed("remaining length of more than 4 bytes (section 2.2.3)");
		}
		if (this._version5 && byte === 0 && index > 1) {
			throw malformed("remaining length of more bytes than it needs [5.0: MQTT-1.5.5-1]");
		}
		if (complete) this._checkLength();
		return complete;
	}

	private _checkLength(): void {
		const firstByte = this._firstByte;
		const size = this._headerLength + this._remainingLength;
		if (size > this._maximumPacketSize && firstByte >> 4 !== PUBLISH) {
			const fault = `${packetName(firstByte)} of ${size} bytes, more than ${this._maximumPacketSize}`;
			throw new ProtocolError(fault, PACKET_TOO_LARGE);
		}
		if (mayBeSent(firstByte, this._version5, this._remainingLength)) return;
		throw malformed(`${packetName(firstByte)} with a remaining length of ${this._remainingLength}`);
	}
}

/** A PUBLISH that is read past. Its flags, topic length and packet id are checked; the rest is not looked at. */
class Passing {
	private readonly _flags: number;
	private readonly _size: number;
	/** The remaining length, and the bytes of it that have passed. */
	private readonly _length: number;
	private _passed = 0;
	private _topicLength = 0;
	private _packetId = 0;

	constructor(firstByte: number, headerLength: number, remainingLength: number) {
		this._flags = firstByte & 0x0f;
		this._size = headerLength + remainingLength;
		this._length = remainingLength;
		if (this._qos > 2) throw malformed("PUBLISH: QoS 3 [MQTT-3.3.1-4]");
		if (this._qos === 0 && this._dup) throw malformed("PUBLISH: DUP with QoS 0 [MQTT-3.3.1-2]");
	}

	/** Bytes that have not passed yet. */
	get left(): number {
		return this._length - this._passed;
	}

	/** Once all has passed. */
	get oversized(): Oversized {
		return { cmd: "oversized publish", qos: this._qos as QoS, packetId: this._packetId, size: this._size };
	}

	private get _qos(): number {
		return (this._flags >> 1) & 3;
	}

	private get _dup(): boolean {
		return this._flags >= 8;
	}

	/** Lets bytes from `at` on pass, and returns the place after them. */
	take(bytes: Bytes, at: number): number {
		const begin = this._passed;
		const end = begin + Math.min(bytes.length - at, this.left);
		// Each byte is in one piece only: bytes that are not in this piece count as 0 in the sums.
		const byteAt = (index: number) => (index >= begin && index < end ? bytes[at + index - begin]! : 0);
		this._passed = end;
		this._topicLength += byteAt(0) * 0x100 + byteAt(1);
		if (begin < 2 && end >= 2) this._checkTopic();
		if (this._qos > 0 && end >= 2) {
			const packetId = 2 + this._topicLength;
			this._packetId += byteAt(packetId) * 0x100 + byteAt(packetId + 1);
			if (end >= packetId + 2 && this._packetId === 0) {
				throw new ProtocolError("PUBLISH: packet id 0 [MQTT-2.3.1-1]", PROTOCOL_ERROR);
			}
		}
		return at + end - begin;
	}

	private _checkTopic(): void {
		// In MQTT 5.0 a topic alias could stand for it, but the client allows none.
		if (this._topicLength === 0) {
			throw new ProtocolError("PUBLISH: empty topic name [MQTT-4.7.3-1]", TOPIC_NAME_INVALID);
		}
		if (2 + this._topicLength + (this._qos > 0 ? 2 : 0) > this._length) {
			throw malformed("PUBLISH: a topic name longer than the packet");
		}
	}
}
