/** Ports for tests of the time: UDP sockets and a resolver, whose other end the test holds. */
import type { Datagram, NetworkPort, Resolver, UDP, UDPOptions } from "../../src/host.ts";
import { bytes, hex } from "./transcript.ts";

export const SERVER = "192.0.2.7";

/** One station's sockets. */
export class FakeUdp {
	/** What was asked, as hexadecimal bytes, and of whom; names that were resolved; what was closed. */
	readonly told: string[] = [];
	/** Sockets that are open. */
	open = 0;
	/** An Error's message, for each socket that is opened from now on. */
	refuses: string | undefined;
	resolves = true;
	/** Names that wait to be resolved. */
	private readonly _names: (() => void)[] = [];
	/** The last question's time stamp. */
	private _nonce = "";
	private _deliver = (_datagram: Datagram) => {};

	get network(): Pick<NetworkPort, "udp" | "dns"> {
		const fake = this;
		return {
			dns: {
				io: class implements Resolver {
					private _open = true;

					resolve({ host, onResolved, onError }: Parameters<Resolver["resolve"]>[0]) {
						fake._names.push(() => {
							if (this._open) fake.resolves ? onResolved(host, SERVER) : onError("SERVFAIL");
						});
						fake.told.push(`resolve ${host}`);
					}

					close() {
						this._open = false;
					}
				},
			},
			udp: {
				io: class implements UDP {
					private readonly _arrived: Datagram[] = [];

					constructor({ onReadable }: UDPOptions) {
						if (fake.refuses) throw new Error(fake.refuses);
						fake.open++;
						fake._deliver = (datagram) => {
							this._arrived.push(datagram);
							onReadable(this._arrived.length);
						};
					}

					read() {
						return this._arrived.shift();
					}

					write(question: Uint8Array, address: string, port: number) {
						fake._nonce = hex(question.subarray(40));
						fake.told.push(`ask ${address}:${port} ${hex(question)}`);
					}

					close() {
						fake.open--;
					}
				},
			},
		};
	}

	/** The name server answers all that was asked. */
	resolved(): void {
		for (const answer of this._names.splice(0)) answer();
	}

	/** A datagram arrives at the socket that was opened last, whatever has become of it. */
	arrives(packet: string, address = SERVER, port = 123): void {
		this._deliver(Object.assign(bytes(packet).buffer, { address, port }));
	}

	/** The names that were asked for are resolved, and the server tells this time, in ms since 1970. */
	tells(time: number): void {
		this.resolved();
		this.arrives(answer({ transmit: timestamp(time), originate: this._nonce }));
	}

	/** The names are resolved, and the server has no time. */
	fails(): void {
		this.resolved();
		this.arrives(answer({ stratum: "00", originate: this._nonce }));
	}

	since(): string[] {
		return this.told.splice(0);
	}
}

/** The random numbers that make the nonce of `answer`. */
export const NONCE = [0x01234567 / 2 ** 32, 0x89abcdef / 2 ** 32];
export const QUESTION = `23${" 00".repeat(39)} 01 23 45 67 89 ab cd ef`;

/** Parts of an answer of chrony 4.3's to `QUESTION`. */
interface Answer {
	readonly first?: string;
	readonly stratum?: string;
	readonly originate?: string;
	/** Seconds and fraction since 1900. */
	readonly transmit?: string;
}

/** When chrony sent it, in ms since 1970, by the computer's own clock. */
export const ANSWERED_AT = 1_796_048_258_015;

export function answer({
	first = "24",
	stratum = "08",
	originate = "01 23 45 67 89 ab cd ef",
	transmit = "ee b8 04 02 03 e6 4e 0e",
}: Answer = {}): string {
	const reference = "00 e6 00 00 00 00 00 00 00 00 7f 7f 01 01 ee b8 04 00 1f ef 2d 92";
	return `${first} ${stratum} ${reference} ${originate} ee b8 04 02 03 db e1 a5 ${transmit}`;
}

/** Seconds and fraction since 1900, of ms since 1970. */
export function timestamp(time: number): string {
	const view = new DataView(new ArrayBuffer(8));
	view.setUint32(0, (Math.floor(time / 1_000) + 2_208_988_800) % 2 ** 32);
	view.setUint32(4, ((time % 1_000) / 1_000) * 2 ** 32);
	return hex(new Uint8Array(view.buffer));
}
