/** mqtt-packet's debug output: none. */
const silent = () => {};

export = () => silent;
