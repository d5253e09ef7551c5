/*
 * The Wi-Fi driver as a station: its calls and its events. wifi-station.ts decides
 * which network, when and how often.
 *
 * ESP-IDF calls its event handlers in a task of its own: they post a message, and
 * begin IPv6. All else happens in the task that runs JavaScript, but for the name
 * servers, which are lwIP's, and are set in its task.
 */

#include "xsmc.h"
#include "xsHost.h"
#include "mc.xs.h"

#include <stdio.h>
#include <string.h>

#include "esp_attr.h"
#include "esp_event.h"
#include "esp_netif.h"
#include "esp_netif_net_stack.h"
#include "esp_wifi.h"
#include "lwip/dns.h"
#include "lwip/netif.h"

#include "wifi-hint.h"
#include "wifi-radio.h"
#include "wifi-reason.h"

/* Networks that the settings can have. */
#define NETWORKS_MAXIMUM (5)
/* A passphrase has up to 63 characters; 64 hexadecimal digits are a key. */
#define PASSWORD_BYTES (64)
#define ADDRESS_BYTES (16)
/* As wifi-station.ts makes them. */
#define HOSTNAME_BYTES (32)
/* An attempt, or a scan, that a survey is in the way of. */
#define SURVEYING "a scan for the serial port is under way"

_Static_assert(WIFI_REASON_AUTH_EXPIRE == 2 && WIFI_REASON_AUTH_LEAVE == 3 &&
	WIFI_REASON_DISASSOC_DUE_TO_INACTIVITY == 4 && WIFI_REASON_ASSOC_TOOMANY == 5 &&
	WIFI_REASON_CLASS2_FRAME_FROM_NONAUTH_STA == 6 && WIFI_REASON_CLASS3_FRAME_FROM_NONASSOC_STA == 7 &&
	WIFI_REASON_ASSOC_LEAVE == 8 && WIFI_REASON_4WAY_HANDSHAKE_TIMEOUT == 15 && WIFI_REASON_BEACON_TIMEOUT == 200 &&
	WIFI_REASON_NO_AP_FOUND == 201 && WIFI_REASON_AUTH_FAIL == 202 && WIFI_REASON_ASSOC_FAIL == 203 &&
	WIFI_REASON_HANDSHAKE_TIMEOUT == 204 && WIFI_REASON_CONNECTION_FAIL == 205 &&
	WIFI_REASON_NO_AP_FOUND_W_COMPATIBLE_SECURITY == 210 && WIFI_REASON_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD == 211,
	"wifi-reason.c has other reasons");

static RTC_NOINIT_ATTR WifiHint hint;

static struct {
	xsMachine		*the;
	xsSlot			onEvent;
	esp_netif_t		*interface;
	bool			initialized;
	bool			prepared;
	/* Events of a stopped driver are about an attempt that was given up. */
	volatile bool	started;
	/* The network of the attempt, or the joined one. */
	char			ssid[WIFI_SSID_BYTES + 1];
	bool			joined;
	/* wifi-station.ts has a scan, until it has taken the results. */
	bool			scanning;
	volatile bool	surveying;
	volatile bool	surveyed;
	char			hostname[HOSTNAME_BYTES + 1];
	/* Replaces DHCP's name server; any address for none. One word, so that lwIP's task can read it. */
	volatile uint32_t	dns;
} radio;

/* In the task that runs JavaScript. */
static void deliver(void *machine, void *refcon, uint8_t *message, uint16_t length)
{
	xsMachine *the = machine;
	const bool ended = (kRadioDisconnected == message[0]);
	const uint8_t event = (ended && wifiReasonIsRefusal(message[1])) ? kRadioRefused : message[0];
	char detail[WIFI_REASON_BYTES] = "";
	esp_netif_ip_info_t address;
	wifi_ap_record_t joined;

	if (kRadioScanned != event)
		radio.joined = (kRadioAddress == event);
	if (ended)
		wifiReasonText(detail, message[1]);
	else if (kRadioAddress == event) {
		if (ESP_OK == esp_netif_get_ip_info(radio.interface, &address))
			snprintf(detail, sizeof(detail), IPSTR, IP2STR(&address.ip));
		if (ESP_OK == esp_wifi_sta_get_ap_info(&joined))
			wifiHintSet(&hint, radio.ssid, joined.bssid, joined.primary);
	}

	xsBeginHost(the);
	xsmcVars(2);
	xsmcSetInteger(xsVar(0), event);
	xsmcSetString(xsVar(1), detail);
	xsCallFunction2(radio.onEvent, xsGlobal, xsVar(0), xsVar(1));
	xsEndHost(the);
	if (kRadioScanned == event)
		radio.scanning = false;
}

