/** The live list: the connection's state, the outbox, the last reports and the last lines of the log. */
import { ScrollerBehavior, VerticalScrollbar } from "piu/Scrollbars";
import { type Line, rowsOf } from "./panel-log.js";
import { REPORTS_SHOWN, type View } from "./panel-state.js";
import { LIGHT_STATES, LINE_STATES, type Theme, WAITS_STATE } from "./theme.js";

/**
 * Pixels. mcsim's first window leaves 320 by 400 for the list: all of it fits in, and
 * in a smaller one it scrolls.
 */
const WIDTH = 320;
const MARGIN = 10;
const ROW_HEIGHT = 15;
const CONNECTION_HEIGHT = 28;
const NAME_WIDTH = 64;
const TIME_WIDTH = 56;
/** Two lines, so that the rows below do not move when advice comes and goes. */
const ADVICE_HEIGHT = 36;
const FACTS = 6;
/** Number, time, °C, %, hPa; behind them, of a report that waits, a dot and a word. */
const COLUMN_WIDTHS = [42, 62, 48, 42, 58];
const DOT = 7;
const WAITS = "waits";
const LOG_ROWS = 9;

export class LiveList {
	/** To be shown. */
	readonly content: PiuContent;
	private readonly _light: PiuContent;
	private readonly _connection: PiuLabel;
	private readonly _advice: PiuLabel;
	private readonly _facts: readonly (readonly PiuLabel[])[];
	private readonly _heads: readonly PiuLabel[];
	private readonly _reports: readonly (readonly PiuLabel[])[];
	private readonly _dots: readonly PiuContent[];
	private readonly _log: readonly (readonly PiuLabel[])[];
	private readonly _fits: (text: string) => boolean;
	private _lines: readonly Line[] = [];

	constructor(theme: Theme) {
		const { light, connection, advice } = theme;
		this._light = new RoundContent(null, { left: 0, width: 14, height: 14, radius: 7, border: 1, skin: light });
		this._connection = new Label(null, { left: 8, right: 0, style: connection });
		this._advice = new Text(null, { left: 0, right: 0, top: 0, style: advice });
		this._facts = rows(FACTS, () => [
			new Label(null, { width: NAME_WIDTH, style: theme.name }),
			new Label(null, { left: 0, right: 0, ellipsis: true, style: theme.value }),
		]);
		this._reports = rows(REPORTS_SHOWN, () => [
			...COLUMN_WIDTHS.map((width) => new Label(null, { width, style: theme.number })),
			new Label(null, { left: 4, right: 0, style: theme.waits }),
		]);
		this._dots = this._reports.map(
			() => new RoundContent(null, { left: 8, width: DOT, height: DOT, radius: DOT >> 1, skin: theme.mark }),
		);
		this._heads = COLUMN_WIDTHS.map((width) => new Label(null, { width, style: theme.columnHead }));
		this._log = rows(LOG_ROWS, () => [
			new Label(null, { width: TIME_WIDTH, style: theme.name }),
			new Label(null, { left: 0, right: 0, style: theme.line }),
		]);
		this._fits = (text) => theme.line.measure(text).width <= WIDTH - 2 * MARGIN - TIME_WIDTH;
		this.content = scrollable(theme, [
			new Row(null, { left: 0, right: 0, height: CONNECTION_HEIGHT, contents: [this._light, this._connection] }),
			new Container(null, { left: 0, right: 0, height: ADVICE_HEIGHT, clip: true, contents: [this._advice] }),
			...this._facts.map(row),
			rule(theme),
			row(this._heads),
			...this._reports.map((labels, index) => row([...labels.slice(0, -1), this._dots[index]!, ...labels.slice(-1)])),
			rule(theme),
			...this._log.map(row),
		]);
	}

	show({ light, connection, advice, facts, heads, reports, lines }: View): void {
		this._light.state = LIGHT_STATES[light];
		write(this._connection, connection);
		write(this._advice, advice);
		fill(this._facts, facts);
		fill([this._heads], [heads]);
		fill(
			this._reports,
			reports.map(({ cells, waits }) => [...cells, waits ? WAITS : ""]),
		);
		for (const [index, labels] of this._reports.entries()) {
			const mark = reports[index]?.waits ? WAITS_STATE : 0;
			for (const content of [...labels, this._dots[index]!]) content.state = mark;
		}
		if (lines !== this._lines) this._showLog(lines);
	}

	private _showLog(lines: readonly Line[]): void {
		this._lines = lines;
		const shown = rowsOf(lines, LOG_ROWS, this._fits);
		fill(
			this._log,
			shown.map(({ time, text }) => [time, text]),
		);
		for (const [index, { level }] of shown.entries()) this._log[index]![1]!.state = LINE_STATES[level];
	}
}

function rows(count: number, build: () => readonly PiuLabel[]): readonly (readonly PiuLabel[])[] {
	return Array.from({ length: count }, build);
}

function row(contents: readonly PiuContent[]): PiuContent {
	return new Row(null, { left: 0, right: 0, height: ROW_HEIGHT, contents });
}

function rule({ rule: skin }: Theme): PiuContent {
	return new Content(null, { left: 0, right: 0, top: 4, height: 1, bottom: 3, skin });
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
		contents: [new Column(null, { left: MARGIN, right: MARGIN, top: 0, contents }), new VerticalScrollbar(null, {})],
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
