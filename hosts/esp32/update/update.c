/*
 * Firmware over the air (ESP-IDF's app_update): the new firmware is written to the
 * other slot, and started once. If it then confirms that it works, it stays;
 * otherwise the bootloader goes back to the firmware before
 * (CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE).
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include "app_update/include/esp_ota_ops.h"
#include "esp_app_desc.h"
#include "esp_partition.h"
#include "nvs_flash/include/nvs.h"

#include "../machine/machine.h"
#include "update-signature.h"

/* Bytes of the firmware's SHA-256 that the diagnostics tell. */
#define IMAGE_ID_BYTES (4)
/* Bytes of the flash that are read at once. */
#define READ_BYTES (1024)

/* Of ESP-IDF's storage in the partition nvs, beside the settings. It keeps the old value until the new one is complete. */
#define NAMESPACE "veleta"
#define KEY "update"
#define KEPT_MAXIMUM (256)

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

/* The slot that an update of so many bytes is written to. */
static const esp_partition_t *slotFor(xsMachine *the, xsNumberValue byteLength)
{
	const esp_partition_t *running = esp_ota_get_running_partition();
	const esp_partition_t *partition = esp_ota_get_next_update_partition(NULL);

	if (!partition || partition == running)
		xsUnknownError("the flash has no second place for firmware");
	/* The other slot starts next: it must not be written before that. */
	if (running != esp_ota_get_boot_partition())
		xsUnknownError("the new firmware waits for a restart");
	if (!(byteLength > 0 && byteLength <= partition->size))
		xsRangeError("firmware has 1 to %d bytes", (int)partition->size);
	return partition;
}

void xs_update_reserve(xsMachine *the)
{
	slotFor(the, xsmcToNumber(xsArg(0)));
}

void xs_update_write(xsMachine *the)
{
	const xsNumberValue offset = xsmcToNumber(xsArg(1));
	const esp_partition_t *partition;
	void *bytes;
	xsUnsignedValue count;
	size_t at, end, block;

	xsmcGetBufferReadable(xsArg(0), &bytes, &count);
	partition = slotFor(the, offset + count);
	at = (size_t)offset;
	end = at + count;
	/* A block at a time: all of the slot at once would stop everything else for seconds. */
	for (block = (at + partition->erase_size - 1) / partition->erase_size * partition->erase_size; block < end; block += partition->erase_size)
		check(the, esp_partition_erase_range(partition, block, partition->erase_size), "the flash does not erase");
	check(the, esp_partition_write(partition, at, bytes, count), "the flash does not take it");
}

static const char *hashFlash(const esp_partition_t *partition, size_t count, char text[UPDATE_HASH_TEXT])
{
	UpdateHash *hash = c_malloc(sizeof(UpdateHash) + READ_BYTES);
	uint8_t *bytes = (uint8_t *)(hash + 1);
	const char *problem;
	size_t at, length;

	if (!hash)
		return "no memory";
	problem = updateHashBegin(hash);
	for (at = 0; !problem && at < count; at += length) {
		length = count - at < READ_BYTES ? count - at : READ_BYTES;
		if (ESP_OK != esp_partition_read(partition, at, bytes, length)) {
			updateHashEnd(hash, text);
			problem = "the flash cannot be read";
		}
		else
			problem = updateHashAppend(hash, bytes, length);
	}
	if (!problem)
		problem = updateHashEnd(hash, text);
	c_free(hash);
	return problem;
}

void xs_update_complete(xsMachine *the)
{
	const xsNumberValue byteLength = xsmcToNumber(xsArg(0));
	const esp_partition_t *partition = slotFor(the, byteLength);
	char text[UPDATE_HASH_TEXT];

	checkHash(the, hashFlash(partition, (size_t)byteLength, text));
	if (c_strcmp(text, xsmcToString(xsArg(1))))
		xsUnknownError("the flash has not kept what was written");
	/* Checks the image in the flash, its chip included, before. */
	check(the, esp_ota_set_boot_partition(partition), "it is no firmware for this chip");
	machineNoteRestart(kRestartForUpdate);
}

void xs_update_hash(xsMachine *the)
{
	UpdateHash hash;
	char text[UPDATE_HASH_TEXT];
	void *bytes;
	xsUnsignedValue count;
	const char *problem;

	xsmcGetBufferReadable(xsArg(0), &bytes, &count);
	problem = updateHashBegin(&hash);
	if (!problem)
		problem = updateHashAppend(&hash, bytes, count);
	if (!problem)
		problem = updateHashEnd(&hash, text);
	/* Equal to none. */
	xsmcSetString(xsResult, problem ? "" : text);
}

void xs_update_verify(xsMachine *the)
{
	void *bytes, *signature, *key;
	xsUnsignedValue count, signatureLength, keyLength;

	xsmcGetBufferReadable(xsArg(0), &bytes, &count);
	xsmcGetBufferReadable(xsArg(1), &signature, &signatureLength);
	xsmcGetBufferReadable(xsArg(2), &key, &keyLength);
	checkHash(the, updateVerify(bytes, count, signature, signatureLength, key, keyLength));
}

/* The text that was kept last; an empty one if there is none, or it is not from xs_update_keep. */
void xs_update_kept(xsMachine *the)
{
	char text[KEPT_MAXIMUM + 1];
	nvs_handle_t storage;
	size_t length = KEPT_MAXIMUM;

	text[0] = 0;
	if (ESP_OK == nvs_open(NAMESPACE, NVS_READONLY, &storage)) {
		if (ESP_OK == nvs_get_blob(storage, KEY, text, &length))
			text[length] = 0;
		else
			text[0] = 0;
		nvs_close(storage);
	}
	xsmcSetString(xsResult, text);
}

void xs_update_keep(xsMachine *the)
{
	const char *text = xsmcToString(xsArg(0));
	const size_t length = c_strlen(text);
	nvs_handle_t storage;
	esp_err_t error = length > KEPT_MAXIMUM ? ESP_ERR_INVALID_SIZE : nvs_open(NAMESPACE, NVS_READWRITE, &storage);

	if (ESP_OK == error) {
		error = nvs_set_blob(storage, KEY, text, length);
		if (ESP_OK == error)
			error = nvs_commit(storage);
		nvs_close(storage);
	}
	check(the, error, "the flash does not keep how far the update is");
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
