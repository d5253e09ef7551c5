/*
 * The board's serial ports: the log goes out on each port that a USB cable may be
 * in, and requests come in from each. A release build of the SDK has no console of
 * its own.
 *
 * UART 0 is behind the USB chip that most boards have. Chips with a USB
 * controller have a port of their own beside it, perhaps without a reader: the
 * program leaves out what the port does not take, and never waits for a reader.
 *
 * A port takes two protocols, told apart by their first bytes: lines of
 * `console-protocol.h`, and packets of `improv.h`.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"
#include "mc.defines.h"

#include "console-lines.h"
#include "console-protocol.h"
#include "erase.h"
#include "improv.h"

#include <string.h>

#ifdef mxDebug

/* A debug build's ports belong to the debugger, which shows the log and takes no requests. */
void xs_console_log(xsMachine *the)
{
	modLog_transmit(xsmcToString(xsArg(1)));
}

void xs_console_exchange(xsMachine *the) { (void)the; }

#else

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "driver/uart.h"
#include "esp_attr.h"
#include "esp_system.h"
#include "soc/soc_caps.h"
#include "soc/uart_pins.h"
#if SOC_USB_SERIAL_JTAG_SUPPORTED
	#include "esp_driver_usb_serial_jtag/include/driver/usb_serial_jtag.h"
#endif
#include "../machine/abort-line.h"
#include "builtinCommon.h"
#include "../machine/machine.h"
#include "../wifi/wifi-radio.h"

/* 0 in the manifest for a board whose UART 0 is not connected: its pins are free then. */
#ifndef MODDEF_CONSOLE_UART
	#define MODDEF_CONSOLE_UART (1)
#endif

/* As package.json has it. */
#define FIRMWARE_VERSION "0.1.0"
#define BAUD (115200)
/* More than arrives between two looks of the program: 115,200 Bd are 12 bytes in a millisecond. */
#define RECEIVE_BYTES (512)
/* A dozen lines of the log. */
#define SEND_BYTES (1024)
/* Longest wait of a piece for room, in ms. A UART sends one in 11 ms; USB gets no time after a wait in vain. */
#define WAIT_MS (30)
/* Time for the log to leave the chip before it restarts or sleeps, in ms. */
#define FLUSH_MS (200)
/* Bytes that one look of the program takes from a port. */
#define LOOK_BYTES (2048)

typedef struct {
	void			(*open)(void);
	int				(*read)(uint8_t *bytes, size_t size);
	ConsoleWrite	write;
	void			(*flush)(TickType_t ticks);
} PortDriver;

typedef struct {
	ConsoleOutRecord	out;
	/* Received, and not looked at yet. */
	uint8_t				bytes[64];
	uint8_t				count;
	uint8_t				next;
	ConsoleLineRecord	line;
	ImprovPacketRecord	packet;
} PortRecord, *Port;

#if MODDEF_CONSOLE_UART
static void openUart(void)
{
	const uart_config_t config = {
		.baud_rate = BAUD,
		.data_bits = UART_DATA_8_BITS,
		.parity = UART_PARITY_DISABLE,
		.stop_bits = UART_STOP_BITS_1,
		.flow_ctrl = UART_HW_FLOWCTRL_DISABLE,
		.source_clk = UART_SCLK_DEFAULT,
	};

	if (ESP_OK != uart_driver_install(UART_NUM_0, RECEIVE_BYTES, SEND_BYTES, 0, NULL, 0))
		return;
	uart_param_config(UART_NUM_0, &config);
	uart_set_pin(UART_NUM_0, U0TXD_GPIO_NUM, U0RXD_GPIO_NUM, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE);
	/* A sensor at one of these pins gets an error. */
	builtinUsePin(U0TXD_GPIO_NUM);
	builtinUsePin(U0RXD_GPIO_NUM);
}

static int readUart(uint8_t *bytes, size_t size)
{
	return uart_read_bytes(UART_NUM_0, bytes, size, 0);
}

