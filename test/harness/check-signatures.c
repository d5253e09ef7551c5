/*
 * For tests of hosts/esp32/update/update-signature.c: a command in each line of the
 * standard input, its answer in a line of the standard output.
 *
 *   verify KEY SIGNATURE BYTES   in hexadecimal digits, `-` for none: `valid`, or the fault
 *   hash PIECE FILE              the SHA-256 of a file, in pieces of so many bytes
 *   ended                        what the functions say of a hash that has ended
 */
#include "../../hosts/esp32/update/update-signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAXIMUM (8192)

/* Bytes of exactly their length, so that the address sanitizer sees a read behind them. */
static uint8_t *bytesOf(const char *text, size_t *length)
{
	uint8_t *bytes;

	*length = '-' == text[0] ? 0 : strlen(text) / 2;
	bytes = malloc(*length);
	for (size_t i = 0; i < *length; i++) {
		unsigned byte;

		if (1 != sscanf(text + 2 * i, "%2x", &byte))
			exit(3);
		bytes[i] = (uint8_t)byte;
	}
	return bytes;
}

static void verify(const char *keyText, const char *signatureText, const char *text)
{
	size_t keyLength, signatureLength, count;
	uint8_t *key = bytesOf(keyText, &keyLength);
	uint8_t *signature = bytesOf(signatureText, &signatureLength);
	uint8_t *bytes = bytesOf(text, &count);
	const char *problem = updateVerify(bytes, count, signature, signatureLength, key, keyLength);

	puts(problem ? problem : "valid");
	free(bytes);
	free(signature);
	free(key);
}

static void hash(size_t piece, const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(piece);
	UpdateHash hash;
	/* Of exactly its length, too. */
	char *text = malloc(UPDATE_HASH_TEXT);
	const char *problem = updateHashBegin(&hash);
	size_t count;

	if (!file)
		exit(4);
	while (!problem && 0 != (count = fread(bytes, 1, piece, file)))
		problem = updateHashAppend(&hash, bytes, count);
	if (!problem)
		problem = updateHashEnd(&hash, text);
	puts(problem ? problem : text);
	fclose(file);
	free(text);
	free(bytes);
}

static void ended(void)
{
	char text[UPDATE_HASH_TEXT];
	UpdateHash hash;
	const char *problem = updateHashBegin(&hash);

	if (!problem)
		problem = updateHashEnd(&hash, text);
	if (problem)
		exit(5);
	problem = updateHashEnd(&hash, text);
	printf("%s, ", problem ? problem : "valid");
	problem = updateHashAppend(&hash, "x", 1);
	printf("%s, ", problem ? problem : "valid");
	problem = updateHashEnd(&hash, text);
	puts(problem ? problem : "valid");
}

int main(void)
{
	static char command[16], first[DIGITS_MAXIMUM + 1], second[DIGITS_MAXIMUM + 1], third[DIGITS_MAXIMUM + 1];
	size_t piece;

	while (1 == scanf("%15s", command)) {
		if (0 == strcmp(command, "verify") && 3 == scanf("%8192s %8192s %8192s", first, second, third))
			verify(first, second, third);
		else if (0 == strcmp(command, "hash") && 2 == scanf("%zu %8192s", &piece, first))
			hash(piece, first);
		else if (0 == strcmp(command, "ended"))
			ended();
		else
			return 2;
	}
	return 0;
}
