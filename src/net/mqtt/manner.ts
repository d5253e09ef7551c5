/**
 * In which manner to open a connection: with which version of MQTT, whether to
 * send on without waiting for the CONNACK, and whether with the will. What was refused is not tried
 * again; what failed is followed by something that more brokers bear.
 */
import type { ProtocolVersion } from "./packet.js";

/**
 * After so many attempts in a row that the broker refused for want of
 * authorization or ended without a word, one goes without the will: it may be
 * to a topic that the broker does not allow.
 */
const DOUBTS_MAXIMUM = 3;

export class Manner {
	/** The highest version that the broker has not refused. */
	private _highest: ProtocolVersion;
	private _version: ProtocolVersion;
	private _pipelining: boolean;
	private readonly _mayPipeline: boolean;
	/** Attempts in a row for whose failure the will may be the cause. */
	private _doubts = 0;

	/** Below this there is no speaking, whatever the broker says. */
	private readonly _lowest: ProtocolVersion;

	constructor(version: ProtocolVersion, pipelining: boolean, lowest: ProtocolVersion) {
		this._lowest = lowest;
		this._highest = version;
		this._version = version;
		this._mayPipeline = pipelining;
		this._pipelining = pipelining;
	}

	get version(): ProtocolVersion {
		return this._version;
	}

	get pipelining(): boolean {
		return this._pipelining;
	}

	/** Whether the next connection is one with the will, where there is one. */
	get hasWill(): boolean {
		return this._doubts < DOUBTS_MAXIMUM;
	}

	/** The will may be why the broker did not accept the connection. */
	doubtWill(): void {
		this._doubts = this.hasWill ? this._doubts + 1 : 0;
	}

	/** The broker has accepted the connection. */
	accepted(): void {
		this._doubts = 0;
	}

	/** The broker refused the version. Returns whether there is a lower one to try. */
	versionRefused(): boolean {
		if (this._version === this._lowest) return false;
		this._highest = this._version = this._version === 5 ? 4 : 3;
		this._pipelining = this._mayPipeline;
		return true;
	}

	/**
	 * A connection that the broker had accepted has ended. If it was of an older
	 * version only because others were lost before, that may have been the network's
	 * doing: the next one is of the highest version again.
	 */
	ended(): void {
		this._version = this._highest;
	}

	/** It refused for another reason: no use in sending on until it lets the client in. */
	refused(): void {
		this._pipelining = false;
	}

	/**
	 * The connection ended before the CONNACK. Some brokers drop a client that
	 * does not wait, others one of a version that they do not know. When neither
	 * waiting nor the older version helps, that was not the cause.
	 */
	dropped(pipelined: boolean): void {
		if (pipelined) {
			this._pipelining = false;
		} else if (this._version === 5) {
			this._version = 4;
		} else {
			this._version = this._highest;
			this._pipelining = this._mayPipeline;
		}
	}
}
