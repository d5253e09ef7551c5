/** Name resolution with the SDK's `Net.resolve`, on a board and in mcsim. */
import type { Resolver } from "../../src/host.js";
import { withoutZone } from "../../src/net/broker-url.js";
import { blocked, isIPv4 } from "../../src/net/ipv4.js";

export interface NetResolverOptions {
	/** The SDK's `Net`: on a board the servers that DHCP gave, on a computer those of the system. */
	readonly net: { resolve(host: string, callback: (host: string, address?: string) => void): void };
	/** Calls back in a later turn. */
	readonly defer: (callback: () => void) => void;
}

type Request = Parameters<Resolver["resolve"]>[0];

/** Characters of an address that the SDK's sockets take (8.2.3, read in `lwip/tcp.c`): most IPv6 addresses of servers. */
const ADDRESS_MAXIMUM = 31;

/** An ECMA-419 resolver (clause 22) for one name at a time; `close` forgets the request under way. */
export class NetResolver implements Resolver {
	private readonly _options: NetResolverOptions;
	private _closed = false;

	constructor(options: NetResolverOptions) {
		this._options = options;
	}

	resolve({ host, onResolved, onError }: Request): void {
		const { net, defer } = this._options;
		const settle = (address: string | undefined, reason?: unknown) => {
			if (this._closed) return;
			if (!address) onError(reason ?? "there is no such host, or no answer");
			else if (blocked(address)) onError(blocked(address));
			else if (address.length > ADDRESS_MAXIMUM) onError(`its address ${address} is longer than a socket takes`);
			else onResolved(host, address);
		};
		// On Linux the system's answer is often ::1, which `Net` drops; the transport takes IPv4 only.
		const isAddress = isIPv4(host) || host.includes(":");
		// There is one interface: a zone says nothing.
		const known = host === "localhost" ? "127.0.0.1" : isAddress ? withoutZone(host) : undefined;
		if (known) return defer(() => settle(known));
		try {
			net.resolve(host, (_host, address) => settle(address));
		} catch (error) {
			defer(() => settle(undefined, error));
		}
	}

	close(): void {
		this._closed = true;
	}
}
