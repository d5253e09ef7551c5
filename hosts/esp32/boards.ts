/** The boards that the firmware knows, and which of their pins the sensors use by default. */
import type { Settings } from "../../src/settings.ts";

export interface Board {
	/** For people. */
	readonly title: string;
	/** mcconfig's `-p`. */
	readonly platform: string;
	readonly chip: Chip;
	/** GPIO numbers of the sensor's I2C bus. */
	readonly data: number;
	readonly clock: number;
	/** GPIO number of a DHT's data line. */
	readonly dht: number;
	/** GPIO number of an LED that a high level lights. Most boards have none, or a WS2812, which takes a protocol. */
	readonly led?: number;
}

/** A chip and the GPIOs that a user may name. */
export interface Chip {
	/** For people. */
	readonly title: string;
	/**
	 * Ranges of GPIO numbers that the chip has, can drive and does not need for its
	 * flash: as in ESP-IDF's `SOC_GPIO_VALID_OUTPUT_GPIO_MASK` and `spi_pins.h`, in
	 * the SDK's mode of reading the flash.
	 */
	readonly pins: readonly (readonly [number, number])[];
}

const ESP32: Chip = {
	title: "ESP32",
	pins: [
		[0, 5],
		[12, 23],
		[25, 27],
		[32, 33],
	],
};
const ESP32_C3: Chip = {
	title: "ESP32-C3",
	pins: [
		[0, 13],
		[18, 21],
	],
};
const ESP32_C6: Chip = { title: "ESP32-C6", pins: [[0, 23]] };
const ESP32_S3: Chip = {
	title: "ESP32-S3",
	pins: [
		[0, 21],
		[26, 26],
		[33, 48],
	],
};

export const DEFAULT_BOARD = "esp32";

/**
 * The keys are the values of `--board`. The I2C pins are those that the board's
 * maker labels so, or free ones where there is no label; boot mode, flash and USB
 * do not use the DHT's pin.
 */
export const BOARDS: { readonly [name: string]: Board } = Object.freeze({
	esp32: board("ESP32 DevKitC and alike", "esp32", ESP32, { data: 21, clock: 22, dht: 4 }),
	nodemcu32s: board("NodeMCU-32S, DOIT ESP32 DevKit V1", "esp32", ESP32, { data: 21, clock: 22, dht: 4, led: 2 }),
	esp32c3: board("ESP32-C3 DevKit", "esp32/esp32c3", ESP32_C3, { data: 6, clock: 7, dht: 4 }),
	esp32c6: board("ESP32-C6 DevKit", "esp32/esp32c6", ESP32_C6, { data: 6, clock: 7, dht: 10 }),
	esp32s3: board("ESP32-S3 DevKitC", "esp32/esp32s3", ESP32_S3, { data: 8, clock: 9, dht: 4 }),
	xiao_esp32c3: board("Seeed XIAO ESP32-C3", "esp32/xiao_esp32c3", ESP32_C3, { data: 6, clock: 7, dht: 4 }),
	lolin_c3mini: board("LOLIN C3 Mini", "esp32/lolin_c3mini", ESP32_C3, { data: 8, clock: 10, dht: 4 }),
});

function board(title: string, platform: string, chip: Chip, pins: Omit<Board, "title" | "platform" | "chip">): Board {
	return Object.freeze({ title, platform, chip, ...pins });
}

/** Pins, as settings name them. */
type PinName = "data" | "clock" | "dht" | "led";

/**
 * The fault of pins that the settings name for a board, or `undefined`. All of them
 * are outputs, also the lines that a sensor drives, too.
 */
export function pinProblem(
	board: Board,
	pins: { readonly [name in PinName]?: number | undefined },
): string | undefined {
	const { chip } = board;
	for (const [name, pin] of Object.entries(pins)) {
		if (pin === undefined || chip.pins.some(([first, last]) => pin >= first && pin <= last)) continue;
		const usable = chip.pins.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)).join(", ");
		return `pins.${name}: GPIO ${pin} of an ${chip.title} cannot be used; ${usable} can`;
	}
	const used = (name: PinName) => pins[name] ?? board[name];
	const clash = (name: PinName, others: readonly PinName[]) => {
		const other = others.find((other) => used(other) === used(name));
		if (other === undefined) return undefined;
		const whose = pins[other] === undefined ? `the board's own pins.${other}` : `the pin of pins.${other}`;
		return `pins.${name}: GPIO ${used(name)} is ${whose}, too`;
	};
	// A DHT and a sensor at the I2C bus are never there together. A board's own LED gives way.
	return (
		(pins.clock === undefined ? clash("data", ["clock"]) : clash("clock", ["data"])) ??
		(pins.led === undefined ? undefined : clash("led", ["data", "clock", "dht"]))
	);
}

/** The fault of settings for a broker at TLS whom a board could not know, or `undefined`. */
export function authorityProblem({ broker, tls }: Pick<Settings, "broker" | "tls">): string | undefined {
	if (!broker.tls || tls.ca !== undefined || tls.fingerprint !== undefined) return undefined;
	return "tls.ca: a board needs it for mqtts://, or tls.fingerprint: it knows no authorities of its own";
}
