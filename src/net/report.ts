/** A reading as it goes on the wire. */
import type { Reading } from "../reading.js";
import { isoTime } from "../text.js";
import { type Corrections, quantitiesOf } from "./quantities.js";

/**
 * The report's JSON text, for instance
 * `{"temperature":21.53,"humidity":45.2,"pressure":1013.25,"time":"2026-11-21T12:00:00.000Z","seq":42}`.
 * A reading whose time is not known has no `time`.
 */
export function reportPayload({ seq, time, sample }: Reading, corrections: Corrections): string {
	return JSON.stringify({ ...quantitiesOf(sample, corrections), time: isoTime(time), seq });
}