/* Two bytes travel in the message itself, so that no memory is needed for them. */
static void post(uint8_t event, uint8_t reason)
{
	uint8_t message[2] = { event, reason };

	/* Without a network in the settings nobody listens; a survey has started the radio. */
	if (radio.started && radio.the)
		modMessagePostToMachine(radio.the, message, sizeof(message), deliver, NULL);
}

static void onWifiEvent(void *arg, esp_event_base_t base, int32_t id, void *data)
{
	if (WIFI_EVENT_STA_CONNECTED == id) {
		/* IPv6, with the router's prefix (SLAAC), for brokers that have nothing else. Without it there is IPv4. */
		esp_netif_create_ip6_linklocal(radio.interface);
		post(kRadioNoAddress, 0);
	} else if (WIFI_EVENT_STA_DISCONNECTED == id)
		post(kRadioDisconnected, ((wifi_event_sta_disconnected_t *)data)->reason);
	else
		post(kRadioScanned, 0);
}

static void onAddressEvent(void *arg, esp_event_base_t base, int32_t id, void *data)
{
	post((IP_EVENT_STA_GOT_IP == id) ? kRadioAddress : kRadioNoAddress, 0);
}

/*
 * In lwIP's task, whenever the interface got an address, also when it is the
 * old one: each answer of a DHCP server, to a renewal as well, has just set the
 * name servers.
 */
static void onInterface(struct netif *interface, netif_nsc_reason_t reason, const netif_ext_callback_args_t *args)
{
	const uint32_t address = radio.dns;
	const ip_addr_t server = IPADDR4_INIT(address);

	if (!(reason & (LWIP_NSC_IPV4_ADDR_VALID | LWIP_NSC_IPV4_ADDRESS_CHANGED)) || !address)
		return;
	if (interface != esp_netif_get_netif_impl(radio.interface))
		return;
	dns_setserver(0, &server);
	dns_setserver(1, NULL);
}

static esp_err_t watchInterface(void *context)
{
	NETIF_DECLARE_EXT_CALLBACK(callback)

	netif_add_ext_callback(&callback, onInterface);
	return ESP_OK;
}

/*
 * Makes the interface and the driver once; where memory was short, tries again from
 * the beginning. The interface's own handlers come before those of this file: so a
 * disconnected interface is down when these run.
 */
static esp_err_t prepare(void)
{
	static const struct {
		const esp_event_base_t	*base;
		int32_t					id;
		esp_event_handler_t		handler;
	} events[] = {
		{ &WIFI_EVENT, WIFI_EVENT_STA_CONNECTED, onWifiEvent },
		{ &WIFI_EVENT, WIFI_EVENT_STA_DISCONNECTED, onWifiEvent },
		{ &WIFI_EVENT, WIFI_EVENT_SCAN_DONE, onWifiEvent },
		{ &IP_EVENT, IP_EVENT_STA_GOT_IP, onAddressEvent },
		{ &IP_EVENT, IP_EVENT_STA_LOST_IP, onAddressEvent },
	};
	wifi_init_config_t config = WIFI_INIT_CONFIG_DEFAULT();
	esp_err_t error;

	config.nvs_enable = 0;		/* the settings have the networks: the driver's copies would only wear the flash */
	error = esp_netif_init();
	if (ESP_OK == error)
		error = esp_event_loop_create_default();
	if (ESP_ERR_INVALID_STATE == error)
		error = ESP_OK;		/* there is one already */
	if (ESP_OK != error)
		return error;
	if (!radio.interface) {
		radio.interface = esp_netif_create_default_wifi_sta();
		/* Without it the router shows the chip's maker. */
		esp_netif_set_hostname(radio.interface, radio.hostname);
	}
	/* The driver can be initialized only once, also if a later step fails. */
	error = radio.initialized ? ESP_OK : esp_wifi_init(&config);
	if (ESP_OK == error) {
		radio.initialized = true;
		error = esp_wifi_set_storage(WIFI_STORAGE_RAM);
	}
	if (ESP_OK == error)
		error = esp_wifi_set_mode(WIFI_MODE_STA);
	/* A handler that is there already is replaced. */
	for (size_t i = 0; ESP_OK == error && i < sizeof(events) / sizeof(events[0]); i++)
		error = esp_event_handler_register(*events[i].base, events[i].id, events[i].handler, NULL);
	if (ESP_OK == error)
		error = esp_netif_tcpip_exec(watchInterface, NULL);
	radio.prepared = (ESP_OK == error);
	return error;
}

