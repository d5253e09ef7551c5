/** The sliders, each with a field for a number, and the switches; below them the curves. */
import { SwitchRow } from "ControlsPane";
import { HorizontalSlider, HorizontalSliderBehavior } from "piu/Sliders";
import type { Curve } from "./curve.js";
import { Curves } from "./curves.js";
import type { PanelState } from "./panel-state.js";
import type { Scale } from "./scales.js";
import { REFUSED_STATE, type Theme } from "./theme.js";

/** Pixels. mcsim's first window has 320 by 400 for all of it; the margin is mcsim's own in front of a control's name. */
const MARGIN = 10;
const HEADING_HEIGHT = 26;
const NAME_HEIGHT = 22;
const FIELD_WIDTH = 90;
const VALUE_WIDTH = 80;

/** A switch: its name for the behavior, the behavior's method, and its texts. */
const WEATHER = { name: "weatherSwitch", event: "onWeather", label: "Weather", on: "by hand", off: "simulated" };
const SENSOR = {
	name: "sensorSwitch",
	event: "onSensorFault",
	label: "Sensor fault",
	on: "unplugged",
	off: "plugged in",
};
const LINK = { name: "linkSwitch", event: "onLinkCut", label: "Link cut", on: "cut", off: "whole" };
const POWER = { name: "powerSwitch", event: "onPowerCut", label: "Power cut", on: "no power", off: "powered" };

export interface ControlsOptions {
	readonly theme: Theme;
	readonly state: PanelState;
	/** A slider was moved. */
	readonly onMoved: (scale: Scale, position: number) => void;
	/** A number was typed; returns in a few words why it is not taken. */
	readonly onTyped: (scale: Scale, text: string) => string | undefined;
}

export class Controls {
	/** To be shown. */
	readonly content: PiuContent;
	private readonly _options: ControlsOptions;
	private readonly _sliders: PiuContainer;
	private readonly _curves: Curves;
	private _rows: { readonly scale: Scale; readonly slider: PiuContainer }[] = [];
	private _sensor = "";

	constructor(options: ControlsOptions) {
		this._options = options;
		const { theme, state } = options;
		const { sensorFault, linkCut } = state.configuration;
		this._sliders = new Column(null, { left: 0, right: 0 });
		this._curves = new Curves(theme);
		this.content = new Column(null, {
			left: 0,
			right: 0,
			top: 0,
			contents: [
				this._heading("Around the sensor"),
				new SwitchRow({ ...WEATHER, value: state.byHand }),
				this._sliders,
				this._heading("Faults"),
				new SwitchRow({ ...SENSOR, value: sensorFault }),
				new SwitchRow({ ...LINK, value: linkCut }),
				new SwitchRow({ ...POWER, value: state.powerCut }),
				this._curves.content,
			],
		});
	}

	/** Moves the sliders to the weather's values, and draws the curves. */
	show(curves: readonly Curve[]): void {
		this._curves.show(curves);
		const { state } = this._options;
		const sensor = JSON.stringify(state.scales);
		if (sensor !== this._sensor) this._build();
		this._sensor = sensor;
		for (const { scale, slider } of this._rows) {
			const position = state.positionOf(scale);
			if (position !== undefined) (slider.behavior as SliderBehavior).moveTo(slider, position);
		}
	}

	private _heading(string: string): PiuContent {
		return new Label(null, {
			left: MARGIN,
			right: 0,
			height: HEADING_HEIGHT,
			string,
			style: this._options.theme.heading,
		});
	}

	private _build(): void {
		const { theme, state, onMoved, onTyped } = this._options;
		this._sliders.empty();
		this._rows = state.scales.map((scale) => {
			const { lowest: min, highest: max, step, label, unit } = scale;
			const name = new Label(null, { left: MARGIN, right: 0, style: theme.sliderName, string: label });
			const value = new Label(null, { width: VALUE_WIDTH, right: MARGIN, style: theme.sliderValue });
			const data: SliderData = {
				...{ min, max, step, value: min },
				onShown: (position) => {
					value.string = `${position.toFixed(1)} ${unit}`;
				},
				onMoved: (position) => onMoved(scale, position),
			};
			const slider = new HorizontalSlider(data, { left: 4, right: 4, Behavior: SliderBehavior });
			const typing: FieldData = {
				onEntered: (text) => onTyped(scale, text),
				onRefused: (reason) => {
					name.string = reason ?? label;
					name.state = field.state = reason === undefined ? 0 : REFUSED_STATE;
				},
			};
			const field = fieldOf(typing, `${min} … ${max}`, theme);
			this._sliders.add(new Row(null, { left: 0, right: 0, height: NAME_HEIGHT, contents: [name, field, value] }));
			this._sliders.add(slider);
			return { scale, slider };
		});
	}
}

/** A field in its frame, empty but for what is being typed: the value stands beside it. */
function fieldOf(typing: FieldData, placeholder: string, { fieldFrame, field: skin, typed: style }: Theme): PiuContent {
	const field = new Field(typing, {
		...{ left: 1, right: 1, top: 1, bottom: 1, clip: true, active: true },
		...{ skin, style, placeholder, Behavior: FieldBehavior },
	});
	return new Container(null, { width: FIELD_WIDTH, top: 0, bottom: 0, skin: fieldFrame, contents: [field] });
}

interface FieldData {
	/** Returns in a few words why the text is not taken. */
	readonly onEntered: (text: string) => string | undefined;
	/** A text was refused; or, without a reason, the refusal is over. */
	readonly onRefused: (reason: string | undefined) => void;
}

/** The SDK's field tells of Enter and of each change, of no other key (`modules/piu/PC/lin/piuField.c`): Escape does nothing. */
class FieldBehavior extends Behavior {
	private _data: FieldData | undefined;

	onCreate(_field: PiuField, data: FieldData): void {
		this._data = data;
	}

	onEnter(field: PiuField): void {
		const reason = field.string === "" ? undefined : this._data!.onEntered(field.string);
		if (reason === undefined) field.string = "";
		this._data!.onRefused(reason);
	}

	onStringChanged(): void {
		this._data!.onRefused(undefined);
	}
}

interface SliderData {
	readonly min: number;
	readonly max: number;
	readonly step: number;
	value: number;
	readonly onShown: (position: number) => void;
	readonly onMoved: (position: number) => void;
}

class SliderBehavior extends HorizontalSliderBehavior {
	declare data: SliderData;
	private _displayed = false;

	override onDisplaying(slider: PiuContainer): void {
		super.onDisplaying(slider);
		this._displayed = true;
	}

	override onValueChanging(): void {
		this.data.onShown(this.data.value);
		this.data.onMoved(this.data.value);
	}

	moveTo(slider: PiuContainer, position: number): void {
		this.data.value = position;
		this.data.onShown(position);
		if (this._displayed) this.onDataChanged(slider);
	}
}
