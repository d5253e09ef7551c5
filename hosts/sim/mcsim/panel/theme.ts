/** Colours and fonts, for mcsim's light and dark. */
import { getBackgroundComponent } from "assets";
import type { Line } from "./panel-log.js";
import type { Light } from "./panel-state.js";

/** mcsim's two greys are 0xcc and 0x5d. */
const DARK_BELOW = 0x90;

/** Contents with several looks are drawn in one of these states; 0 is Piu's for disabled contents. */
export const LIGHT_STATES: { readonly [light in Light]: number } = { off: 0, bad: 1, busy: 2, good: 3 };
export const LINE_STATES: { readonly [level in Line["level"]]: number } = { info: 0, panel: 1, warning: 2, error: 3 };
/** Of a report and its mark; of a slider's name and its field. */
export const WAITS_STATE = 1;
export const REFUSED_STATE = 1;

export function createTheme() {
	const dark = getBackgroundComponent() < DARK_BELOW;
	const text = dark ? "#ffffff" : "#262626";
	const faint = dark ? "#b8b8b8" : "#6a6a6a";
	const red = dark ? "#ff8a80" : "#b3261e";
	const amber = dark ? "#ffc947" : "#8a5a00";
	const field = dark ? "#1e1e1e" : "#ffffff";
	const selection = "#6573c7";
	return {
		colors: { curveRule: dark ? "#4e4e4e" : "#dbdbdb", curve: dark ? "#9fa8ff" : "#4252b8" },
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
		sliderName: new Style({ font: "12px Open Sans", color: [text, red], horizontal: "left" }),
		sliderValue: new Style({ font: "12px Open Sans", color: text, horizontal: "right" }),
		fieldFrame: new Skin({ fill: field, stroke: [dark ? "#707070" : "#b0b0b0", red], borders: EDGES }),
		field: new Skin({ fill: [field, selection] }),
		typed: new Style({ font: "12px Open Sans", color: [text, "#ffffff"], horizontal: "left", left: 5, right: 5 }),
		scale: new Style({ font: "12px Open Sans", color: faint, horizontal: "left" }),
		waits: new Style({ font: "12px Open Sans", color: [text, amber], horizontal: "left" }),
		mark: new Skin({ fill: ["transparent", amber] }),
		columnHead: new Style({ font: "12px Open Sans", color: faint, horizontal: "right" }),
		number: new Style({ font: "12px Open Sans", color: [text, amber], horizontal: "right" }),
		line: new Style({ font: "12px Open Sans", color: [text, faint, amber, red], horizontal: "left" }),
	};
}
export type Theme = ReturnType<typeof createTheme>;

const EDGES = { left: 1, right: 1, top: 1, bottom: 1 };
