/** What a simulated board tells of what happens on it. */
import type { Bytes, LogLevel } from "../../../../src/host.ts";
import type { Sample } from "../../../../src/sensors/sensor.ts";
import type { BoardClock } from "./clock.ts";

/** Who watches the board. Told of living stations only. */
export interface BoardObserver {
	/** `wakes`: from a sleep. */
	onPowerOn(boot: number, clock: BoardClock, wakes: boolean): void;
	/** The station runs, with what it has found in its flash. */
	onStarted(): void;
	/** `inFlash`: while the station wrote or erased. */
	onPowerCut(inFlash: boolean, restart: boolean): void;
	/** The station falls asleep for `duration` ms of its clock. */
	onAsleep?(duration: number): void;
	onReading(seq: number, sample: Sample, ticks: number): void;
	onClockSet(offset: number): void;
	/** The station is about to set its clock to a time that it was told, in ms since 1970. */
	onTimeTold(time: number): void;
	onLog(level: LogLevel, text: string): void;
	/** Something was thrown that nobody caught. */
	onException(error: unknown): void;
	/** An attempt to connect begins with the question for the broker's address. */
	onAttempt(): void;
	/** A connection is open. */
	onOpened(): void;
	/** An attempt failed, and somebody answered. */
	onRefused(): void;
	/** The station has given up an attempt or a connection; told twice of some. */
	onGivenUp(): void;
	/** The network of a board with Wi-Fi has come or gone: told before the station is. */
	onNetwork(ready: boolean): void;
	onBytes(direction: "sent" | "received", bytes: Bytes): void;
}
