/** mcsim's panel for the station, in mcsim's words a simulator. */
import { DeviceBehavior, DeviceContainer, DeviceScreen } from "DevicePane";
import type { SwitchBehavior } from "piu/Switches";
import type { ToMachine, ToPanel } from "../messages.js";
import { Controls } from "./controls.js";
import { LiveList } from "./live-list.js";
import { PanelState } from "./panel-state.js";
import { createTheme } from "./theme.js";

/** Between updates of the remaining sleep, in ms. */
const REFRESH_MS = 500;

const state = new PanelState();
let list: LiveList | undefined;
let controls: Controls | undefined;
let device: PiuContainer | undefined;

class StationBehavior extends DeviceBehavior {
	/** The switches put themselves here, by these names. */
	declare weatherSwitch?: PiuContent;
	declare powerSwitch?: PiuContent;

	override onCreate(container: PiuContainer, simulator: unknown): void {
		super.onCreate(container, simulator);
		device = container;
	}

	/** mcsim started the machine: it gets the switches' state before it does anything. */
	override onLaunch(container: PiuContainer): void {
		container.stop();
		state.launched(Date.now());
		turn(this.powerSwitch, false);
		this._configure(container);
		this._show();
	}

	onJSON(container: PiuContainer, message: ToPanel): void {
		if ("restart" in message) return this._restart(container, message.restart.after);
		state.receive(message, Date.now());
		this._show();
	}

	onAbort(container: PiuContainer, _status: number, reason: string): boolean {
		state.ended(reason, Date.now());
		container.defer("onHalt");
		this._show();
		return true;
	}

	/** The machine sleeps. */
	onTimeChanged(): void {
		this._show();
	}

	/** The machine has slept. */
	onFinished(): void {
		application.defer("doReloadFile");
	}

	onWeather(container: PiuContainer, { value }: { value: boolean }): void {
		state.takeOver(value);
		this._configure(container);
		this._show();
	}

	onWeatherMoved(container: PiuContainer): void {
		turn(this.weatherSwitch, true);
		this._configure(container);
	}

	onSensorFault(container: PiuContainer, { value }: { value: boolean }): void {
		state.breakSensor(value, Date.now());
		this._configure(container);
		this._show();
	}

	onLinkCut(container: PiuContainer, { value }: { value: boolean }): void {
		state.cutLink(value, Date.now());
		this._configure(container);
		this._show();
	}

	onPowerCut(container: PiuContainer, { value }: { value: boolean }): void {
		if (!value) return application.defer("doReloadFile");
		container.stop();
		state.halted(Date.now());
		container.defer("onHalt");
		this._show();
	}

	/** Ends the machine as a power cut does: at once, whatever it is doing. */
	onHalt(): void {
		application.behavior.quitScreen();
	}

	private _restart(container: PiuContainer, after: number): void {
		if (after === 0) {
			state.restarted();
			return application.defer("doReloadFile");
		}
		state.slept(after, Date.now());
		container.defer("onHalt");
		container.interval = REFRESH_MS;
		container.duration = after;
		container.time = 0;
		container.start();
		this._show();
	}

	private _configure(container: PiuContainer): void {
		if (!state.powered) return;
		const message: ToMachine = { configuration: state.configuration };
		this.postJSON(container, message);
	}

	private _show(): void {
		list?.show(state.view(Date.now()));
		controls?.show();
	}
}

/** Sets a switch without an event. */
function turn(content: PiuContent | undefined, value: boolean): void {
	if (!content) return;
	const behavior = content.behavior as SwitchBehavior;
	if (behavior.data.value === value) return;
	behavior.data.value = value;
	behavior.onDataChanged(content);
}

export default {
	applicationName: "veleta",
	title: "Veleta",
	ControlsTemplate: Container.template(() => {
		controls = new Controls({
			theme: createTheme(),
			state,
			onMoved: (scale, position) => {
				state.moveTo(scale, position);
				device?.delegate("onWeatherMoved");
			},
		});
		return { left: 0, right: 0, top: 0, contents: [controls.content] };
	}),
	DeviceTemplate: DeviceContainer.template((panel) => {
		list = new LiveList(createTheme());
		list.show(state.view(Date.now()));
		return {
			left: 0,
			right: 0,
			top: 0,
			bottom: 0,
			Behavior: StationBehavior,
			contents: [list.content, new DeviceScreen(panel, { left: 0, width: 0, top: 0, height: 0, rotation: 0 })],
		};
	}),
};
