/*
 * The server: Mbed TLS's own, which the steps of a plan make hostile. What it sends is
 * changed as handshake messages, before they are hashed and encrypted, and as records.
 */

#ifndef SERVER_H
#define SERVER_H

#include "identities.h"
#include "plan.h"

typedef struct {
	const Identity	*identity;
	bool			tickets, cache, wants, requires;
	/* Of the cipher suites, the only one; 0: any. */
	int				suite;
} ServerSettings;

/* A dialogue: tickets and the cache are of all its connections. */
void serverBegin(const ServerSettings *settings);
void serverEnd(void);
/* Another takes its place, who knows nothing of earlier sessions. */
void serverBecomes(const Identity *identity);

/* A new connection; `rules`: the steps before it, which say what becomes of messages and records. */
void serverConnect(const Step *rules, size_t count);

/* What the client has sent. */
void serverTake(const uint8_t *bytes, size_t length);

/* Encrypts a record after the handshake; false where it cannot. */
bool serverSend(uint8_t type, const uint8_t *bytes, size_t length);
bool serverData(size_t length);
void serverNotify(void);
void serverAgain(void);
/* Bytes as they are. */
void serverRaw(const uint8_t *bytes, size_t length);

/* What is on its way to the client: how much, at most `length`, and how many records are whole when it has arrived. */
const uint8_t *serverWire(size_t *length);
unsigned serverArrived(size_t length);

/* Application data so far: which the server wrote, and got. Both are the bytes of dataByte, from 0 on. */
typedef struct {
	uint64_t	written, got;
	/* What the client was to read was not. */
	bool		gotOther;
	bool		isOver;
} ServerData;

extern ServerData serverStatus;

static inline uint8_t dataByte(uint64_t at)
{
	return (uint8_t)(at * 131 + (at >> 8) + 7);
}

#endif
