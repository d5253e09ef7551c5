/** The sliders and switches. */
import { SwitchRow } from "ControlsPane";
import { HorizontalSlider, HorizontalSliderBehavior } from "piu/Sliders";
import type { PanelState } from "./panel-state.js";
import type { Scale } from "./scales.js";
import type { Theme } from "./theme.js";

/** As wide as mcsim's own margin in front of a control's name. */
const MARGIN = 10;

/** A switch: its name for the behavior, the behavior's method, and its texts. */
const WEATHER = { name: "weatherSwitch", event: "onWeather", label: "Weather", on: "by hand", off: "simulated" };
const FAULTS = [
	{ name: "sensorSwitch", event: "onSensorFault", label: "Sensor fault", on: "unplugged", off: "plugged in" },
	{ name: "linkSwitch", event: "onLinkCut", label: "Link cut", on: "cut", off: "whole" },
	{ name: "powerSwitch", event: "onPowerCut", label: "Power cut", on: "no power", off: "powered" },
];

export interface ControlsOptions {
	readonly theme: Theme;
	readonly state: PanelState;
	/** A slider was moved. */
	readonly onMoved: (scale: Scale, position: number) => void;
}

export class Controls {
	/** To be shown. */
	readonly content: PiuContent;
	private readonly _options: ControlsOptions;
	private readonly _sliders: PiuContainer;
	private _rows: { readonly scale: Scale; readonly slider: PiuContainer }[] = [];
	private _sensor = "";

	constructor(options: ControlsOptions) {
		this._options = options;
		this._sliders = new Column(null, { left: 0, right: 0 });
		this.content = new Column(null, {
			left: 0,
			right: 0,
			top: 0,
			contents: [
				this._heading("Around the sensor"),
				new SwitchRow({ ...WEATHER, value: options.state.byHand }),
				this._sliders,
				this._heading("Faults"),
				...FAULTS.map((fault) => new SwitchRow({ ...fault, value: false })),
			],
		});
		this.show();
	}

	/** Moves the sliders to the weather's values. */
	show(): void {
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
		return new Label(null, { left: MARGIN, right: 0, height: 30, string, style: this._options.theme.heading });
	}

	private _build(): void {
		const { theme, state, onMoved } = this._options;
		this._sliders.empty();
		this._rows = state.scales.map((scale) => {
			const value = new Label(null, { width: 90, right: MARGIN, style: theme.number });
			const { lowest: min, highest: max, step, label } = scale;
			const data: SliderData = {
				...{ min, max, step, value: min },
				onShown: (position) => {
					value.string = `${position.toFixed(1)} ${scale.unit}`;
				},
				onMoved: (position) => onMoved(scale, position),
			};
			const slider = new HorizontalSlider(data, { left: 4, right: 4, Behavior: SliderBehavior });
			const name = new Label(null, { left: MARGIN, right: 0, style: theme.value, string: label });
			this._sliders.add(new Row(null, { left: 0, right: 0, height: 22, contents: [name, value] }));
			this._sliders.add(slider);
			return { scale, slider };
		});
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