static esp_err_t start(void)
{
	esp_err_t error = ESP_OK;

	if (radio.started)
		return ESP_OK;
	if (!radio.prepared)
		error = prepare();
	if (ESP_OK == error)
		error = esp_wifi_start();
	radio.started = (ESP_OK == error);
	return error;
}

/* `address` is all zeros for DHCP. */
static esp_err_t setAddress(const esp_netif_ip_info_t *address)
{
	esp_err_t error;

	if (!address->ip.addr) {
		error = esp_netif_dhcpc_start(radio.interface);
		return (ESP_ERR_ESP_NETIF_DHCP_ALREADY_STARTED == error) ? ESP_OK : error;
	}
	error = esp_netif_dhcpc_stop(radio.interface);
	if (ESP_OK == error || ESP_ERR_ESP_NETIF_DHCP_ALREADY_STOPPED == error)
		error = esp_netif_set_ip_info(radio.interface, address);
	return error;
}

/* Nothing, or the driver's error. */
static void result(xsMachine *the, esp_err_t error)
{
	if (ESP_OK != error)
		xsmcSetString(xsResult, (char *)esp_err_to_name(error));
}

/* The text in xsVar(0), with zeros behind it; all zeros for undefined, and for a text that is too long (returns false). */
static bool takeText(xsMachine *the, char *text, size_t size)
{
	const char *given;
	size_t length;

	memset(text, 0, size);
	if (xsUndefinedType == xsmcTypeOf(xsVar(0)))
		return true;
	given = xsmcToString(xsVar(0));
	length = strlen(given);
	if (length >= size)
		return false;
	memcpy(text, given, length);
	return true;
}

/* A member of the network in xsArg(0). */
static bool getText(xsMachine *the, xsIdentifier id, char *text, size_t size)
{
	xsmcGet(xsVar(0), xsArg(0), id);
	return takeText(the, text, size);
}

/* Any address where there is none: the settings were checked. */
static uint32_t getAddress(xsMachine *the, xsIdentifier id)
{
	char text[ADDRESS_BYTES];
	esp_ip4_addr_t address = { 0 };

	if (getText(the, id, text, sizeof(text)) && text[0])
		esp_netif_str_to_ip4(text, &address);
	return address.addr;
}

/* Takes a function of an event and a text. */
void xs_radio_listen(xsMachine *the)
{
	if (radio.the)
		xsUnknownError("one radio");
	radio.the = the;
	radio.onEvent = xsArg(0);
	xsRemember(radio.onEvent);
	xsmcToStringBuffer(xsArg(1), radio.hostname, sizeof(radio.hostname));
}

/* Takes a network of the settings, and whether to look for the remembered access point only. */
void xs_radio_join(xsMachine *the)
{
	wifi_config_t config = { .sta = {
		.scan_method = WIFI_ALL_CHANNEL_SCAN,
		.sort_method = WIFI_CONNECT_AP_BY_SIGNAL,
		.sae_pwe_h2e = WPA3_SAE_PWE_BOTH,		/* WPA3 has two ways to make an element of a password: either */
	} };
	esp_netif_ip_info_t address;
	uint32_t dns;
	char password[PASSWORD_BYTES + 1];
	esp_err_t error = ESP_OK;

	if (radio.surveying) {
		xsmcSetString(xsResult, SURVEYING);
		return;
	}
	radio.joined = false;
	radio.scanning = false;
	xsmcVars(1);
	if (!getText(the, xsID_ssid, radio.ssid, sizeof(radio.ssid)))
		error = ESP_ERR_WIFI_SSID;
	if (!getText(the, xsID_password, password, sizeof(password)))
		error = ESP_ERR_WIFI_PASSWORD;		/* the settings count characters */
	memcpy(config.sta.ssid, radio.ssid, sizeof(config.sta.ssid));
	memcpy(config.sta.password, password, sizeof(config.sta.password));
	address.ip.addr = getAddress(the, xsID_address);
	address.netmask.addr = getAddress(the, xsID_mask);
	address.gw.addr = getAddress(the, xsID_gateway);
	/* Most gateways resolve names; a fixed address has no DHCP to name a server. */
	dns = getAddress(the, xsID_dns);
	radio.dns = dns ? dns : address.gw.addr;

	if (xsmcTest(xsArg(1)) && wifiHintIsFor(&hint, radio.ssid)) {
		if (hint.channel) {
			/* The scan begins with this channel, and ends with this access point. */
			config.sta.scan_method = WIFI_FAST_SCAN;
			config.sta.channel = hint.channel;
			config.sta.bssid_set = true;
			memcpy(config.sta.bssid, hint.bssid, sizeof(config.sta.bssid));
		}
		/* Tried once: it is remembered again when it led to an address. */
		wifiHintForget(&hint);
	}

	if (ESP_OK == error)
		error = start();
	/* Frees the results of a scan that ended too late. */
	esp_wifi_clear_ap_list();
	if (ESP_OK == error)
		error = setAddress(&address);
	if (ESP_OK == error)
		error = esp_wifi_set_config(WIFI_IF_STA, &config);
	if (ESP_OK == error)
		error = esp_wifi_connect();
	result(the, error);
}

