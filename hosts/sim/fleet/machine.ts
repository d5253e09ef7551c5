/**
 * A simulated board on this computer's real network, one of thousands in a process: the whole station, with a simulated
 * sensor and flash. It loses its network, and its power, when it is told to.
 */
import type { Socket as NetSocket } from "node:net";
import type { Host, LogLevel, NetworkPort } from "../../../src/host.ts";
import type { Settings } from "../../../src/settings.ts";
import { type Counters, Station } from "../../../src/station/station.ts";
import { connectTcp, NodeSocket, reset } from "../../node/node-socket.ts";
import { clock, timer } from "../../node/ports.ts";
import { connectTls, type TlsAddress } from "../../node/tls.ts";
import { FlashChip } from "../devices/flash-chip.ts";
import { createSimulatedSensor } from "../devices/simulated-sensor.ts";

/** A quarter of a board's, as thousands of them lie in one computer's memory: some 430 readings. */
const FLASH = { blockLength: 4_096, blocks: 4 } as const;

export interface MachineOptions {
	readonly settings: Settings;
	/** Of the weather, and of the spread of reconnects. */
	readonly seed: number;
	/** Uniform in [0, 1). */
	readonly random: () => number;
	readonly observer: MachineObserver;
}

export interface MachineObserver {
	/** The station has taken a reading, and keeps it. */
	onReading(seq: number): void;
	/** The broker has acknowledged it. */
	onAcknowledged(seq: number): void;
	onConnected(): void;
	onDisconnected(): void;
	/** Its own power or network has been taken away: that it is not connected is not the broker's affair. */
	onGone(): void;
	onLog(level: LogLevel, text: string): void;
}

/** From power-on to the power cut. */
interface Period {
	alive: boolean;
	readonly timers: Set<unknown>;
	readonly sockets: Set<NetSocket>;
	readonly network: NetworkPort & { ready: boolean };
	/** By its handle, the number of each reading that is on its way. */
	readonly sent: Map<number, number>;
	station: Station | undefined;
}

export class Machine {
	private readonly _options: MachineOptions;
	private readonly _flash: FlashChip;
	private _period: Period | undefined;
	private _connected = false;

	constructor(options: MachineOptions) {
		this._options = options;
		this._flash = new FlashChip({ ...FLASH, random: options.random });
	}

	/** Whether it has power and a network, so that it could be connected. */
	get isReady(): boolean {
		return this._period?.network.ready === true;
	}

	/** Of the station since its last start; `undefined` without power. */
	get counters(): Counters | undefined {
		return this._period?.station?.counters;
	}

	powerOn(): void {
		if (this._period) return;
		const { settings, observer } = this._options;
		const sockets = new Set<NetSocket>();
		const period: Period = {
			...{ alive: true, timers: new Set(), sockets, sent: new Map(), station: undefined },
			network: networkOf(sockets),
		};
		this._period = period;
		period.station = new Station(this._host(period), settings, {
			onReading: (seq) => observer.onReading(seq),
			onSent: (seq, handle) => period.sent.set(handle, seq),
			onDelivered: (handle) => {
				const seq = period.sent.get(handle);
				period.sent.delete(handle);
				if (seq !== undefined) observer.onAcknowledged(seq);
			},
			onState: (state) => {
				if (period.alive) this._connection(state === "online");
			},
		});
		period.station.start();
	}

	/** All that is not in the flash is lost; the broker is told nothing. */
	powerCut(): void {
		const period = this._period;
		if (!period) return;
		this._period = undefined;
		period.alive = false;
		for (const holder of period.timers) timer.clear(holder);
		period.timers.clear();
		resetAll(period.sockets);
		this._gone();
	}

	/** The network goes, and no connection can be opened, or it comes back. */
	setNetwork(ready: boolean): void {
		const { network, sockets } = this._period ?? {};
		if (!network || network.ready === ready) return;
		network.ready = ready;
		if (ready) return network.onReady?.();
		this._gone();
		resetAll(sockets!);
	}

	/** In good order: the station delivers for a moment, and says that it goes. */
	stop(): Promise<void> {
		const station = this._period?.station;
		if (!station) return Promise.resolve();
		return new Promise((resolve) =>
			station.stop(() => {
				this._gone();
				resolve();
			}),
		);
	}

	private _connection(connected: boolean): void {
		if (connected === this._connected) return;
		this._connected = connected;
		const { observer } = this._options;
		if (connected) observer.onConnected();
		else observer.onDisconnected();
	}

	private _gone(): void {
		this._options.observer.onGone();
		this._connection(false);
	}

	private _host(period: Period): Host {
		const { settings, seed, random, observer } = this._options;
		return {
			clock,
			random,
			timer: {
				set: (callback, delay) => {
					// The end of its sockets still reaches a station that has lost its power.
					if (!period.alive) return undefined;
					const holder = timer.set(() => {
						period.timers.delete(holder);
						callback();
					}, delay);
					period.timers.add(holder);
					return holder;
				},
				clear: (holder) => {
					period.timers.delete(holder);
					timer.clear(holder);
				},
			},
			...createSimulatedSensor({ sensor: settings.sensor, clock, seed }),
			network: period.network,
			flash: this._flash,
			log: (level, text) => {
				if (period.alive) observer.onLog(level, text);
			},
		};
	}
}

/** Remembers its sockets, to take them away. */
function networkOf(sockets: Set<NetSocket>): NetworkPort & { ready: boolean } {
	const remembered = (connect: (options: TlsAddress) => NetSocket) => (options: TlsAddress) => {
		const socket = connect(options);
		sockets.add(socket);
		return socket.once("close", () => sockets.delete(socket));
	};
	return {
		socket: { io: NodeSocket, connect: remembered(connectTcp) },
		tls: { io: NodeSocket, connect: remembered(connectTls) },
		ready: true,
	};
}

/** The broker finds out by a reset: what a power cut really sends, nothing, this computer's own TCP does not allow. */
function resetAll(sockets: Set<NetSocket>): void {
	for (const socket of sockets) reset(socket);
	sockets.clear();
}
