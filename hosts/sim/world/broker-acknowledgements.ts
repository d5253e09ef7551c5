/** Acknowledgements of a simulated broker: how they leave, and what goes wrong with them. */
import { type FaultSource, happens } from "./broker-core.ts";
import { encodePacket, type Version } from "./broker-packets.ts";
import type { Event, Scheduler } from "./scheduler.ts";

/** How far a wrong packet id is from the right one: no client has so many in use. */
const FAR_AWAY = 0x8000;
/** Bytes of garbage at most. */
const GARBAGE_MAXIMUM = 64;
/** By how many bytes a packet is too large, at least and at most. */
const TOO_LARGE_BY = [1, 60_000] as const;
/** What a client takes that does not say it, in bytes. */
const ASSUMED_PACKET_SIZE = 4_096;

export interface Acknowledgement {
	readonly cmd: "puback" | "pubrec" | "pubcomp";
	readonly packetId: number;
	readonly reasonCode: number;
}

export interface AcknowledgementOptions extends FaultSource {
	readonly scheduler: Scheduler;
	readonly version: Version;
	readonly maximumPacketSize: number | undefined;
	readonly write: (bytes: Uint8Array<ArrayBuffer>) => void;
	/** The right acknowledgement has left. */
	readonly onSent: (acknowledgement: Acknowledgement) => void;
}

export class Acknowledgements {
	readonly #options: AcknowledgementOptions;
	readonly #delayed = new Set<Event>();
	#latestDue = 0;

	constructor(options: AcknowledgementOptions) {
		this.#options = options;
	}

	/** Sends it at once, or later, but behind those before it; or does something else in its place. */
	send(acknowledgement: Acknowledgement): void {
		const { scheduler, random, tally, faults } = this.#options;
		if (faults.acknowledgementDelay <= 0 && this.#delayed.size === 0) return this.#leave(acknowledgement);
		if (faults.acknowledgementDelay > 0) tally.count("broker: delayed acknowledgement");
		const due = scheduler.now + random.next() * faults.acknowledgementDelay;
		this.#latestDue = Math.max(this.#latestDue, due);
		const event = scheduler.at(this.#latestDue, () => {
			this.#delayed.delete(event);
			this.#leave(acknowledgement);
		});
		this.#delayed.add(event);
	}

	/** Those that wait will not leave any more. */
	stop(): void {
		for (const event of this.#delayed) this.#options.scheduler.cancel(event);
		this.#delayed.clear();
	}

	#leave(acknowledgement: Acknowledgement): void {
		const { faults, write, onSent } = this.#options;
		if (happens(this.#options, "garbage", faults.garbage)) write(this.#garbage());
		if (happens(this.#options, "oversized packet", faults.oversizedPacket)) write(this.#oversized());
		if (happens(this.#options, "lost acknowledgement", faults.lostAcknowledgement)) return;
		if (happens(this.#options, "wrong acknowledgement", faults.wrongAcknowledgement))
			return this.#write(this.#wrong(acknowledgement));
		this.#write(acknowledgement);
		if (happens(this.#options, "duplicate acknowledgement", faults.duplicateAcknowledgement))
			this.#write(acknowledgement);
		onSent(acknowledgement);
	}

	#write({ cmd, packetId, reasonCode }: Acknowledgement): void {
		const { write, version } = this.#options;
		write(encodePacket({ cmd, messageId: packetId, reasonCode }, version));
	}

	#wrong({ cmd, packetId }: Acknowledgement): Acknowledgement {
		const far = ((packetId + FAR_AWAY) % 0xffff) + 1;
		const other = cmd === "puback" ? "pubrec" : "puback";
		// A PUBACK in place of a PUBCOMP would be right for nobody, and wrong for no message that counts.
		if (cmd === "pubcomp" || this.#options.random.chance(0.5)) return { cmd, packetId: far, reasonCode: 0 };
		return { cmd: other, packetId, reasonCode: 0 };
	}

	/** Its first byte is no packet type, so that it cannot be taken for an acknowledgement by chance. */
	#garbage(): Uint8Array<ArrayBuffer> {
		const { random } = this.#options;
		const bytes = Uint8Array.from({ length: random.integer(1, GARBAGE_MAXIMUM) }, () => random.integer(0, 0xff));
		bytes[0] = random.integer(0, 0x0f);
		return bytes;
	}

	#oversized(): Uint8Array<ArrayBuffer> {
		const { random, version, maximumPacketSize = ASSUMED_PACKET_SIZE } = this.#options;
		const payload = new Uint8Array(maximumPacketSize + random.integer(...TOO_LARGE_BY));
		return encodePacket({ cmd: "publish", topic: "oversized", payload, qos: 0, retain: false, dup: false }, version);
	}
}
