/**
 * An update whose power is lost: in each operation of its flash, and at random, also within what makes up for it. `CUTS`
 * says how often, for a longer run: `CUTS=10000 npm test -- power-cuts`; `SEED` decides the random ones.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import test from "node:test";
import { createImage, readImage } from "../../hosts/node/update-image.ts";
import { publicPoint } from "../../hosts/node/update-key.ts";
import { PIECE_BYTES, SignedUpdate } from "../../hosts/node/update-manifest.ts";
import { ERASE_STEPS, FlashChip, type FlashOperation, PowerCut } from "../../hosts/sim/devices/flash-chip.ts";
import { createRandom } from "../../hosts/sim/devices/random.ts";
import { FirmwareSlots, slotBlocks } from "../../hosts/sim/headless/firmware-slots.ts";
import { SIMULATED_BOARD } from "../../hosts/sim/headless/protocol.ts";
import type { Bytes } from "../../src/host.ts";
import { parseSettings } from "../../src/settings.ts";
import { type UpdateReply, Updater } from "../../src/station/update.ts";
import { World } from "../harness/world.ts";

/** Losses of power at random, more or less; from 10,000 on also one in each step of what is recorded. */
const CUTS = Number(process.env.CUTS ?? 600);
const IS_LONG = CUTS >= 10_000;
const SEED = Number(process.env.SEED ?? 1);

const BLOCK_BYTES = 4_096;
const RECORD_BLOCKS = 2;
/** Of a slot: there is room for two of an update's checkpoints. */
const BLOCKS = 36;
const SLOT_BYTES = BLOCKS * BLOCK_BYTES;
/** Of src/station/update.ts. */
const CHECKPOINT_BYTES = 65_536;
const BEGINNINGS_MAXIMUM = 32;
const TRIAL_MS = 180_000;
/** Blocks that are erased once more after a restart: those behind the last checkpoint, which begins within a block. */
const AGAIN_BLOCKS = Math.ceil((CHECKPOINT_BYTES + PIECE_BYTES) / BLOCK_BYTES) + 1;
/** What is recorded from one start of the machine to the next power cut at the most: see `Life`. */
const RECORDS = 12;

const BUILT_IN = "00000000";
const BEFORE = 10;
/** Signed, and never sent before the next one. */
const BETWEEN = 15;
const NUMBER = 20;

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const settings = parseSettings({ updateKeys: publicPoint(privateKey).toString("hex"), topic: "veleta/cut" });

const signed = (image: Buffer, number: number) =>
	new SignedUpdate(image, { number, board: SIMULATED_BOARD }, privateKey);
const between = signed(createImage("between", 1_000), BETWEEN);

/** A machine with slots for firmware, and nothing else that an update asks for. */
function hostOn({ clock, timer, network }: World, slots: FirmwareSlots) {
	return { clock, timer, network, random: () => 0, log: () => undefined, update: slots, board: SIMULATED_BOARD };
}

/** Slots that know which text has to be kept. */
class KnownSlots extends FirmwareSlots {
	override keep(text: string): void {
		this.chip.keeping = text;
		super.keep(text);
		this.chip.texts = [text];
		this.chip.keeping = undefined;
	}

	override complete(byteLength: number, hash: string): void {
		this.chip.completions++;
		super.complete(byteLength, hash);
	}

	/** Before the constructor's end it is not needed. */
	declare chip: CutChip;
}

/** The machine's flash, and what has to be in it. */
class CutChip extends FlashChip {
	/** What is kept: one text, or after a cut one of two. */
	texts: readonly string[] = [""];
	keeping: string | undefined;
	/** Beginnings of those, and starts of firmware that is not confirmed. */
	completions = 0;
	trials = 0;
}

