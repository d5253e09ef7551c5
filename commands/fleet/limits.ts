/** What of this computer limits how many stations a process can have: it is raised, or told in a line. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { UsageError } from "../frame.ts";

/** Files that are open beside the stations' sockets. */
const OTHER_FILES = 64;
/** Ports that others may use. */
const OTHER_PORTS = 256;
/** Bytes of JavaScript's heap for each station: more than three times what it takes. */
const HEAP_BYTES = 100_000;

/** Throws a `UsageError` that says what to do. Where a limit is not known, as on another system than Linux, there is none. */
export function checkLimits(stations: number): void {
	const ports = portsOf(read("/proc/sys/net/ipv4/ip_local_port_range"));
	if (ports !== undefined && stations > ports - OTHER_PORTS) {
		throw new UsageError(
			`--stations ${stations}: this computer has ${ports} ports for connections to one broker; more by: sysctl -w net.ipv4.ip_local_port_range="1024 65535"`,
		);
	}
	const heap = getHeapStatistics().heap_size_limit;
	if (stations * HEAP_BYTES > heap) {
		const megabytes = Math.ceil((stations * HEAP_BYTES) / 1_000_000);
		throw new UsageError(
			`--stations ${stations}: Node is given too little memory for them; more by: NODE_OPTIONS=--max-old-space-size=${megabytes}`,
		);
	}
	const wanted = stations + OTHER_FILES;
	// Node has raised the soft limit to the hard one.
	if (openFiles() >= wanted || raise(wanted)) return;
	throw new UsageError(
		`--stations ${stations}: only ${openFiles()} files may be open in a process, and each connection is one; more by: ulimit -n ${wanted}`,
	);
}

function openFiles(): number {
	return filesOf(read("/proc/self/limits")) ?? Number.POSITIVE_INFINITY;
}

/** Of `/proc/self/limits`, how many files may be open. */
export function filesOf(limits: string): number | undefined {
	const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
	return soft === undefined ? undefined : Number(soft);
}

/** Of `ip_local_port_range`, how many ports there are. */
export function portsOf(range: string): number | undefined {
	const [, first, last] = /^(\d+)\s+(\d+)/.exec(range) ?? [];
	return first === undefined ? undefined : Number(last) - Number(first) + 1;
}

/** Where this user may. */
function raise(files: number): boolean {
	spawnSync("prlimit", ["--pid", String(process.pid), `--nofile=${files}:${files}`], { stdio: "ignore" });
	return openFiles() >= files;
}

function read(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}
