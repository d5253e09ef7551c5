/** Texts that would command a terminal, forge a line, or turn text around. */

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { CONNACK, CONNECT, DISCONNECT, firstByte, PUBLISH, packet, SUBSCRIBE, u16 } from "../fuzz/wire.ts";
import type { Parts } from "./scenario.ts";

/** A line of the computer's own, if it were one. */
export const FORGED = "FORGED veleta/sim: it runs the new firmware, 1a2b3c4d";
export const STRANGE = `\x1b]0;owned\x07\x1b[2J\r\n${FORGED}\r\n~ok \u009b31m\u202eABC\u2066\u200f\u2028\u2069\ufeff\x7f`;

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
/** The sequences that programs send to a terminal themselves: colours, and the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OWN = /\r?\x1b\[(?:\d+m|K)/g;

/** What is wrong with lines of a program, as a failure shows it. */
export function harmIn(lines: readonly string[]): string[] {
	return lines.filter((line) => {
		const text = line.replace(OWN, "").replace(/^\r|\r$/g, "");
		return text.startsWith("FORGED") || text.startsWith("~ok") || UNSAFE.test(text);
	});
}

const strange = () => {
	const bytes = [...Buffer.from(STRANGE)];
	return [...u16(bytes.length), ...bytes];
};

/** A broker of MQTT 5.0 that says why it refuses (`refuses`), or why it ends the connection behind a SUBSCRIBE or a PUBLISH. */
export async function strangeBroker(parts: Parts, refuses: boolean): Promise<number> {
	// A reason string and a server reference.
	const properties = [0x1f, ...strange(), 0x1c, ...strange()];
	const server = createServer((socket) => {
		socket.on("error", () => {});
		const length = [0x80 | (properties.length & 0x7f), properties.length >> 7];
		socket.on("data", (bytes: Buffer) => {
			for (const type of typesOf(bytes)) {
				if (type === CONNECT && !refuses) socket.write(packet(firstByte(CONNACK), [0, 0, 0]));
				else if (type === CONNECT) socket.end(packet(firstByte(CONNACK), [0, 0x87, ...length, ...properties]));
				else if (type === SUBSCRIBE || type === PUBLISH)
					return void socket.end(packet(firstByte(DISCONNECT), [0x8b, ...length, ...properties]));
			}
		});
	});
	parts.onEnd(() => server.close());
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as AddressInfo).port;
}

/** The types of a client's packets, which come whole here: they are small. */
function typesOf(bytes: Buffer): number[] {
	const types: number[] = [];
	for (let at = 0; at < bytes.length; ) {
		types.push(bytes[at++]! >> 4);
		let length = 0;
		for (let shift = 0; ; shift += 7) {
			const byte = bytes[at++] ?? 0;
			length |= (byte & 0x7f) << shift;
			if (byte < 0x80) break;
		}
		at += length;
	}
	return types;
}

/** A PostgreSQL that says why it lets nobody in (protocol 3.0, ErrorResponse). */
export async function strangePostgres(parts: Parts): Promise<number> {
	const fields = Buffer.from(`SFATAL\0VFATAL\0C28000\0M${STRANGE}\0\0`);
	const answer = Buffer.concat([Buffer.from("E"), Buffer.alloc(4), fields]);
	answer.writeUInt32BE(4 + fields.length, 1);
	const server = createServer((socket) => {
		socket.on("error", () => {});
		socket.once("data", () => socket.end(answer));
	});
	parts.onEnd(() => server.close());
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as AddressInfo).port;
}