/* Leaves the network, ends the attempt; the driver is started anew by the next attempt. */
void xs_radio_stop(xsMachine *the)
{
	if (!radio.started)
		return;
	radio.started = false;
	radio.joined = false;
	radio.scanning = false;
	esp_wifi_stop();
}

/* Looks for access points on all channels, in about two seconds. */
void xs_radio_scan(xsMachine *the)
{
	esp_err_t error;

	if (radio.surveying) {
		xsmcSetString(xsResult, SURVEYING);
		return;
	}
	error = start();
	if (ESP_OK == error)
		error = esp_wifi_scan_start(NULL, false);
	radio.scanning = (ESP_OK == error);
	result(the, error);
}

/*
 * Takes an array of SSIDs, and gives an array of their signals in the scan, in dBm.
 * A network that was not found is weaker than all. To be called once after each
 * scan: it frees the driver's results.
 */
void xs_radio_found(xsMachine *the)
{
	char ssids[NETWORKS_MAXIMUM][WIFI_SSID_BYTES + 1];
	int strengths[NETWORKS_MAXIMUM];
	wifi_ap_record_t found;
	int count;

	xsmcVars(1);
	xsmcGet(xsVar(0), xsArg(0), xsID_length);
	count = xsmcToInteger(xsVar(0));
	if (count > NETWORKS_MAXIMUM)
		count = NETWORKS_MAXIMUM;
	for (int i = 0; i < count; i++) {
		xsmcGetIndex(xsVar(0), xsArg(0), i);
		takeText(the, ssids[i], sizeof(ssids[i]));
		strengths[i] = INT8_MIN;
	}
	while (ESP_OK == esp_wifi_scan_get_ap_record(&found)) {
		for (int i = 0; i < count; i++) {
			if (found.rssi > strengths[i] && 0 == strcmp((char *)found.ssid, ssids[i]))
				strengths[i] = found.rssi;
		}
	}
	xsmcSetNewArray(xsResult, 0);
	for (int i = 0; i < count; i++) {
		xsmcSetInteger(xsVar(0), strengths[i]);
		xsmcSetIndex(xsResult, i, xsVar(0));
	}
}

/* The SSID of the remembered access point, or undefined. */
void xs_radio_remembered(xsMachine *the)
{
	char ssid[WIFI_SSID_BYTES + 1] = "";

	if (!wifiHintIsSet(&hint))
		return;
	memcpy(ssid, hint.ssid, WIFI_SSID_BYTES);
	xsmcSetString(xsResult, ssid);
}

const char *wifiRadioJoined(void)
{
	return radio.joined ? radio.ssid : NULL;
}

void wifiRadioTryFirst(const char *ssid)
{
	static const uint8_t any[6];

	wifiHintSet(&hint, ssid, any, 0);
}

bool wifiRadioSurvey(void)
{
	if (radio.scanning || ESP_OK != start())
		return false;
	radio.surveyed = false;
	radio.surveying = true;		/* before the event */
	radio.surveying = (ESP_OK == esp_wifi_scan_start(NULL, false));
	return radio.surveying;
}

Survey wifiRadioSurveyed(void)
{
	if (radio.surveyed)
		return kSurveyDone;
	if (radio.started)
		return kSurveyRuns;
	return kSurveyFailed;
}

void wifiRadioEndSurvey(void)
{
	if (radio.started && !radio.surveyed)
		esp_wifi_scan_stop();
	esp_wifi_clear_ap_list();
	radio.surveying = false;
}

bool wifiRadioFound(char ssid[WIFI_SSID_BYTES + 1], int *rssi, bool *secured)
{
	wifi_ap_record_t found;

	if (ESP_OK != esp_wifi_scan_get_ap_record(&found)) {
		wifiRadioEndSurvey();
		return false;
	}
	memcpy(ssid, found.ssid, WIFI_SSID_BYTES);
	ssid[WIFI_SSID_BYTES] = 0;
	*rssi = found.rssi;
	*secured = (WIFI_AUTH_OPEN != found.authmode);
	return true;
}
