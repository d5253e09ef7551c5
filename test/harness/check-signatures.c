/*
 * For tests of hosts/esp32/update/update-signature.c: reads lines of `KEY SIGNATURE
 * PIECE IMAGE`, the first two in hexadecimal digits (`-`: none), verifies the
 * image appended in pieces of PIECE bytes, and prints a verdict for each line.
 */
#include "../../hosts/esp32/update/update-signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAXIMUM (1024)

/* Bytes of exactly their length, so that the address sanitizer sees a read behind them. */
static uint8_t *bytesOf(const char *text, size_t *length)
{
	uint8_t *bytes;

	*length = '-' == text[0] ? 0 : strlen(text) / 2;
	bytes = malloc(*length ? *length : 1);
	for (size_t i = 0; i < *length; i++) {
		unsigned byte;

		if (1 != sscanf(text + 2 * i, "%2x", &byte))
			exit(3);
		bytes[i] = (uint8_t)byte;
	}
	return bytes;
}

static const char *append(UpdateHash *hash, const char *path, size_t piece)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(piece);
	const char *problem = file ? NULL : "no such image";
	size_t count;

	while (file && !problem && 0 != (count = fread(bytes, 1, piece, file)))
		problem = updateHashAppend(hash, bytes, count);
	if (file)
		fclose(file);
	free(bytes);
	return problem;
}

int main(void)
{
	char keyText[BYTES_MAXIMUM + 1], signatureText[BYTES_MAXIMUM + 1], path[BYTES_MAXIMUM + 1];
	size_t piece;

	while (4 == scanf("%1024s %1024s %zu %1024s", keyText, signatureText, &piece, path)) {
		size_t keyLength;
		uint8_t *key = bytesOf(keyText, &keyLength);
		char *signature = strdup('-' == signatureText[0] ? "" : signatureText);
		UpdateHash hash;
		const char *problem = updateHashBegin(&hash);

		if (!problem)
			problem = append(&hash, path, piece);
		if (problem)
			updateHashEnd(&hash);
		else
			problem = updateHashVerify(&hash, signature, key, keyLength);
		/* A second end does no harm, as close() after a complete() that failed. */
		updateHashEnd(&hash);
		puts(problem ? problem : "valid");
		free(key);
		free(signature);
	}
	return 0;
}
