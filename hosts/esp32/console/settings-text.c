#include "settings-text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
	const char	*at;
	size_t		length;
} Span;

/* Behind the string at `at`; NULL if it has no end. */
static const char *behindString(const char *at)
{
	for (at++; *at; at++) {
		if ('"' == *at)
			return at + 1;
		if ('\\' == *at && 0 == *++at)
			break;
	}
	return NULL;
}

/* Behind the value at `at`, whatever is in it; NULL if it has no end, or is none. */
static const char *behindValue(const char *at)
{
	int depth = 0;

	do {
		switch (*at) {
			case 0:
				return NULL;
			case '"':
				at = behindString(at);
				if (!at)
					return NULL;
				break;
			case '{':
			case '[':
				depth++;
				at++;
				break;
			case '}':
			case ']':
			case ',':
				if (0 == depth)
					return NULL;
				if (',' != *at)
					depth--;
				at++;
				break;
			default:
				at++;
		}
	} while (depth > 0 || (*at && !strchr(",]}", *at)));
	return at;
}

/* The value at `*at`, which then points behind it and a comma; false at the end, and if it is none. */
static bool nextValue(const char **at, Span *value)
{
	const char *end = behindValue(*at);

	if (!end)
		return false;
	value->at = *at;
	value->length = (size_t)(end - *at);
	*at = ',' == *end ? end + 1 : end;
	return true;
}

/* Likewise the member at `*at` of an object. */
static bool nextMember(const char **at, Span *name, Span *value)
{
	const char *colon = '"' == **at ? behindString(*at) : NULL;
	const char *next;

	if (!colon || ':' != *colon)
		return false;
	next = colon + 1;
	if (!nextValue(&next, value))
		return false;
	name->at = *at;
	name->length = (size_t)(colon - *at);
	*at = next;
	return true;
}

/* `quoted` is the name with its quotation marks. */
static bool isNamed(const Span *name, const char *quoted)
{
	return strlen(quoted) == name->length && 0 == memcmp(name->at, quoted, name->length);
}

/* The value of an object's member. Of several the last, as in JavaScript. */
static bool member(const char *object, const char *quoted, Span *found)
{
	Span name, value;
	bool is = false;

	if ('{' != *object++)
		return false;
	while (nextMember(&object, &name, &value)) {
		if (isNamed(&name, quoted)) {
			*found = value;
			is = true;
		}
	}
	return is;
}

/*
 * The next byte of a string's text behind `*at`. Escapes of what is not ASCII, which
 * JSON.stringify makes of halves of surrogate pairs only, are some other byte.
 */
static uint8_t nextByte(const char **at)
{
	static const char escapes[] = "b\bf\fn\nr\rt\t";
	const char *escape;
	unsigned int code;

	if ('\\' != *(*at)++)
		return (uint8_t)(*at)[-1];
	escape = *(*at) ? strchr(escapes, **at) : NULL;
	if ('u' == **at && 1 == sscanf(*at + 1, "%4x", &code)) {
		for (int i = 0; i < 4 && '"' != (*at)[1]; i++)
			(*at)++;
		(*at)++;
		return code < 0x80 ? (uint8_t)code : 0xff;
	}
	(*at)++;
	return (uint8_t)(escape ? escape[1] : (*at)[-1]);
}

/* Whether a value is this string. */
static bool isText(const Span *value, const char *text)
{
	const char *at = value->at + 1, *const end = value->at + value->length - 1;

	if (value->length < 2 || '"' != *value->at)
		return false;
	while (at < end && *text && nextByte(&at) == (uint8_t)*text)
		text++;
	return at == end && 0 == *text;
}

bool settingsId(const char *settings, char id[SETTINGS_ID_BYTES])
{
	Span value;

	/* None of its characters needs an escape. */
	if (!member(settings, "\"id\"", &value) || '"' != *value.at || value.length < 3 || value.length - 2 >= SETTINGS_ID_BYTES)
		return false;
	memcpy(id, value.at + 1, value.length - 2);
	id[value.length - 2] = 0;
	return NULL == strchr(id, '\\');
}

/* The text that is being written; `full` when something was left out. */
typedef struct {
	char	*at;
	char	*end;
	bool	full;
} Output;

static void put(Output *output, const char *bytes, size_t length)
{
	if (length >= (size_t)(output->end - output->at))
		output->full = true;
	if (output->full)
		return;
	memcpy(output->at, bytes, length);
	output->at += length;
	*output->at = 0;
}

static void putText(Output *output, const char *text)
{
	put(output, text, strlen(text));
}

static void putString(Output *output, const char *text)
{
	putText(output, "\"");
	for (; *text; text++) {
		char escape[8];

		if ('"' == *text || '\\' == *text || (uint8_t)*text < ' ') {
			snprintf(escape, sizeof(escape), "\\u%04x", (uint8_t)*text);
			putText(output, escape);
		}
		else
			put(output, text, 1);
	}
	putText(output, "\"");
}

/* The networks of `wifi`, which is one or a list, but for that of this SSID. */
static void putOthers(Output *output, const Span *wifi, const char *ssid)
{
	const char *at = wifi->at + ('[' == *wifi->at ? 1 : 0), *const end = wifi->at + wifi->length;
	Span network, name;

	for (int count = 1; count < SETTINGS_NETWORKS_MAXIMUM && at < end && '{' == *at && nextValue(&at, &network);) {
		if (member(network.at, "\"ssid\"", &name) && isText(&name, ssid))
			continue;
		putText(output, ",");
		put(output, network.at, network.length);
		count++;
	}
}

bool settingsWithNetwork(char *text, size_t size, const char *settings, const char *ssid, const char *password)
{
	Output output = { .at = text, .end = text + size };
	Span wifi = { .at = "", .length = 0 }, name, value;
	const char *at = settings;

	if ('{' != *at++)
		return false;
	putText(&output, "{");
	while (nextMember(&at, &name, &value)) {
		if (isNamed(&name, "\"wifi\"")) {
			wifi = value;
			continue;
		}
		put(&output, name.at, name.length);
		putText(&output, ":");
		put(&output, value.at, value.length);
		putText(&output, ",");
	}
	if (0 != strcmp(at, "}"))
		return false;
	putText(&output, "\"wifi\":[{\"ssid\":");
	putString(&output, ssid);
	if (*password) {
		putText(&output, ",\"password\":");
		putString(&output, password);
	}
	putText(&output, "}");
	putOthers(&output, &wifi, ssid);
	putText(&output, "]}");
	return !output.full;
}
