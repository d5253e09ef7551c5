/**
 * The properties of MQTT 5.0 (2.2.2): which packet may carry which, and their
 * values. mqtt-packet checks too little: so properties to be sent are checked here
 * before it writes them, and received ones are read here in its place.
 * `[MQTT-…]` names a normative statement of 5.0.
 */
import { type ByteList, type Parsed, propertiesCodes } from "mqtt-packet";
import type { Bytes } from "../../../host.js";
import { malformed, ProtocolError } from "../errors.js";
import { type Properties, SUBSCRIPTIONS_MAXIMUM } from "../packet.js";
import { PROTOCOL_ERROR, TOPIC_ALIAS_INVALID } from "../reason-codes.js";
import { checkLength, utf8 } from "../text.js";
import { topicNameFault } from "../topic.js";
import { Cursor } from "./cursor.js";
import {
	AUTH,
	CONNACK,
	CONNECT,
	DISCONNECT,
	PUBACK,
	PUBCOMP,
	PUBLISH,
	PUBREC,
	PUBREL,
	packetTypeOf,
	SUBACK,
	SUBSCRIBE,
	UNSUBACK,
	UNSUBSCRIBE,
} from "./packet-types.js";

/** Types of a value (1.5). A byte is 0 or 1 in every property; in most it is a truth value. */
const BYTE = 0;
const TWO_BYTES = 1;
const FOUR_BYTES = 2;
const VARIABLE = 3;
const TEXT = 4;
const BINARY = 5;
const PAIR = 6;
const FLAG = 7;
/** Added to the type of a number that must not be 0. */
const POSITIVE = 8;

/** A will has properties, too: among the packet types it is 0. */
const WILL = 0;
const ACKNOWLEDGEMENTS = Object.freeze([PUBACK, PUBREC, PUBREL, PUBCOMP]);
const ANSWERS = Object.freeze([SUBACK, UNSUBACK]);

const PACKETS_SHIFT = 4;

/** A number takes less memory than an object: the type of the value, and a bit for each packet type. */
const rule = (type: number, packetTypes: readonly number[]) =>
	packetTypes.reduce((rule, packetType) => rule | (1 << (PACKETS_SHIFT + packetType)), type);
const typeOf = (rule: number) => rule & 7;
const allows = (rule: number, packetType: number) => ((rule >> (PACKETS_SHIFT + packetType)) & 1) !== 0;

/** Table 2-4; mqtt-packet has the identifiers. */
const RULES: Readonly<Record<keyof Properties, number>> = Object.freeze({
	payloadFormatIndicator: rule(FLAG, [PUBLISH, WILL]),
	messageExpiryInterval: rule(FOUR_BYTES, [PUBLISH, WILL]),
	contentType: rule(TEXT, [PUBLISH, WILL]),
	responseTopic: rule(TEXT, [PUBLISH, WILL]),
	correlationData: rule(BINARY, [PUBLISH, WILL]),
	subscriptionIdentifier: rule(VARIABLE | POSITIVE, [PUBLISH, SUBSCRIBE]),
	sessionExpiryInterval: rule(FOUR_BYTES, [CONNECT, CONNACK, DISCONNECT]),
	assignedClientIdentifier: rule(TEXT, [CONNACK]),
	serverKeepAlive: rule(TWO_BYTES, [CONNACK]),
	authenticationMethod: rule(TEXT, [CONNECT, CONNACK, AUTH]),
	authenticationData: rule(BINARY, [CONNECT, CONNACK, AUTH]),
	requestProblemInformation: rule(FLAG, [CONNECT]),
	willDelayInterval: rule(FOUR_BYTES, [WILL]),
	requestResponseInformation: rule(FLAG, [CONNECT]),
	responseInformation: rule(TEXT, [CONNACK]),
	serverReference: rule(TEXT, [CONNACK, DISCONNECT]),
	reasonString: rule(TEXT, [CONNACK, ...ACKNOWLEDGEMENTS, ...ANSWERS, DISCONNECT, AUTH]),
	receiveMaximum: rule(TWO_BYTES | POSITIVE, [CONNECT, CONNACK]),
	topicAliasMaximum: rule(TWO_BYTES, [CONNECT, CONNACK]),
	topicAlias: rule(TWO_BYTES | POSITIVE, [PUBLISH]),
	maximumQoS: rule(BYTE, [CONNACK]),
	retainAvailable: rule(FLAG, [CONNACK]),
	userProperties: rule(PAIR, [
		WILL,
		CONNECT,
		CONNACK,
		PUBLISH,
		...ACKNOWLEDGEMENTS,
		SUBSCRIBE,
		UNSUBSCRIBE,
		...ANSWERS,
		DISCONNECT,
		AUTH,
	]),
	maximumPacketSize: rule(FOUR_BYTES | POSITIVE, [CONNECT, CONNACK]),
	wildcardSubscriptionAvailable: rule(FLAG, [CONNACK]),
	subscriptionIdentifiersAvailable: rule(FLAG, [CONNACK]),
	sharedSubscriptionAvailable: rule(FLAG, [CONNACK]),
});

