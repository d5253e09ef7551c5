/*
 * Settings that came over the serial port, as one value of ESP-IDF's storage in
 * the partition nvs. It keeps the old value until the new one is complete: a
 * power cut leaves the one or the other.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "console-protocol.h"

#include "nvs_flash/include/nvs.h"

#define NAMESPACE "veleta"
#define KEY "settings"

/* The text, or undefined if there is none, or it is not from xs_settings_write. */
void xs_settings_read(xsMachine *the)
{
	nvs_handle_t storage;
	size_t length = 0;

	if (ESP_OK != nvs_open(NAMESPACE, NVS_READONLY, &storage))
		return;
	if (ESP_OK == nvs_get_blob(storage, KEY, NULL, &length) && length > 0 && length <= CONSOLE_SETTINGS_MAXIMUM) {
		xsmcSetStringBuffer(xsResult, NULL, (xsIntegerValue)length);
		if (ESP_OK != nvs_get_blob(storage, KEY, xsmcToString(xsResult), &length))
			xsmcSetUndefined(xsResult);
	}
	nvs_close(storage);
}

/* write(text), or without one: forgets it. */
void xs_settings_write(xsMachine *the)
{
	const bool forget = 0 == xsmcArgc || xsUndefinedType == xsmcTypeOf(xsArg(0));
	nvs_handle_t storage;
	esp_err_t error = nvs_open(NAMESPACE, NVS_READWRITE, &storage);

	if (ESP_OK == error) {
		if (forget) {
			error = nvs_erase_key(storage, KEY);
			if (ESP_ERR_NVS_NOT_FOUND == error)
				error = ESP_OK;
		}
		else {
			const char *text = xsmcToString(xsArg(0));

			error = nvs_set_blob(storage, KEY, text, strlen(text));
		}
		if (ESP_OK == error)
			error = nvs_commit(storage);
		nvs_close(storage);
	}
	if (ESP_ERR_NVS_NOT_ENOUGH_SPACE == error)
		xsUnknownError("no room in the partition nvs");
	if (ESP_OK != error)
		xsUnknownError("the flash refuses");
}
