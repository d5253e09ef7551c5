/**
 * The screen in which mcsim runs the station's machine, kept while mcsim draws itself anew.
 *
 * Where its colours change or the device is turned, mcsim (SDK 8.2.3,
 * `tools/mcsim/main.js`) ends the machine, replaces its window's content, reads the
 * panel's file again and starts the machine again. A screen that leaves the window
 * ends its machine, too (`PiuScreenUnbind` in `modules/piu/PC/Screen`). So the screen
 * lies beside mcsim's content, in the application, and mcsim is kept from the rest:
 * while `screenOnce` is set, it neither ends nor starts a machine.
 */
import { DeviceScreen } from "DevicePane";

/** The methods of mcsim that draw it anew; one that a later SDK has not is left out. */
const REDRAWS = ["onColorsChanged", "onRotate", "doSelectRotation"] as const;
/** The screen's container, by which the panel's next version finds it. */
const NAME = "veleta";

/** Puts the screen of `simulator`, as mcsim calls a panel, into the application; what it tells goes to `Behavior`. */
export function addMachine(simulator: object, behavior: new () => Behavior): PiuContainer {
	// Of the panel before "Reload Simulators", by which mcsim has ended its machine.
	const former = application.content(NAME);
	if (former) application.remove(former);
	const machine = new Container(null, {
		...{ name: NAME, left: 0, width: 0, top: 0, height: 0 },
		Behavior: behavior,
		contents: [new DeviceScreen(simulator, { left: 0, width: 0, top: 0, height: 0, rotation: 0 })],
	});
	application.add(machine);
	keepWhileDrawing(simulator);
	return machine;
}

function keepWhileDrawing(simulator: object): void {
	const mcsim = application.behavior;
	for (const name of REDRAWS) {
		const redraw = Object.getPrototypeOf(mcsim)[name];
		if (!redraw) continue;
		mcsim[name] = (target, value) => {
			if (mcsim.devices[mcsim.deviceIndex] !== simulator) return redraw.call(mcsim, target, value);
			mcsim.screenOnce = true;
			mcsim.reloadDevices = () => mcsim.selectDevice(application, mcsim.deviceIndex);
			try {
				redraw.call(mcsim, target, value);
			} finally {
				delete mcsim.screenOnce;
				delete mcsim.reloadDevices;
			}
			// Which mcsim does when it starts a machine.
			application.updateMenus();
			application.distribute("onInfoChanged");
		};
	}
}
