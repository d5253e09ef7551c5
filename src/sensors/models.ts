/** The sensors with a driver. */

/**
 * Each model with the shortest time in s between two measurements: for a DHT the
 * sampling period of its datasheet. A BME280 or BMP280 that measured more often
 * would warm itself, for readings that do not differ.
 */
export const SENSORS = Object.freeze({ bme280: 1, bmp280: 1, dht22: 2, dht11: 1 });
export type SensorModel = keyof typeof SENSORS;
