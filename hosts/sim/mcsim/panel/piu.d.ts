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
/** The operating system's own; what its behavior gets to know: `onEnter` and `onStringChanged`. */
interface PiuField extends PiuContent {
	string: string;
}
/** Its behavior draws, in `onDraw`. */
interface PiuPort extends PiuContent {
	fillColor(color: string, x: number, y: number, width: number, height: number): void;
	invalidate(): void;
}
interface PiuContainer extends PiuContent {
	readonly first: PiuContent;
	readonly length: number;
	add(content: PiuContent): void;
	content(name: string): PiuContent | undefined;
	empty(): void;
	remove(content: PiuContent): void;
}

interface PiuDictionary extends Coordinates {
	active?: boolean;
	anchor?: string;
	border?: number;
	clip?: boolean;
	contents?: readonly PiuContent[];
	ellipsis?: boolean;
	interval?: number;
	name?: string;
	placeholder?: string;
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
declare const Field: PiuTemplate<PiuField>;
declare const Label: PiuTemplate<PiuLabel>;
declare const Port: PiuTemplate<PiuPort>;
declare const RoundContent: PiuTemplate<PiuContent>;
declare const Row: PiuTemplate<PiuContainer>;
declare const Scroller: PiuTemplate<PiuContainer>;
declare const Text: PiuTemplate<PiuLabel>;

declare class Behavior {}
/** A colour for each state, or one for all. */
declare class Skin {
	constructor(options: {
		fill?: string | readonly string[];
		stroke?: string | readonly string[];
		borders?: Coordinates;
	});
}
declare class Style {
	constructor(
		options: {
			font?: string;
			color?: string | readonly string[];
			horizontal?: "left" | "center" | "right";
		} & Coordinates,
	);
	measure(string: string): { readonly width: number; readonly height: number };
}

/** mcsim, and its behavior: `tools/mcsim/main.js` in the SDK. */
declare const application: PiuContainer & {
	readonly behavior: Mcsim;
	updateMenus(): void;
	distribute(method: "onInfoChanged"): void;
	defer(method: "doReloadFile"): void;
};

interface Mcsim {
	/** The panels that it has found, and the one that it shows. */
	readonly devices: readonly object[];
	readonly deviceIndex: number;
	/** In which it runs a machine: that of the panel which was drawn last. */
	SCREEN: PiuContent;
	/** While it is set, `launchScreen` and `quitScreen` do nothing. */
	screenOnce?: boolean;
	launchScreen(): void;
	quitScreen(): void;
	/** Draws a panel. */
	selectDevice(target: PiuContainer, index: number): void;
	/** Reads the files of all panels, and draws one; an own member takes the place of the class's. */
	reloadDevices?: (() => void) | undefined;
	onColorsChanged(target: PiuContainer, value?: unknown): void;
	onRotate(target: PiuContainer, value?: unknown): void;
	doSelectRotation(target: PiuContainer, value?: unknown): void;
}

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
