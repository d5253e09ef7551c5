/** The module that each host provides under this name: see `manifest.json`. */
declare module "host" {
	const host: import("./start.js").HostModule;
	export default host;
}
