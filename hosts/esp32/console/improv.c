#include "improv.h"
#include "console-protocol.h"
#include "settings-text.h"
#include "../machine/crc32.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION (1)
#define HEADER "IMPROV"
#define HEADER_BYTES (6)
/* Bytes before the data. */
#define HEAD_BYTES (9)

enum { kState = 1, kError, kCommand, kResult };
enum { kReady = 2, kProvisioning, kProvisioned };
enum { kNoError, kInvalid, kUnknownCommand, kUnableToConnect, kUnknownError = 0xff };
enum { kWifi = 1, kCurrentState, kInformation, kNetworks };

/*
 * The common client takes a length of 10 for the end of a line, and loses the
 * packet. Weaker than this, a signal has three characters, and a network's packet
 * more data.
 */
#define RSSI_MAXIMUM (-10)
#define RSSI_MINIMUM (-127)

/* Any number that is unlikely in memory after the power came on. */
#define NOTE_MAGIC (0x496d7076)

_Static_assert(sizeof(ImprovNote) == 4 + 4 + IMPROV_SSID_BYTES + 4, "the record has padding");

/* The beginning of a command: the version and the type behind the header. */
static const uint8_t beginning[] = { 'I', 'M', 'P', 'R', 'O', 'V', VERSION, kCommand };

static uint8_t checksum(const uint8_t *bytes, size_t length)
{
	uint8_t sum = 0;

	while (length--)
		sum += *bytes++;
	return sum;
}

ImprovByte improvReceive(ImprovPacket packet, uint8_t byte)
{
	size_t whole;

	packet->idle = false;
	if (packet->length < sizeof(beginning)) {
		/* Only the first character is an I: no other beginning is in what was received. */
		if (byte != beginning[packet->length])
			packet->length = 0;
		if (byte == beginning[packet->length])
			packet->bytes[packet->length++] = byte;
		return kImprovOther;
	}
	packet->bytes[packet->length++] = byte;
	whole = HEAD_BYTES + packet->bytes[HEAD_BYTES - 1] + 1;
	if (packet->length < HEAD_BYTES || packet->length < whole)
		return kImprovPart;
	packet->length = 0;
	return byte == checksum(packet->bytes, whole - 1) ? kImprovWhole : kImprovBroken;
}

void improvIdle(ImprovPacket packet, uint32_t now)
{
	if (!packet->idle) {
		packet->idle = true;
		packet->idleSince = now;
	}
	else if (now - packet->idleSince >= IMPROV_GAP_MS)
		packet->length = 0;
}

static void send(Improv improv, size_t port, uint8_t type, const uint8_t *data, size_t length)
{
	uint8_t packet[HEAD_BYTES + IMPROV_DATA_MAXIMUM + 1];

	memcpy(packet, HEADER, HEADER_BYTES);
	packet[HEADER_BYTES] = VERSION;
	packet[HEADER_BYTES + 1] = type;
	packet[HEADER_BYTES + 2] = (uint8_t)length;
	memcpy(packet + HEAD_BYTES, data, length);
	packet[HEAD_BYTES + length] = checksum(packet, HEAD_BYTES + length);
	improv->host->send(port, packet, HEAD_BYTES + length + 1);
}

static void sendByte(Improv improv, size_t port, uint8_t type, uint8_t byte)
{
	send(improv, port, type, &byte, 1);
}

/* A string that would not fit, which none here is, is left out. */
static void sendResult(Improv improv, size_t port, uint8_t command, const char *const strings[], size_t count)
{
	uint8_t data[IMPROV_DATA_MAXIMUM];
	size_t length = 2;

	for (size_t i = 0; i < count; i++) {
		const size_t size = strlen(strings[i]);

		if (length + 1 + size > sizeof(data))
			continue;
		data[length++] = (uint8_t)size;
		memcpy(data + length, strings[i], size);
		length += size;
	}
	data[0] = command;
	data[1] = (uint8_t)(length - 2);
	send(improv, port, kResult, data, length);
}

static uint8_t stateOf(Improv improv)
{
	if (improv->asked > kImprovAsksName || improv->settings || improv->joining)
		return kProvisioning;
	return improv->host->joined() ? kProvisioned : kReady;
}

static void sendState(Improv improv, size_t port)
{
	sendByte(improv, port, kState, stateOf(improv));
}

/* Well formed as RFC 3629 has it: no longer forms, no halves of surrogate pairs. */
static bool isUtf8(const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	while (*at) {
		const uint8_t first = *at++;
		const int rest = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;

		if (rest < 0)
			return false;
		if ((0xe0 == first && *at < 0xa0) || (0xed == first && *at > 0x9f) ||
				(0xf0 == first && *at < 0x90) || (0xf4 == first && *at > 0x8f))
			return false;
		for (int i = 0; i < rest; i++) {
			/* Not behind the zero that ends it. */
			if (0x80 != (*at & 0xc0))
				return false;
			at++;
		}
	}
	return true;
}