/** A machine before an update, and the update. */
interface Start {
	readonly name: string;
	readonly content: Bytes;
	readonly text: string;
	/** The slot that runs; without an image it has the program that the simulator was built with. */
	readonly slot: number;
	readonly running: Buffer | undefined;
	readonly image: Buffer;
	/** The same firmware with higher numbers: the next one is for a machine that has given up the one before. */
	readonly updates: readonly SignedUpdate[];
}

/** When the power is lost: within a step of the flash's (see `FlashChip.cutAfter`), or before a message or a wait. */
interface Cut {
	readonly steps?: number;
	readonly turns?: number;
}

/** What became of one update. */
interface Outcome {
	cuts: number;
	beginnings: number;
	/** Of these, those after which all was written anew. */
	fromZero: number;
	/** Manifests that were given up, as they were tried already. */
	givenUp: number;
}

class Machine {
	readonly chip: CutChip;
	readonly outcome: Outcome = { cuts: 0, beginnings: 0, fromZero: 0, givenUp: 0 };
	private readonly _start: Start;
	private _turns = Number.POSITIVE_INFINITY;
	private _highest = 0;
	/** Bytes of the update that the machine has taken. */
	private _taken = 0;

	constructor(start: Start, random: () => number) {
		this._start = start;
		this.chip = new CutChip({
			blockLength: BLOCK_BYTES,
			blocks: slotBlocks(SLOT_BYTES),
			image: start.content.slice(),
			random,
		});
		this.chip.texts = [start.text];
	}

	/** From power on to the new firmware's confirmation, or to the next cut; returns whether the power was lost. */
	lives({ steps, turns = Number.POSITIVE_INFINITY }: Cut): boolean {
		const { chip } = this;
		chip.powerOn();
		chip.cutAfter = steps;
		this._turns = turns;
		try {
			while (!this._run()) this._turn();
			return false;
		} catch (error) {
			if (!(error instanceof PowerCut)) throw error;
			this.outcome.cuts++;
			if (chip.keeping !== undefined) chip.texts = [...chip.texts, chip.keeping];
			chip.keeping = undefined;
			return true;
		}
	}

	/** The new firmware is confirmed: it stays, and so does its number. */
	isConfirmed(): void {
		const { image, running } = this._start;
		this.chip.powerOn();
		for (let start = 0; start < 2; start++) {
			const { slots, updater } = this._starts();
			assert.equal(slots.id, readImage(image).id);
			assert.equal(slots.unconfirmed, false);
			assert.equal(updater.busy, false);
			assert.equal(keptOf(slots).tried, true);
			const sent = this._start.updates[this.outcome.givenUp]!;
			for (const update of [sent, ...this._start.updates.slice(0, this.outcome.givenUp), between])
				this._isRefused(updater, update);
			const other = signed(running ?? createImage("", 1_000), keptOf(slots).number);
			this._isRefused(updater, other);
			updater.close();
		}
	}

	/** Starts the machine, and brings it to its next restart; returns whether the new firmware is confirmed. */
	private _run(): boolean {
		const { slots, updater, world } = this._starts();
		const isNew = slots.id === readImage(this._start.image).id;
		if (keptOf(slots).number > BETWEEN) this._isRefused(updater, between);
		if (slots.unconfirmed) {
			assert.ok(isNew && updater.busy && keptOf(slots).tried);
			assert.match(this._ask(updater, "update", this._update.begin).error!, /not (confirmed yet|above \d+)$/);
			this._turn();
			world.advanceTo(TRIAL_MS - 1);
			this._turn();
			assert.equal(slots.unconfirmed, true);
			world.advanceTo(TRIAL_MS);
			this._needPower();
			assert.equal(slots.unconfirmed, false);
			return true;
		}
		if (isNew) return true;
		this._send(slots, updater);
		updater.close();
		return false;
	}

