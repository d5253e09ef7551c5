/** A number as people type it. */

/** Characters; longer texts are no numbers that a sensor knows. */
const LENGTH_MAXIMUM = 12;

/** Digits, with a sign and with a point or a comma if need be; `undefined` for all else. */
export function typedNumber(text: string): number | undefined {
	const plain = text.trim().replace("\u2212", "-").replace(",", ".");
	return plain.length <= LENGTH_MAXIMUM && /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : undefined;
}
