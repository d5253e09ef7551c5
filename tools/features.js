/**
 * Optional features of a build, as a manifest of its own:
 * `build/modules/HOST/features.json`, which the host's manifest includes.
 */
import { join } from "node:path";
import { build, root, writeWhole } from "./build.js";

/** The SDK's TLS, which is JavaScript, with these of its modules replaced. */
const REPLACED = {
	"ssl/cert": "no-certificates",
	"ssl/ciphersuites": "cipher-suites",
};
const CRYPT = "$(MODULES)/crypt";

/** Modules of the SDK that the program imports where it has TLS. */
export const TLS_MODULES = ["crypt", "curve", "ecdsa", "ecp", "pkcs1_5", "rng", "ssl/*"];

/** Writes the manifest, and the modules that it names, to `folder`. */
export async function buildFeatures(folder, { tls }) {
	const manifest = tls ? tlsManifest() : {};
	writeWhole(join(folder, "features.json"), `${JSON.stringify(manifest, undefined, "\t")}\n`);
	if (!tls) return;
	await build({
		absWorkingDir: root,
		entryPoints: Object.values(REPLACED).map((name) => `hosts/moddable/tls/${name}.ts`),
		outdir: folder,
		format: "esm",
		target: "es2024",
		logLevel: "warning",
	});
}

function tlsManifest() {
	const modules = Object.fromEntries(Object.entries(REPLACED).map(([name, file]) => [name, `./${file}`]));
	const left = Object.keys(REPLACED).map((name) => `${CRYPT}/ssl/${name.replace("/", "_")}`);
	return {
		include: "$(MODDABLE)/modules/crypt/tls_419.json",
		modules: { "~": [...left, `${CRYPT}/etc/pkcs8`, `${CRYPT}/etc/x509`], ...modules },
		resources: { "~": `${CRYPT}/data/ca` },
		preload: ["ec", "ecp", "modular", "mont"],
	};
}