/* The string at `*at`, which is its length and its bytes. False if it is no text, or has more than `maximum` bytes. */
static bool takeString(const uint8_t **at, const uint8_t *end, char *text, size_t maximum)
{
	size_t length;

	if (*at >= end)
		return false;
	length = *(*at)++;
	if (length > (size_t)(end - *at) || length > maximum || memchr(*at, 0, length))
		return false;
	memcpy(text, *at, length);
	text[length] = 0;
	*at += length;
	return isUtf8(text);
}

static void forget(Improv improv)
{
	if (improv->settings) {
		memset(improv->settings, 0, strlen(improv->settings));
		free(improv->settings);
		improv->settings = NULL;
	}
	memset(improv->password, 0, sizeof(improv->password));
}

/* Before its end; it may not have begun. */
static void endScan(Improv improv)
{
	if (improv->scan > kImprovScanWaits)
		improv->host->endScan();
	improv->scan = kImprovNoScan;
}

static const char *takeWifi(Improv improv, const uint8_t *data, size_t length)
{
	const uint8_t *at = data, *const end = data + length;

	forget(improv);
	if (!takeString(&at, end, improv->ssid, IMPROV_SSID_BYTES) || !improv->ssid[0] ||
			!takeString(&at, end, improv->password, IMPROV_PASSWORD_BYTES) || at != end) {
		forget(improv);
		sendByte(improv, improv->port, kError, kInvalid);
		return NULL;
	}
	/* What went on before it has lost its meaning. */
	improv->joining = false;
	endScan(improv);
	improv->asked = kImprovAsksSettings;
	sendByte(improv, improv->port, kError, kNoError);
	sendState(improv, improv->port);
	return IMPROV_ASK_SETTINGS;
}

const char *improvCommand(Improv improv, size_t port, const ImprovPacketRecord *packet, ImprovByte byte, uint32_t now)
{
	const uint8_t *const data = packet->bytes + HEAD_BYTES;
	const size_t length = packet->bytes[HEAD_BYTES - 1];

	if (kImprovWhole != byte || length < 2 || data[1] != length - 2) {
		sendByte(improv, port, kError, kInvalid);
		return NULL;
	}
	if (kWifi == data[0]) {
		improv->port = port;
		return takeWifi(improv, data + 2, length - 2);
	}
	if (data[0] < kCurrentState || data[0] > kNetworks) {
		sendByte(improv, port, kError, kUnknownCommand);
		return NULL;
	}
	sendByte(improv, port, kError, kNoError);
	switch (data[0]) {
		case kCurrentState:
			sendState(improv, port);
			if (kProvisioned == stateOf(improv))
				sendResult(improv, port, kCurrentState, NULL, 0);
			break;
		case kInformation:
			improv->port = port;
			improv->asked = kImprovAsksName;
			return "?";
		case kNetworks:
			if (kImprovNoScan == improv->scan) {
				improv->scan = kImprovScanWaits;
				improv->toldCount = 0;
				improv->scanUntil = now + IMPROV_SCAN_MS;
			}
			improv->scanPort = port;
			break;
	}
	return NULL;
}

static void fail(Improv improv, uint8_t error)
{
	improv->joining = false;
	forget(improv);
	sendByte(improv, improv->port, kError, error);
	sendState(improv, improv->port);
}

static void tellName(Improv improv, const char *settings)
{
	char id[SETTINGS_ID_BYTES];
	const char *name = settings && settingsId(settings, id) ? id : improv->host->defaultId();
	const char *const strings[] = { "Veleta", improv->host->version, improv->host->chip, name };

	sendResult(improv, improv->port, kInformation, strings, 4);
}

/* The settings with the new network, or NULL. */
static char *withNetwork(Improv improv, const char *settings)
{
	char *made = settings ? malloc(CONSOLE_SETTINGS_MAXIMUM + 1) : NULL;

	if (made && !settingsWithNetwork(made, CONSOLE_SETTINGS_MAXIMUM + 1, settings, improv->ssid, improv->password)) {
		memset(made, 0, CONSOLE_SETTINGS_MAXIMUM + 1);
		free(made);
		made = NULL;
	}
	return made;
}

