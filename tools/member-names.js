/** Names of members, for `shrink.js`. */

/**
 * Names of ECMAScript's own functions and constants. An XS machine has them in
 * any case, whereas each further name is some 26 bytes of flash, and its text.
 *
 * None of them is looked up by the engine in an object that is not its own, as
 * `then` is, and none is a member of an object that others inherit from and
 * that is frozen on a board, as `map` is: any object may have it.
 */
export const ENGINE_NAMES = words(`
	abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh exp expm1 floor fround hypot imul log10 log1p
	log2 max min pow round sign sin sinh sqrt tan tanh trunc LN10 LN2 LOG10E LOG2E SQRT1_2 SQRT2 EPSILON MAX_SAFE_INTEGER
	MAX_VALUE MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY POSITIVE_INFINITY isFinite isInteger isNaN isSafeInteger
	parseFloat parseInt toExponential toFixed toPrecision asIntN asUintN
	getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth getSeconds getTimezoneOffset getUTCDate
	getUTCDay getUTCFullYear getUTCHours getUTCMilliseconds getUTCMinutes getUTCMonth getUTCSeconds getYear
	setDate setFullYear setHours setMilliseconds setMinutes setMonth setSeconds setUTCDate setUTCFullYear setUTCHours
	setUTCMilliseconds setUTCMinutes setUTCMonth setUTCSeconds setYear toDateString toGMTString toLocaleDateString
	toLocaleTimeString toTimeString toUTCString
	getBigInt64 getBigUint64 getFloat32 getFloat64 getInt16 getInt32 getInt8 getUint16 getUint32 getUint8
	setBigInt64 setBigUint64 setFloat32 setFloat64 setInt16 setInt32 setInt8 setUint16 setUint32 setUint8
	compareExchange isLockFree isView
	defineProperties fromEntries getOwnPropertyDescriptor getOwnPropertyDescriptors getOwnPropertyNames
	getOwnPropertySymbols isFrozen isSealed setPrototypeOf
	charAt charCodeAt codePointAt endsWith fromCharCode fromCodePoint localeCompare padEnd padStart replaceAll startsWith
	normalize substr substring toLocaleLowerCase toLocaleUpperCase toLowerCase toUpperCase trimEnd trimLeft trimRight trimStart
	dotAll hasIndices ignoreCase multiline sticky unicode resizable growable allSettled revocable deref unregister keyFor
	asyncIterator hasInstance isConcatSpreadable toPrimitive toStringTag unscopables
	AggregateError Atomics BigInt BigInt64Array BigUint64Array EvalError FinalizationRegistry Float32Array Float64Array
	Int16Array Int32Array Int8Array Proxy ReferenceError SharedArrayBuffer SyntaxError URIError Uint8ClampedArray WeakMap
	WeakRef WeakSet decodeURI encodeURI encodeURIComponent escape unescape
`);

/**
 * The program's own names that nobody outside of it knows: no member of JSON,
 * of the settings, of a host's ports or of an option of ECMA-419, and none that
 * is looked up by a text.
 */
export const INTERNAL_NAMES = words(`
	accepted acceptedAt acknowledge acknowledgement acknowledgesFirst aliasOf attempts awaiting backoff barometer base
	birth body bus byBroker calibration choice connackDue connackTimeout counters deadline defer deliverUntil discard
	due enter equalFrames handle handOn hasOlderVersion hasUntaken highest hygrometer inFlight integer isFarewell known
	last lastFrame lastSent lastSeq learn leaving limit lived lower lowest measure minimumInterval model networkReady
	nextMessage noLocal nothingElse oldestSentAt onAcknowledge onConnect onDiagnostic onDisconnect onFault onFlash
	onMessage onPublish onReading onRecovered onReject onSample onStopped onSubscribe onTakenOver onUnavailable
	onUnsubscribe optionalString packetId phase pingDue pingSent pipelined pipelining progressed reasonCodes receive
	received receptive record refused released remove replied replies reply replySize reset resolver responded
	responseDue retainAsPublished retainHandling retryAt ringBytes sampleNow sent sentAt session setInterval since skip
	stableAfter startedAt startOver state subscription thermometer tick tooLarge topicFilter topicFilters transmit
	transmitted transport unavailable unsent variable versionRefused wear when
	allocUnsafe bridgeMode cacheNumbers clean cleanSession clientId cmd consume cork decoder destroy dup emit granted
	isBuffer messageId parser payload protocolId protocolVersion rap readUInt16BE readUInt32BE readUInt8 reasonCode
	retain returnCode sessionPresent subscriptions uncork unsubscriptions version will writeUInt32BE writeUInt8
`);

function words(text) {
	return text.trim().split(/\s+/);
}
