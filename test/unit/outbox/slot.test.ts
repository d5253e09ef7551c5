import { crc16 } from "../../../src/outbox/crc16.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES } from "../../../src/outbox/slot.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

const body = Uint8Array.from({ length: 15 }, (_, index) => 0xf0 + index);

test("a slot gives back the record that it was made of", () => {
	const record = { kind: 5, seq: 0xffff_fffe, body };
	deepEqual(decodeSlot(encodeSlot(record), 0), record);
});

test("no flipped bit behind the mark goes unnoticed", () => {
	const slot = encodeSlot({ kind: 5, seq: 7, body });
	for (let bit = 8; bit < 8 * SLOT_BYTES; bit++) {
		slot[bit >> 3]! ^= 1 << (bit & 7);
		equal(decodeSlot(slot, 0), undefined, `bit ${bit}`);
		slot[bit >> 3]! ^= 1 << (bit & 7);
	}
});

test("a slot that was not written to its end is none, even if its CRC happens to be right", () => {
	const slot = encodeSlot({ kind: 5, seq: 7, body });
	slot[SLOT_BYTES - 1] = 0xff;
	new DataView(slot.buffer).setUint16(1, crc16(slot, 3, SLOT_BYTES));
	equal(decodeSlot(slot, 0), undefined);
});
