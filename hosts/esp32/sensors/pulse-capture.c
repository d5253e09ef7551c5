/*
 * Pulse capture for sensors of the DHT family, on the RMT receiver (ESP-IDF's
 * esp_driver_rmt). The line is an open drain that the sensor and this host
 * share: the GPIO drives it low for the start signal, and the RMT, which reads
 * the same pin, times the sensor's answer.
 *
 * The receiver writes level and duration pairs into memory without the CPU, and
 * calls an interrupt when the line has rested, on some chips also when half of
 * the memory is full: a frame costs two interrupts at the most, whatever else
 * the board is doing.
 *
 * The line's level reaches the receiver through the pin's input and the GPIO
 * matrix, which do not depend on its output: on each chip the pin can be an open
 * drain at the same time.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"
#include "builtinCommon.h"

#include <stdatomic.h>

#include "driver/gpio.h"
#include "driver/rmt_rx.h"
#include "soc/soc_caps.h"

/* One tick of the receiver is a microsecond. */
#define RESOLUTION_HZ (1000000)
/* Shorter than any level of a frame by far: glitches. The filter's counter has 8 bits at up to 80 MHz, 3.1 us. */
#define GLITCH_NS (1000)
/* The line has rested. Longer than a frame's longest level (110 us), far shorter than a start signal. */
#define REST_NS (1000000)
/* A frame has 84 levels, two in a symbol, and the rest that ends it. The receiver's memory has 48 symbols at least. */
#define SYMBOLS_MAXIMUM (64)

typedef struct {
	gpio_num_t				pin;
	rmt_channel_handle_t	channel;
	/* Symbols received; the interrupt sets it, and it is negative until then. */
	atomic_int				received;
	rmt_symbol_word_t		symbols[SYMBOLS_MAXIMUM];
} PulseCaptureRecord, *PulseCapture;

void xs_pulsecapture_destructor(void *data);

static const xsHostHooks hooks = {
	xs_pulsecapture_destructor,
	NULL,
	NULL
};

static PulseCapture validate(xsMachine *the)
{
	return xsmcGetHostDataValidate(xsThis, (void *)&hooks);
}

static void check(xsMachine *the, esp_err_t error, char *what)
{
	if (ESP_OK != error)
		xsUnknownError(what);
}

static bool onReceived(rmt_channel_handle_t channel, const rmt_rx_done_event_data_t *event, void *data)
{
	PulseCapture capture = data;

	atomic_store(&capture->received, (int)event->num_symbols);
	return false;		/* no task was woken */
}

static esp_err_t openLine(PulseCapture capture)
{
	const gpio_config_t line = {
		.pin_bit_mask = 1ULL << capture->pin,
		.mode = GPIO_MODE_INPUT_OUTPUT_OD,
		.pull_up_en = GPIO_PULLUP_ENABLE,		/* 45 kOhm: too weak to replace the external resistor */
		.pull_down_en = GPIO_PULLDOWN_DISABLE,
		.intr_type = GPIO_INTR_DISABLE,
	};
	const rmt_rx_channel_config_t receiver = {
		.gpio_num = capture->pin,
		.clk_src = RMT_CLK_SRC_DEFAULT,
		.resolution_hz = RESOLUTION_HZ,
		.mem_block_symbols = SOC_RMT_MEM_WORDS_PER_CHANNEL,
	};
	const rmt_rx_event_callbacks_t callbacks = {
		.on_recv_done = onReceived,
	};
	esp_err_t error;

	/* High first: as an output the line must not fall before it is told to. */
	error = gpio_set_level(capture->pin, 1);
	if (ESP_OK == error)
		error = rmt_new_rx_channel(&receiver, &capture->channel);
	/* After the receiver, whose driver makes an input of the pin, too. */
	if (ESP_OK == error)
		error = gpio_config(&line);
	if (ESP_OK == error)
		error = rmt_rx_register_event_callbacks(capture->channel, &callbacks, capture);
	if (ESP_OK == error)
		error = rmt_enable(capture->channel);
	return error;
}