	/** What holds at each start, however the one before ended. */
	private _starts(): { slots: KnownSlots; updater: Updater; world: World } {
		const { chip } = this;
		const { running, image, slot } = this._start;
		// Throws where there is no whole image to start.
		const slots = new KnownSlots(chip, BUILT_IN);
		slots.chip = chip;
		const isNew = slots.id === readImage(image).id;
		if (slots.unconfirmed) chip.trials++;
		assert.ok(chip.trials <= chip.completions, "it is started once more, and was not confirmed");
		if (isNew) this._has(image, 1 - slot);
		else {
			assert.equal(slots.id, running ? readImage(running).id : BUILT_IN);
			assert.equal(slots.unconfirmed, false);
			if (running) this._has(running, slot);
		}
		const text = slots.kept();
		assert.ok(chip.texts.includes(text), `kept: ${text}, neither of ${chip.texts.join(" and ")}`);
		chip.texts = [text];
		const { number, begun } = keptOf(slots);
		assert.ok(number >= this._highest, `${number} is below ${this._highest}`);
		assert.ok(begun <= BEGINNINGS_MAXIMUM);
		this._highest = number;

		const world = new World();
		const host = hostOn(world, slots);
		const judged = { missing: undefined, confirmed: () => undefined };
		const updater = new Updater(host, settings, judged);
		this._needPower();
		return { slots, updater, world };
	}

	/** Sends the update, beginning where the machine says, until it has all of it. */
	private _send(slots: KnownSlots, updater: Updater): void {
		const { outcome } = this;
		let begun = this._ask(updater, "update", this._update.begin);
		if (!begun.ok) {
			// It was started, and lost its power before it was confirmed.
			assert.ok(keptOf(slots).tried);
			const { number } = keptOf(slots);
			assert.equal(begun.error, `its number ${number} is not above ${number}`);
			outcome.givenUp++;
			this._taken = 0;
			begun = this._ask(updater, "update", this._update.begin);
		}
		const { size, name } = this._update;
		assert.deepEqual(begun, { ok: true, manifest: name, offset: begun.offset });
		assert.ok(this._update.isPiece(begun.offset));
		assert.ok(begun.offset > this._taken - CHECKPOINT_BYTES - PIECE_BYTES, `from ${begun.offset} of ${this._taken} on`);
		outcome.beginnings++;
		if (begun.offset === 0) outcome.fromZero++;
		for (let at = begun.offset; at < size; ) {
			const { payload, end } = this._update.piece(at);
			assert.deepEqual(this._ask(updater, `update/${at}`, payload), { ok: true, manifest: name, offset: end });
			at = end;
			this._taken = Math.max(this._taken, at);
		}
		assert.equal(updater.complete, true);
		assert.equal(keptOf(slots).tried, true);
	}

	private get _update(): SignedUpdate {
		return this._start.updates[this.outcome.givenUp] ?? assert.fail("it was given up too often");
	}

	private _ask(updater: Updater, name: string, payload: Bytes): UpdateReply {
		this._turn();
		const reply = updater.receive(name, payload);
		this._needPower();
		return reply;
	}

	private _isRefused(updater: Updater, update: SignedUpdate): void {
		const { ok, error } = updater.receive("update", update.begin);
		assert.equal(ok, false);
		assert.match(error!, /^its number \d+ is not above \d+$|^the running firmware is not confirmed yet$/);
		assert.equal(updater.receive("update/0", update.piece(0).payload).ok, false);
	}

	/** The power may be lost while the flash has nothing to do. */
	private _turn(): void {
		if (this._turns-- <= 0) throw new PowerCut("the power is off");
	}

	/** The program itself takes a cut for a flash that refuses, and goes on. */
	private _needPower(): void {
		if (!this.chip.powered) throw new PowerCut("the power is off");
	}

	private _has(image: Buffer, slot: number): void {
		const begin = (RECORD_BLOCKS + slot * BLOCKS) * BLOCK_BYTES;
		const content = this.chip.image.subarray(begin, begin + image.length);
		assert.ok(image.equals(content), `slot ${slot} does not have what runs`);
	}
}

