import { parseReplay, pickReplay } from "../../../hosts/sim/devices/replay.ts";
import bme280 from "../../data/bme280-vectors.json";
import dht from "../../data/dht-pulse-trains.json";
import { deepEqual, equal, test, throws } from "../../harness/harness.ts";

const vectors = JSON.stringify(bme280);
const trains = JSON.stringify(dht);
const summary = (text: string, name?: string) =>
	parseReplay(text, name).map(({ kind, recordings }) => `${kind} ${recordings.length}`);

test("of the vectors, those with register dumps can be replayed", () => {
	const [replay] = parseReplay(vectors);
	deepEqual(summary(vectors), ["bme280 1"]);
	if (replay?.kind !== "bme280") throw new Error("not a BME280's");
	const [recording] = replay.recordings;
	equal(recording!.name, "periph-i2c");
	deepEqual([recording!.first.length, recording!.second.length], [26, 7]);
	deepEqual(recording!.frames, [Uint8Array.of(0x4a, 0x52, 0xc0, 0x80, 0x96, 0xc0, 0x7a, 0x76)]);
});

test("pulse trains are told apart by the names of their captures", () => {
	deepEqual(summary(trains), ["dht22 44", "dht11 3"]);
	const [replay] = parseReplay(trains, "am2322");
	if (replay?.kind !== "dht22") throw new Error("not a DHT22's");
	const recorded = dht.frames.find(({ capture }) => capture.startsWith("am2322"))!;
	deepEqual(replay.recordings, [
		{ name: recorded.capture, model: "dht22", startHigh: recorded.startHighUs, durations: recorded.durationsUs },
	]);
});

test("a name picks the recordings that have it", () => {
	deepEqual(summary(vectors, "periph-i2c"), ["bme280 1"]);
	deepEqual(summary(trains, "dht11"), ["dht11 3"]);
	deepEqual(summary(trains, "1mhz_200s"), ["dht22 20"]);
	throws(() => parseReplay(trains, "am9999"), /^the file has no recording named am9999$/);
	throws(() => parseReplay(vectors, "gobot"), /^the file has no recording named gobot$/);
});

test("a dump may have several frames", () => {
	const [vector] = bme280.vectors.filter(({ bytes }) => bytes);
	const several = {
		...vector,
		bytes: { ...vector!.bytes, reg0xF7: ["01 02 03 04 05 06 07 08", "11 12 13 14 15 16 17 18"] },
	};
	const [replay] = parseReplay(JSON.stringify({ vectors: [several] }));
	if (replay?.kind !== "bme280") throw new Error("not a BME280's");
	deepEqual(
		replay.recordings[0]!.frames.map(([first]) => first),
		[0x01, 0x11],
	);
});

test("a sensor gets the replay that suits it, and a BMP280 a BME280's", () => {
	equal(pickReplay(parseReplay(trains), "dht11").kind, "dht11");
	equal(pickReplay(parseReplay(trains), "dht22").kind, "dht22");
	equal(pickReplay(parseReplay(vectors), "bmp280").kind, "bme280");
	throws(
		() => pickReplay(parseReplay(trains), "bme280"),
		/^the file has recordings for dht22 and dht11, none for bme280$/,
	);
});

test("what cannot be replayed is refused with its place", () => {
	const frame = dht.frames[0]!;
	const withFrame = (changes: object) => JSON.stringify({ frames: [frame, { ...frame, ...changes }] });
	const bytes = bme280.vectors.find(({ bytes }) => bytes)!.bytes!;
	const withBytes = (changes: object) => JSON.stringify({ vectors: [{ name: "a", bytes: { ...bytes, ...changes } }] });
	for (const [text, pattern] of [
		["{", /^the file is not JSON: /],
		["[]", /^the file: must be an object$/],
		["null", /^the file: must be an object$/],
		["{}", /^the file has neither `frames` of a DHT nor `vectors` of a BME280$/],
		['{"frames":[]}', /^the file has no recording$/],
		['{"frames":{}}', /^frames: must be a list$/],
		['{"vectors":[1]}', /^vectors\[0\]: must be an object$/],
		['{"vectors":[{"name":"a"}]}', /^the file has no recording$/],
		[withFrame({ capture: 7 }), /^frames\[1\]\.capture: must be a text$/],
		[withFrame({ capture: "bmp/x" }), /^frames\[1\]\.capture: bmp\/x does not tell which sensor it is of$/],
		[withFrame({ durationsUs: [1, 2] }), /^frames\[1\]\.durationsUs: has 2 durations instead of 83$/],
		[withFrame({ durationsUs: ["1"] }), /^frames\[1\]\.durationsUs: must be durations in µs$/],
		[withFrame({ startHighUs: -1 }), /^frames\[1\]\.startHighUs: must be durations in µs$/],
		[withBytes({ reg0x88: "10 6e" }), /^vectors\[0\]\.bytes\.reg0x88: has 2 bytes instead of 26$/],
		[withBytes({ reg0xE1: "xyz" }), /^vectors\[0\]\.bytes\.reg0xE1: must be bytes in hexadecimal/],
		[withBytes({ reg0xF7: undefined }), /^vectors\[0\]\.bytes\.reg0xF7: must be a text$/],
	] as const) {
		throws(() => parseReplay(text), pattern);
	}
	throws(
		() => parseReplay(JSON.stringify({ frames: new Array(10_001).fill(frame) })),
		/^frames: has more than 10000 elements$/,
	);
});
