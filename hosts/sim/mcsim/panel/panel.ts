/** mcsim's panel for the station, in mcsim's words a simulator. */
import { DeviceBehavior, DeviceContainer } from "DevicePane";
import type { SwitchBehavior } from "piu/Switches";
import type { ToMachine, ToPanel } from "../messages.js";
import { Controls } from "./controls.js";
import { LiveList } from "./live-list.js";
import { addMachine } from "./machine.js";
import { PanelState } from "./panel-state.js";
import { createTheme } from "./theme.js";

/** Between updates of the remaining sleep, in ms. */
const REFRESH_MS = 500;

const state = new PanelState();
let list: LiveList | undefined;
let controls: Controls | undefined;
let station: PiuContainer | undefined;
let machine: PiuContainer | undefined;

/** Of the machine's screen, which outlives the panel's other contents. */
class MachineBehavior extends DeviceBehavior {
	onJSON(machine: PiuContainer, message: ToPanel): void {
		if ("restart" in message) return this._restart(machine, message.restart.after);
		state.receive(message, Date.now());
		show();
	}

	onAbort(machine: PiuContainer, _status: number, reason: string): boolean {
		state.ended(reason, Date.now());
		machine.defer("onHalt");
		show();
		return true;
	}

	/** mcsim started the machine: it gets the switches' state before it does anything. */
	onStarted(machine: PiuContainer): void {
		machine.stop();
		state.launched(Date.now());
		this.onConfigured(machine);
	}

	onConfigured(machine: PiuContainer): void {
		if (!state.powered) return;
		const message: ToMachine = { configuration: state.configuration };
		this.postJSON(machine, message);
	}

	onPowerCut(machine: PiuContainer): void {
		machine.stop();
		state.halted(Date.now());
		machine.defer("onHalt");
	}

	/** Ends the machine as a power cut does: at once, whatever it is doing. */
	onHalt(): void {
		application.behavior.quitScreen();
	}

	/** The machine sleeps. */
	onTimeChanged(): void {
		show();
	}

	/** The machine has slept. */
	onFinished(): void {
		application.defer("doReloadFile");
	}

	private _restart(machine: PiuContainer, after: number): void {
		if (after === 0) {
			state.restarted();
			return application.defer("doReloadFile");
		}
		state.slept(after, Date.now());
		machine.defer("onHalt");
		machine.interval = REFRESH_MS;
		machine.duration = after;
		machine.time = 0;
		machine.start();
		show();
	}
}

/** Of what mcsim shows as the device: it gets the switches' events. */
class StationBehavior extends DeviceBehavior {
	/** The switches put themselves here, by these names. */
	declare weatherSwitch?: PiuContent;
	declare powerSwitch?: PiuContent;

	override onCreate(container: PiuContainer, simulator: object): void {
		super.onCreate(container, simulator);
		station = container;
		machine ??= addMachine(simulator, MachineBehavior);
		// Another panel may have been shown since, with a screen of its own.
		application.behavior.SCREEN = machine.first;
	}

	override onLaunch(): void {
		machine?.delegate("onStarted");
		turn(this.powerSwitch, false);
		show();
	}

	onWeather(_station: PiuContainer, { value }: { value: boolean }): void {
		state.takeOver(value);
		this._changed();
	}

	onWeatherMoved(): void {
		turn(this.weatherSwitch, true);
		this._changed();
	}

	onSensorFault(_station: PiuContainer, { value }: { value: boolean }): void {
		state.breakSensor(value, Date.now());
		this._changed();
	}

	onLinkCut(_station: PiuContainer, { value }: { value: boolean }): void {
		state.cutLink(value, Date.now());
		this._changed();
	}

	onPowerCut(_station: PiuContainer, { value }: { value: boolean }): void {
		if (!value) return application.defer("doReloadFile");
		machine?.delegate("onPowerCut");
		show();
	}

	private _changed(): void {
		machine?.delegate("onConfigured");
		show();
	}
}

function show(): void {
	const view = state.view(Date.now());
	list?.show(view);
	controls?.show(view.curves);
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
				station?.delegate("onWeatherMoved");
			},
			onTyped: (scale, text) => {
				const refusal = state.type(scale, text);
				if (refusal === undefined) station?.delegate("onWeatherMoved");
				return refusal;
			},
		});
		show();
		return { left: 0, right: 0, top: 0, contents: [controls.content] };
	}),
	DeviceTemplate: DeviceContainer.template(() => {
		list = new LiveList(createTheme());
		return {
			left: 0,
			right: 0,
			top: 0,
			bottom: 0,
			Behavior: StationBehavior,
			contents: [list.content],
		};
	}),
};
