/**
 * Piu as mcsim has it, and mcsim's own modules, as far as the panel uses them.
 * `@moddable/typings` knows only the Piu of devices.
 */

interface Coordinates {
	left?: number;
	right?: number;
	top?: number;
	bottom?: number;
	width?: number;
	height?: number;
}
interface PiuContent extends Coordinates {
	readonly application: object | null;
	readonly container: PiuContainer;
	readonly next: PiuContent;
	active: boolean;
	behavior: Behavior;
	coordinates: Coordinates;
	interval: number;
	duration: number;
	time: number;
	height: number;
	state: number;
	style: Style;
	visible: boolean;
	/** Calls the behavior's method, now; or when the present event has been handled. */
	delegate(method: string, ...values: unknown[]): void;
	defer(method: string, ...values: unknown[]): void;
	start(): void;
	stop(): void;
}
interface PiuLabel extends PiuContent {
	string: string;
}
interface PiuContainer extends PiuContent {
	readonly first: PiuContent;
	readonly length: number;
	add(content: PiuContent): void;
	empty(): void;
}

interface PiuDictionary extends Coordinates {
	active?: boolean;
	anchor?: string;
	border?: number;
	clip?: boolean;
	contents?: readonly PiuContent[];
	interval?: number;
	radius?: number;
	rotation?: number;
	skin?: Skin;
	state?: number;
	string?: string;
	style?: Style;
	visible?: boolean;
	Behavior?: new () => Behavior;
}
interface PiuTemplate<Content> {
	new (data: unknown, dictionary?: PiuDictionary): Content;
	(data: unknown, dictionary?: PiuDictionary): Content;
	template(build: (data: unknown) => PiuDictionary): PiuTemplate<Content>;
}
declare const Column: PiuTemplate<PiuContainer>;
declare const Container: PiuTemplate<PiuContainer>;
declare const Content: PiuTemplate<PiuContent>;
declare const Label: PiuTemplate<PiuLabel>;
declare const RoundContent: PiuTemplate<PiuContent>;
declare const Row: PiuTemplate<PiuContainer>;
declare const Scroller: PiuTemplate<PiuContainer>;
declare const Text: PiuTemplate<PiuLabel>;

declare class Behavior {}
/** A colour for each state, or one for all. */
declare class Skin {
	constructor(options: { fill?: string | readonly string[]; stroke?: string | readonly string[] });
}
declare class Style {
	constructor(
		options: {
			font?: string;
			color?: string | readonly string[];
			horizontal?: "left" | "center" | "right";
		} & Coordinates,
	);
}

/** mcsim; its behavior starts and ends the machine that it shows. */
declare const application: {
	readonly behavior: { launchScreen(): void; quitScreen(): void };
	defer(method: "doReloadFile"): void;
};

declare module "assets" {
	/** The grey behind a device, from 0 to 255: mcsim has light and dark colours. */
	export function getBackgroundComponent(): number;
}

declare module "ControlsPane" {
	/** A switch tells of itself by the method `event` of the device's behavior, with `{ value }`. */
	export const SwitchRow: PiuTemplate<PiuContainer>;
}

declare module "DevicePane" {
	export class DeviceBehavior extends Behavior {
		onCreate(container: PiuContainer, device: unknown): void;
		onLaunch(container: PiuContainer): void;
		postJSON(container: PiuContainer, message: unknown): void;
	}
	export const DeviceContainer: PiuTemplate<PiuContainer>;
	export const DeviceScreen: PiuTemplate<PiuContent>;
}

declare module "piu/Sliders" {
	interface SliderData {
		min: number;
		max: number;
		step: number;
		value: number;
	}
	export class HorizontalSliderBehavior extends Behavior {
		data: SliderData;
		onDisplaying(slider: PiuContainer): void;
		onDataChanged(slider: PiuContainer): void;
		onValueChanging(slider: PiuContainer): void;
	}
	export const HorizontalSlider: PiuTemplate<PiuContainer>;
}

declare module "piu/Switches" {
	export class SwitchBehavior extends Behavior {
		data: { value: boolean };
		onDataChanged(container: PiuContent): void;
	}
}

declare module "piu/Scrollbars" {
	export class ScrollerBehavior extends Behavior {}
	export const VerticalScrollbar: PiuTemplate<PiuContainer>;
}
