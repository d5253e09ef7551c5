/** The SDK's modules `timer` and `time` for its client: no deadline is ever reached. */
export default { set: () => 1, repeat: () => ({}), clear: () => {}, delta: () => 0, ticks: 0 };
