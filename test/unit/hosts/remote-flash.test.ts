import { FlashChip } from "../../../hosts/sim/devices/flash-chip.ts";
import { answerFlash, RemoteFlash } from "../../../hosts/sim/headless/remote-flash.ts";
import { deepEqual, equal, test, throws } from "../../harness/harness.ts";

function joined() {
	const chip = new FlashChip({ blockLength: 4_096, blocks: 3 });
	const flash = new RemoteFlash((request) => {
		// What the worker hands over is a piece of a larger buffer.
		const received = new Uint8Array(request.byteLength + 3);
		received.set(new Uint8Array(request), 3);
		return answerFlash(chip, received.subarray(3)).buffer;
	});
	return { chip, flash };
}

test("both sides know the same blocks", () => {
	deepEqual(joined().flash.status(), { blockLength: 4_096, blocks: 3 });
});

test("what one side writes, erases and reads, the other has", () => {
	const { chip, flash } = joined();
	flash.write(Uint8Array.of(1, 2, 3), 8_200);
	deepEqual(new Uint8Array(chip.read(5, 8_199)), Uint8Array.of(0xff, 1, 2, 3, 0xff));
	deepEqual(flash.read(4, 8_200), Uint8Array.of(1, 2, 3, 0xff));
	flash.eraseBlock(2);
	deepEqual(flash.read(3, 8_200), Uint8Array.of(0xff, 0xff, 0xff));
	equal(flash.read(12_288, 0).length, 12_288);
});

test("bytes that are a piece of a larger buffer are written as they are", () => {
	const { flash } = joined();
	flash.write(Uint8Array.of(9, 8, 7, 6).subarray(1, 3), 0);
	deepEqual(flash.read(3, 0), Uint8Array.of(8, 7, 0xff));
});

test("an earlier read keeps its bytes", () => {
	const { flash } = joined();
	flash.write(Uint8Array.of(1, 2), 0);
	const first = flash.read(1, 0);
	flash.read(1, 1);
	deepEqual(first, Uint8Array.of(1));
});

test("what one side throws, the other throws, with its reason", () => {
	const { chip, flash } = joined();
	chip.write = () => {
		throw new Error("worn out");
	};
	throws(() => flash.write(Uint8Array.of(0), 0), /^worn out$/);
	throws(() => flash.read(1, 12_288), /./);
	throws(() => flash.eraseBlock(3), /./);
});

test("a request that nobody knows is refused", () => {
	deepEqual(answerFlash(joined().chip, Uint8Array.of(9))[0], 1);
});
