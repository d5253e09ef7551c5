/*
 * Settings as text, as `JSON.stringify` makes it of an object: JSON in UTF-8
 * without spaces. Only what has to be found without the program's settings module,
 * which gives the text and checks what is made of it.
 */

#ifndef __SETTINGS_TEXT__
#define __SETTINGS_TEXT__

#include <stdbool.h>
#include <stddef.h>

/* The longest id with its end. */
#define SETTINGS_ID_BYTES (65)
/* As src/settings/table.ts has it. */
#define SETTINGS_NETWORKS_MAXIMUM (5)

/* The station's id; false where the settings have none. */
bool settingsId(const char *settings, char id[SETTINGS_ID_BYTES]);

/*
 * Writes the settings with the Wi-Fi `ssid` as the first one, in place of one of the
 * same SSID; of more than SETTINGS_NETWORKS_MAXIMUM the last is left out. Without a
 * password, an empty text, the network is open. False if `settings` are no object,
 * or do not fit into `size` bytes with the zero that ends them.
 */
bool settingsWithNetwork(char *text, size_t size, const char *settings, const char *ssid, const char *password);

#endif
