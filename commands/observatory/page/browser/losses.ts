/** Which readings are missing, in words. */

import { el } from "../../../browser/dom.ts";
import type { Loss } from "../../api.ts";
import { numberText, timeText } from "./format.ts";
import { texts } from "./texts.ts";

/** Gaps shown; the newest ones. */
const SHOWN = 30;

export function lossItems(losses: readonly Loss[]): HTMLElement[] {
	if (losses.length === 0) return [el("li", { class: "none-missing" }, texts.noLosses)];
	const newest = [...losses].sort((a, b) => b.run - a.run || b.first - a.first);
	const items = newest
		.slice(0, SHOWN)
		.map((loss) =>
			el(
				"li",
				{},
				el("strong", {}, numbersText(loss)),
				" ",
				el("span", { class: loss.isGone ? "tag gone" : "tag" }, toldOf(loss)),
				" ",
				el("span", { class: "when" }, whenText(loss)),
			),
		);
	const more = losses.length - SHOWN;
	if (more > 0) items.push(el("li", { class: "note" }, texts.moreLosses(numberText(more))));
	return items;
}

function toldOf({ first, last, isGone }: Loss): string {
	return (isGone ? texts.gone : texts.mayCome)(first === last);
}

function numbersText({ first, last }: Loss): string {
	if (first === last) return texts.lossOne(String(first));
	return texts.lossMany(String(first), String(last), numberText(last - first + 1));
}

function whenText({ after, before, run }: Loss): string {
	const parts: string[] = [];
	if (after !== null && before !== null) parts.push(texts.between(timeText(after), timeText(before)));
	else if (after !== null) parts.push(texts.afterTime(timeText(after)));
	else if (before !== null) parts.push(texts.beforeTime(timeText(before)));
	if (run > 1) parts.push(texts.run(numberText(run)));
	return parts.join("; ");
}
