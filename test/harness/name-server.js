/**
 * A name server (RFC 1035) that does what a test wants, at 127.0.0.1:53, by UDP and TCP:
 *
 *     node name-server.js [NAME=KIND …]
 *
 * How it answers is in the first label of the name, where it is not said on the command line; it prints each question.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const [A, AAAA, CNAME] = [1, 28, 5];
const [NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME] = [0, 2, 3];
const HEADER_BYTES = 12;
/** A pointer to the question's name. */
const QUESTION = Buffer.of(0xc0, HEADER_BYTES);
const UDP_MAXIMUM = 512;
const TTL_S = 0;

const v4 = (address) => ({ type: A, data: Buffer.from(address.split(".").map(Number)) });
const LOOPBACK_6 = { type: AAAA, data: Buffer.concat([Buffer.alloc(15), Buffer.of(1)]) };
const alias = (...labels) => ({ type: CNAME, data: nameOf(labels) });
/** 4 KB, and the broker is at the first of them. */
const MANY = Array.from({ length: 250 }, (_, index) => v4(`127.0.0.${index + 1}`));

/** By the first label: the records that there are, or a failure. */
const KINDS = {
	four: { records: [v4("127.0.0.1")] },
	six: { records: [LOOPBACK_6] },
	both: { records: [v4("127.0.0.1"), LOOPBACK_6] },
	/** What blocks a name says so. */
	blocked: { records: [v4("0.0.0.0"), { type: AAAA, data: Buffer.alloc(16) }] },
	unknown: { code: NO_SUCH_NAME },
	empty: { records: [] },
	failing: { code: SERVER_FAILURE },
	silent: { isSilent: true },
	alias: { records: [alias("four", "test"), { ...v4("127.0.0.1"), owner: nameOf(["four", "test"]) }] },
	circle: { records: [alias("circle", "test")] },
	many: { records: MANY },
	/** The answer ends in the middle of a record, and names point behind its end. */
	broken: { records: [v4("127.0.0.1")], cut: 7 },
	/** Another question's answer, as somebody sends it who guesses. */
	forged: { records: [v4("127.0.0.9")], isForged: true },
};

function nameOf(labels) {
	return Buffer.concat([
		...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`)),
		Buffer.of(0),
	]);
}

function questionOf(message) {
	const labels = [];
	let at = HEADER_BYTES;
	for (; message[at] > 0; at += message[at] + 1) labels.push(message.toString("latin1", at + 1, at + 1 + message[at]));
	return { labels, type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** By default it is the question's name that has it. */
function recordOf({ type, data, owner = QUESTION }) {
	const record = Buffer.alloc(10);
	record.writeUInt16BE(type, 0);
	record.writeUInt16BE(1, 2);
	record.writeUInt32BE(TTL_S, 4);
	record.writeUInt16BE(data.length, 8);
	return Buffer.concat([owner, record, data]);
}

function answerTo(message, maximum) {
	const { labels, type, end } = questionOf(message);
	console.log(`${labels.join(".")} ${{ [A]: "A", [AAAA]: "AAAA" }[type] ?? type}`);
	const kind = instead.get(labels[0]) ?? labels[0];
	const { records = [], code = NO_ERROR, isSilent, isForged, cut = 0 } = KINDS[kind] ?? KINDS.unknown;
	if (isSilent) return undefined;
	const chosen = records.filter((record) => record.type === type || record.type === CNAME);
	const parts = [message.subarray(0, end), ...chosen.map(recordOf)];
	const whole = Buffer.concat(parts);
	const answer = whole.length > maximum ? Buffer.from(parts[0]) : Buffer.from(whole);
	const isTruncated = answer.length < whole.length;
	// QR, RD, RA; TC where it does not fit.
	answer.writeUInt16BE(0x8180 | (isTruncated ? 0x0200 : 0) | code, 2);
	answer.writeUInt16BE(isTruncated ? 0 : chosen.length, 6);
	answer.writeUInt32BE(0, 8);
	if (isForged) answer.writeUInt16BE(answer.readUInt16BE(0) ^ 0x5555, 0);
	return answer.subarray(0, answer.length - cut);
}

const instead = new Map(process.argv.slice(2).map((pair) => pair.split("=")));
const udp = createSocket("udp4");
udp.on("message", (message, { address, port }) => {
	const answer = answerTo(message, UDP_MAXIMUM);
	if (answer) udp.send(answer, port, address);
});
const tcp = createServer((socket) => {
	socket.on("error", () => {});
	let rest = Buffer.alloc(0);
	socket.on("data", (bytes) => {
		rest = Buffer.concat([rest, bytes]);
		while (rest.length > 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
			const end = 2 + rest.readUInt16BE(0);
			const answer = answerTo(rest.subarray(2, end), 65_535);
			rest = rest.subarray(end);
			if (!answer) continue;
			const length = Buffer.alloc(2);
			length.writeUInt16BE(answer.length);
			socket.write(Buffer.concat([length, answer]));
		}
	});
});
tcp.listen(53, "127.0.0.1", () => udp.bind(53, "127.0.0.1", () => console.log("listening")));
