/** A host in a test's world; what a test is about comes as further ports. */
import type { Host } from "../../src/host.ts";
import type { World } from "./world.ts";

/** Lines of the log are added to `log`. */
export function hostOf(world: World, ports: Partial<Host> = {}, log: string[] = []): Host {
	return {
		clock: world.clock,
		timer: world.timer,
		random: () => 0.5,
		network: world.network,
		log: (level, text) => void log.push(`${level}: ${text}`),
		...ports,
	};
}
