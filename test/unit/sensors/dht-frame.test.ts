import { createRandom } from "../../../hosts/sim/devices/random.ts";
import { decodeFrame, dht11Sample, dht22Sample } from "../../../src/sensors/dht-frame.ts";
import type { Sample } from "../../../src/sensors/sensor.ts";
import data from "../../data/dht-pulse-trains.json";
import { deepEqual, equal, near, ok, test, throws } from "../../harness/harness.ts";

const { frames } = data;
const am2322 = frames.find(({ capture }) => capture.startsWith("am2322"))!;
const dht11 = frames.find(({ capture }) => capture === "dht11/dht11_1mhz.sr")!;

const decode = (durations: ArrayLike<number>) => [...decodeFrame(durations)];

/** The durations with each edge, also the first and the last, moved by up to `error` µs. */
function jittered(durations: readonly number[], error: number, random: () => number): number[] {
	let before = error * (2 * random() - 1);
	return durations.map((duration) => {
		const after = error * (2 * random() - 1);
		const moved = duration + after - before;
		before = after;
		return moved;
	});
}

/** Decoded, refused, or decoded to other bytes, over `rounds` jittered copies of each frame. */
function outcomes(error: number, rounds: number): { right: number; refused: number; wrong: number } {
	const random = createRandom(419);
	const count = { right: 0, refused: 0, wrong: 0 };
	for (const { durationsUs, bytes } of frames) {
		for (let round = 0; round < rounds; round++) {
			try {
				const decoded = decode(jittered(durationsUs, error, random));
				if (decoded.every((byte, index) => byte === bytes[index])) count.right++;
				else count.wrong++;
			} catch {
				count.refused++;
			}
		}
	}
	return count;
}

test("each of 47 recorded frames decodes to its bytes", () => {
	equal(frames.length, 47);
	for (const { durationsUs, bytes } of frames) deepEqual(decode(durationsUs), bytes);
});

test("the frames decode from every kind of array, with the release in front and without the last level", () => {
	for (const { durationsUs, bytes, startHighUs } of frames) {
		deepEqual(decode(Uint16Array.from(durationsUs)), bytes);
		deepEqual(decode([startHighUs, ...durationsUs]), bytes);
		deepEqual(decode(durationsUs.slice(0, -1)), bytes);
		deepEqual(decode([startHighUs, ...durationsUs.slice(0, -1)]), bytes);
	}
});

test("the edges before the first bit may be missing, and its low level, but no more", () => {
	for (const { durationsUs, bytes } of frames) {
		for (const missing of [1, 2, 3]) {
			deepEqual(decode(durationsUs.slice(missing)), bytes);
			deepEqual(decode(durationsUs.slice(missing, -1)), bytes);
		}
		throws(() => decode(durationsUs.slice(4)), /^the frame is incomplete: 79 levels instead of 84$/);
		throws(() => decode(durationsUs.slice(4, -1)), /^the frame is incomplete: 78 levels instead of 84$/);
	}
});

test("edges moved by up to 5 µs, each on its own, change nothing", () => {
	deepEqual(outcomes(5, 20), { right: 940, refused: 0, wrong: 0 });
});

test("edges moved by up to 10 µs spoil 2 in 100 frames at the most, and these are refused", () => {
	const { right, wrong } = outcomes(10, 20);
	ok(right >= 921, `${right} of 940 right, ${wrong} wrong`);
	equal(wrong, 0);
});

test("durations wrong by up to 10 µs change nothing", () => {
	const random = createRandom(1);
	for (const { durationsUs, bytes } of frames) {
		for (let round = 0; round < 20; round++) {
			deepEqual(decode(durationsUs.map((duration) => duration + 20 * random() - 10)), bytes);
		}
	}
});

test("a spike in any low level is refused, whatever its width", () => {
	for (let bit = 0; bit < 40; bit++) {
		for (const width of [1, 3, 8, 20]) {
			const levels = [...am2322.durationsUs];
			const low = levels[2 + 2 * bit]!;
			levels.splice(2 + 2 * bit, 1, (low - width) / 2, width, (low - width) / 2);
			throws(() => decode(levels), /^the frame (is disturbed|has 1 levels too many)/);
			// Also where lost edges at the front make up for the two that the spike adds.
			throws(() => decode(levels.slice(2)), /^the frame is disturbed/);
		}
	}
});

test("two edges lost within a frame are noticed", () => {
	for (let first = 2; first < 80; first++) {
		const levels = [...am2322.durationsUs];
		const merged = levels[first]! + levels[first + 1]! + levels[first + 2]!;
		levels.splice(first, 3, merged);
		throws(() => decode(levels), /^the frame is disturbed: (low|high) for \d+ µs at bit \d+$/);
	}
});

test("a truncated frame is incomplete at any length", () => {
	for (let length = 0; length < 78; length++) {
		throws(() => decode(am2322.durationsUs.slice(0, length)), /^the frame is incomplete/);
	}
});

test("durations that are no numbers are refused", () => {
	throws(() => decode(am2322.durationsUs.map(() => Number.NaN)), /^the frame is disturbed/);
});

