/**
 * The properties of MQTT 5.0 (2.2.2): which packet may carry which, and with
 * what value. mqtt-packet writes and reads them; what it lets pass against the
 * standard is refused here. `[MQTT-…]` names a normative statement of 5.0.
 */
import { propertiesCodes } from "mqtt-packet";
import type { Bytes } from "../../host.js";
import { Cursor, malformed } from "./cursor.js";
import {
	PROTOCOL_ERROR,
	type Properties,
	ProtocolError,
	SUBSCRIPTIONS_MAXIMUM,
	TOPIC_ALIAS_INVALID,
} from "./packet.js";
import { checkLength, utf8 } from "./text.js";
import { topicNameFault } from "./topic.js";

/** Types of a value (1.5). A byte is 0 or 1 in every property. */
const BYTE = 0;
const TWO_BYTES = 1;
const FOUR_BYTES = 2;
const VARIABLE = 3;
const TEXT = 4;
const BINARY = 5;
const PAIR = 6;
/** Added to the type of a number that must not be 0. */
const POSITIVE = 8;

/** Packets that carry properties: the bit of their type, and bit 0 for the will. */
const WILL_TYPE = 0;
const WILL = 1;
const CONNECT = 1 << 1;
const CONNACK = 1 << 2;
const PUBLISH = 1 << 3;
const ACKNOWLEDGEMENTS = 0xf << 4;
const SUBSCRIBE_TYPE = 8;
const SUBSCRIBE = 1 << SUBSCRIBE_TYPE;
const SUBACK = 1 << 9;
const UNSUBSCRIBE = 1 << 10;
const UNSUBACK = 1 << 11;
const DISCONNECT = 1 << 14;
const AUTH = 1 << 15;
/** Those in which a payload follows the properties, of what a broker sends. */
const WITH_PAYLOAD = PUBLISH | SUBACK | UNSUBACK;
export const hasPayload = (packetType: number) => ((WITH_PAYLOAD >> packetType) & 1) === 1;

const PACKETS_SHIFT = 4;

/** In one number, which takes up less than an object. */
const rule = (type: number, packets: number) => (packets << PACKETS_SHIFT) | type;
const typeOf = (rule: number) => rule & 7;
const isPositive = (rule: number) => (rule & POSITIVE) !== 0;
const allows = (rule: number, packetType: number) => ((rule >> (PACKETS_SHIFT + packetType)) & 1) !== 0;

/** Table 2-4; mqtt-packet has the identifiers. */
const RULES: Readonly<Record<keyof Properties, number>> = Object.freeze({
	payloadFormatIndicator: rule(BYTE, PUBLISH | WILL),
	messageExpiryInterval: rule(FOUR_BYTES, PUBLISH | WILL),
	contentType: rule(TEXT, PUBLISH | WILL),
	responseTopic: rule(TEXT, PUBLISH | WILL),
	correlationData: rule(BINARY, PUBLISH | WILL),
	subscriptionIdentifier: rule(VARIABLE | POSITIVE, PUBLISH | SUBSCRIBE),
	sessionExpiryInterval: rule(FOUR_BYTES, CONNECT | CONNACK | DISCONNECT),
	assignedClientIdentifier: rule(TEXT, CONNACK),
	serverKeepAlive: rule(TWO_BYTES, CONNACK),
	authenticationMethod: rule(TEXT, CONNECT | CONNACK | AUTH),
	authenticationData: rule(BINARY, CONNECT | CONNACK | AUTH),
	requestProblemInformation: rule(BYTE, CONNECT),
	willDelayInterval: rule(FOUR_BYTES, WILL),
	requestResponseInformation: rule(BYTE, CONNECT),
	responseInformation: rule(TEXT, CONNACK),
	serverReference: rule(TEXT, CONNACK | DISCONNECT),
	reasonString: rule(TEXT, CONNACK | ACKNOWLEDGEMENTS | SUBACK | UNSUBACK | DISCONNECT | AUTH),
	receiveMaximum: rule(TWO_BYTES | POSITIVE, CONNECT | CONNACK),
	topicAliasMaximum: rule(TWO_BYTES, CONNECT | CONNACK),
	topicAlias: rule(TWO_BYTES | POSITIVE, PUBLISH),
	maximumQoS: rule(BYTE, CONNACK),
	retainAvailable: rule(BYTE, CONNACK),
	userProperties: rule(
		PAIR,
		WILL |
			CONNECT |
			CONNACK |
			PUBLISH |
			ACKNOWLEDGEMENTS |
			SUBSCRIBE |
			SUBACK |
			UNSUBSCRIBE |
			UNSUBACK |
			DISCONNECT |
			AUTH,
	),
	maximumPacketSize: rule(FOUR_BYTES | POSITIVE, CONNECT | CONNACK),
	wildcardSubscriptionAvailable: rule(BYTE, CONNACK),
	subscriptionIdentifiersAvailable: rule(BYTE, CONNACK),
	sharedSubscriptionAvailable: rule(BYTE, CONNACK),
});