interface Kept {
	readonly number: number;
	readonly begun: number;
	readonly tried: boolean;
}

function keptOf(slots: FirmwareSlots): Kept {
	return { number: 0, begun: 0, tried: false, ...JSON.parse(slots.kept() || "{}") };
}

/** Machines with each of their slots running, and updates with no, one and two checkpoints. */
const STARTS: readonly Start[] = [30_000, 75_000, 140_000].map((size, index) => {
	const chip = new CutChip({ blockLength: BLOCK_BYTES, blocks: slotBlocks(SLOT_BYTES) });
	let running: Buffer | undefined;
	let text = "";
	for (let before = 0; before < index; before++) {
		running = createImage(`before ${before}`, 60_000 + before * 30_000);
		const slots = new KnownSlots(chip, BUILT_IN);
		slots.chip = chip;
		for (let at = 0; at < running.length; at += PIECE_BYTES)
			slots.write(Uint8Array.from(running.subarray(at, at + PIECE_BYTES)), at);
		slots.complete(running.length, slots.hash(Uint8Array.from(running)));
		text = JSON.stringify({ number: before + BEFORE, manifest: "", offset: 0, next: "", begun: 1, tried: true });
		slots.keep(text);
		slots.boot();
		slots.judge(true);
	}
	const image = createImage("new", size);
	const updates = [0, 1, 2, 3].map((more) => signed(image, NUMBER + more));
	const name = `${size} bytes to slot ${1 - (index % 2)}`;
	return { name, content: chip.image, text, slot: index % 2, running, image, updates };
});

/** An update, with losses of power one after the other, each counted from the start of the machine. */
function updateWith(start: Start, cuts: readonly Cut[], remains: number): Machine {
	const machine = new Machine(start, createRandom(remains));
	try {
		if (cuts.every((cut) => machine.lives(cut))) machine.lives({});
		machine.isConfirmed();
		isGentle(machine, start);
	} catch (error) {
		throw new Error(`${start.name}, ${JSON.stringify(cuts)}, remains ${remains}: ${(error as Error).message}`, {
			cause: error,
		});
	}
	return machine;
}

/** The flash lasts. */
function isGentle({ chip, outcome }: Machine, { image, slot }: Start): void {
	const { cuts, beginnings, fromZero } = outcome;
	const begin = (of: number) => RECORD_BLOCKS + of * BLOCKS;
	const of = (slot: number) => chip.erases.slice(begin(slot), begin(slot + 1));
	const sum = (erases: readonly number[]) => erases.reduce((all, one) => all + one, 0);
	assert.ok(beginnings <= cuts + 1);
	assert.equal(sum(of(slot)), 0, "of the firmware before");
	for (const erases of of(1 - slot)) assert.ok(erases <= beginnings);
	const blocks = Math.ceil(image.length / BLOCK_BYTES);
	assert.ok(sum(of(1 - slot)) <= fromZero * blocks + (beginnings - fromZero) * AGAIN_BLOCKS);
	assert.ok(sum(chip.erases.slice(0, RECORD_BLOCKS)) <= (cuts + 1) * RECORDS, `${chip.erases.slice(0, 2)}`);
	assert.equal(chip.overwrites, 0);
}

interface Operation {
	readonly operation: FlashOperation;
	/** In the updates before. */
	readonly steps: number;
	readonly length: number;
	readonly isRecord: boolean;
}

/** What the flash does in an update whose power is not lost. */
function operationsOf(start: Start): readonly Operation[] {
	const machine = new Machine(start, createRandom(1));
	const { chip } = machine;
	const limit = Number.MAX_SAFE_INTEGER;
	const begins: Omit<Operation, "length">[] = [];
	const done = () => limit - chip.cutAfter!;
	chip.failing = (operation, offset) => {
		const isRecord = offset < RECORD_BLOCKS * BLOCK_BYTES;
		if (operation !== "read") begins.push({ operation, steps: done(), isRecord });
		return false;
	};
	assert.equal(machine.lives({ steps: limit }), false);
	const end = done();
	isGentle(machine, start);
	return begins.map((one, index) => ({ ...one, length: (begins[index + 1]?.steps ?? end) - one.steps }));
}

