/** How far many worlds are, while they run. */
import { plain } from "../../hosts/node/plain-text.ts";
import { CLEAR_LINE } from "../frame.ts";

/** How often the progress is shown, in ms: rewritten on a terminal, in lines of its own elsewhere. */
const TERMINAL_MS = 250;
const LINE_MS = 30_000;

/** Returns what ends it. */
export function showProgress(text: () => string, output: NodeJS.WriteStream = process.stdout): () => void {
	const terminal = output.isTTY;
	const timer = setInterval(
		() => output.write(terminal ? `${CLEAR_LINE}${plain(text())}` : `${plain(text())}\n`),
		terminal ? TERMINAL_MS : LINE_MS,
	);
	return () => {
		clearInterval(timer);
		if (terminal) output.write(CLEAR_LINE);
	};
}
