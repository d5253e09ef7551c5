/**
 * From a DHT sensor's pulses to a sample: pure.
 *
 * Frame and codes: AM2302 and DHT11 datasheets, "single-bus communication"; the
 * limits of the pulses are those of recorded sensors with room to spare.
 */
import { type Sample, SensorError } from "./sensor.js";

const BITS = 40;
/** Durations in front of the first bit: the release's high level, the response's low and high. */
const LEAD_LEVELS = 3;
const LEVELS = LEAD_LEVELS + 2 * BITS + 1;

/** Levels in µs. A 0 is recorded as 20 to 30, a 1 as 68 to 80: between them is room for 19 µs of error on either side. */
const ONE_US = 49;
/** A bit's low level lasts 50 to 68 µs; a glitch that cuts it in two leaves a part shorter than this. */
const LOW_SHORTEST_US = 32;
/** Shorter is a glitch. */
const HIGH_SHORTEST_US = 5;
/** Longer is more than one level: two edges were lost. Two zeros that run together last 100. */
const LONGEST_US = 98;
/** Tells a 0's high level from any low level: no bit's low level is as short. */
const ZERO_LONGEST_US = 38;

/**
 * The five bytes on the wire, checksum last and not yet checked, from durations
 * as `PulseCapture.read` gives them. The frame is counted from its end, since the
 * front is where a receiver misses edges. Throws a `SensorError` for pulses that
 * no sensor makes.
 */
export function decodeFrame(durations: ArrayLike<number>): Uint8Array {
	const end = durations.length - (hasTail(durations) ? 1 : 0);
	const start = end - 2 * BITS;
	// The low level of the first bit may be missing: its high level has the value.
	if (start < -1) throw new SensorError(`the frame is incomplete: ${durations.length} levels instead of ${LEVELS}`);
	if (start > LEAD_LEVELS) throw new SensorError(`the frame has ${start - LEAD_LEVELS} levels too many`);
	const bytes = new Uint8Array(BITS / 8);
	for (let bit = 0; bit < BITS; bit++) {
		const low = durations[start + 2 * bit];
		const high = durations[start + 2 * bit + 1] ?? 0;
		if (low !== undefined && !(low >= LOW_SHORTEST_US && low <= LONGEST_US)) throw implausible(bit, "low", low);
		if (!(high >= HIGH_SHORTEST_US && high <= LONGEST_US)) throw implausible(bit, "high", high);
		if (high >= ONE_US) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
	}
	return bytes;
}

/**
 * Whether the last level is the sensor's last low level, or the last bit's high
 * level. If high levels were taken for low ones, each 0 would be too short for a
 * low level; and no frame is without zeros.
 */
function hasTail(durations: ArrayLike<number>): boolean {
	const shortLows = (end: number) => {
		let count = 0;
		for (let low = end - 2; low >= 0 && low >= end - 2 * BITS; low -= 2) {
			if (durations[low]! < ZERO_LONGEST_US) count++;
		}
		return count;
	};
	return shortLows(durations.length - 1) <= shortLows(durations.length);
}

function implausible(bit: number, level: string, duration: number): SensorError {
	return new SensorError(`the frame is disturbed: ${level} for ${Math.round(duration)} µs at bit ${bit + 1}`);
}

/** A DHT11 measures 20..90 % and 0..50 °C, a later edition and its clones 5..95 % and −20..60 °C: the wider range counts. */
const DHT11_TEMPERATURE = Object.freeze([-20, 60] as const);
/** Humidity in percent. A DHT22's first byte is never more than 3; no DHT11 of any edition goes that low. */
const DHT11_HUMIDITY = Object.freeze([4, 100] as const);
/** AM2302 datasheet, table 1. */
const DHT22_TEMPERATURE = Object.freeze([-40, 80] as const);

/**
 * The sample in a DHT11's bytes: whole percents and degrees, each followed by
 * its tenths; the sign in the top bit of the last. Throws a `SensorError` for
 * bytes that cannot be believed.
 */
export function dht11Sample(bytes: ArrayLike<number>): Sample {
	const [humid = 0, humidTenths = 0, warm = 0, warmTenths = 0, checksum = 0] = Array.from(bytes);
	rejectEmpty(bytes);
	// There are clones that leave the tenths out of the sum.
	const sums = [humid + humidTenths + warm + warmTenths, humid + warm];
	if (!sums.some((sum) => (sum & 0xff) === checksum)) throw badChecksum();
	if (humid < DHT11_HUMIDITY[0]) {
		throw new SensorError("the frame looks like a DHT22's: if the sensor is one, set `sensor` to dht22");
	}
	const tenths = warmTenths & 0x7f;
	if (humidTenths > 9 || tenths > 9) throw new SensorError("the frame has tenths beyond 9");
	const magnitude = warm + tenths / 10;
	return sample((humid * 10 + humidTenths) / 1_000, warmTenths & 0x80 ? -magnitude : magnitude, DHT11_TEMPERATURE);
}

/**
 * The sample in the bytes of a DHT22, AM2302 or one of their kin: tenths of a
 * percent and tenths of a degree, 16 bits each. Throws a `SensorError` for bytes
 * that cannot be believed.
 */
export function dht22Sample(bytes: ArrayLike<number>): Sample {
	const [humidHigh = 0, humidLow = 0, warmHigh = 0, warmLow = 0, checksum = 0] = Array.from(bytes);
	rejectEmpty(bytes);
	if (((humidHigh + humidLow + warmHigh + warmLow) & 0xff) !== checksum) throw badChecksum();
	const [lowest, highest] = DHT11_HUMIDITY;
	if (humidHigh >= lowest && humidHigh <= highest && humidLow <= 9 && (warmLow & 0x7f) <= 9) {
		throw new SensorError("the frame looks like a DHT11's: if the sensor is one, set `sensor` to dht11");
	}
	const code = (warmHigh << 8) | warmLow;
	// Bit 15 is the sign of a magnitude, which never needs bit 14. A sensor that sets both counts in two's complement.
	const tenths = code >= 0xc000 ? code - 0x10000 : code & 0x8000 ? -(code & 0x7fff) : code;
	return sample(((humidHigh << 8) | humidLow) / 1_000, tenths / 10, DHT22_TEMPERATURE);
}

/** A sensor that has not measured sends zeros, whose checksum is right. */
function rejectEmpty(bytes: ArrayLike<number>): void {
	if (Array.from(bytes).every((byte) => byte === 0)) throw new SensorError("the sensor sent nothing but zeros");
}

function badChecksum(): SensorError {
	return new SensorError("the checksum is wrong");
}

function sample(humidity: number, temperature: number, [coldest, hottest]: readonly [number, number]): Sample {
	if (humidity > 1) throw new SensorError(`a humidity of ${(humidity * 100).toFixed(1)} % is more than 100 %`);
	if (temperature < coldest || temperature > hottest) {
		throw new SensorError(`a temperature of ${temperature.toFixed(1)} °C is not within ${coldest}..${hottest} °C`);
	}
	// Minus zero degrees exist on the wire, but not in a report.
	return { thermometer: { temperature: temperature || 0 }, hygrometer: { humidity } };
}