/** The properties' names, by their identifiers. */
const NAMES = propertiesCodes as Readonly<Record<number, keyof Properties>>;

/**
 * The properties for mqtt-packet to write, or `undefined` if there are none.
 * Throws an Error that names the fault of a property that MQTT forbids and
 * mqtt-packet would write. `packetType` is 0 for a will.
 */
export function propertiesToWrite(properties: Properties | undefined, packetType = WILL): object | undefined {
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
	// mqtt-packet would sort the pairs of one object by name, and write no properties at all for an empty list.
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
			// A PUBLISH has one for each subscription that it matches.
			if (!Array.isArray(value)) break;
			if (value.length === 0 || packetType === SUBSCRIBE) throw new Error(`${value.length} × ${name}`);
			for (const identifier of value) checkNumber(name, rule, identifier);
			return;
	}
	if (typeof value === "number") checkNumber(name, rule, value);
}

/** mqtt-packet checks that a number fits into its bytes. */
function checkNumber(name: keyof Properties, rule: number, value: number): void {
	if (!Number.isInteger(value) || !isInRange(rule, value)) throw new Error(`Invalid ${name}: ${value}`);
}

function isInRange(rule: number, value: number): boolean {
	if (typeOf(rule) === BYTE || typeOf(rule) === FLAG) return value <= 1;
	return value > 0 || (rule & POSITIVE) === 0;
}

/**
 * Reads the properties of a received packet in mqtt-packet's place: they begin
 * at `at` with their length. Returns the place after them. Throws a
 * `ProtocolError` for the first that breaks the protocol. User properties are
 * checked and not kept: a packet of 4 KB may have 800 of them.
 */
export function readProperties(packet: Parsed, list: ByteList, at: number): number {
	const packetType = packetTypeOf(packet.cmd);
	const hasReasonCodes = packetType === SUBACK || packetType === UNSUBACK;
	const isFollowed = hasReasonCodes || packetType === PUBLISH;
	if (at === list.length) {
		if (isFollowed) throw malformed("no property length [MQTT-2.2.2-1]");
		return at;
	}
	const cursor = new Cursor(list, at);
	const length = cursor.variable();
	const end = cursor.at + length;
	const following = list.length - end;
	if (following < 0 || (following > 0 && !isFollowed)) {
		throw malformed(`property length ${length}, but ${length + following} bytes`);
	}
	// Refused before mqtt-packet makes a list of them.
	if (following > SUBSCRIPTIONS_MAXIMUM && hasReasonCodes) {
		throw new ProtocolError(`${following} reason codes`, PROTOCOL_ERROR);
	}
	cursor.end = end;
	while (cursor.at < end) readProperty(packet, packetType, cursor);
	return end;
}

function readProperty(packet: Parsed, packetType: number, cursor: Cursor): void {
	const id = cursor.number(1);
	const name = NAMES[id];
	if (name === undefined) throw malformed(`property ${id} (2.2.2.2)`);
	const rule = RULES[name];
	if (!allows(rule, packetType)) throw malformed(`${name} does not belong there (2.2.2.2)`);
	const type = typeOf(rule);
	const earlier = packet.properties?.[name];
	if (earlier !== undefined && type !== VARIABLE) throw new ProtocolError(`${name} twice`, PROTOCOL_ERROR);
	const value = readValue(cursor, type);
	if (typeof value === "number" && !isInRange(rule, value)) {
		throw new ProtocolError(`${name} ${value}`, name === "topicAlias" ? TOPIC_ALIAS_INVALID : PROTOCOL_ERROR);
	}
	if (type === PAIR) return;
	packet.properties ??= {};
	packet.properties[name] =
		type === FLAG ? value === 1 : earlier === undefined ? value : identifiers(earlier, value as number);
}

function readValue(cursor: Cursor, type: number): unknown {
	switch (type) {
		case FLAG:
			return cursor.number(1);
		case VARIABLE:
			return cursor.variable();
		case TEXT:
			return cursor.text();
		case BINARY:
			return cursor.binary();
		case PAIR:
			cursor.text();
			return cursor.text();
		default:
			return cursor.number(1 << type);
	}
}

/** Subscription identifiers: one for each subscription that the message is for (3.3.2.3.8). */
function identifiers(earlier: unknown, value: number): number[] {
	const values = Array.isArray(earlier) ? earlier : [earlier];
	if (values.push(value) > SUBSCRIPTIONS_MAXIMUM) {
		throw new ProtocolError(`more than ${SUBSCRIPTIONS_MAXIMUM} × subscriptionIdentifier`, PROTOCOL_ERROR);
	}
	return values;
}
