/**
 * Ids of received QoS 2 messages between PUBREC and PUBREL, which must not be
 * handed on again [MQTT-4.3.3-2].
 *
 * A broker counts its ids up and releases them in order, so they are kept as
 * ranges: after a burst mosquitto 2.0.11 has hundreds of unreleased ids, whatever
 * the Receive Maximum, in one or two ranges.
 */

/** Ranges. A broker that needs more of them numbers its messages at random. */
const RANGES_MAXIMUM = 64;

interface Range {
	first: number;
	last: number;
}

export class ReceivedIds {
	private readonly _ranges: Range[] = [];

	has(packetId: number): boolean {
		return this._ranges.some(({ first, last }) => first <= packetId && packetId <= last);
	}

	/** Adds an id that is not there yet. Returns whether there was room for it. */
	add(packetId: number): boolean {
		const newest = this._ranges.at(-1);
		if (newest && newest.last === packetId - 1) newest.last = packetId;
		else if (this._ranges.length >= RANGES_MAXIMUM) return false;
		else this._ranges.push({ first: packetId, last: packetId });
		return true;
	}

	/** Returns whether it was there. */
	delete(packetId: number): boolean {
		const index = this._ranges.findIndex(({ first, last }) => first <= packetId && packetId <= last);
		const range = this._ranges[index];
		if (!range) return false;
		const { last } = range;
		if (packetId < last) this._ranges.splice(index + 1, 0, { first: packetId + 1, last });
		range.last = packetId - 1;
		if (range.last < range.first) this._ranges.splice(index, 1);
		return true;
	}
}