static bool writeUart(const char *bytes, size_t length, bool patient)
{
	TickType_t ticks = patient ? pdMS_TO_TICKS(WAIT_MS) : 0;
	size_t room;

	/* The driver would wait for room in a loop without a rest. It puts a record before the bytes. */
	while (ESP_OK == uart_get_tx_buffer_free_size(UART_NUM_0, &room)) {
		if (room > length + CONSOLE_PIECE_BYTES)
			return uart_write_bytes(UART_NUM_0, bytes, length) > 0;
		if (0 == ticks--)
			break;
		vTaskDelay(1);
	}
	return false;
}

static void flushUart(TickType_t ticks)
{
	uart_wait_tx_done(UART_NUM_0, ticks);
}
#endif

#if SOC_USB_SERIAL_JTAG_SUPPORTED
static void openUsb(void)
{
	usb_serial_jtag_driver_config_t config = { .tx_buffer_size = SEND_BYTES, .rx_buffer_size = RECEIVE_BYTES };

	usb_serial_jtag_driver_install(&config);
}

static int readUsb(uint8_t *bytes, size_t size)
{
	return usb_serial_jtag_is_driver_installed() ? usb_serial_jtag_read_bytes(bytes, size, 0) : 0;
}

static bool writeUsb(const char *bytes, size_t length, bool patient)
{
	return usb_serial_jtag_write_bytes(bytes, length, patient ? pdMS_TO_TICKS(WAIT_MS) : 0) > 0;
}

static void flushUsb(TickType_t ticks)
{
	if (usb_serial_jtag_is_driver_installed())
		usb_serial_jtag_wait_tx_done(ticks);
}
#endif

static const PortDriver drivers[] = {
#if MODDEF_CONSOLE_UART
	{ openUart, readUart, writeUart, flushUart },
#endif
#if SOC_USB_SERIAL_JTAG_SUPPORTED
	{ openUsb, readUsb, writeUsb, flushUsb },
#endif
};
#define PORTS (sizeof(drivers) / sizeof(drivers[0]))

static PortRecord ports[PORTS];
static ConsoleRecord console;
static RTC_NOINIT_ATTR ImprovNote improvNote;
static const ImprovHost improvHost;
static ImprovRecord improv = { .host = &improvHost };

static uint32_t now(void)
{
	return pdTICKS_TO_MS(xTaskGetTickCount());
}

/* A line in parts, to ports that are open. */
static void writeLine(const char *const parts[], size_t count)
{
	for (size_t i = 0; i < PORTS; i++)
		consoleLog(&ports[i].out, parts, count);
}

static void onAbort(const char *reason)
{
	const char *parts[] = { "error: the program has ended: ", reason, "; the board restarts" };

	machineNoteAbort(reason);
	writeLine(parts, 3);
}

/* Waits at most FLUSH_MS until the log has left the chip. */
static void flushPorts(void)
{
	for (size_t i = 0; i < PORTS; i++)
		drivers[i].flush(ports[i].out.stalled ? 0 : pdMS_TO_TICKS(FLUSH_MS));
}

/*
 * At the first line or the first look for requests. It tells why the board has
 * restarted: a reader may have missed the last line before it, and only an error
 * of the program has one.
 */
static void openPorts(void)
{
	static bool opened;
	char reason[RESTART_REASON_BYTES];
	const char *parts[] = { "warning: the board has restarted: ", reason };

	if (opened)
		return;
	opened = true;
	for (size_t i = 0; i < PORTS; i++) {
		ports[i].out.write = drivers[i].write;
		drivers[i].open();
	}
	esp_register_shutdown_handler(flushPorts);
	machineBeforeSleep(flushPorts);
	abortLineWatch(onAbort);
	if (machineRestartTrouble(reason))
		writeLine(parts, 2);
	improvResume(&improv, &improvNote, now());
}

/* log(level, text) */
void xs_console_log(xsMachine *the)
{
	const char *level = xsmcToString(xsArg(0));
	const char *text = xsmcToString(xsArg(1));

	openPorts();
	if (0 == strcmp(level, "info"))
		writeLine(&text, 1);
	else {
		const char *parts[] = { level, ": ", text };

		writeLine(parts, 3);
	}
}

