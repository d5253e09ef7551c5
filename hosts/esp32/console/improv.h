/*
 * Improv Serial, version 1 (https://www.improv-wifi.com/serial/): how a browser, or
 * Home Assistant, gives the board a Wi-Fi over its serial port. The part that needs
 * neither chip nor engine, so that a computer can test it.
 *
 * A packet is
 *
 *     IMPROV  version  type  length  data  checksum
 *
 * with a byte for each of the last but `data`; the checksum is the sum of all bytes
 * before it. A command has the version 1 and the type 3, bytes that no request of
 * `console-protocol.h` has. From these on the bytes are the packet's alone; until
 * then they are the other protocol's, too.
 *
 * A network goes into the settings that apply, as if `npm run provision` had sent
 * them: the program gives them, checks what was made of them, and keeps it. Then the
 * board restarts, tries this network first, and tells how that went.
 */

#ifndef __IMPROV__
#define __IMPROV__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPROV_DATA_MAXIMUM (255)
/* IEEE 802.11's limits: of an SSID; of a passphrase, or of a key in hexadecimal digits. */
#define IMPROV_SSID_BYTES (32)
#define IMPROV_PASSWORD_BYTES (64)
/* Time without a byte after which a packet is given up, in ms: less than until a request is sent again. */
#define IMPROV_GAP_MS (200)
/* From a command to the end of its scan, in ms: some of it until the driver can begin. A client waits for 30 s. */
#define IMPROV_SCAN_MS (25000)
/* From the restart to an address, in ms. */
#define IMPROV_JOIN_MS (25000)
/* Networks that are told of; the others of a scan are left out. */
#define IMPROV_NETWORKS_MAXIMUM (32)

/* A packet that is being received. All zero at first. */
typedef struct {
	/* The port had no byte when it was last asked, and since when, in ms. */
	bool		idle;
	uint32_t	idleSince;
	uint16_t	length;
	uint8_t		bytes[9 + IMPROV_DATA_MAXIMUM + 1];
} ImprovPacketRecord, *ImprovPacket;

typedef enum {
	kImprovOther,		/* not a packet's, or not yet: the byte is for the other protocol */
	kImprovPart,
	kImprovWhole,		/* the packet is in `bytes`, until the next byte */
	kImprovBroken		/* the checksum is wrong */
} ImprovByte;

ImprovByte improvReceive(ImprovPacket packet, uint8_t byte);

/* To be called whenever the port has no byte. Bytes that wait for a busy program make no gap. */
void improvIdle(ImprovPacket packet, uint32_t now);

typedef struct {
	char		ssid[IMPROV_SSID_BYTES + 1];
	int			rssi;		/* dBm */
	bool		secured;
} ImprovNetwork;

typedef enum { kImprovScans, kImprovScanned, kImprovScanFailed } ImprovScan;

/* The chip, or a test. */
typedef struct {
	const char	*version;
	const char	*chip;
	/* The name of a board whose settings have no id. */
	const char	*(*defaultId)(void);
	void		(*send)(size_t port, const uint8_t *packet, size_t length);
	/* The SSID of the Wi-Fi that has an address, or NULL. */
	const char	*(*joined)(void);
	/* Begins a scan; false if it cannot begin now. */
	bool		(*scan)(void);
	ImprovScan	(*scanned)(void);
	/* The next network of the scan, the strongest first; without one, false, and the scan is over. */
	bool		(*network)(ImprovNetwork *network);
	/* Ends a scan before that. */
	void		(*endScan)(void);
	/* Restarts with the new settings, and tries this Wi-Fi first; then `improvResume`. */
	void		(*restart)(const char *ssid, size_t port);
} ImprovHost;

/* All zero at first, but for `host`. */
typedef struct {
	const ImprovHost	*host;
	/* What the program was asked for, until its reply. */
	enum { kImprovAsksNothing, kImprovAsksName, kImprovAsksSettings, kImprovAsksToStore } asked;
	/* Of the command that waits for the program, or for the Wi-Fi. */
	size_t		port;
	char		ssid[IMPROV_SSID_BYTES + 1];
	char		password[IMPROV_PASSWORD_BYTES + 1];
	/* Settings with the new network, until the program has stored them. */
	char		*settings;
	/* After the restart, until the Wi-Fi is joined. */
	bool		joining;
	uint32_t	joinUntil;
	enum { kImprovNoScan, kImprovScanWaits, kImprovScanRuns, kImprovScanTells } scan;
	size_t		scanPort;
	uint32_t	scanUntil;
	/* CRCs of the SSIDs that were told: an access point for each room has the same one. */
	uint32_t	told[IMPROV_NETWORKS_MAXIMUM];
	uint8_t		toldCount;
} ImprovRecord, *Improv;

/* Request for the settings that apply, with their secrets. No line of `console-protocol.h` can have this byte. */
#define IMPROV_ASK_SETTINGS "\n"

/* After the last byte of a packet, `byte`. Gives a request for the program, or NULL. */
const char *improvCommand(Improv improv, size_t port, const ImprovPacketRecord *packet, ImprovByte byte, uint32_t now);

/* To be called at each look of the program, in ms. Gives a request for the program, or NULL. */
const char *improvLook(Improv improv, uint32_t now);

/* Takes the program's reply; false if it is not to a request from here. */
bool improvReply(Improv improv, const char *text);

/* What a restart leaves alone, in memory that is undefined when the power comes on. */
typedef struct {
	uint32_t	magic;
	uint32_t	port;
	char		ssid[IMPROV_SSID_BYTES];		/* zeros behind it */
	uint32_t	check;
} ImprovNote;

void improvNoteWrite(ImprovNote *note, const char *ssid, size_t port);

/* After the start: goes on with what the note says, if it is intact, and erases it. */
void improvResume(Improv improv, ImprovNote *note, uint32_t now);

#endif
