/** The colours of the style sheet, for what is drawn on a canvas. */

/** Colours of curves, `--c0` and so on. */
export const COLOURS = 8;

let known = new Map<string, string>();
const listeners = new Set<() => void>();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
	known = new Map();
	for (const listener of listeners) listener();
});

export function colour(name: string): string {
	let value = known.get(name);
	if (value === undefined) {
		value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
		known.set(name, value);
	}
	return value;
}

/** Calls back when light becomes dark, or dark light; returns a function that ends this. */
export function onTheme(listener: () => void): () => void {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

/** So that a quantity has the same colour everywhere. */
const OWN: Readonly<Record<string, number>> = {
	...{ temperature: 0, humidity: 1, pressure: 2, seaLevelPressure: 3 },
	...{ dewPoint: 4, absoluteHumidity: 5, heatIndex: 6 },
};

export function colourOf(quantity: string): number {
	if (Object.hasOwn(OWN, quantity)) return OWN[quantity]!;
	let sum = 0;
	for (const character of quantity) sum = (31 * sum + character.codePointAt(0)!) % 1_000_003;
	return sum % COLOURS;
}
