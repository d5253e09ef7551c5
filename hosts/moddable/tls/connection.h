/*
 * The client's end of one TLS connection, by Mbed TLS (4.x; 2.28 on Debian 12).
 *
 * It moves no bytes itself, knows no clock and starts no task: encrypted bytes go
 * in and come out, decrypted ones come out and go in. One thread at a time may use
 * a connection.
 */

#ifndef TLS_CONNECTION_H
#define TLS_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TlsConnectionRecord TlsConnectionRecord, *TlsConnection;

/* In place of a time, while the clock is not set. */
#define TLS_TIME_UNKNOWN INT64_MIN

/* All texts end with a zero and are copied; NULL where there is none. */
typedef struct {
	/* The name or the IP address that the broker's certificate has to be for. */
	const char		*host;
	/* Certificates and a private key, in PEM (RFC 7468). */
	const char		*ca;
	const char		*certificate;
	const char		*key;
	/* Instead of `ca`: SHA-256 of the only certificate that the broker may have, as OpenSSL shows it, or without colons. */
	const char		*fingerprint;
	/* The protocol that is asked for by ALPN (RFC 7301). */
	const char		*alpn;
	/* Seconds since 1970, or TLS_TIME_UNKNOWN: dates are not looked at then. */
	int64_t			time;
	/* From tlsSave, of an earlier connection; what does not fit to the other members is passed over. */
	const uint8_t	*saved;
	size_t			savedLength;
} TlsSettings;

typedef enum {
	kTlsHandshake,
	kTlsOpen,
	/* The broker has ended the connection in good order (close_notify). */
	kTlsClosed,
	kTlsFailed
} TlsState;

/*
 * Returns NULL and the fault in words, in `problem`, for settings that cannot be
 * used, and where there is no memory. The words are static.
 */
TlsConnection tlsOpen(const TlsSettings *settings, const char **problem);

/* NULL is allowed. */
void tlsFree(TlsConnection connection);

/*
 * Goes on with the handshake as far as the pushed bytes carry it; the first call
 * makes the first message. This is the call that takes long: it checks signatures
 * and agrees on keys.
 */
void tlsHandshake(TlsConnection connection);

TlsState tlsState(TlsConnection connection);

/* Why it has failed or was closed, in words; "" before that. Valid until tlsFree. */
const char *tlsReason(TlsConnection connection);

/* TCP has ended, during the handshake: the reason is then what the broker's silence is likely to mean. */
void tlsEnded(TlsConnection connection);

/*
 * Encrypted bytes of the broker, which are copied. Not more than tlsWanted: TCP's
 * window bounds the rest.
 */
bool tlsPush(TlsConnection connection, const void *bytes, size_t length);

/* How many encrypted bytes may be pushed: none as long as pushed bytes are not used up. */
size_t tlsWanted(TlsConnection connection);

/* Encrypted bytes for the broker that wait; tlsPull takes at most `length` of them. */
size_t tlsWaiting(TlsConnection connection);
size_t tlsPull(TlsConnection connection, void *bytes, size_t length);

/* Decrypts what was pushed, until there are bytes to read: returns their number. */
size_t tlsReadable(TlsConnection connection);

/* Returns the number of bytes, 0 when there are none now. */
size_t tlsRead(TlsConnection connection, void *bytes, size_t length);

/* Encrypts: returns how many bytes it took, fewer or none when there are 20 KB that wait to be pulled. */
size_t tlsWrite(TlsConnection connection, const void *bytes, size_t length);

/* Tells the broker that nothing more comes (close_notify); the bytes for it are to be pulled. */
void tlsClose(TlsConnection connection);

/* Whether tlsSave has something since its last call. */
bool tlsHasNewSession(TlsConnection connection);

/*
 * What a later connection needs to resume this one, which spares the broker's
 * certificates: secret. Returns its length, or 0 if there is nothing new
 * since the last call, and where there is no room.
 */
size_t tlsSave(TlsConnection connection, void *bytes, size_t length);

/* Bytes that tlsSave can need: an RSA certificate of 4,096 bits, and a ticket of 1 KB. */
#define TLS_SAVED_MAXIMUM (4096)

/* Encrypted bytes that one TLS record adds to its content, at most. */
#define TLS_RECORD_OVERHEAD (5 + 8 + 16 + 1)

#endif