void xs_pulsecapture_constructor(xsMachine *the)
{
	PulseCapture capture;
	uint32_t pin;

	xsmcVars(1);
	if (!xsmcHas(xsArg(0), xsID_pin))
		xsRangeError("pin required");
	xsmcGet(xsVar(0), xsArg(0), xsID_pin);
	pin = builtinGetPin(the, &xsVar(0));
	if (!GPIO_IS_VALID_OUTPUT_GPIO(pin))
		xsRangeError("pin cannot drive a line");
	if (!builtinIsPinFree(pin))
		xsRangeError("pin in use");

	capture = c_calloc(1, sizeof(PulseCaptureRecord));
	if (!capture)
		xsRangeError("no memory");
	capture->pin = (gpio_num_t)pin;
	atomic_init(&capture->received, -1);
	builtinUsePin(pin);

	if (ESP_OK != openLine(capture)) {
		xs_pulsecapture_destructor(capture);
		xsUnknownError("no RMT channel for the pin");
	}
	xsmcSetHostData(xsThis, capture);
	xsSetHostHooks(xsThis, (xsHostHooks *)&hooks);
}

void xs_pulsecapture_destructor(void *data)
{
	PulseCapture capture = data;

	if (!capture)
		return;
	if (capture->channel) {
		rmt_disable(capture->channel);
		rmt_del_channel(capture->channel);
	}
	gpio_reset_pin(capture->pin);
	builtinFreePin(capture->pin);
	c_free(capture);
}

void xs_pulsecapture_close(xsMachine *the)
{
	PulseCapture capture = xsmcGetHostData(xsThis);

	if (!capture)
		return;
	capture = validate(the);
	xs_pulsecapture_destructor(capture);
	xsmcSetHostData(xsThis, NULL);
	xsmcSetHostDestructor(xsThis, NULL);
}

/*
 * Ends a capture that is under way, for the driver takes a new one only when it
 * is idle. The receiver of the first ESP32 cannot be stopped: it runs on until
 * the line has rested. Done at the beginning of the start signal, that is over
 * before the receiver is armed again, and the driver ignores it.
 */
static esp_err_t forget(PulseCapture capture)
{
	esp_err_t error = rmt_disable(capture->channel);

	if (ESP_OK == error)
		error = rmt_enable(capture->channel);
	return error;
}

void xs_pulsecapture_hold(xsMachine *the)
{
	PulseCapture capture = validate(the);

	check(the, forget(capture), "cannot reset the receiver");
	check(the, gpio_set_level(capture->pin, 0), "cannot drive the line");
}

void xs_pulsecapture_release(xsMachine *the)
{
	static const rmt_receive_config_t range = {
		.signal_range_min_ns = GLITCH_NS,
		.signal_range_max_ns = REST_NS,
	};
	PulseCapture capture = validate(the);
	esp_err_t error;

	atomic_store(&capture->received, -1);
	error = rmt_receive(capture->channel, capture->symbols, sizeof(capture->symbols), &range);
	/* The line must not stay low, also after an error of the receiver. */
	gpio_set_level(capture->pin, 1);
	check(the, error, "cannot arm the receiver");
}

/*
 * An ArrayBuffer of 16-bit durations in microseconds of levels that alternate,
 * the first one high, or undefined while the line has not rested.
 */
void xs_pulsecapture_read(xsMachine *the)
{
	PulseCapture capture = validate(the);
	int received = atomic_load(&capture->received);
	uint16_t durations[2 * SYMBOLS_MAXIMUM];
	int count = 0;

	if (received < 0)
		return;
	for (int i = 0; i < 2 * received && i < 2 * SYMBOLS_MAXIMUM; i++) {
		const rmt_symbol_word_t symbol = capture->symbols[i >> 1];
		const uint16_t duration = (i & 1) ? symbol.duration1 : symbol.duration0;
		const uint16_t level = (i & 1) ? symbol.level1 : symbol.level0;

		if (0 == duration)
			break;		/* the rest that ends the capture */
		if (0 == count && 0 == level)
			continue;		/* the end of the host's own low */
		durations[count++] = duration;
	}
	xsmcSetArrayBuffer(xsResult, durations, count * sizeof(uint16_t));
}
