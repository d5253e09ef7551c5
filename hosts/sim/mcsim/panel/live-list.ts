/** The live list: the connection's state, the outbox, the last reports and the last lines of the log. */
import { ScrollerBehavior, VerticalScrollbar } from "piu/Scrollbars";
import { LINES_SHOWN, REPORTS_SHOWN, type View } from "./panel-state.js";
import { LIGHT_STATES, LINE_STATES, type Theme } from "./theme.js";

/** Pixels. The narrowest window of mcsim leaves 320 for the list. */
const MARGIN = 16;
const ROW_HEIGHT = 18;
const NAME_WIDTH = 76;
const TIME_WIDTH = 58;
/** Two lines, so that the rows below do not move when advice comes and goes. */
const ADVICE_HEIGHT = 36;
const FACTS = 7;
/** Number, time, °C, %, hPa. */
const COLUMN_WIDTHS = [46, 64, 56, 50, 66];

export class LiveList {
	/** To be shown. */
	readonly content: PiuContent;
	private readonly _light: PiuContent;
	private readonly _connection: PiuLabel;
	private readonly _advice: PiuLabel;
	private readonly _facts: readonly (readonly PiuLabel[])[];
	private readonly _heads: readonly PiuLabel[];
	private readonly _reports: readonly (readonly PiuLabel[])[];
	private readonly _lines: readonly (readonly PiuLabel[])[];

	constructor(theme: Theme) {
		const { light, connection, advice } = theme;
		this._light = new RoundContent(null, { left: 0, width: 14, height: 14, radius: 7, border: 1, skin: light });
		this._connection = new Label(null, { left: 10, right: 0, style: connection });
		this._advice = new Text(null, { left: 0, right: 0, top: 0, style: advice });
		this._facts = rows(FACTS, () => [
			new Label(null, { width: NAME_WIDTH, style: theme.name }),
			new Label(null, { left: 0, right: 0, style: theme.value }),
		]);
		this._reports = rows(REPORTS_SHOWN, () =>
			COLUMN_WIDTHS.map((width) => new Label(null, { width, style: theme.number })),
		);
		this._heads = COLUMN_WIDTHS.map((width) => new Label(null, { width, style: theme.columnHead }));
		this._lines = rows(LINES_SHOWN, () => [
			new Label(null, { width: TIME_WIDTH, top: 0, style: theme.name }),
			new Text(null, { left: 0, right: 0, top: 0, style: theme.line }),
		]);
		this.content = scrollable(theme, [
			new Row(null, { left: 0, right: 0, height: 42, contents: [this._light, this._connection] }),
			new Container(null, { left: 0, right: 0, height: ADVICE_HEIGHT, clip: true, contents: [this._advice] }),
			...this._facts.map((contents) => new Row(null, { left: 0, right: 0, height: ROW_HEIGHT, contents })),
			...heading("Last reports", theme),
			...[this._heads, ...this._reports].map((contents) => new Row(null, { left: 0, height: ROW_HEIGHT, contents })),
			...heading("Log", theme),
			...this._lines.map((contents) => new Row(null, { left: 0, right: 0, contents })),
		]);
	}

	show({ light, connection, advice, facts, heads, reports, lines }: View): void {
		this._light.state = LIGHT_STATES[light];
		write(this._connection, connection);
		write(this._advice, advice);
		fill(this._facts, facts);
		fill([this._heads, ...this._reports], [heads, ...reports]);
		fill(
			this._lines,
			lines.map(({ time, text }) => [time, text]),
		);
		for (const [index, { level }] of lines.entries()) {
			const text = this._lines[index]?.[1];
			if (text) text.state = LINE_STATES[level];
		}
	}
}

function rows(count: number, build: () => readonly PiuLabel[]): readonly (readonly PiuLabel[])[] {
	return Array.from({ length: count }, build);
}

function heading(string: string, { rule, heading: style }: Theme): readonly PiuContent[] {
	return [
		new Content(null, { left: 0, right: 0, top: 8, height: 1, skin: rule }),
		new Label(null, { left: 0, right: 0, top: 4, height: 22, string, style }),
	];
}

function scrollable(theme: Theme, contents: readonly PiuContent[]): PiuContent {
	return new Scroller(null, {
		left: 0,
		right: 0,
		top: 0,
		bottom: 0,
		active: true,
		clip: true,
		skin: theme.background,
		Behavior: ScrollerBehavior,
		contents: [
			new Column(null, {
				left: MARGIN,
				right: MARGIN,
				top: 0,
				contents: [...contents, new Content(null, { height: MARGIN })],
			}),
			new VerticalScrollbar(null, {}),
		],
	});
}

function fill(labels: readonly (readonly PiuLabel[])[], texts: readonly (readonly string[])[]): void {
	for (const [row, cells] of labels.entries()) {
		for (const [column, label] of cells.entries()) write(label, texts[row]?.[column] ?? "");
	}
}

/** Each text that is set is measured and drawn anew. */
function write(label: PiuLabel, text: string): void {
	if (label.string !== text) label.string = text;
}
