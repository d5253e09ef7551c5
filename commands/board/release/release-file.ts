/** The file from which the page of a release knows what there is. */
export const RELEASE_FILE = "release.json";

export interface Release {
	readonly version: string;
	/** Each has a folder of its name, with the `manifest.json` of ESP Web Tools. */
	readonly boards: { readonly name: string; readonly title: string; readonly chip: string }[];
}
