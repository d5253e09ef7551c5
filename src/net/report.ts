/** A reading as it goes on the wire. */
import type { Bytes } from "../host.js";
import type { Reading } from "../reading.js";
import type { Settings } from "../settings.js";
import { bytesOf, isoTime } from "../text.js";
import { cborOf } from "./cbor.js";
import { type Corrections, type QuantityName, quantitiesOf } from "./quantities.js";

/** Of a report in CBOR: the quantities, whose keys are their places here behind those of `seq` and `time`, 0 and 1. No key ever changes. */
export const CBOR_QUANTITIES: readonly QuantityName[] = Object.freeze([
	"temperature",
	"humidity",
	"pressure",
	"seaLevelPressure",
	"dewPoint",
	"absoluteHumidity",
	"heatIndex",
]);
/** Quantities are integers there, in hundredths of their units. */
export const CBOR_STEPS = 100;

/** The report in the form that the settings ask for. */
export function reportPayload(reading: Reading, settings: Settings): Bytes {
	return settings.payload === "cbor" ? reportCbor(reading, settings) : bytesOf(reportText(reading, settings));
}

/**
 * The report's JSON text, for instance
 * `{"temperature":21.53,"humidity":45.2,"pressure":1013.25,"time":"2026-11-21T12:00:00.000Z","seq":42}`.
 * A reading whose time is not known has no `time`.
 */
export function reportText({ seq, time, sample }: Reading, corrections: Corrections): string {
	return JSON.stringify({ ...quantitiesOf(sample, corrections), time: isoTime(time), seq });
}

/** The same report as a map of integers in CBOR, `time` in ms since 1970: a third of the text. */
function reportCbor({ seq, time, sample }: Reading, corrections: Corrections): Bytes {
	const quantities = quantitiesOf(sample, corrections);
	const values = [seq, time];
	for (const name of CBOR_QUANTITIES) {
		const quantity = quantities[name];
		values.push(quantity === undefined ? undefined : Math.round(quantity * CBOR_STEPS));
	}
	return cborOf(values);
}
