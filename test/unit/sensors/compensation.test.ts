import { type Calibration, compensate, parseCalibration } from "../../../src/sensors/compensation.ts";
import data from "../../data/bme280-vectors.json";
import { deepEqual, equal, near, ok, test, throws } from "../../harness/harness.ts";

/** The sensor's resolutions: 0.01 °C, 0.18 Pa, 0.008 % (datasheet tables 2 to 4). */
const RESOLUTION = { temperature: 0.01, pressure: 0.18, humidity: 0.000_08 };

type Vector = (typeof data.vectors)[number];

const bytes = (dump: string) => Uint8Array.from(dump.split(" "), (byte) => Number.parseInt(byte, 16));
const dumps = data.vectors.find(({ name }) => name === "periph-i2c")!.bytes!;

/** A calibration as `parseCalibration` returns it, from a flat one. */
function calibrationOf({ calibration }: Vector): Calibration {
	const { H1, H2, H3, H4, H5, H6, ...rest } = calibration as Calibration & Record<`H${1 | 2 | 3 | 4 | 5 | 6}`, number>;
	return H1 === undefined ? rest : { ...rest, humidity: { H1, H2, H3, H4, H5, H6 } };
}

for (const vector of data.vectors) {
	test(`the vector ${vector.name} comes out as published`, () => {
		const { T, P, H } = vector.adc;
		const result = compensate(calibrationOf(vector), {
			temperature: T,
			pressure: P ?? 0,
			...(H !== null && { humidity: H }),
		});
		const { float, int } = vector as {
			float: { T: number; P?: number; H?: number };
			int: { T_centi: number; P_Q24_8: number; H_Q22_10: number };
		};
		near(result.temperature, float.T, 1e-6);
		near(result.temperature, int.T_centi / 100, RESOLUTION.temperature);
		equal(result.humidity === undefined, H === null);
		if (float.P !== undefined) {
			near(result.pressure, float.P, 1e-3);
			// The integer variant works on a rounded t_fine: 1 Pa is what it promises.
			near(result.pressure, int.P_Q24_8 / 256, 1);
		}
		if (float.H !== undefined) {
			near(result.humidity!, float.H / 100, 1e-8);
			near(result.humidity!, int.H_Q22_10 / 102_400, RESOLUTION.humidity);
		}
	});
}

test("a register dump gives the calibration that its vector tells", () => {
	for (const vector of data.vectors) {
		if (vector.bytes === undefined) continue;
		deepEqual(parseCalibration(bytes(vector.bytes.reg0x88), bytes(vector.bytes.reg0xE1)), calibrationOf(vector));
	}
});

test("without the second block there is no humidity", () => {
	const calibration = parseCalibration(bytes(dumps.reg0x88).subarray(0, 26));
	equal(calibration.humidity, undefined);
	equal(compensate(calibration, { temperature: 526_700, pressure: 304_428, humidity: 31_350 }).humidity, undefined);
});

test("H4 and H5 share a byte, each with its own sign", () => {
	// claudiomattera's chip: E4 E5 E6 = 12 20 03, so H4 = 0x120 = 288 and H5 = 0x032 = 50.
	const humidity = (dump: string) => parseCalibration(bytes(dumps.reg0x88), bytes(dump)).humidity!;
	deepEqual([humidity("77 01 00 12 20 03 1e").H4, humidity("77 01 00 12 20 03 1e").H5], [288, 50]);
	// 12-bit two's complement: 0xEE0 = 0xEE0 - 0x1000 = -288, low digit 0; 0xFCE = -50, low digit E. E4 E5 E6 = EE E0 FC.
	deepEqual([humidity("77 01 00 ee e0 fc 1e").H4, humidity("77 01 00 ee e0 fc 1e").H5], [-288, -50]);
	// The extremes: 0x800 = -2048, 0x7FF = 2047, 0xFFF = -1.
	deepEqual([humidity("77 01 00 80 f0 7f 1e").H4, humidity("77 01 00 80 f0 7f 1e").H5], [-2048, 2047]);
	deepEqual([humidity("77 01 00 ff ff ff e2").H4, humidity("77 01 00 ff ff ff e2").H5], [-1, -1]);
	equal(humidity("77 01 00 ff ff ff e2").H6, -30);
	equal(humidity("89 fe 00 ff ff ff e2").H2, -375);
});

