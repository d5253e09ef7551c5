/*
 * Firmware over the air (ESP-IDF's app_update): the new firmware is written to the
 * other slot, and started once if its signature is right. If it then confirms that
 * it works, it stays; otherwise the bootloader goes back to the firmware before
 * (CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE).
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "app_update/include/esp_ota_ops.h"
#include "esp_app_desc.h"

#include "../machine/machine.h"
#include "update-signature.h"

/* Bytes of the firmware's SHA-256 that the diagnostics tell. */
#define IMAGE_ID_BYTES (4)

typedef struct {
	const esp_partition_t	*partition;
	/* Its handles count from 1. */
	esp_ota_handle_t		handle;
	UpdateHash				hash;
} UpdateRecord, *Update;

/* The update that is being written. */
static Update update;

static void check(xsMachine *the, esp_err_t error, char *what)
{
	if (ESP_OK != error)
		xsUnknownError("%s (0x%x)", what, error);
}

static void checkHash(xsMachine *the, const char *problem)
{
	if (problem)
		xsUnknownError("%s", problem);
}

static void checkOpen(xsMachine *the)
{
	if (!update)
		xsUnknownError("no update is open");
}

static void closeUpdate(void)
{
	if (!update)
		return;
	if (update->handle)
		esp_ota_abort(update->handle);
	updateHashEnd(&update->hash);
	c_free(update);
	update = NULL;
}

void xs_update_open(xsMachine *the)
{
	const esp_partition_t *running = esp_ota_get_running_partition();
	const esp_partition_t *partition = esp_ota_get_next_update_partition(NULL);
	const xsNumberValue byteLength = xsmcToNumber(xsArg(0));
	const char *problem;
	esp_err_t error = ESP_OK;

	closeUpdate();
	if (!partition || partition == running)
		xsUnknownError("the flash has no second place for firmware");
	/* The other slot starts next: it must not be written before that. */
	if (running != esp_ota_get_boot_partition())
		xsUnknownError("the new firmware waits for a restart");
	if (!(byteLength > 0 && byteLength <= partition->size))
		xsRangeError("firmware has 1 to %d bytes", (int)partition->size);

	update = c_calloc(1, sizeof(UpdateRecord));
	if (!update)
		xsUnknownError("no memory");
	update->partition = partition;
	problem = updateHashBegin(&update->hash);
	/* Erased as it is written, a block at a time: all at once would stop everything else for seconds. */
	if (!problem)
		error = esp_ota_begin(partition, OTA_WITH_SEQUENTIAL_WRITES, &update->handle);
	if (problem || ESP_OK != error)
		closeUpdate();
	checkHash(the, problem);
	check(the, error, "the flash refuses an update");
}

void xs_update_write(xsMachine *the)
{
	void *bytes;
	xsUnsignedValue count;

	checkOpen(the);
	xsmcGetBufferReadable(xsArg(0), &bytes, &count);
	check(the, esp_ota_write(update->handle, bytes, count), "the flash does not take it");
	checkHash(the, updateHashAppend(&update->hash, bytes, count));
}

void xs_update_complete(xsMachine *the)
{
	const char *signature = xsmcToString(xsArg(0));
	const esp_partition_t *partition;
	esp_ota_handle_t handle;
	void *key;
	xsUnsignedValue keyLength;

	checkOpen(the);
	xsmcGetBufferReadable(xsArg(1), &key, &keyLength);
	checkHash(the, updateHashVerify(&update->hash, signature, key, keyLength));
	/* Checks the image in the flash, and ends the handle in any case. */
	partition = update->partition;
	handle = update->handle;
	update->handle = 0;
	closeUpdate();
	check(the, esp_ota_end(handle), "it is no firmware for this chip");
	check(the, esp_ota_set_boot_partition(partition), "the boot loader does not take it");
	machineNoteRestart(kRestartForUpdate);
}

void xs_update_close(xsMachine *the)
{
	(void)the;
	closeUpdate();
}

void xs_update_unconfirmed(xsMachine *the)
{
	esp_ota_img_states_t state;
	esp_err_t error = esp_ota_get_state_partition(esp_ota_get_running_partition(), &state);

	xsmcSetBoolean(xsResult, ESP_OK == error && ESP_OTA_IMG_PENDING_VERIFY == state);
}

/* If the flash refuses, or there is no firmware to go back to, nothing else can be done. */
void xs_update_judge(xsMachine *the)
{
	if (xsmcTest(xsArg(0)))
		esp_ota_mark_app_valid_cancel_rollback();
	else {
		machineNoteRestart(kRestartForRollBack);
		esp_ota_mark_app_invalid_rollback_and_reboot();
	}
}

/* The first hexadecimal digits of the SHA-256 that ESP-IDF makes of the program and puts into its description. */
void xs_update_image(xsMachine *the)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *sha256 = esp_app_get_description()->app_elf_sha256;
	char text[2 * IMAGE_ID_BYTES + 1];

	for (int i = 0; i < IMAGE_ID_BYTES; i++) {
		text[2 * i] = digits[sha256[i] >> 4];
		text[2 * i + 1] = digits[sha256[i] & 0x0f];
	}
	text[2 * IMAGE_ID_BYTES] = 0;
	xsmcSetString(xsResult, text);
}
