/*
 * The time from the network by lwIP's SNTP client. In ESP-IDF it sets the clock;
 * here it only tells the time, which the caller checks.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include <sys/time.h>

#include "esp_netif_sntp.h"
#include "esp_sntp.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"

/* lwIP keeps the pointer, not the name. Longer names do not exist (RFC 1035, section 2.3.4). */
#define NAME_BYTES (254)

static char name[NAME_BYTES];
static portMUX_TYPE lock = portMUX_INITIALIZER_UNLOCKED;
/* The server's time, in microseconds since 1970, when it came, and whether it has come. */
static int64_t told;
static int64_t toldAt;
static bool answered;

/* Replaces ESP-IDF's weak function, which sets the clock. lwIP's task calls it. */
void sntp_sync_time(struct timeval *tv)
{
	const int64_t now = esp_timer_get_time();

	portENTER_CRITICAL(&lock);
	told = (int64_t)tv->tv_sec * 1000000 + tv->tv_usec;
	toldAt = now;
	answered = true;
	portEXIT_CRITICAL(&lock);
}

void xs_sntp_stop(xsMachine *the)
{
	(void)the;
	esp_netif_sntp_deinit();
}

void xs_sntp_start(xsMachine *the)
{
	esp_sntp_config_t config = ESP_NETIF_SNTP_DEFAULT_CONFIG(name);

	esp_netif_sntp_deinit();
	xsmcToStringBuffer(xsArg(0), name, sizeof(name));
	/* No task of ESP-IDF's waits for it. */
	config.wait_for_sync = false;
	portENTER_CRITICAL(&lock);
	answered = false;
	portEXIT_CRITICAL(&lock);
	if (ESP_OK != esp_netif_sntp_init(&config))
		xsUnknownError("no memory");
}

/* Milliseconds since 1970, now, or undefined until the server has answered. */
void xs_sntp_time(xsMachine *the)
{
	int64_t time, at;
	bool known;

	portENTER_CRITICAL(&lock);
	time = told;
	at = toldAt;
	known = answered;
	portEXIT_CRITICAL(&lock);
	if (known)
		xsmcSetNumber(xsResult, (double)((time + esp_timer_get_time() - at) / 1000));
}
