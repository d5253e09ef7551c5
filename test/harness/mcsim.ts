/** mcsim with the project's panel, on a screen that nobody sees, and hands on its mouse and keyboard. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type Area, Picture } from "./picture.ts";
import { findProgram, Program } from "./program.ts";
import { pause, until } from "./wait.ts";

/** Tests run in the project's folder. */
const root = process.cwd();

/**
 * A copy of the project to build in, so that other tests, and the user's
 * settings and flash, are left alone. It stays: the SDK's makefiles then compile
 * only what has changed.
 */
export function copyOfProject(name = "mcsim-test"): string {
	const copy = join(root, "build", name);
	mkdirSync(copy, { recursive: true });
	for (const name of ["commands", "hosts", "manifest.json", "package.json", "src", "tools", "tsconfig.json"]) {
		rmSync(join(copy, name), { recursive: true, force: true });
		cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
	}
	if (!existsSync(join(copy, "node_modules"))) symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
	return copy;
}

/** Whether this computer can show mcsim to nobody. */
export function hasScreen(): boolean {
	try {
		return ["Xvfb", "xdotool", "env", "stdbuf"].every(findProgram);
	} catch {
		return false;
	}
}

/** Between two movements of the mouse, in ms: GTK leaves out what comes faster. */
const MOVE_MS = 120;
/**
 * Pixels, in mcsim's smallest window, which is the one it begins with. The menu
 * bar above has 24 with the usual fonts; some more or less do not matter, as a
 * slider has 30, a switch and a field 20.
 */
const SLIDER = { left: 14, right: 304, y: 144 };
const SWITCHES = { weather: 92, sensor: 304, link: 334, power: 364 };
const SWITCH_X = 144;
const FIELDS = { temperature: 118, humidity: 170, pressure: 222 };
const FIELD_X = 185;
/** mcsim's own buttons, and the rows of the menu that the second one opens. */
const BUTTONS = { turn: 595, colors: 625 };
const BUTTON_Y = 37;
const COLORS = { light: 68, dark: 98 };
const AREAS = {
	/** The fields above the sliders. */
	fields: { left: 130, top: 100, right: 240, bottom: 263 },
	/** The dots of reports that wait. */
	dots: { left: 586, top: 220, right: 600, bottom: 306 },
	/** The margin of the list. */
	margin: { left: 324, top: 60, right: 328, bottom: 440 },
} satisfies Readonly<Record<string, Area>>;

export interface McsimOptions {
	/** The SDK's folder. */
	readonly moddable: string;
	/** Where it was built. */
	readonly project: string;
	/** For the station's flash, and mcsim's own files. */
	readonly folder: string;
	/** Of mcsim alone. */
	readonly environment?: Readonly<Record<string, string>>;
}

export class Mcsim {
	private readonly _screen: Program;
	private readonly _display: string;
	private readonly _program: Program;
	private readonly _folder: string;

	private constructor(screen: Program, display: string, { moddable, project, folder, environment = {} }: McsimOptions) {
		this._screen = screen;
		this._folder = folder;
		this._display = display;
		const home = join(folder, "home");
		// mcsim and the SDK's files make neither of them.
		mkdirSync(join(home, ".config/tech.moddable.mcsim"), { recursive: true });
		mkdirSync(join(folder, ".veleta"), { recursive: true });
		this._program = new Program(
			"mcsim",
			findProgram("env"),
			[
				...["-u", "WAYLAND_DISPLAY", "-u", "XDG_CONFIG_HOME", "-u", "DBUS_SESSION_BUS_ADDRESS"],
				...[`DISPLAY=${display}`, `HOME=${home}`, "GDK_BACKEND=x11", "NO_AT_BRIDGE=1"],
				// Line by line, as in a terminal.
				...["stdbuf", "-oL", "env"],
				...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
				join(moddable, "build/bin/lin/release/mcsim"),
				join(project, "build/modules/mcsim/simulator"),
				join(project, "build/moddable/bin/lin/mc/release/veleta/mc.so"),
			],
			folder,
		);
	}

