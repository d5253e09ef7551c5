/**
 * Replays a file of the corpus. A line is a step, cases begin with a line
 * `# what`, and bytes are hexadecimal:
 *
 *     option NAME JSON         of the session, before `open`
 *     open                     a connection; what the session sends leaves at once
 *     offer QOS [BYTES]        a message of one byte, or of that many, to the topic t
 *     subscribe FILTER, unsubscribe FILTER
 *     wait MS
 *     take BYTES               the broker sends what has to be taken
 *     refuse BYTES             the broker sends what has to end the connection
 *     sent BYTES               exactly this has left since the last look
 *     packets N BYTES          N packets have left since, none of them larger than that
 *     told N                   the session handed so many messages on since the last look
 *     done N                   so many messages were acknowledged or rejected since the last look
 *     close
 */
import { ConnectionError, ProtocolError } from "../../src/net/mqtt/errors.ts";
import type { Message } from "../../src/net/mqtt/message.ts";
import type { QoS } from "../../src/net/mqtt/packet.ts";
import { Session, type SessionOptions } from "../../src/net/mqtt/session.ts";
import { deepEqual, equal, fail, ok } from "../harness/harness.ts";
import { bytes, hex } from "../harness/transcript.ts";

export interface Case {
	readonly name: string;
	readonly steps: readonly string[];
}

export function casesOf(text: string): Case[] {
	const cases: { name: string; steps: string[] }[] = [];
	for (const line of text.split("\n")) {
		if (line.startsWith("#")) cases.push({ name: line.slice(1).trim(), steps: [] });
		else if (line.trim() !== "") (cases.at(-1) ?? fail("a step before the first case")).steps.push(line.trim());
	}
	return cases;
}

/** `piece`: bytes that the session is given at a time. */
export function replay({ name, steps }: Case, piece: number): void {
	const options: Record<string, unknown> = {};
	const queue: Message[] = [];
	let [now, told, done] = [0, 0, 0];
	let sent: string[] = [];
	let session: Session<Message> | undefined;
	const newSession = () =>
		new Session<Message>({
			clientId: "c",
			keepAlive: 60,
			pipelining: false,
			...(options as Partial<SessionOptions<Message>>),
			nextMessage: () => queue.shift(),
			onMessage: () => told++,
			onAcknowledge: () => done++,
			onReject: () => done++,
		});
	const pump = () => {
		for (let packet = session!.transmit(now); packet; packet = session!.transmit(now)) {
			sent.push(hex(packet));
			session!.transmitted(now);
			ok(sent.length < 1_000, "packets without end");
		}
	};
	const receive = (text: string) => {
		const all = bytes(text);
		for (let at = 0; at < all.length; at += piece) {
			session!.receive(all.slice(at, at + piece), now);
			pump();
		}
	};
	for (const step of steps) {
		const [what, first = "", ...more] = step.split(" ");
		const rest = [first, ...more].join(" ");
		const where = `${name}: ${step}`;
		if (what === "option") {
			const value = JSON.parse(more.join(" "));
			options[first] = first === "birth" ? { ...value, payload: Uint8Array.of(0x62), retain: true } : value;
			continue;
		}
		session ??= newSession();
		switch (what) {
			case "open":
				session.open(now);
				break;
			case "offer":
				queue.push({
					topic: "t",
					payload: new Uint8Array(Number(more[0] ?? 1)),
					qos: Number(first) as QoS,
					retain: false,
				});
				break;
			case "subscribe":
				session.subscribe({ topicFilter: first, qos: 1 });
				break;
			case "unsubscribe":
				session.unsubscribe(first);
				break;
			case "wait":
				now += Number(first);
				session.tick(now);
				break;
			case "take":
				receive(rest);
				break;
			case "refuse": {
				let error: unknown;
				try {
					receive(rest);
				} catch (thrown) {
					error = thrown;
				}
				if (!(error instanceof ProtocolError) && !(error instanceof ConnectionError)) {
					fail(`${where}: ${error === undefined ? "left open" : error}`);
				}
				session.close();
				break;
			}
			case "sent":
				deepEqual(sent.join(" "), rest, where);
				sent = [];
				break;
			case "packets":
				equal(sent.length, Number(first), where);
				for (const packet of sent) ok(bytes(packet).length <= Number(more[0]), `${where}: ${packet}`);
				sent = [];
				break;
			case "told":
				equal(told, Number(first), where);
				told = 0;
				break;
			case "done":
				equal(done, Number(first), where);
				done = 0;
				break;
			case "close":
				session.close();
				break;
			default:
				fail(`${where}: no such step`);
		}
		pump();
	}
}
