import { decodeFrame } from "../../../src/sensors/bme280-frame.ts";
import { type Calibration, compensate, parseCalibration } from "../../../src/sensors/compensation.ts";
import data from "../../data/bme280-vectors.json";
import { deepEqual, equal, match, near, ok, test, throws } from "../../harness/harness.ts";

type Vector = (typeof data.vectors)[number];

const bytes = (dump: string) => Uint8Array.from(dump.split(" "), (byte) => Number.parseInt(byte, 16));
const periph = data.vectors.find(({ name }) => name === "periph-i2c")!;
const calibration = parseCalibration(bytes(periph.bytes!.reg0x88), bytes(periph.bytes!.reg0xE1));

/** The calibration of a chip that measures humidity. */
function calibrationOf(vector: Vector): Calibration {
	const { H1, H2, H3, H4, H5, H6, ...rest } = vector.calibration as Required<(typeof periph)["calibration"]>;
	return { ...rest, humidity: { H1, H2, H3, H4, H5, H6 } };
}

interface Counts {
	T: number;
	P: number;
	H: number;
}
/** The data registers with these counts. */
function frameOf({ T, P, H }: Counts): Uint8Array {
	const bytes20 = (value: number) => [value >> 12, (value >> 4) & 0xff, (value & 0x0f) << 4];
	return Uint8Array.of(...bytes20(P), ...bytes20(T), H >> 8, H & 0xff);
}

/** Vectors of chips that measure all three. */
const complete = data.vectors.flatMap((vector) => {
	const { T, P, H } = vector.adc;
	// One has the very counts that stand for a skipped humidity.
	return P === null || H === null ? [] : [{ vector, counts: { T, P, H: H === 0x8000 ? H + 1 : H } }];
});

test("the frame of a real chip gives its published values", () => {
	const { temperature, pressure, humidity } = decodeFrame(calibration, bytes(periph.bytes!.reg0xF7));
	near(temperature, periph.float.T, 1e-6);
	near(pressure, periph.float.P!, 1e-3);
	near(humidity!, periph.float.H! / 100, 1e-8);
});

test("a channel at either end of its counts is refused, whatever the chip", () => {
	ok(complete.length >= 4, `${complete.length} chips`);
	for (const { vector, counts } of complete) {
		const refused = (changes: Partial<Counts>, pattern: RegExp) => {
			const decode = () => decodeFrame(calibrationOf(vector), frameOf({ ...counts, ...changes }));
			match(throws(decode, pattern).message, pattern);
		};
		refused({ H: 0xffff }, /^a humidity of [0-9.]+ % is not within -10\.\.110 %$/);
		refused({ H: 0 }, /^a humidity of -[0-9.]+ % is not within/);
		refused({ T: 0xfffff }, /^a temperature of [0-9.]+ °C is not within -40\.\.85 °C$/);
		refused({ T: 0 }, /^a temperature of -[0-9.]+ °C is not within/);
		refused({ P: 0xfffff }, /^a pressure of -?[0-9]+ Pa is not within 30000\.\.110000 Pa$/);
		refused({ P: 0 }, /^a pressure of [0-9]+ Pa is not within/);
	}
});

test("humidity a little beyond its limits is at the limit, and far beyond is none", () => {
	const counts = { T: periph.adc.T, P: periph.adc.P!, H: 0 };
	const percentOf = (H: number) =>
		100 * compensate(calibration, { temperature: counts.T, pressure: counts.P, humidity: H }).humidity!;
	let limited = 0;
	let least = Number.POSITIVE_INFINITY;
	let greatest = Number.NEGATIVE_INFINITY;
	for (let H = 0x10; H < 0x10000; H += 0x10) {
		if (H === 0x8000) continue;
		const percent = percentOf(H);
		const decode = () => decodeFrame(calibration, frameOf({ ...counts, H })).humidity;
		if (percent < -10 || percent > 110) {
			throws(decode, /^a humidity of /);
			continue;
		}
		least = Math.min(least, percent);
		greatest = Math.max(greatest, percent);
		if (percent < 0 || percent > 100) {
			limited++;
			equal(decode(), percent < 0 ? 0 : 1);
		} else {
			near(decode()!, percent / 100, 1e-12);
		}
	}
	ok(limited > 50, `${limited}`);
	ok(least < -9 && greatest > 109, `${least}..${greatest}`);
});

test("a humidity that is no number is refused", () => {
	const broken = { ...calibration, humidity: { ...calibration.humidity!, H6: Number.NaN } };
	throws(() => decodeFrame(broken, bytes(periph.bytes!.reg0xF7)), /^a humidity of NaN % is not within -10\.\.110 %$/);
});

test("without humidity, six bytes are a frame", () => {
	const { humidity: _humidity, ...without } = calibration;
	const conditions = decodeFrame(without, bytes(periph.bytes!.reg0xF7).subarray(0, 6));
	deepEqual(Object.keys(conditions), ["temperature", "pressure"]);
	near(conditions.pressure, periph.float.P!, 1e-3);
});
