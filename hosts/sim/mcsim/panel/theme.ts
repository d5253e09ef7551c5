/** Colours and fonts, for mcsim's light and dark. */
import { getBackgroundComponent } from "assets";
import type { Light, Line } from "./panel-state.js";

/** mcsim's two greys are 0xcc and 0x5d. */
const DARK_BELOW = 0x90;

/** Contents with several looks are drawn in one of these states; 0 is Piu's for disabled contents. */
export const LIGHT_STATES: { readonly [light in Light]: number } = { off: 0, bad: 1, busy: 2, good: 3 };
export const LINE_STATES: { readonly [level in Line["level"]]: number } = { info: 0, panel: 1, warning: 2, error: 3 };

export function createTheme() {
	const dark = getBackgroundComponent() < DARK_BELOW;
	const text = dark ? "#ffffff" : "#262626";
	const faint = dark ? "#b8b8b8" : "#6a6a6a";
	const red = dark ? "#ff8a80" : "#b3261e";
	return {
		background: new Skin({ fill: dark ? "#272727" : "#fafafa" }),
		rule: new Skin({ fill: dark ? "#4e4e4e" : "#dbdbdb" }),
		light: new Skin({
			fill: [dark ? "#5d5d5d" : "#c2c2c2", "#d93025", "#f0a000", "#2e9e44"],
			stroke: [faint, "#a0241b", "#b87a00", "#1f7a32"],
		}),
		heading: new Style({ font: "semibold 12px Open Sans", color: text, horizontal: "left" }),
		connection: new Style({ font: "semibold 18px Open Sans", color: text, horizontal: "left" }),
		advice: new Style({ font: "12px Open Sans", color: text, horizontal: "left" }),
		name: new Style({ font: "12px Open Sans", color: faint, horizontal: "left" }),
		value: new Style({ font: "12px Open Sans", color: text, horizontal: "left" }),
		columnHead: new Style({ font: "12px Open Sans", color: faint, horizontal: "right" }),
		number: new Style({ font: "12px Open Sans", color: text, horizontal: "right" }),
		line: new Style({
			font: "12px Open Sans",
			color: [text, faint, dark ? "#ffc947" : "#8a5a00", red],
			horizontal: "left",
		}),
	};
}
export type Theme = ReturnType<typeof createTheme>;
