/** A small curve without axes: 24 hours of a quantity. */

import { svg } from "../../../browser/dom.ts";
import type { QuantityView } from "../../api.ts";
import type { Feed } from "./feed.ts";
import { DAY_MS, valueText } from "./format.ts";
import { quantityText, texts } from "./texts.ts";
import { colourOf } from "./theme.ts";

const WIDTH = 240;
const HEIGHT = 44;
const MARGIN = 3;
export const SPARK_POINTS = 96;

/** Draws what the feed has of the last 24 hours. */
export function drawSparkline(root: SVGElement, feed: Feed, quantity: QuantityView, now: number): void {
	const span = { from: now - DAY_MS, to: now };
	const extremes = feed.extremes(span);
	root.toggleAttribute("hidden", !extremes);
	if (!extremes) return;
	const { lowest, highest } = extremes;
	const height = Math.max(highest - lowest, 10 ** -(quantity.decimals ?? 2));
	const middle = (highest + lowest) / 2;
	const lines: string[][] = [[]];
	for (const [index, time] of feed.columns.times.entries()) {
		const value = feed.columns.means[index];
		if (time < span.from || time > span.to) continue;
		if (value === null || value === undefined) {
			if (lines.at(-1)!.length > 0) lines.push([]);
			continue;
		}
		const x = ((time - span.from) / DAY_MS) * WIDTH;
		const y = HEIGHT / 2 - ((value - middle) / height) * (HEIGHT - 2 * MARGIN);
		lines.at(-1)!.push(`${x.toFixed(1)} ${y.toFixed(1)}`);
	}
	// A single point is a dot: a line that ends where it begins.
	const path = lines.map((points) =>
		points.length > 0 ? `M${points.join("L")}${points.length === 1 ? "h0" : ""}` : "",
	);
	const label = texts.sparkline(quantityText(quantity.name), valueText(lowest, quantity), valueText(highest, quantity));
	root.setAttribute("aria-label", label);
	root.setAttribute("class", `spark c${colourOf(quantity.name)}`);
	root.replaceChildren(svg("path", { d: path.join("") }));
}

export function sparkline(): SVGElement {
	return svg("svg", {
		class: "spark",
		role: "img",
		viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
		preserveAspectRatio: "none",
		hidden: true,
	});
}
