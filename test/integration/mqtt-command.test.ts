/** `npm run mqtt`: publishing and subscribing from the command line, against a real mosquitto. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe } from "node:test";
import { startBroker } from "../../hosts/sim/headless/broker.ts";
import type { Mosquitto } from "../harness/mosquitto.ts";
import { commandScenario, exitCode, output } from "../harness/mqtt-command.ts";
import { freePort } from "../harness/ports.ts";
import { findProgram, type Program } from "../harness/program.ts";
import { until } from "../harness/wait.ts";

/** More than one segment, window and chunk of everything in between. */
const LARGE = 300_000;
const LINES = 500;
/** Messages that wait for a subscriber: fewer than mosquitto keeps. */
const BURST = 900;

/** The numbers from 1 on. */
const lines = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

/** What a `sub` prints up to a message that is published now: nothing else can have come before that. */
async function outputUpToNow(program: Program, broker: Mosquitto, topic: string): Promise<string[]> {
	await broker.publish(topic, "-m", "now");
	await program.line(/^now$/);
	return output(program);
}

describe("npm run mqtt", { concurrency: 3 }, () => {
	commandScenario(
		"sub tells a retained message from others, passes over it with -R, and pub -n -r clears it.",
		async (parts, programs) => {
			const broker = await parts.mosquitto();
			assert.equal(await exitCode(await programs.pub(broker, "-t", "t", "-m", "kept", "-r", "-q", "1")), 0);
			const first = await programs.sub(broker, "-t", "t", "-C", "1", "-F", "%t %p retained=%r");
			await first.ended();
			assert.deepEqual(output(first), ["t kept retained=1"]);

			const unstale = await programs.subscribed(broker, "-t", "t", "-R", "-C", "1");
			await programs.pub(broker, "-t", "t", "-m", "fresh");
			await unstale.ended();
			assert.deepEqual(output(unstale), ["fresh"]);

			await exitCode(await programs.pub(broker, "-t", "t", "-n", "-r"));
			const last = await programs.subscribed(broker, "-t", "t");
			assert.deepEqual(await outputUpToNow(last, broker, "t"), ["now"]);
			const impatient = await programs.sub(broker, "-t", "nothing", "-W", "1");
			assert.equal(await exitCode(impatient), 27);
			assert.deepEqual(output(impatient), []);
		},
	);

	for (const version of ["5", "311", "31"]) {
		for (const qos of ["1", "2"]) {
			commandScenario(
				`In MQTT ${version}, QoS ${qos} messages wait for a sub -c that is away, and -C takes no more than it prints.`,
				async (parts, programs) => {
					const broker = await parts.mosquitto();
					const session = ["-V", version, "-c", "-i", "me", "-t", "t", "-q", qos];
					assert.equal(await exitCode(await programs.sub(broker, ...session, "-E")), 0);
					await broker.publish("t", "-q", qos, "-m", "one");
					for (const payload of ["two", "three"]) {
						await exitCode(await programs.pub(broker, "-V", version, "-t", "t", "-q", qos, "-m", payload));
					}
					for (const payload of ["one", "two", "three"]) {
						const program = await programs.sub(broker, ...session, "-C", "1");
						assert.equal(await exitCode(program), 0);
						assert.deepEqual(output(program), [payload]);
					}
					const none = await programs.subscribed(broker, ...session);
					assert.deepEqual(await outputUpToNow(none, broker, "t"), ["now"]);
				},
			);
		}
	}

	for (const version of ["5", "311", "31"]) {
		commandScenario(`In MQTT ${version}, sub gets a burst at QoS 2 once each, in order.`, async (parts, programs) => {
			const broker = await parts.mosquitto();
			const session = ["-V", version, "-c", "-i", "me", "-t", "t", "-q", "2"];
			assert.equal(await exitCode(await programs.sub(broker, ...session, "-E")), 0);
			// mosquitto 2.0.11 sends much of it at once, more than any Receive Maximum.
			const publisher = `seq ${BURST} | ${findProgram("mosquitto_pub")} -p ${broker.port} -t t -q 2 -l`;
			assert.equal(await exitCode(await programs.shell(publisher, parts.folder)), 0);
			const program = await programs.sub(broker, ...session, "-C", String(BURST));
			assert.equal(await exitCode(program), 0);
			assert.deepEqual(output(program), lines(BURST));
		});
	}

	commandScenario("sub -U ends a subscription of an earlier run.", async (parts, programs) => {
		const broker = await parts.mosquitto();
		const session = ["-c", "-i", "me", "-q", "1"];
		assert.equal(await exitCode(await programs.sub(broker, ...session, "-t", "a", "-t", "b", "-E")), 0);
		assert.equal(await exitCode(await programs.sub(broker, ...session, "-U", "a")), 0);
		await broker.publish("a", "-m", "from a");
		await broker.publish("b", "-m", "from b");
		const program = await programs.sub(broker, ...session, "-t", "b", "-C", "1", "-v");
		assert.equal(await exitCode(program), 0);
		assert.deepEqual(output(program), ["b from b"]);
	});

	commandScenario(
		"The will is published for a sub that was killed, and not for one that was interrupted.",
		async (parts, programs) => {
			const broker = await parts.mosquitto();
			const witness = await parts.subscriber(broker, "will/#");
			const will = (name: string) => ["--will-topic", `will/${name}`, "--will-payload", "gone", "--will-qos", "1"];
			const interrupted = await programs.subscribed(broker, "-t", "t", ...will("interrupted"));
			const killed = await programs.subscribed(broker, "-t", "t", ...will("killed"), "--will-retain");
			interrupted.signal("SIGINT");
			assert.equal(await exitCode(interrupted), 0);
			await killed.kill();
			const received = await witness.message("the will", ({ topic }) => topic === "will/killed");
			assert.equal(received.payload, "gone");
			assert.equal(received.qos, 1);
			assert.deepEqual(
				witness.messages.map(({ topic }) => topic),
				["will/killed"],
			);
			const late = await programs.sub(broker, "-t", "will/#", "-C", "1", "-F", "%t %r");
			await late.ended();
			assert.deepEqual(output(late), ["will/killed 1"]);
		},
	);

	commandScenario("Payloads of any bytes arrive as they are, from files and from stdin.", async (parts, programs) => {
		const broker = await parts.mosquitto();
		const folder = parts.folder;
		const payload = randomBytes(LARGE);
		writeFileSync(join(folder, "sent"), payload);
		const at = `-p ${broker.port} -C 1 -N`;
		const subscribers = [
			await programs.shell(`${findProgram("mosquitto_sub")} ${at} -t theirs > theirs`, folder),
			await programs.shell(`mqtt sub ${at} -h 127.0.0.1 -t ours > ours`, folder),
			await programs.shell(`mqtt sub ${at} -h 127.0.0.1 -t ours -q 2 -V 311 > old`, folder),
		];
		await until("the subscriptions", () => broker.count(/Sending SUBACK/) >= subscribers.length);
		assert.equal(await exitCode(await programs.pub(broker, "-t", "theirs", "-f", join(folder, "sent"), "-q", "0")), 0);
		const line = `mqtt pub -h 127.0.0.1 -p ${broker.port} -t ours -s -q 2 < sent`;
		assert.equal(await exitCode(await programs.shell(line, folder)), 0);
		for (const subscriber of subscribers) assert.equal(await exitCode(subscriber), 0);
		for (const name of ["theirs", "ours", "old"]) assert.ok(readFileSync(join(folder, name)).equals(payload), name);
	});

	commandScenario(
		"pub -l publishes each line, in order, and ends when the broker has the last one.",
		async (parts, programs) => {
			const broker = await parts.mosquitto();
			const subscriber = await parts.subscriber(broker, "t");
			const line = `seq ${LINES} | mqtt pub -h 127.0.0.1 -p ${broker.port} -t t -q 2 -l`;
			assert.equal(await exitCode(await programs.shell(line, parts.folder)), 0);
			await subscriber.message("the last line", ({ payload }) => payload === String(LINES));
			assert.deepEqual(
				subscriber.messages.map(({ payload }) => Number(payload)),
				Array.from({ length: LINES }, (_, index) => index + 1),
			);
		},
	);

	commandScenario("Response topic, correlation data and expiry travel with a message.", async (parts, programs) => {
		const broker = await parts.mosquitto();
		const program = await programs.subscribed(broker, "-t", "t", "-C", "1", "-F", "%p|%R|%D|%E|%l|%x|100%%");
		const properties = ["--response-topic", "r", "--correlation-data", "c é", "--message-expiry-interval", "60"];
		assert.equal(await exitCode(await programs.pub(broker, "-t", "t", "-m", "-1.5", ...properties)), 0);
		await program.ended();
		assert.deepEqual(output(program), ["-1.5|r|c é|60|4|2d312e35|100%"]);
	});

	commandScenario(
		"A broker without MQTT 5.0 is spoken to in 3.1.1, unless -V asks for 5.",
		async (_parts, programs) => {
			const broker = await startBroker();
			try {
				const program = await programs.subscribed(broker, "-t", "t", "-C", "1", "-q", "1");
				assert.ok(program.count(/^connected in MQTT 3\.1\.1, session new$/) === 1, program.lines.join("\n"));
				for (const qos of ["0", "1"]) {
					const refused = await programs.pub(broker, "-t", "t", "-m", "in 5.0", "-V", "5", "-q", qos);
					assert.equal(await exitCode(refused), 1);
					assert.match(refused.lines.join("\n"), /^the broker refused the connection: .*version/);
				}
				assert.equal(await exitCode(await programs.pub(broker, "-t", "t", "-m", "in 3.1.1")), 0);
				await program.ended();
				assert.deepEqual(output(program), ["in 3.1.1"]);
			} finally {
				await broker.close();
			}
		},
	);

	commandScenario("A wrong password ends pub and sub with exit code 1, and is not shown.", async (parts, programs) => {
		const broker = await parts.mosquitto({ users: { casa: "right-and-secret" } });
		for (const version of ["5", "311", "31"]) {
			const account = ["-V", version, "-t", "t", "-u", "casa", "-P", "wrong-and-secret"];
			for (const program of [
				await programs.pub(broker, ...account, "-m", "x"),
				await programs.sub(broker, ...account),
			]) {
				assert.equal(await exitCode(program), 1);
				assert.equal(program.lines.length, 1);
				assert.match(program.errors[0]!, /^the broker refused the connection: not authorized/);
				assert.doesNotMatch(program.lines.join(), /secret/);
			}
		}
		const user = ["-t", "t", "-u", "casa"];
		assert.equal(await exitCode(await programs.pub(broker, ...user, "-P", "right-and-secret", "-m", "x")), 0);
		const file = join(parts.folder, "password");
		writeFileSync(file, "right-and-secret\r\n");
		assert.equal(await exitCode(await programs.pub(broker, ...user, "--password-file", file, "-m", "x")), 0);
		const line = `mqtt pub -h 127.0.0.1 -p ${broker.port} -t t -u casa -m x`;
		for (const [password, code] of [
			["right-and-secret", 0],
			["wrong", 1],
		] as const) {
			const shell = await programs.shell(`export VELETA_PASSWORD=${password}; ${line}`, parts.folder);
			assert.equal(await exitCode(shell), code, password);
		}
	});

	commandScenario(
		"pub gives up at once where nobody listens, or after as many attempts as it is told.",
		async (_parts, programs) => {
			for (const more of [[], ["-V", "5"], ["-q", "1"]]) {
				const program = await programs.pub({ port: await freePort() }, "-t", "t", "-m", "x", ...more);
				assert.equal(await exitCode(program), 1);
				assert.deepEqual(program.lines, ["cannot connect: connection refused"]);
			}
			const program = await programs.pub({ port: await freePort() }, "-t", "t", "-m", "x", "--attempts", "3");
			assert.equal(await exitCode(program), 1);
			assert.equal(program.errors.length, 3);
			assert.equal(program.errors[2], "cannot connect: connection refused; given up after 3 attempts");
		},
	);

	commandScenario(
		"A broker that closes without an answer gets each way to connect once, and with -V none but that version.",
		async (_parts, programs) => {
			const connects: string[] = [];
			/** Knows MQTT 3.1.1 and no newer version, and says so by closing. */
			const server = createServer((socket) => {
				socket.on("error", () => {});
				socket.on("data", (bytes) => {
					if (bytes[0] !== 0x10) return;
					connects.push(`${bytes[8]}${bytes.length > 2 + bytes[1]! ? " pipelined" : ""}`);
					if (bytes[8] === 5 || connects.length === 1) return socket.destroy();
					socket.write(Uint8Array.of(0x20, 2, 0, 0));
				});
			});
			await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
			try {
				const place = server.address() as AddressInfo;
				for (const qos of ["0", "1", "2"]) {
					connects.length = 0;
					const refused = await programs.pub(place, "-t", "t", "-m", "in 5.0", "-V", "5", "-q", qos);
					assert.equal(await exitCode(refused), 1);
					assert.equal(refused.lines.length, 1);
					assert.match(refused.lines[0]!, /^connection closed/);
					assert.deepEqual(connects, ["5"]);
				}
				connects.length = 0;
				assert.equal(await exitCode(await programs.pub(place, "-t", "t", "-m", "x")), 0);
				assert.deepEqual(connects, ["5", "4"]);
				connects.length = 0;
				const closed = await programs.pub(place, "-t", "t", "-m", "x", "-V", "311", "-q", "1");
				assert.equal(await exitCode(closed), 1);
				assert.deepEqual(connects, ["4"]);
			} finally {
				server.close();
			}
		},
	);

	commandScenario(
		"pub -q 2 ends at QoS 1 with a broker that closes on QoS 2, and says so.",
		async (_parts, programs) => {
			const publications: number[] = [];
			/** Speaks 3.1.1, and answers one packet at a time. */
			const server = createServer((socket) => {
				socket.on("error", () => {});
				socket.on("data", (bytes) => {
					for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]!) {
						const type = bytes[at]! >> 4;
						if (type === 1) socket.write(Uint8Array.of(0x20, 2, 0, bytes[at + 8] === 5 ? 1 : 0));
						if (type === 12) socket.write(Uint8Array.of(0xd0, 0));
						if (type !== 3) continue;
						const qos = (bytes[at]! >> 1) & 3;
						publications.push(qos);
						if (qos === 2) return socket.destroy();
						socket.write(Uint8Array.of(0x40, 2, bytes[at + 5]!, bytes[at + 6]!));
					}
				});
			});
			await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
			try {
				const program = await programs.pub(
					server.address() as AddressInfo,
					"-t",
					"t",
					"-m",
					"x",
					"-q",
					"2",
					"-V",
					"311",
				);
				assert.equal(await exitCode(program), 0, program.lines.join("\n"));
				assert.deepEqual(publications, [2, 2, 2, 1]);
				assert.equal(program.count(/^the broker does not take messages of QoS 2: QoS 1 from now on$/), 1);
			} finally {
				server.close();
			}
		},
	);

	commandScenario("sub comes back when the broker does, and subscribes again.", async (parts, programs) => {
		const broker = await parts.mosquitto();
		const program = await programs.subscribed(broker, "-t", "t");
		await broker.publish("t", "-m", "before");
		await program.line(/^before$/);
		await broker.kill();
		await program.line(/^connection closed: .*; next attempt in /);
		await broker.restart();
		await program.line(
			/^subscribed to t /,
			program.lines.findIndex((line) => line.startsWith("connection")),
		);
		await broker.publish("t", "-m", "after");
		await program.line(/^after$/);
		program.signal("SIGTERM");
		assert.equal(await exitCode(program), 0);
		assert.deepEqual(output(program), ["before", "after"]);
	});

	commandScenario("pub -l delivers what it had not delivered when the broker was killed.", async (parts, programs) => {
		const broker = await parts.mosquitto();
		const wait = join(parts.folder, "wait");
		writeFileSync(wait, "");
		const line = `{ echo one; while [ -e wait ]; do sleep 0.1; done; echo two; } | mqtt pub -h 127.0.0.1 -p ${broker.port} -t t -q 1 -l -r -i me -c`;
		const program = await programs.shell(line, parts.folder);
		await until("the first line", () => broker.count(/Sending PUBACK/) > 0);
		await broker.kill();
		await program.line(/next attempt in /);
		rmSync(wait);
		await broker.restart();
		assert.equal(await exitCode(program), 0, program.lines.join("\n"));
		const last = await programs.sub(broker, "-t", "t", "-C", "1");
		await last.ended();
		assert.deepEqual(output(last), ["two"]);
	});

	commandScenario("An interrupted pub says what it did not deliver.", async (_parts, programs) => {
		const program = await programs.pub({ port: await freePort() }, "-t", "t", "-m", "x", "--attempts", "9");
		await program.line(/next attempt in /);
		program.signal("SIGINT");
		assert.equal(await exitCode(program), 1);
		assert.equal(program.errors.at(-1), "interrupted; 1 not delivered");
	});

	commandScenario("sub ends when nobody reads its output any more.", async (parts, programs) => {
		const broker = await parts.mosquitto();
		const program = await programs.shell(`mqtt sub -h 127.0.0.1 -p ${broker.port} -t t | head -n 1`, parts.folder);
		await until("the subscription", () => broker.count(/Sending SUBACK/) > 0);
		await broker.publish("t", "-m", "one");
		await program.line(/^one$/);
		await broker.publish("t", "-m", "two");
		await broker.publish("t", "-m", "three");
		await program.ended();
	});

	/** Arguments, and what their line says. */
	const unusable: readonly [args: string[], line: RegExp][] = [
		[[], /^a command is missing: pub or sub/],
		[["publish"], /^the command is wrong: pub or sub/],
		[["pub", "-m", "x"], /^a topic is missing: -t/],
		[["sub"], /^a topic is missing: -t/],
		[["pub", "-t", "t"], /^what to publish: give one of -m, -f, -n, -s and -l/],
		[["pub", "-t", "t", "-m", "x", "-n"], /^what to publish: give one of/],
		[["pub", "-t", "t/#", "-m", "x"], /^--topic: topic name with a wildcard/],
		[["sub", "-t", "t#"], /^--topic t#: topic filter with a "#"/],
		[["pub", "-t"], /^-t needs a value/],
		[["pub", "-t", "t", "-m", "x", "--retain=yes"], /^--retain takes no value/],
		[["pub", "-t", "t", "-m", "x", "-q", "3"], /^--qos: must be a whole number from 0 to 2/],
		[["pub", "-t", "t", "-m", "x", "-p", "port"], /^--port: must be a whole number from 1 to 65535/],
		[["pub", "-t", "t", "-m", "x", "-V", "4"], /^--protocol-version: must be 5, 311 or 31/],
		[["pub", "-t", "t", "-m", "x", "--attempts", "0"], /^--attempts: must be a whole number from 1 to 1000000/],
		[["pub", "-t", "t", "-m", "x", "-P", "secret"], /^-P needs -u/],
		[["sub", "-t", "t", "--password-file", "package.json"], /^--password-file package\.json: needs one line/],
		[["sub", "-t", "t", "-P", "secret", "--password-file", "x"], /^-P and --password-file both give a password/],
		[["sub", "-L", "mqtt://localhost/t", "--password-file", "x"], /^--password-file: is in the URL of -L/],
		[["pub", "-t", "t", "-u", "u", "-P", "my", "secret"], /^argument 8 belongs to no flag/],
		[["pub", "-t", "t", "-m", "x", "--will-qos", "1"], /^--will-qos needs --will-topic/],
		[["pub", "-t", "t", "-m", "x", "--response-topic", "r", "-V", "311"], /^properties of a message need MQTT 5/],
		[["pub", "-t", "t", "-v"], /^-v is no flag of this command/],
		[["sub", "-t", "t", "-c"], /^-c needs a client id: -i/],
		[["sub", "-t", "t", "-x", "9"], /^-x needs -c/],
		[["sub", "-t", "t", "-V", "31", "-i", "a".repeat(24)], /^--id: must have 1 to 23 bytes in MQTT 3\.1/],
		[["sub", "-t", "t", "-U", "t"], /^t cannot be both subscribed to and unsubscribed from/],
		[["sub", "-t", "t", "-F", "%z"], /^--format: %z is no field/],
		[["sub", ...Array(33).fill("-t=t")], /^more than 32 topics/],
	];
	for (const [args, line] of unusable) {
		commandScenario(`${args.slice(0, 8).join(" ")} is answered in one line.`, async (_parts, programs) => {
			const program = await programs.mqtt(...args);
			assert.equal(await exitCode(program), 2);
			assert.equal(program.lines.length, 1, program.lines.join("\n"));
			assert.match(program.errors[0]!, line);
			assert.doesNotMatch(program.errors[0]!, /secret/);
		});
	}

	commandScenario("A file that is not there is named, and nothing is sent.", async (parts, programs) => {
		const broker = await parts.mosquitto();
		const program = await programs.pub(broker, "-t", "t", "-f", "missing.bin");
		assert.equal(await exitCode(program), 1);
		assert.deepEqual(program.lines, ["missing.bin: there is no such file"]);
		assert.equal(broker.count(/New connection/), 0);
	});

	commandScenario("--help lists every flag and fits a terminal.", async (_parts, programs) => {
		const program = await programs.mqtt("--help");
		assert.equal(await exitCode(program), 0);
		for (const line of program.lines) assert.ok(line.length <= 80, line);
		for (const short of "hpiqVkcxuPdtmfnslrtUCWERNvF")
			assert.ok(program.count(new RegExp(`^ {2}-${short}, --`)) > 0, short);
	});
});
