/** Serves a folder's files to this computer, as a browser wants it that is to use the serial port. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { EXIT_DONE, onInterrupt, print } from "../../frame.ts";

const LOOPBACK = "127.0.0.1";

const TYPES: Readonly<Record<string, string>> = {
	".bin": "application/octet-stream",
	".css": "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js": "text/javascript; charset=utf-8",
	".json": "application/json; charset=utf-8",
};

/** Until Ctrl-C. Throws an Error where nothing is there, or the port cannot be had. `port` 0: the system's choice. */
export async function serveFolder(folder: string, page: string, port: number): Promise<number> {
	const files = filesOf(folder);
	if (!files.has(`/${page}`)) throw new Error("no release is there: `npm run release` makes one");
	const server = createServer(({ method, url = "" }, response) => {
		const [path = ""] = url.split("?");
		const file = files.get(path === "/" ? `/${page}` : path);
		if (file === undefined || (method !== "GET" && method !== "HEAD")) {
			response.writeHead(file === undefined ? 404 : 405, { "Content-Type": "text/plain" }).end("nothing is here\n");
			return;
		}
		// Another release may be made meanwhile.
		let content: Buffer;
		try {
			content = readFileSync(file);
		} catch {
			response.writeHead(404).end();
			return;
		}
		const type = TYPES[extname(file)] ?? "text/plain; charset=utf-8";
		response.writeHead(200, {
			...{ "Content-Type": type, "Content-Length": content.length, "Cache-Control": "no-cache" },
			"X-Content-Type-Options": "nosniff",
		});
		response.end(method === "HEAD" ? undefined : content);
	});
	await new Promise<void>((resolve, reject) => {
		server.once("error", ({ code }: NodeJS.ErrnoException) =>
			reject(new Error(`--http-port ${port}: ${code === "EADDRINUSE" ? "is in use" : `cannot be had (${code})`}`)),
		);
		server.listen(port, LOOPBACK, resolve);
	});
	// Browsers take `localhost` for safe, as serial ports want it; an address is as good, but not to all of them.
	print(`http://localhost:${(server.address() as { port: number }).port}/${page}`);
	print("open it in Chrome or Edge; Ctrl-C ends");
	await new Promise<void>((resolve) => onInterrupt(resolve));
	server.closeAllConnections();
	server.close();
	return EXIT_DONE;
}

/** By their paths in a URL. */
function filesOf(folder: string): Map<string, string> {
	let names: string[];
	try {
		names = readdirSync(folder, { recursive: true }) as string[];
	} catch {
		names = [];
	}
	const files = names.map((name) => [`/${name.replaceAll("\\", "/")}`, join(folder, name)] as const);
	return new Map(files.filter(([, file]) => statSync(file).isFile()));
}
