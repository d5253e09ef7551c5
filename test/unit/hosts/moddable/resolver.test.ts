import { NetResolver } from "../../../../hosts/moddable/resolver.ts";
import { deepEqual, test } from "../../../harness/harness.ts";

function resolver(resolve: (host: string, callback: (host: string, address?: string) => void) => void) {
	const log: string[] = [];
	const turns: (() => void)[] = [];
	const resolver = new NetResolver({ net: { resolve }, defer: (callback) => turns.push(callback) });
	return {
		log,
		close: () => resolver.close(),
		resolve: (host: string) =>
			resolver.resolve({
				host,
				onResolved: (name, address) => log.push(`${name} is ${address}`),
				onError: (reason) => log.push(`error ${reason instanceof Error ? reason.message : reason}`),
			}),
		nextTurn: () => {
			for (const turn of turns.splice(0)) turn();
		},
	};
}

test("a name that is known gives its address, another one an error", () => {
	const { log, resolve } = resolver((host, callback) =>
		callback(host, host === "broker.lan" ? "192.0.2.7" : undefined),
	);
	resolve("broker.lan");
	resolve("nowhere.lan");
	deepEqual(log, ["broker.lan is 192.0.2.7", "error there is no such host, or no answer"]);
});

test("an answer that leads nowhere says so", () => {
	const addresses: Record<string, string> = {
		"blocked.lan": "0.0.0.0",
		"blocked-6.lan": "::",
		"six.lan": "2001:DB8::7",
		"longest.lan": "2001:DB8:1:2:3:4:5555:6666:7777".slice(0, 31),
		"long.lan": "2001:DB8:1111:2222:AAAA:BBBB:CC:D1",
	};
	const { log, resolve } = resolver((host, callback) => callback(host, addresses[host]));
	for (const host of Object.keys(addresses)) resolve(host);
	deepEqual(log, [
		"error its address is 0.0.0.0: something blocks this name",
		"error its address is ::: something blocks this name",
		"six.lan is 2001:DB8::7",
		`longest.lan is ${addresses["longest.lan"]}`,
		"error its address 2001:DB8:1111:2222:AAAA:BBBB:CC:D1 is longer than a socket takes",
	]);
});

test("localhost and addresses are answered without asking, in a later turn", () => {
	const { log, resolve, nextTurn } = resolver(() => log.push("asked"));
	resolve("localhost");
	resolve("10.0.0.5");
	deepEqual(log, []);
	nextTurn();
	deepEqual(log, ["localhost is 127.0.0.1", "10.0.0.5 is 10.0.0.5"]);
});

test("what only looks like an address is a name", () => {
	const { log, resolve } = resolver((host, callback) => callback(host));
	resolve("999.1.1.1");
	deepEqual(log, ["error there is no such host, or no answer"]);
});

test("a closed resolver answers no more", () => {
	let answer: (() => void) | undefined;
	const { log, close, resolve, nextTurn } = resolver((host, callback) => {
		answer = () => callback(host, "192.0.2.7");
	});
	resolve("broker.lan");
	resolve("localhost");
	close();
	answer?.();
	nextTurn();
	deepEqual(log, []);
});

test("a full queue of requests is an error in a later turn", () => {
	const { log, resolve, nextTurn } = resolver(() => {
		throw new Error("out of memory");
	});
	resolve("broker.lan");
	deepEqual(log, []);
	nextTurn();
	deepEqual(log, ["error out of memory"]);
});
