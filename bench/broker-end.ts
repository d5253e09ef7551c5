/** The broker's end of what is between MQTT and the wire, on no socket. */
export interface BrokerEnd {
	/** A new connection, in place of the one before. */
	open(): void;
	/** Takes a client's bytes; resolves with what it says to the broker, and with the end's own answer. */
	receive(bytes: Uint8Array): Promise<{ said: Uint8Array; answer: Uint8Array }>;
	/** Resolves with bytes of the broker's as they go over the wire. */
	wrap(bytes: Uint8Array): Promise<Uint8Array>;
}