/* To the last request. */
static void reply(const char *text)
{
	for (size_t i = 0; i < PORTS; i++)
		consoleReply(&ports[i].out, console.command, text);
}

static void restart(void)
{
	machineNoteRestart(kRestartRequested);
	esp_restart();
}

static void sendPacket(size_t i, const uint8_t *packet, size_t length)
{
	if (i < PORTS)
		consolePacket(&ports[i].out, packet, length);
}

static const char *defaultId(void)
{
	static char id[STATION_ID_BYTES];

	machineId(id);
	return id;
}

static bool nextNetwork(ImprovNetwork *network)
{
	return wifiRadioFound(network->ssid, &network->rssi, &network->secured);
}

static ImprovScan scanned(void)
{
	switch (wifiRadioSurveyed()) {
		case kSurveyRuns: return kImprovScans;
		case kSurveyDone: return kImprovScanned;
		default: return kImprovScanFailed;
	}
}

static void restartFor(const char *ssid, size_t port)
{
	improvNoteWrite(&improvNote, ssid, port);
	wifiRadioTryFirst(ssid);
	machineNoteRestart(kRestartRequested);
	esp_restart();
}

static const ImprovHost improvHost = {
	.version = FIRMWARE_VERSION,
#if CONFIG_IDF_TARGET_ESP32
	.chip = "ESP32",
#elif CONFIG_IDF_TARGET_ESP32C3
	.chip = "ESP32-C3",
#elif CONFIG_IDF_TARGET_ESP32C6
	.chip = "ESP32-C6",
#elif CONFIG_IDF_TARGET_ESP32S3
	.chip = "ESP32-S3",
#else
	.chip = CONFIG_IDF_TARGET,
#endif
	.defaultId = defaultId,
	.send = sendPacket,
	.joined = wifiRadioJoined,
	.scan = wifiRadioSurvey,
	.scanned = scanned,
	.network = nextNetwork,
	.endScan = wifiRadioEndSurvey,
	.restart = restartFor,
};

/* The next request from a port for the program to carry out, or NULL; answers the others here. */
static const char *nextRequest(size_t i)
{
	const Port port = &ports[i];

	for (int look = 0; look < LOOK_BYTES; look++) {
		char answer[CONSOLE_REPLY_BYTES];
		const char *request;
		ImprovByte kind;
		uint8_t byte;

		if (port->next == port->count) {
			const int count = drivers[i].read(port->bytes, sizeof(port->bytes));

			port->next = 0;
			port->count = count > 0 ? count : 0;
			if (0 == port->count) {
				improvIdle(&port->packet, now());
				break;
			}
		}
		byte = port->bytes[port->next++];
		kind = improvReceive(&port->packet, byte);
		if (kImprovPart == kind)
			continue;
		if (kImprovOther != kind) {
			request = improvCommand(&improv, i, &port->packet, kind, now());
			if (request)
				return request;
			continue;
		}
		if (!consoleReceive(&port->line, byte))
			continue;
		request = consoleRequest(&console, port->line.text, answer);
		if (request && '!' == request[0]) {
			reply("ok");
			restart();
		}
		if (request && '*' == request[0]) {
			const bool restarts = eraseAll(answer);

			reply(answer);
			if (restarts)
				restart();
			continue;
		}
		if (request)
			return request;
		reply(answer);
	}
	return NULL;
}

/* exchange(reply), or without one: gives the next request, if there is one */
void xs_console_exchange(xsMachine *the)
{
	const char *request;

	if (xsmcArgc > 0) {
		const char *text = xsmcToString(xsArg(0));

		/* What improv.c has asked for has secrets in it. */
		if (!improvReply(&improv, text))
			reply(text);
		return;
	}
	openPorts();
	request = improvLook(&improv, now());
	for (size_t i = 0; i < PORTS && !request; i++)
		request = nextRequest(i);
	if (request)
		xsmcSetString(xsResult, (char *)request);
}

#endif
