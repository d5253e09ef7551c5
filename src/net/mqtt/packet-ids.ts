/** Packet ids from 1 to 65535, which all packets that need one share. */

const LARGEST = 0xffff;

export class PacketIds {
	private readonly _inUse = new Set<number>();
	private _last = 0;

	/** An id that is not in use [MQTT-2.3.1-2; 5.0: 2.2.1-3]. Whoever takes ids takes few: windows are small. */
	take(): number {
		do this._last = (this._last % LARGEST) + 1;
		while (this._inUse.has(this._last));
		this._inUse.add(this._last);
		return this._last;
	}

	/** The id is free again: what it was for is acknowledged, or given up. */
	free(packetId: number): void {
		this._inUse.delete(packetId);
	}
}
