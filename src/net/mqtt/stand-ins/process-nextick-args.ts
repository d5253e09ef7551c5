/** mqtt-packet uncorks a stream this way; only streams that have `cork` ever get here. */
export function nextTick<Arguments extends unknown[]>(run: (...args: Arguments) => void, ...args: Arguments): void {
	Promise.resolve().then(() => run(...args));
}
