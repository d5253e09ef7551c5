/** Where `pub` takes its payloads from: any bytes, bounded. */
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Bytes } from "../../src/host.ts";
import type { Source } from "./options.ts";

/** Bytes of one payload: a packet's 268,435,455 (3.1.1, section 2.2.3) without the longest topic and properties. */
const PAYLOAD_MAXIMUM = 268_000_000;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Throws an Error in one line where the source cannot be read. Lines are read as they are asked for. */
export async function payloadsOf(source: Source): Promise<AsyncIterable<Bytes> | Iterable<Bytes>> {
	switch (source.from) {
		case "argument":
			return [source.payload];
		case "file":
			return [await readFile(source.path)];
		case "stdin":
			return [await readAll(process.stdin, "stdin")];
		case "lines":
			return lines(process.stdin);
	}
}

async function readFile(path: string): Promise<Bytes> {
	try {
		const file = await open(path);
		// Not by its size: it may be a pipe.
		return await readAll(file.createReadStream(), path);
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") throw new Error(`${path}: there is no such file`);
		throw code === undefined ? error : new Error(`${path}: ${message}`);
	}
}

async function readAll(stream: Readable, name: string): Promise<Bytes> {
	const chunks: Buffer[] = [];
	let length = 0;
	for await (const chunk of stream as AsyncIterable<Buffer>) {
		length += chunk.length;
		if (length > PAYLOAD_MAXIMUM) throw new Error(`${name}: more than ${PAYLOAD_MAXIMUM} bytes`);
		chunks.push(chunk);
	}
	return Uint8Array.from(Buffer.concat(chunks, length));
}

/** The lines of a stream without their ends; empty ones are left out, as mosquitto_pub does. */
async function* lines(stream: Readable): AsyncIterable<Bytes> {
	let rest: Buffer[] = [];
	let length = 0;
	const take = (last: Buffer): Bytes => {
		const line = Buffer.concat([...rest, last]);
		rest = [];
		length = 0;
		return Uint8Array.from(line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line);
	};
	for await (const chunk of stream as AsyncIterable<Buffer>) {
		let from = 0;
		for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
			const line = take(chunk.subarray(from, end));
			if (line.length > 0) yield line;
			from = end + 1;
		}
		rest.push(chunk.subarray(from));
		length += chunk.length - from;
		if (length > PAYLOAD_MAXIMUM) throw new Error(`stdin: a line of more than ${PAYLOAD_MAXIMUM} bytes`);
	}
	const last = take(Buffer.alloc(0));
	if (last.length > 0) yield last;
}