/** Of many updates. */
class Sum {
	cuts = 0;
	updates = 0;
	givenUp = 0;
	beginnings = 0;
	slotErases = 0;
	recordErases = 0;

	add({ outcome, chip }: Machine): void {
		this.cuts += outcome.cuts;
		this.updates++;
		this.givenUp += outcome.givenUp;
		this.beginnings = Math.max(this.beginnings, outcome.beginnings);
		for (const [block, erases] of chip.erases.entries()) {
			if (block < RECORD_BLOCKS) this.recordErases = Math.max(this.recordErases, erases);
			else this.slotErases = Math.max(this.slotErases, erases);
		}
	}

	get text(): string {
		return (
			`${this.cuts} cuts in ${this.updates} updates; at most ${this.beginnings} beginnings, and ${this.slotErases} erases ` +
			`of a block of a slot, ${this.recordErases} of the record's; ${this.givenUp} manifests given up`
		);
	}
}

test("the power is lost within each operation of the flash", (t) => {
	const sum = new Sum();
	const random = createRandom(SEED);
	for (const start of STARTS) {
		const operations = operationsOf(start);
		const records = operations.filter(({ isRecord }) => isRecord);
		const blocks = Math.ceil(start.image.length / BLOCK_BYTES);
		assert.equal(operations.length - records.length, Math.ceil(start.image.length / PIECE_BYTES) + blocks);
		assert.ok(records.length >= 2 * 6 && records.length <= 2 * RECORDS, `${records.length}`);
		for (const [index, { operation, steps, length, isRecord }] of operations.entries()) {
			if (operation === "erase") assert.equal(length, ERASE_STEPS);
			// In one start all of them; of the others the pieces are alike.
			if (!IS_LONG && !isRecord && index % 4 > 0 && start !== STARTS[1]) continue;
			const cut = { steps: steps + Math.floor(random() * length) };
			sum.add(updateWith(start, [cut], index));
			assert.equal(sum.cuts, sum.updates);
		}
	}
	t.diagnostic(sum.text);
});

test("the power is lost at each step of what the boot loader and the station record", (t) => {
	const sum = new Sum();
	const random = createRandom(SEED + 1);
	const steps = STARTS.flatMap((start) =>
		operationsOf(start)
			.filter(({ isRecord }) => isRecord)
			.flatMap(({ steps, length }) => Array.from({ length }, (_, step) => ({ start, step: steps + step }))),
	);
	assert.ok(steps.length > 3_000);
	// All of them in a long run.
	const share = IS_LONG ? 1 : (CUTS * 0.6) / steps.length;
	for (const [index, { start, step }] of steps.entries()) {
		if (random() < share) sum.add(updateWith(start, [{ steps: step }], index));
	}
	assert.equal(sum.cuts, sum.updates);
	t.diagnostic(sum.text);
});

test("the power is lost at random, and lost again", (t) => {
	const sum = new Sum();
	const random = createRandom(SEED + 2);
	const below = (bound: number) => Math.floor(random() * bound);
	const known = STARTS.map((start) => {
		const operations = operationsOf(start);
		const turns = Math.ceil(start.image.length / PIECE_BYTES) + 8;
		return { start, operations, turns };
	});
	for (let seed = 0; sum.cuts < CUTS * 0.5; seed++) {
		const { start, operations, turns } = known[below(known.length)]!;
		const cuts = Array.from({ length: 1 + below(4) }, (_, index): Cut => {
			const kind = random();
			if (kind < 0.2) return { turns: below(turns) };
			// Soon after the start, where a boot loader makes up for what was lost.
			if (kind < 0.5 && index > 0) return { steps: below(400) };
			const { steps, length } = operations[below(operations.length)]!;
			return { steps: steps + below(length) };
		});
		sum.add(updateWith(start, cuts, seed));
	}
	t.diagnostic(sum.text);
});

