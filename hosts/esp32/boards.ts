/** The boards that the firmware knows, and which of their pins the sensors use by default. */

export interface Board {
	/** For people. */
	readonly title: string;
	/** mcconfig's `-p`. */
	readonly platform: string;
	/** GPIO numbers of the I2C bus of a BME280 or BMP280. */
	readonly data: number;
	readonly clock: number;
	/** GPIO number of a DHT's data line. */
	readonly dht: number;
	/** GPIO number of an LED that a high level lights. Most boards have none, or one that takes a protocol (WS2812). */
	readonly led?: number;
}

export const DEFAULT_BOARD = "esp32";

/**
 * The keys are what `--board` takes. The I2C pins are those that the board's
 * maker labels so, or free ones where there is no label; the DHT's is one that
 * neither a boot mode nor flash nor USB uses.
 */
export const BOARDS: { readonly [name: string]: Board } = Object.freeze({
	esp32: board("ESP32 DevKitC and alike", "esp32", { data: 21, clock: 22, dht: 4 }),
	nodemcu32s: board("NodeMCU-32S, DOIT ESP32 DevKit V1", "esp32", { data: 21, clock: 22, dht: 4, led: 2 }),
	esp32c3: board("ESP32-C3 DevKit", "esp32/esp32c3", { data: 6, clock: 7, dht: 4 }),
	esp32c6: board("ESP32-C6 DevKit", "esp32/esp32c6", { data: 6, clock: 7, dht: 10 }),
	esp32s3: board("ESP32-S3 DevKitC", "esp32/esp32s3", { data: 8, clock: 9, dht: 4 }),
	xiao_esp32c3: board("Seeed XIAO ESP32-C3", "esp32/xiao_esp32c3", { data: 6, clock: 7, dht: 4 }),
	lolin_c3mini: board("LOLIN C3 Mini", "esp32/lolin_c3mini", { data: 8, clock: 10, dht: 4 }),
});

/** Frozen, so that the linker leaves it in flash. */
function board(title: string, platform: string, pins: Omit<Board, "title" | "platform">): Board {
	return Object.freeze({ title, platform, ...pins });
}