test("a negative H5 lowers the humidity of a warm room as computed by hand", () => {
	// periph's T calibration and counts give t_fine = 121457.1, so t = 121457.1 - 76800 = 44657.1.
	// H4 = 309, H5 = -50: base = 309 * 64 - 50 / 16384 * 44657.1 = 19776 - 136.283 = 19639.717.
	// slope = 366 / 65536 * (1 + 30 / 67108864 * 44657.1) = 0.00558472 * 1.0199635 = 0.005696207.
	// linear = (31350 - 19639.717) * 0.005696207 = 66.70420; * (1 - 75 * 66.70420 / 524288) = 66.06771 %.
	const calibration = parseCalibration(bytes(dumps.reg0x88), bytes("6e 01 00 13 e5 fc 1e"));
	deepEqual([calibration.humidity!.H4, calibration.humidity!.H5], [309, -50]);
	const { humidity } = compensate(calibration, { temperature: 526_700, pressure: 304_428, humidity: 31_350 });
	near(humidity!, 0.660_677, 1e-6);
});

test("humidity is not limited: whether it can be believed shows before", () => {
	const calibration = parseCalibration(bytes(dumps.reg0x88), bytes(dumps.reg0xE1));
	const humidity = (counts: number) =>
		compensate(calibration, { temperature: 526_700, pressure: 304_428, humidity: counts }).humidity!;
	// H4 = 309, H5 = 0: base = 309 * 64 = 19776. slope = 366 / 65536 * (1 + 30 / 67108864 * 44657.1) = 0.005696207.
	// linear = -19776 * 0.005696207 = -112.6482; * (1 + 75 * 112.6482 / 524288) = -114.463 %.
	near(humidity(0), -1.144_63, 1e-5);
	// linear = (65535 - 19776) * 0.005696207 = 260.6527; * (1 - 75 * 260.6527 / 524288) = 250.934 %.
	near(humidity(0xffff), 2.509_34, 1e-5);
});

test("a calibration that no factory wrote is refused by name", () => {
	const first = (...changes: [register: number, value: number][]) => {
		const dump = bytes(dumps.reg0x88);
		for (const [register, value] of changes) dump[register - 0x88] = value;
		return dump;
	};
	throws(() => parseCalibration(first([0x88, 0], [0x89, 0])), /^the calibration is damaged: T1 is 0$/);
	throws(() => parseCalibration(first([0x88, 0xff], [0x89, 0xff])), /T1 is 65535/);
	throws(() => parseCalibration(first([0x8e, 0], [0x8f, 0])), /P1 is 0/);
	throws(() => parseCalibration(first([0x8e, 0xff], [0x8f, 0xff])), /P1 is 65535/);
	throws(() => parseCalibration(new Uint8Array(26)), /every byte from 0x88 on is 0$/);
	throws(() => parseCalibration(new Uint8Array(26).fill(0x42)), /every byte from 0x88 on is 66$/);
	throws(() => parseCalibration(first(), new Uint8Array(7).fill(0xff)), /every byte from 0xE1 on is 255$/);
});

test("the sentinels of skipped channels decode to mild weather, which is why the driver must look for them", () => {
	const { temperature, pressure, humidity } = compensate(parseCalibration(bytes(dumps.reg0x88), bytes(dumps.reg0xE1)), {
		temperature: 0x80000,
		pressure: 0x80000,
		humidity: 0x8000,
	});
	ok(temperature > 20 && temperature < 27, `${temperature} °C`);
	ok(pressure > 60_000 && pressure < 90_000, `${pressure} Pa`);
	ok(humidity! > 0.6 && humidity! < 0.9, `${humidity}`);
});
