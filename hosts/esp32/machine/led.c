/*
 * A status LED at a pin, lit by a high level. The patterns run on ESP-IDF's
 * timer, whatever JavaScript is doing. Without a pin nothing happens.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"
#include "builtinCommon.h"

#include "driver/gpio.h"
#include "esp_timer.h"

#include "lamp.h"

static gpio_num_t pin;
/* There is one once there is a pin. */
static esp_timer_handle_t timer;
static Lamp lamp;
/* The timer's task may run on the other core. */
static portMUX_TYPE lock = portMUX_INITIALIZER_UNLOCKED;

static void onTimer(void *data)
{
	LampStep step;

	portENTER_CRITICAL(&lock);
	step = lampStep(&lamp);
	portEXIT_CRITICAL(&lock);
	gpio_set_level(pin, step.lit);
	if (step.milliseconds > 0)
		esp_timer_start_once(timer, step.milliseconds * 1000ULL);
}

static void tell(LampNews news)
{
	bool now;

	if (!timer)
		return;
	portENTER_CRITICAL(&lock);
	now = lampTell(&lamp, news);
	portEXIT_CRITICAL(&lock);
	if (!now)
		return;
	/* If the timer's task is at work at this moment, the news is shown with the next step. */
	esp_timer_stop(timer);
	esp_timer_start_once(timer, 0);
}

/* Takes the LED's pin, or undefined, and the sensors' pins, which the LED must not use. */
void xs_led_open(xsMachine *the)
{
	const esp_timer_create_args_t steps = {
		.callback = onTimer,
		.name = "led",
	};
	gpio_config_t line = {
		.mode = GPIO_MODE_OUTPUT,
		.intr_type = GPIO_INTR_DISABLE,
	};
	xsIntegerValue number;

	if (timer || xsUndefinedType == xsmcTypeOf(xsArg(0)))
		return;
	number = xsmcToInteger(xsArg(0));
	for (xsIntegerValue i = 1, count = xsmcArgc; i < count; i++) {
		if (xsmcToInteger(xsArg(i)) == number)
			return;
	}
	if (!GPIO_IS_VALID_OUTPUT_GPIO(number) || !builtinIsPinFree(number))
		return;
	pin = (gpio_num_t)number;
	line.pin_bit_mask = 1ULL << number;
	gpio_set_level(pin, 0);
	if (ESP_OK != gpio_config(&line) || ESP_OK != esp_timer_create(&steps, &timer))
		return;
	builtinUsePin(number);
	esp_timer_start_once(timer, 0);
}

void xs_led_network(xsMachine *the)
{
	tell(xsmcToBoolean(xsArg(0)) ? kLampNetworkJoined : kLampNetworkLost);
}

void xs_led_state(xsMachine *the)
{
	const char *state = xsmcToString(xsArg(0));

	if (0 == c_strcmp(state, "online"))
		tell(kLampOnline);
	else if (0 == c_strcmp(state, "asleep"))
		tell(kLampAsleep);
	else
		tell(kLampOffline);
}

void xs_led_reading(xsMachine *the)
{
	tell(kLampReading);
}

void xs_led_fault(xsMachine *the)
{
	tell(kLampFault);
}
