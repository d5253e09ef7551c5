/** `npm run update`: firmware over the air, and the keys that sign it. */
import { statSync, writeFileSync } from "node:fs";
import { createImage, NO_NETWORK, readImage } from "../../hosts/node/update-image.ts";
import { createKeyFile, readFile, readPrivateKey } from "../../hosts/node/update-key.ts";
import { NUMBER_MAXIMUM, SignedUpdate } from "../../hosts/node/update-manifest.ts";
import { messageOf } from "../../src/text.ts";
import { type Command, EXIT_DONE, EXIT_FAILED, onInterrupt, say } from "../frame.ts";
import { LINE, type PushOptions, parseUpdateCommand, type UpdateCommand, USAGE } from "./options.ts";
import { type Push, push } from "./push.ts";
import { stationsAt } from "./stations.ts";

/** Bytes of a trial image. */
const IMAGE_BYTES = 100_000;
/** The version of a trial image without a fault. */
const TRIAL = "trial";
/** An image is its owner's alone: it has settings in it. */
const PRIVATE_MODE = 0o600;

async function run(wanted: UpdateCommand): Promise<number> {
	switch (wanted.name) {
		case "new key": {
			const key = createKeyFile(wanted.path);
			process.stdout.write(
				`${wanted.path}: keep it to yourself. For config.json of stations that it may update:\n"updateKeys": ["${key}"]\n`,
			);
			return EXIT_DONE;
		}
		case "new image":
			writeFileSync(wanted.path, createImage(wanted.hasNetwork ? TRIAL : NO_NETWORK, IMAGE_BYTES), {
				mode: PRIVATE_MODE,
			});
			return EXIT_DONE;
		case "push":
			return update(wanted);
	}
}

/** Throws an Error in one line where a file cannot be used, before anything is sent. */
async function update(options: PushOptions): Promise<number> {
	const { where, key, file, broker, tls, username, password } = options;
	const privateKey = readPrivateKey(key);
	const image = readFile(file);
	const { id, board = options.board } = explained(file, () => readImage(image));
	if (board === undefined) throw new Error(`${file}: does not say which board it is for; --board NAME does`);
	if (options.board !== undefined && options.board !== board) throw new Error(`${file}: is for the board ${board}`);
	const number = options.number ?? Math.floor(statSync(file).mtimeMs / 1_000);
	if (number < 1 || number > NUMBER_MAXIMUM)
		throw new Error(`${file}: was written at no time that is a number; --number N`);
	const signed = (station?: string) => new SignedUpdate(image, { number, board, station }, privateKey);
	const terms = { broker, tls, username, password, id };
	const running = new Set<Push>();
	let isInterrupted = false;
	onInterrupt(() => {
		isInterrupted = true;
		for (const one of running) one.interrupt();
	});
	const updated = async (topic: string, update: SignedUpdate, output: Parameters<typeof push>[0]["output"]) => {
		const one = push({ ...terms, topic, update, output });
		running.add(one);
		const code = await one.ended;
		running.delete(one);
		return code;
	};
	if ("topic" in where) return updated(where.topic, signed(where.topic), process.stdout);

	const topics = await stationsAt({ ...terms, filter: where.filter, isInterrupted: () => isInterrupted });
	if (topics === undefined) return EXIT_FAILED;
	if (topics.length === 0) {
		say(`no station is there at ${where.filter}`);
		return EXIT_FAILED;
	}
	const all = signed();
	// Several change one line: each has lines of its own then.
	const output = where.atOnce === 1 ? process.stdout : { write: (text: string) => process.stdout.write(text) };
	const left = [...topics];
	let done = 0;
	let failed = 0;
	const work = async () => {
		for (let topic = left.shift(); topic !== undefined; topic = left.shift()) {
			if ((await updated(topic, all, output)) === EXIT_DONE) done++;
			else failed++;
			if (failed > 0 || isInterrupted) return;
		}
	};
	await Promise.all(Array.from({ length: where.atOnce }, work));
	const rest = left.length > 0 ? `, ${left.length} not begun` : "";
	process.stdout.write(`${done} of ${topics.length} stations run it${failed > 0 ? `, ${failed} not` : ""}${rest}\n`);
	return done === topics.length ? EXIT_DONE : EXIT_FAILED;
}

function explained<Result>(file: string, read: () => Result): Result {
	try {
		return read();
	} catch (error) {
		throw new Error(`${file}: ${messageOf(error)}`);
	}
}

export const command: Command<UpdateCommand> = {
	...LINE,
	help: USAGE,
	read: parseUpdateCommand,
	run,
};