test("an update that never gets on is given up after 32 beginnings, and the next one gets to its end", () => {
	for (const start of STARTS) {
		const machine = new Machine(start, createRandom(SEED));
		const { chip, outcome } = machine;
		const target = RECORD_BLOCKS + (1 - start.slot) * BLOCKS;
		const erases = () => Math.max(...chip.erases.slice(target, target + BLOCKS));
		// What was begun, some pieces, and no checkpoint.
		for (let life = 0; life < BEGINNINGS_MAXIMUM; life++) assert.equal(machine.lives({ turns: 8 }), true);
		assert.equal(outcome.beginnings, BEGINNINGS_MAXIMUM);
		assert.equal(erases(), BEGINNINGS_MAXIMUM);
		for (let life = 0; life < 3; life++) {
			const slots = new FirmwareSlots(chip, BUILT_IN);
			const host = hostOn(new World(), slots);
			const updater = new Updater(host, settings, { missing: undefined, confirmed: () => undefined });
			assert.equal(
				updater.receive("update", start.updates[0]!.begin).error,
				"it was begun too often: it needs a higher number",
			);
			updater.close();
		}
		assert.equal(erases(), BEGINNINGS_MAXIMUM);
		outcome.givenUp = 1;
		assert.equal(machine.lives({}), false);
		machine.isConfirmed();
		assert.equal(erases(), BEGINNINGS_MAXIMUM + 1);
	}
});

/** An update in which the flash refuses one of its operations, having done a part of it; the power stays. */
function refusedOnce({ content, updates, image }: Start, refused: number, part: number): void {
	const chip = new FlashChip({ blockLength: BLOCK_BYTES, blocks: slotBlocks(SLOT_BYTES), image: content.slice() });
	let operations = 0;
	chip.failing = (operation) => operation !== "read" && operations++ === refused && part;
	const [update] = updates;
	for (let starts = 0; starts < 3; starts++) {
		let slots: FirmwareSlots;
		try {
			slots = new FirmwareSlots(chip, BUILT_IN);
		} catch (error) {
			assert.equal((error as Error).message.split(" ")[0], "flash");
			continue;
		}
		const world = new World();
		const host = hostOn(world, slots);
		const updater = new Updater(host, settings, { missing: undefined, confirmed: () => undefined });
		if (slots.unconfirmed) {
			world.advanceTo(TRIAL_MS + 30_000);
			assert.equal(slots.unconfirmed, false);
			assert.equal(updater.busy, false);
			assert.equal(new FirmwareSlots(chip, BUILT_IN).id, readImage(image).id);
			return;
		}
		for (let attempts = 0; attempts < 2 && !updater.complete; attempts++) {
			const { offset } = updater.receive("update", update!.begin);
			for (let at = offset ?? update!.size; at < update!.size; ) {
				const { payload, end } = update!.piece(at);
				at = updater.receive(`update/${at}`, payload).ok ? end : update!.size;
			}
		}
		assert.equal(updater.complete, true);
		updater.close();
	}
	assert.fail("the new firmware is not confirmed");
}

test("an operation that the flash refuses once costs an update no more than a beginning", () => {
	for (const start of STARTS) {
		for (const [index, { isRecord }] of operationsOf(start).entries()) {
			// All pieces are alike.
			if (!isRecord && index % 5 > 0 && !IS_LONG) continue;
			try {
				refusedOnce(start, index, (index % 3) / 2);
			} catch (error) {
				throw new Error(`${start.name}, operation ${index}: ${(error as Error).message}`, { cause: error });
			}
		}
	}
});