bool improvReply(Improv improv, const char *text)
{
	const int asked = improv->asked;
	/* As `answer` in provisioning.ts gives them, with other words before them or without; an error is none. */
	const char *settings = 0 == strncmp(text, "error ", 6) ? NULL : strchr(text, '{');

	improv->asked = kImprovAsksNothing;
	switch (asked) {
		case kImprovAsksName:
			tellName(improv, settings);
			return true;
		case kImprovAsksSettings:
			improv->settings = withNetwork(improv, settings);
			if (!improv->settings)
				fail(improv, kUnknownError);
			return true;
		case kImprovAsksToStore:
			if (0 != strcmp(text, "ok")) {
				/* Of what was checked, the network alone is new. */
				fail(improv, 0 == strncmp(text, "error wifi", 10) ? kUnableToConnect : kUnknownError);
				return true;
			}
			forget(improv);
			improv->host->restart(improv->ssid, improv->port);
			return true;
	}
	return false;
}

static void lookForAddress(Improv improv, uint32_t now)
{
	const char *joined = improv->host->joined();

	if (joined && 0 == strcmp(joined, improv->ssid)) {
		improv->joining = false;
		sendByte(improv, improv->port, kState, kProvisioned);
		/* Without a URL: the board has no page. */
		sendResult(improv, improv->port, kWifi, NULL, 0);
	}
	/* With another network the new one has failed: it was tried first. */
	else if (joined || (int32_t)(now - improv->joinUntil) >= 0)
		fail(improv, kUnableToConnect);
}

static bool isNew(Improv improv, const char *ssid)
{
	const uint32_t crc = crc32Of(0, ssid, strlen(ssid));

	for (size_t i = 0; i < improv->toldCount; i++) {
		if (improv->told[i] == crc)
			return false;
	}
	improv->told[improv->toldCount++] = crc;
	return true;
}

/* One at a time: a port takes in no more between two looks. */
static void tellNetwork(Improv improv)
{
	ImprovNetwork network;

	while (improv->host->network(&network)) {
		char rssi[8];
		const char *const strings[] = { network.ssid, rssi, network.secured ? "YES" : "NO" };

		/* Hidden ones, what no settings can name, and what is too much: the scan is to come to its end. */
		if (!network.ssid[0] || !isUtf8(network.ssid) || improv->toldCount >= IMPROV_NETWORKS_MAXIMUM || !isNew(improv, network.ssid))
			continue;
		if (network.rssi > RSSI_MAXIMUM)
			network.rssi = RSSI_MAXIMUM;
		if (network.rssi < RSSI_MINIMUM)
			network.rssi = RSSI_MINIMUM;
		snprintf(rssi, sizeof(rssi), "%d", network.rssi);
		sendResult(improv, improv->scanPort, kNetworks, strings, 3);
		return;
	}
	improv->scan = kImprovNoScan;
	sendResult(improv, improv->scanPort, kNetworks, NULL, 0);
}

static void lookForNetworks(Improv improv, uint32_t now)
{
	ImprovScan scanned = kImprovScans;

	if (kImprovScanTells == improv->scan) {
		tellNetwork(improv);
		return;
	}
	if (kImprovScanWaits == improv->scan && improv->host->scan())
		improv->scan = kImprovScanRuns;
	if (kImprovScanRuns == improv->scan)
		scanned = improv->host->scanned();
	if (kImprovScanned == scanned)
		improv->scan = kImprovScanTells;
	else if (kImprovScanFailed == scanned || (int32_t)(now - improv->scanUntil) >= 0) {
		endScan(improv);
		sendByte(improv, improv->scanPort, kError, kUnknownError);
	}
}

const char *improvLook(Improv improv, uint32_t now)
{
	if (improv->settings) {
		improv->asked = kImprovAsksToStore;
		return improv->settings;
	}
	if (improv->joining)
		lookForAddress(improv, now);
	if (kImprovNoScan != improv->scan)
		lookForNetworks(improv, now);
	return NULL;
}

static uint32_t checkOf(const ImprovNote *note)
{
	return crc32Of(0, note, offsetof(ImprovNote, check));
}

void improvNoteWrite(ImprovNote *note, const char *ssid, size_t port)
{
	memset(note, 0, sizeof(*note));
	note->magic = NOTE_MAGIC;
	note->port = (uint32_t)port;
	for (size_t i = 0; i < IMPROV_SSID_BYTES && ssid[i]; i++)
		note->ssid[i] = ssid[i];
	note->check = checkOf(note);
}

void improvResume(Improv improv, ImprovNote *note, uint32_t now)
{
	if (NOTE_MAGIC == note->magic && checkOf(note) == note->check) {
		memset(improv->ssid, 0, sizeof(improv->ssid));
		memcpy(improv->ssid, note->ssid, IMPROV_SSID_BYTES);
		improv->port = note->port;
		improv->joining = true;
		improv->joinUntil = now + IMPROV_JOIN_MS;
	}
	memset(note, 0, sizeof(*note));
}
