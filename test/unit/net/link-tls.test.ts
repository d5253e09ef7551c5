/** The link and brokers at mqtts://. */
import { Backoff } from "../../../src/net/backoff.ts";
import { type BrokerAddress, parseBrokerUrl } from "../../../src/net/broker-url.ts";
import { Link } from "../../../src/net/link.ts";
import { Session } from "../../../src/net/mqtt/session.ts";
import { deepEqual, equal, test, throws } from "../../harness/harness.ts";
import { World } from "../../harness/world.ts";

const PEM = { ca: "-----BEGIN ca", certificate: "-----BEGIN certificate", key: "-----BEGIN key" };

/** A link that has tried to connect; `kind` tells which of the host's ports its sockets come from. */
function start(broker: BrokerAddress, { hasTls = true, tls = PEM } = {}) {
	const world = new World();
	const { io } = world.network.socket;
	world.network.socket = { io, kind: "plain" };
	if (hasTls) world.network.tls = { io, kind: "tls" };
	const log: string[] = [];
	const link = new Link({
		network: world.network,
		clock: world.clock,
		timer: world.timer,
		broker,
		tls,
		session: new Session({ clientId: "c", keepAlive: 60 }),
		random: () => 0.5,
		backoff: new Backoff({ random: () => 0.5 }),
		onDisconnect: (reason, retryDelay) => log.push(`${reason}; again in ${retryDelay} ms`),
	});
	link.start();
	return { world, log };
}

test("a broker at mqtts:// is connected to with the host's TLS, and what is in PEM", () => {
	const { world } = start({ host: "broker.test", port: 8883, tls: true });
	const { kind, host, port, ca, certificate, key } = world.socket.options;
	deepEqual([kind, host, port, ca, certificate, key], ["tls", "broker.test", 8883, PEM.ca, PEM.certificate, PEM.key]);
});

test("a broker at mqtt:// gets a plain socket, and nothing that is in PEM", () => {
	for (const broker of [
		{ host: "broker.test", port: 1883, tls: false },
		{ host: "broker.test", port: 1883 },
	]) {
		const { world } = start(broker);
		const { kind, ca, certificate, key } = world.socket.options;
		deepEqual([kind, ca, certificate, key], ["plain", undefined, undefined, undefined]);
	}
});

test("a host without TLS opens no socket to a broker at mqtts://, and says why at each attempt", () => {
	const { world, log } = start({ host: "broker.test", port: 8883, tls: true }, { hasTls: false });
	world.advanceTo(2_400);
	equal(world.sockets.length, 0);
	deepEqual(log, ["this host has no TLS; again in 2300 ms", "this host has no TLS; again in 5062 ms"]);
});

test("a TLS handshake is given longer than a plain connection", () => {
	const { world, log } = start({ host: "broker.test", port: 8883, tls: true });
	world.advanceTo(29_999);
	deepEqual(log, []);
	world.advanceTo(30_000);
	deepEqual(log, ["cannot connect: no answer within 30 s; again in 550 ms"]);
	const plain = start({ host: "broker.test", port: 1883 });
	plain.world.advanceTo(15_000);
	deepEqual(plain.log, ["cannot connect: no answer within 15 s; again in 550 ms"]);
});

test("mqtts:// and ssl:// mean TLS, with a port of their own", () => {
	const parsed = (url: string) => {
		const { host, port, tls } = parseBrokerUrl(url);
		return `${host} ${port} ${tls}`;
	};
	equal(parsed("mqtt://broker.test"), "broker.test 1883 false");
	equal(parsed("mqtts://broker.test"), "broker.test 8883 true");
	equal(parsed("MQTTS://broker.test:1"), "broker.test 1 true");
	equal(parsed("ssl://ana:s%40l@broker.test/"), "broker.test 8883 true");
	equal(parsed("mqtts://[::1]"), "::1 8883 true");
});

test("ws:// and wss:// have HTTP's ports, and the path /mqtt where the URL has none", () => {
	const parsed = (url: string) => {
		const { host, port, tls, path, username, password } = parseBrokerUrl(url);
		return [host, port, tls, path, username, password].join(" ").trimEnd();
	};
	equal(parsed("ws://broker.test"), "broker.test 80 false /mqtt");
	equal(parsed("wss://broker.test"), "broker.test 443 true /mqtt");
	equal(parsed("WSS://ana:s%40l@broker.test:8884"), "broker.test 8884 true /mqtt ana s@l");
	equal(parsed("ws://broker.test/"), "broker.test 80 false /");
	equal(parsed("ws://[::1]:8083/a/b?c=%20d"), "::1 8083 false /a/b?c=%20d");
	equal(parsed("mqtt://broker.test/"), "broker.test 1883 false");
	throws(() => parseBrokerUrl("mqtts://u:secret@broker.test/mqtt"), /^must look like/);
	throws(
		() => parseBrokerUrl("http://broker.test"),
		/^must begin with mqtt:\/\/, mqtts:\/\/, ws:\/\/ or wss:\/\/, not http:/,
	);
});