	static async start(options: McsimOptions): Promise<Mcsim> {
		// Without -noreset it begins anew whenever its last client has gone, and refuses those that come meanwhile.
		const screenOptions = ["-displayfd", "1", "-noreset", "-screen", "0", "640x480x24", "-nolisten", "tcp"];
		screenOptions.push("-fbdir", options.folder);
		const screen = new Program("Xvfb", findProgram("Xvfb"), screenOptions, options.folder);
		try {
			const mcsim = new Mcsim(screen, `:${await screen.line(/^\d+$/)}`, options);
			await until("mcsim's window", () => mcsim._hasWindow());
			return mcsim;
		} catch (error) {
			await screen.kill();
			throw error;
		}
	}

	/** Moves the slider of the temperature by so many pixels. */
	async moveTemperature(from: number, to: number): Promise<void> {
		this._xdotool("mousemove", `${from}`, `${SLIDER.y}`, "mousedown", "1");
		for (let step = 1; step <= 5; step++) {
			await pause(MOVE_MS);
			this._xdotool("mousemove", `${Math.round(from + ((to - from) * step) / 5)}`, `${SLIDER.y}`);
		}
		await pause(MOVE_MS);
		this._xdotool("mouseup", "1");
	}

	/** Where the slider of a BME280's temperature stands at so many °C, in pixels. */
	static temperatureAt(temperature: number): number {
		return SLIDER.left + ((temperature + 40) / 125) * (SLIDER.right - SLIDER.left);
	}

	async toggle(name: keyof typeof SWITCHES): Promise<void> {
		await this._click(SWITCH_X, SWITCHES[name]);
	}

	/** Types into a slider's field, and ends with Enter. */
	async type(field: keyof typeof FIELDS, text: string): Promise<void> {
		await this._click(FIELD_X, FIELDS[field]);
		await this._focus();
		this._xdotool("key", "ctrl+a");
		this._xdotool("type", "--", text);
		this._xdotool("key", "Return");
	}

	/** Turns the device by 90 degrees, as mcsim does for devices that have a screen. */
	async turn(): Promise<void> {
		await this._click(BUTTONS.turn, BUTTON_Y);
	}

	async choose(colors: keyof typeof COLORS): Promise<void> {
		await this._click(BUTTONS.colors, BUTTON_Y);
		await pause(MOVE_MS);
		await this._click(BUTTONS.colors, COLORS[colors]);
	}

	/** Ends mcsim by its menu's key, and returns the degrees by which the device is turned, as mcsim keeps them. */
	async quit(): Promise<number> {
		await this._focus();
		this._xdotool("key", "ctrl+q");
		await this._program.ended();
		const kept = readFileSync(join(this._folder, "home/.config/tech.moddable.mcsim.main.json"), "utf8");
		return JSON.parse(kept).deviceRotation;
	}

	/** How many pixels of an area have the colour `#rrggbb` now. */
	count(color: string, area: keyof typeof AREAS): number {
		return new Picture(join(this._folder, "Xvfb_screen0")).count(color, AREAS[area]);
	}

	/** Resolves with the first line of the station's log that matches. */
	log(pattern: RegExp): Promise<string> {
		return this._program.line(pattern);
	}

	async close(): Promise<void> {
		console.error(this._program.lines.slice(-60).join("\n"));
		await this._program.kill();
		await this._screen.kill();
	}

	private async _click(x: number, y: number): Promise<void> {
		this._xdotool("mousemove", `${x}`, `${y}`, "mousedown", "1");
		await pause(MOVE_MS);
		this._xdotool("mouseup", "1");
	}

	/** Gives the window the keyboard: there is no window manager that does. */
	private async _focus(): Promise<void> {
		this._xdotool("search", "--onlyvisible", "--name", "mcsim", "windowfocus");
		await pause(MOVE_MS);
	}

	private _hasWindow(): boolean {
		if (this._program.exit) throw new Error(`mcsim ended: ${this._program.lines.join("; ")}`);
		try {
			this._xdotool("search", "--onlyvisible", "--name", "mcsim");
			return true;
		} catch {
			return false;
		}
	}

	private _xdotool(...argumentsOf: string[]): void {
		execFileSync(findProgram("xdotool"), argumentsOf, {
			env: { ...process.env, DISPLAY: this._display },
			stdio: "ignore",
		});
	}
}
