/** Packet ids from 1 to 65535, shared by all types of packets. */

const LARGEST = 0xffff;

export class PacketIds {
	/** Packets that wait for an answer, by their ids. */
	private readonly _waiting: ReadonlyMap<number, unknown>[] = [];
	private _last = 0;

	/** From now on the keys of `waiting` are ids in use. */
	share(waiting: ReadonlyMap<number, unknown>): void {
		this._waiting.push(waiting);
	}

	/** An id that is not in use [MQTT-2.3.1-2; 5.0: 2.2.1-3]. Windows are small, so the search ends soon. */
	take(): number {
		do this._last = (this._last % LARGEST) + 1;
		while (this._isInUse(this._last));
		return this._last;
	}

	private _isInUse(packetId: number): boolean {
		for (let index = 0; index < this._waiting.length; index++) if (this._waiting[index]!.has(packetId)) return true;
		return false;
	}
}