const NAMES = propertiesCodes as Readonly<Record<number, keyof Properties>>;

/**
 * The properties as mqtt-packet writes them, or `undefined` where there are
 * none. Throws an Error that says what is wrong with what mqtt-packet would
 * write although MQTT forbids it. `packetType` is 0 for a will.
 */
export function propertiesToWrite(properties: Properties | undefined, packetType = WILL_TYPE): object | undefined {
	let written: object | undefined;
	for (const key in properties) {
		const name = key as keyof Properties;
		const value = properties[name];
		if (value === undefined || (name === "userProperties" && properties.userProperties!.length === 0)) continue;
		const rule = RULES[name];
		if (rule === undefined || !allows(rule, packetType)) throw new Error(`${name} does not belong there (table 2-4)`);
		checkValue(name, rule, value, packetType);
		written ??= properties;
	}
	if (properties?.authenticationData && properties.authenticationMethod === undefined) {
		throw new Error("authenticationData without authenticationMethod (3.1.2.11.10)");
	}
	if (!written || !properties?.userProperties) return written;
	// One object for each pair, or mqtt-packet would sort them by name; nothing in place of none, or it would write nothing.
	const pairs = properties.userProperties.map(([name, value]) => ({ [name]: value }));
	return { ...properties, userProperties: pairs.length > 0 ? pairs : undefined };
}

function checkValue(name: keyof Properties, rule: number, value: unknown, packetType: number): void {
	switch (typeOf(rule)) {
		case TEXT: {
			utf8(value as string, name);
			const fault = name === "responseTopic" && topicNameFault(value as string);
			if (fault) throw new Error(`${name}: ${fault}`);
			return;
		}
		case BINARY:
			return checkLength(value as Bytes, name);
		case PAIR:
			for (const pair of value as [string, string][]) for (const text of pair) utf8(text, name);
			return;
		case VARIABLE:
			// In a PUBLISH one for each subscription that it is for.
			if (!Array.isArray(value)) break;
			if (value.length === 0 || packetType === SUBSCRIBE_TYPE) throw new Error(`${value.length} × ${name}`);
			for (const identifier of value) checkNumber(name, rule, identifier);
			return;
	}
	if (typeof value === "number") checkNumber(name, rule, value);
}

/** That it is not too great for its bytes, mqtt-packet sees to. */
function checkNumber(name: keyof Properties, rule: number, value: number): void {
	const inRange = typeOf(rule) === BYTE ? value <= 1 : !isPositive(rule) || value > 0;
	if (!Number.isInteger(value) || !inRange) throw new Error(`Invalid ${name}: ${value}`);
}

/**
 * Walks over the properties of a received packet, which begin at `at` with
 * their length, and returns the place after them. Throws a `ProtocolError` at
 * what is wrong, before mqtt-packet makes anything of it. User properties are
 * checked and not kept.
 */
export function checkReceivedProperties(bytes: Bytes, at: number, packetType: number): number {
	if (bytes[at] === 0 && (hasPayload(packetType) || at + 1 === bytes.length)) return at + 1;
	const cursor = new Cursor(bytes, at);
	const length = cursor.variable();
	const end = cursor.at + length;
	if (end > bytes.length || (end < bytes.length && !hasPayload(packetType))) {
		throw malformed(`property length ${length}, but ${bytes.length - cursor.at} bytes`);
	}
	cursor.end = end;
	const seen = new Set<number>();
	let identifiers = 0;
	while (cursor.at < end) {
		const id = cursor.number(1);
		const name = NAMES[id];
		if (name === undefined) throw malformed(`property ${id} (2.2.2.2)`);
		const rule = RULES[name];
		if (!allows(rule, packetType)) throw malformed(`${name} does not belong there (2.2.2.2)`);
		const type = typeOf(rule);
		const repeatable = type === PAIR || type === VARIABLE;
		if (seen.has(id) && !repeatable) throw new ProtocolError(`${name} twice`, PROTOCOL_ERROR);
		seen.add(id);
		switch (type) {
			case TEXT:
				cursor.text();
				break;
			case BINARY:
				cursor.skip(cursor.number(2));
				break;
			case PAIR:
				cursor.text();
				cursor.text();
				break;
			default: {
				const value = type === VARIABLE ? cursor.variable() : cursor.number(1 << type);
				if ((type === BYTE && value > 1) || (value === 0 && isPositive(rule))) {
					throw new ProtocolError(`${name} ${value}`, name === "topicAlias" ? TOPIC_ALIAS_INVALID : PROTOCOL_ERROR);
				}
				// One for each subscription that the message is for (3.3.2.3.8).
				if (type === VARIABLE && ++identifiers > SUBSCRIPTIONS_MAXIMUM) {
					throw new ProtocolError(`more than ${SUBSCRIPTIONS_MAXIMUM} × ${name}`, PROTOCOL_ERROR);
				}
			}
		}
	}
	return end;
}
