/** How far many worlds are, while they run. */

/** How often the progress is shown, in ms: rewritten on a terminal, in lines of its own elsewhere. */
const TERMINAL_MS = 250;
const LINE_MS = 30_000;

/** Returns what ends it. */
export function showProgress(text: () => string): () => void {
	const terminal = process.stdout.isTTY;
	const timer = setInterval(
		() => process.stdout.write(terminal ? `\r\x1b[K${text()}` : `${text()}\n`),
		terminal ? TERMINAL_MS : LINE_MS,
	);
	return () => {
		clearInterval(timer);
		if (terminal) process.stdout.write("\r\x1b[K");
	};
}
