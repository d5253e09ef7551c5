/** Recordings of real sensors, from the text of a file. */
import type { BME280Recording } from "./bme280-chip.js";
import type { DHTModel, DHTRecording } from "./dht-chip.js";

/** Recordings of one kind of sensor, in the file's order. */
export type Replay =
	| { readonly kind: "bme280"; readonly recordings: readonly BME280Recording[] }
	| { readonly kind: DHTModel; readonly recordings: readonly DHTRecording[] };

/** A file that cannot be replayed; the message tells where it is wrong. */
export class ReplayError extends Error {
	override get name(): string {
		return "ReplayError";
	}
}

type Json = { readonly [member: string]: unknown };

/** Response, 40 bits and the sensor's last low level. */
const DHT_LEVELS = 83;
const RECORDINGS_MAXIMUM = 10_000;

/**
 * Reads a file with `frames` (pulses of DHT sensors) or `vectors` (register dumps
 * of BME280s; those without `bytes` are left out). `name` picks the recordings
 * that have it in their name or capture. One replay for each kind of sensor in
 * the file, at least one. Throws a `ReplayError`.
 */
export function parseReplay(text: string, name = ""): Replay[] {
	let file: unknown;
	try {
		file = JSON.parse(text);
	} catch (error) {
		throw new ReplayError(`the file is not JSON: ${(error as Error).message}`);
	}
	const root = object(file, "the file");
	if (root.frames === undefined && root.vectors === undefined) {
		throw new ReplayError("the file has neither `frames` of a DHT nor `vectors` of a BME280");
	}
	const replays =
		root.frames === undefined
			? bme280Replays(list(root.vectors, "vectors"), name)
			: dhtReplays(list(root.frames, "frames"), name);
	if (replays.length > 0) return replays;
	throw new ReplayError(name === "" ? "the file has no recording" : `the file has no recording named ${name}`);
}

/** The replay that suits a sensor; a BME280's serves a BMP280, too. Throws a `ReplayError`. */
export function pickReplay(replays: readonly Replay[], sensor: string): Replay {
	const kind = sensor === "bmp280" ? "bme280" : sensor;
	const replay = replays.find((replay) => replay.kind === kind);
	if (replay !== undefined) return replay;
	throw new ReplayError(
		`the file has recordings for ${replays.map(({ kind }) => kind).join(" and ")}, none for ${sensor}`,
	);
}

function bme280Replays(vectors: readonly unknown[], name: string): Replay[] {
	const recordings: BME280Recording[] = [];
	for (const [index, value] of vectors.entries()) {
		const where = `vectors[${index}]`;
		const vector = object(value, where);
		if (vector.bytes === undefined) continue;
		const bytes = object(vector.bytes, `${where}.bytes`);
		const recording = {
			name: string(vector.name, `${where}.name`),
			first: dump(bytes.reg0x88, 26, `${where}.bytes.reg0x88`),
			second: dump(bytes.reg0xE1, 7, `${where}.bytes.reg0xE1`),
			// One frame as a text, or several in a list.
			frames: [bytes.reg0xF7].flat().map((frame) => dump(frame, 8, `${where}.bytes.reg0xF7`)),
		};
		if (recording.name.includes(name)) recordings.push(recording);
	}
	return recordings.length > 0 ? [{ kind: "bme280", recordings }] : [];
}

function dhtReplays(frames: readonly unknown[], name: string): Replay[] {
	const recordings = frames.map((value, index): DHTRecording => {
		const where = `frames[${index}]`;
		const frame = object(value, where);
		const capture = string(frame.capture, `${where}.capture`);
		const durations = list(frame.durationsUs, `${where}.durationsUs`).map((duration) =>
			positive(duration, `${where}.durationsUs`),
		);
		if (durations.length !== DHT_LEVELS) {
			throw new ReplayError(`${where}.durationsUs: has ${durations.length} durations instead of ${DHT_LEVELS}`);
		}
		const startHigh = positive(frame.startHighUs, `${where}.startHighUs`);
		return { name: capture, model: modelOf(capture, where), startHigh, durations };
	});
	const named = recordings.filter((recording) => recording.name.includes(name));
	return (["dht22", "dht11"] as const)
		.map((kind) => ({ kind, recordings: named.filter(({ model }) => model === kind) }))
		.filter(({ recordings }) => recordings.length > 0);
}

/** Captures are named after the sensor: dht11, or dht22, am2302 and its kin. */
function modelOf(capture: string, where: string): DHTModel {
	if (/dht11/i.test(capture)) return "dht11";
	if (/dht22|am23\d\d|rht03/i.test(capture)) return "dht22";
	throw new ReplayError(`${where}.capture: ${capture} does not tell which sensor it is of`);
}

/** Bytes in hexadecimal with spaces between. */
function dump(value: unknown, byteLength: number, where: string): Uint8Array {
	const text = string(value, where);
	if (!/^[0-9a-f]{2}( [0-9a-f]{2})*$/i.test(text))
		throw new ReplayError(`${where}: must be bytes in hexadecimal with spaces between`);
	const bytes = text.split(" ").map((byte) => Number.parseInt(byte, 16));
	if (bytes.length !== byteLength)
		throw new ReplayError(`${where}: has ${bytes.length} bytes instead of ${byteLength}`);
	return Uint8Array.from(bytes);
}

function object(value: unknown, where: string): Json {
	if (typeof value !== "object" || value === null || Array.isArray(value))
		throw new ReplayError(`${where}: must be an object`);
	return value as Json;
}

function list(value: unknown, where: string): readonly unknown[] {
	if (!Array.isArray(value)) throw new ReplayError(`${where}: must be a list`);
	if (value.length > RECORDINGS_MAXIMUM)
		throw new ReplayError(`${where}: has more than ${RECORDINGS_MAXIMUM} elements`);
	return value;
}

function string(value: unknown, where: string): string {
	if (typeof value !== "string") throw new ReplayError(`${where}: must be a text`);
	return value;
}

function positive(value: unknown, where: string): number {
	if (typeof value !== "number" || !(value > 0 && value < 100_000))
		throw new ReplayError(`${where}: must be durations in µs`);
	return value;
}
