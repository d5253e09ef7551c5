/** The sensors that there are drivers for. */

/**
 * Each model with the shortest time in s between two measurements: of a DHT the
 * sampling period of its datasheet. A BME280 or BMP280 would warm itself, for
 * readings that no one can tell apart.
 */
export const SENSORS = Object.freeze({ bme280: 1, bmp280: 1, dht22: 2, dht11: 1 });
export type SensorModel = keyof typeof SENSORS;
