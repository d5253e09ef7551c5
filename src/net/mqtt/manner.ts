/**
 * In which manner to open a connection: with which version of MQTT, and whether
 * to send on without waiting for the CONNACK. What was refused is not tried
 * again; what failed is followed by something that more brokers bear.
 */
import type { ProtocolVersion } from "./packet.js";

export class Manner {
	/** The highest version that the broker has not refused. */
	#highest: ProtocolVersion;
	#version: ProtocolVersion;
	#pipelining: boolean;
	readonly #mayPipeline: boolean;

	/** Below this there is no speaking, whatever the broker says. */
	readonly #lowest: ProtocolVersion;

	constructor(version: ProtocolVersion, pipelining: boolean, lowest: ProtocolVersion) {
		this.#lowest = lowest;
		this.#highest = version;
		this.#version = version;
		this.#mayPipeline = pipelining;
		this.#pipelining = pipelining;
	}

	get version(): ProtocolVersion {
		return this.#version;
	}

	get pipelining(): boolean {
		return this.#pipelining;
	}

	/** The broker refused the version. Returns whether there is a lower one to try. */
	versionRefused(): boolean {
		if (this.#version === this.#lowest) return false;
		this.#highest = this.#version = this.#version === 5 ? 4 : 3;
		this.#pipelining = this.#mayPipeline;
		return true;
	}

	/**
	 * A connection that the broker had accepted has ended. If it was of an older
	 * version only because others were lost before, that may have been the network's
	 * doing: the next one is of the highest version again.
	 */
	ended(): void {
		this.#version = this.#highest;
	}

	/** It refused for another reason: no use in sending on until it lets the client in. */
	refused(): void {
		this.#pipelining = false;
	}

	/**
	 * The connection ended before the CONNACK. Some brokers drop a client that
	 * does not wait, others one of a version that they do not know. When neither
	 * waiting nor the older version helps, that was not the cause.
	 */
	dropped(pipelined: boolean): void {
		if (pipelined) {
			this.#pipelining = false;
		} else if (this.#version === 5) {
			this.#version = 4;
		} else {
			this.#version = this.#highest;
			this.#pipelining = this.#mayPipeline;
		}
	}
}
