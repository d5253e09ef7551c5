/** What can be fuzzed. */
import { runDialogue } from "./dialogue.ts";
import type { Tally } from "./tally.ts";
import { runWebSocketDialogue } from "./websocket-dialogue.ts";

export type Subject = "session" | "websocket";

/** One dialogue of each, decided by the run's seed and its own number. Throws a `FuzzFailure` where it fails. */
export const DIALOGUES: Readonly<Record<Subject, (seed: number, number: number, tally: Tally) => void>> = {
	session: runDialogue,
	websocket: runWebSocketDialogue,
};