function values({ thermometer, hygrometer }: Sample): [number, number] {
	return [thermometer.temperature, hygrometer!.humidity];
}

/** Four bytes with their checksum. */
const summed = (...bytes: [number, number, number, number]) => [
	...bytes,
	(bytes[0] + bytes[1] + bytes[2] + bytes[3]) & 0xff,
];

test("recorded DHT22s give tenths, with the sign as magnitude", () => {
	deepEqual(values(dht22Sample([0x02, 0xd1, 0x00, 0xee, 0xc1])), [23.8, 0.721]);
	deepEqual(values(dht22Sample([0x01, 0x89, 0x00, 0xde, 0x68])), [22.2, 0.393]);
	deepEqual(values(dht22Sample(decode(am2322.durationsUs))), [-7.8, 0.703]);
});

test("DHT22s that count in two's complement are understood", () => {
	deepEqual(values(dht22Sample([2, 183, 255, 233, 161])), [-2.3, 0.695]);
	deepEqual(values(dht22Sample(summed(1, 0, 0xff, 0xff))), [-0.1, 0.256]);
	deepEqual(values(dht22Sample(summed(1, 0, 0xfe, 0x70))), [-40, 0.256]);
});

test("a sign before zero degrees is no minus zero", () => {
	deepEqual(values(dht22Sample(summed(1, 0, 0x80, 0))), [0, 0.256]);
	deepEqual(values(dht11Sample(summed(50, 0, 0, 0x80))), [0, 0.5]);
});

test("the limits of a DHT22 are readings, and beyond them is none", () => {
	deepEqual(values(dht22Sample(summed(0x03, 0xe8, 0x03, 0x20))), [80, 1]);
	deepEqual(values(dht22Sample(summed(0x00, 0x01, 0x81, 0x90))), [-40, 0.001]);
	throws(() => dht22Sample(summed(0x03, 0xe9, 0x01, 0)), /^a humidity of 100\.1 % is more than 100 %$/);
	throws(() => dht22Sample(summed(0x01, 0, 0x03, 0x21)), /^a temperature of 80\.1 °C is not within -40\.\.80 °C$/);
	throws(() => dht22Sample(summed(0x01, 0, 0x81, 0x91)), /^a temperature of -40\.1 °C/);
	throws(() => dht22Sample(summed(0x01, 0, 0xfe, 0x6f)), /^a temperature of -40\.1 °C/);
	throws(() => dht22Sample(summed(0x01, 0, 0xbf, 0xff)), /^a temperature of -1638\.3 °C/);
});

test("a recorded DHT11 gives whole degrees, later editions tenths and a sign", () => {
	deepEqual(values(dht11Sample(decode(dht11.durationsUs))), [27, 0.36]);
	deepEqual(values(dht11Sample(summed(55, 4, 21, 9))), [21.9, 0.554]);
	const [temperature] = values(dht11Sample(summed(55, 0, 3, 0x85)));
	near(temperature, -3.5, 1e-9);
});

test("a DHT11 clone may leave the tenths out of its checksum, a DHT22 may not", () => {
	deepEqual(values(dht11Sample([55, 4, 21, 9, 76])), [21.9, 0.554]);
	throws(() => dht11Sample([55, 4, 21, 9, 80]), /^the checksum is wrong$/);
	throws(() => dht22Sample([0x02, 0xd1, 0x00, 0xee, 0x02]), /^the checksum is wrong$/);
});

test("any single wrong bit in a DHT22's frame is noticed", () => {
	const bytes = decode(am2322.durationsUs);
	for (let bit = 0; bit < 40; bit++) {
		const wrong = bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte));
		throws(() => dht22Sample(wrong), /^the checksum is wrong$/);
	}
});

test("the limits of a DHT11 are its later edition's", () => {
	deepEqual(values(dht11Sample(summed(100, 0, 60, 0))), [60, 1]);
	deepEqual(values(dht11Sample(summed(4, 0, 20, 0x80))), [-20, 0.04]);
	throws(() => dht11Sample(summed(100, 1, 20, 0)), /^a humidity of 100\.1 % is more than 100 %$/);
	throws(() => dht11Sample(summed(50, 0, 61, 0)), /^a temperature of 61\.0 °C is not within -20\.\.60 °C$/);
	throws(() => dht11Sample(summed(50, 0, 21, 0x80)), /^a temperature of -21\.0 °C/);
	throws(() => dht11Sample(summed(50, 10, 20, 0)), /^the frame has tenths beyond 9$/);
});

test("a frame of zeros is refused although its checksum is right", () => {
	for (const sample of [dht11Sample, dht22Sample]) {
		throws(() => sample([0, 0, 0, 0, 0]), /^the sensor sent nothing but zeros$/);
	}
});

test("each recorded frame is refused as the other model's, with what to do", () => {
	for (const { bytes, capture } of frames) {
		if (capture.startsWith("dht11")) throws(() => dht22Sample(bytes), /looks like a DHT11's.*set `sensor` to dht11/);
		else throws(() => dht11Sample(bytes), /looks like a DHT22's.*set `sensor` to dht22/);
	}
});
