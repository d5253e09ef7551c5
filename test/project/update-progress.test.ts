/** What a person sees of an update. */
import assert from "node:assert/strict";
import test from "node:test";
import { UpdateProgress } from "../../commands/update/progress.ts";

function watch(isTTY: boolean) {
	let written = "";
	const output = { isTTY, write: (text: string) => (written += text) };
	const progress = new UpdateProgress(output, { topic: "veleta/roof", id: "0badcafe", size: 1_061_760 });
	return { progress, shown: () => written.replaceAll("\r\x1b[K", "↺") };
}

/** Everything that can happen, at times in ms. */
function happen({ progress }: ReturnType<typeof watch>): void {
	progress.show(0, false, false, 0);
	progress.show(1_024, false, false, 1_000);
	progress.show(2_048, false, false, 1_050);
	progress.show(530_880, false, false, 1_100);
	progress.show(796_320, false, false, 7_000);
	progress.show(1_061_760, true, false, 13_400);
	progress.show(1_061_760, true, false, 15_000);
	progress.show(1_061_760, true, true, 19_000);
	progress.show(1_061_760, true, true, 20_000);
	progress.end("it runs the new firmware, 0badcafe");
}

test("in a terminal one line changes, at most ten times a second", () => {
	const terminal = watch(true);
	happen(terminal);
	assert.equal(
		terminal.shown(),
		"↺veleta/roof: takes firmware 0badcafe, 1,037 KB\n" +
			"↺veleta/roof: 0 %, 1 of 1,037 KB" +
			"↺veleta/roof: 50 %, 519 of 1,037 KB" +
			"↺veleta/roof: 75 %, 778 of 1,037 KB, 129.4 KB/s, 3 s left" +
			"↺veleta/roof: has all of it after 12 s, and restarts: new firmware has ten minutes to work\n" +
			"↺veleta/roof: runs firmware 0badcafe, and confirms it after three minutes\n" +
			"↺veleta/roof: it runs the new firmware, 0badcafe\n",
	);
	assert.equal(terminal.progress.line("interrupted"), "\r\x1b[Kveleta/roof: interrupted");
});

test("elsewhere there is a line for each thing that happens", () => {
	const file = watch(false);
	happen(file);
	assert.equal(
		file.shown(),
		"veleta/roof: takes firmware 0badcafe, 1,037 KB\n" +
			"veleta/roof: has all of it after 12 s, and restarts: new firmware has ten minutes to work\n" +
			"veleta/roof: runs firmware 0badcafe, and confirms it after three minutes\n" +
			"veleta/roof: it runs the new firmware, 0badcafe\n",
	);
	assert.equal(file.progress.line("interrupted"), "veleta/roof: interrupted");
});
