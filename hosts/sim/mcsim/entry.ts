/** The program's start in mcsim: once the panel's sliders and switches are known, so that they hold from the first moment. */
import main from "../../../src/main.js";
import { panel } from "./host.js";

export default function start(): void {
	panel.whenConfigured(() => {
		const station = main();
		if (station) panel.watch(station);
	});
}
