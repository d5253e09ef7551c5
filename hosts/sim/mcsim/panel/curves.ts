/** The curves of the last readings, side by side. */
import { type Column, type Curve, columnsOf } from "./curve.js";
import type { Theme } from "./theme.js";

/** Pixels. */
const WIDTH = 92;
const GAP = 12;
const CURVE_HEIGHT = 34;
const LABEL_HEIGHT = 15;

interface Chart {
	readonly greatest: PiuLabel;
	readonly least: PiuLabel;
	readonly port: PiuPort;
}

export class Curves {
	/** To be shown. */
	readonly content: PiuContainer;
	private readonly _theme: Theme;
	private _charts: readonly Chart[] = [];
	private _shown: readonly Curve[] = [];

	constructor(theme: Theme) {
		this._theme = theme;
		this.content = new Row(null, { left: 0, height: CURVE_HEIGHT + 2 * LABEL_HEIGHT });
	}

	show(curves: readonly Curve[]): void {
		if (curves.length !== this._charts.length) this._build(curves.length);
		for (const [index, { greatest, least, port }] of this._charts.entries()) {
			const curve = curves[index]!;
			const { values } = curve;
			const shown = this._shown[index]?.values;
			if (shown && values.length === shown.length && values.every((value, place) => value === shown[place])) continue;
			greatest.string = curve.greatest;
			least.string = curve.least;
			(port.behavior as CurveBehavior).show(port, columnsOf(values, WIDTH, CURVE_HEIGHT - 2));
		}
		this._shown = curves;
	}

	private _build(count: number): void {
		const { content, _theme: theme } = this;
		const label = () => new Label(null, { left: 0, right: 0, height: LABEL_HEIGHT, style: theme.scale });
		this._shown = [];
		content.empty();
		this._charts = Array.from({ length: count }, () => {
			const chart = {
				greatest: label(),
				least: label(),
				port: new Port(theme, { left: 0, width: WIDTH, height: CURVE_HEIGHT, Behavior: CurveBehavior }),
			};
			content.add(new Column(null, { left: GAP, width: WIDTH, contents: [chart.greatest, chart.port, chart.least] }));
			return chart;
		});
	}
}

class CurveBehavior extends Behavior {
	private _theme: Theme | undefined;
	private _columns: readonly Column[] = [];

	onCreate(_port: PiuPort, theme: Theme): void {
		this._theme = theme;
	}

	show(port: PiuPort, columns: readonly Column[]): void {
		this._columns = columns;
		port.invalidate();
	}

	onDraw(port: PiuPort): void {
		const { curveRule, curve } = this._theme!.colors;
		port.fillColor(curveRule, 0, 0, WIDTH, 1);
		port.fillColor(curveRule, 0, CURVE_HEIGHT - 1, WIDTH, 1);
		for (const [x, { top, height }] of this._columns.entries()) port.fillColor(curve, x, 1 + top, 1, height);
	}
}
