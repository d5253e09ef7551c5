/** The live list: how the connection is, what waits, the last reports and the last lines of the log. */
import { ScrollerBehavior, VerticalScrollbar } from "piu/Scrollbars";
import { LINES_SHOWN, REPORTS_SHOWN, type View } from "./panel-state.js";
import { LIGHT_STATES, LINE_STATES, type Theme } from "./theme.js";

/** Pixels. The narrowest window of mcsim leaves 320 for the list. */
const MARGIN = 16;
const ROW_HEIGHT = 18;
const NAME_WIDTH = 76;
const TIME_WIDTH = 58;
/** Two lines, so that what is below does not move when advice comes and goes. */
const ADVICE_HEIGHT = 36;
const FACTS = 7;
/** Number, time, °C, %, hPa. */
const COLUMN_WIDTHS = [46, 64, 56, 50, 66];

export class LiveList {
	/** To be shown. */
	readonly content: PiuContent;
	readonly #light: PiuContent;
	readonly #connection: PiuLabel;
	readonly #advice: PiuLabel;
	readonly #facts: readonly (readonly PiuLabel[])[];
	readonly #heads: readonly PiuLabel[];
	readonly #reports: readonly (readonly PiuLabel[])[];
	readonly #lines: readonly (readonly PiuLabel[])[];

	constructor(theme: Theme) {
		const { light, connection, advice } = theme;
		this.#light = new RoundContent(null, { left: 0, width: 14, height: 14, radius: 7, border: 1, skin: light });
		this.#connection = new Label(null, { left: 10, right: 0, style: connection });
		this.#advice = new Text(null, { left: 0, right: 0, top: 0, style: advice });
		this.#facts = rows(FACTS, () => [
			new Label(null, { width: NAME_WIDTH, style: theme.name }),
			new Label(null, { left: 0, right: 0, style: theme.value }),
		]);
		this.#reports = rows(REPORTS_SHOWN, () =>
			COLUMN_WIDTHS.map((width) => new Label(null, { width, style: theme.number })),
		);
		this.#heads = COLUMN_WIDTHS.map((width) => new Label(null, { width, style: theme.columnHead }));
		this.#lines = rows(LINES_SHOWN, () => [
			new Label(null, { width: TIME_WIDTH, top: 0, style: theme.name }),
			new Text(null, { left: 0, right: 0, top: 0, style: theme.line }),
		]);
		this.content = scrollable(theme, [
			new Row(null, { left: 0, right: 0, height: 42, contents: [this.#light, this.#connection] }),
			new Container(null, { left: 0, right: 0, height: ADVICE_HEIGHT, clip: true, contents: [this.#advice] }),
			...this.#facts.map((contents) => new Row(null, { left: 0, right: 0, height: ROW_HEIGHT, contents })),
			...heading("Last reports", theme),
			...[this.#heads, ...this.#reports].map((contents) => new Row(null, { left: 0, height: ROW_HEIGHT, contents })),
			...heading("Log", theme),
			...this.#lines.map((contents) => new Row(null, { left: 0, right: 0, contents })),
		]);
	}

	show({ light, connection, advice, facts, heads, reports, lines }: View): void {
		this.#light.state = LIGHT_STATES[light];
		write(this.#connection, connection);
		write(this.#advice, advice);
		fill(this.#facts, facts);
		fill([this.#heads, ...this.#reports], [heads, ...reports]);
		fill(
			this.#lines,
			lines.map(({ time, text }) => [time, text]),
		);
		for (const [index, { level }] of lines.entries()) {
			const text = this.#lines[index]?.[1];
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
