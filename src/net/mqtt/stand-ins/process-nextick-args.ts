/** mqtt-packet uncorks a stream this way; only streams that have `cork` ever get here. */
export function nextTick<Argument>(run: (argument: Argument) => void, argument: Argument): void {
	Promise.resolve().then(() => run(argument));
}
