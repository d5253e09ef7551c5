/** A browser as far as MQTT.js asks for one as it begins. Its next ticks are jobs of the engine, and no deadline is ever reached. */
const later = (job: () => void, delay = 0) => {
	if (delay === 0) Promise.resolve().then(job);
	return 1;
};
Object.assign(globalThis, {
	setTimeout: later,
	setInterval: () => 1,
	clearTimeout: () => {},
	clearInterval: () => {},
	self: globalThis,
	AbortController: class {},
	AbortSignal: class {},
	console: {},
	location: {},
	navigator: {},
	performance: { now: () => 0, timing: {} },
});
