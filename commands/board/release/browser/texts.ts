/** All that the page says, in English and Spanish. What one of them has, the other has to have. */

const english = {
	title: "Install Veleta",
	intro:
		"This page puts the firmware onto an ESP32 at a USB port, and tells it your Wi-Fi and your broker. Nothing leaves this computer but by that cable.",
	noSerial:
		"This browser cannot use serial ports. Open the page in Chrome or Edge on a computer, at an address that begins with https:// or http://localhost.",
	noRelease: "What can be installed is missing beside this page: release.json cannot be read.",
	firmware: "1. The firmware",
	version: (version: string) => `Version ${version}`,
	board: "Board",
	install: "Install…",
	installNote:
		"Plug the board in, and choose its port. A board that has Veleta keeps its settings, and the readings that it has not sent yet. If it is not found, hold its BOOT button while it is plugged in.",
	settings: "2. Its settings",
	settingsNote: "Once the firmware runs, connect to the board. It tells what it has, but for its passwords.",
	connect: "Connect to the board…",
	disconnect: "Disconnect",
	connecting: "Asking the board…",
	connected: (board: string, isStored: boolean) =>
		isStored
			? `Connected: ${board}, with settings of its own.`
			: `Connected: ${board}, without settings of its own yet.`,
	silent: "The board does not answer. Is this firmware on it? Press its reset button, and connect again.",
	gone: "The port is gone. A board with a USB of its own goes away while it restarts: connect again.",
	portTaken: "The port cannot be opened. Another program may have it: close a monitor, or another page like this.",
	refused: (reason: string) => `The board did not take it: ${reason}`,
	sent: "The board has stored the settings, and restarts.",
	sentResetByHand: "The board has stored the settings. Press its reset button.",
	sending: "Sending…",
	wifi: "Wi-Fi",
	ssid: "Network",
	wifiPassword: "Its password",
	open: "none: an open network",
	kept: "unchanged",
	mqtt: "MQTT",
	broker: "Broker",
	brokerHint: "mqtt://192.168.1.10, or mqtts:// with TLS",
	username: "User",
	password: "Password",
	none: "none",
	ca: "Certificate of its authority, for mqtts://",
	station: "Station",
	sensor: "Sensor",
	interval: "Seconds between readings",
	id: "Name",
	idHint: "the board's own, of its MAC address",
	topic: "Topic",
	topicHint: "veleta/ and the name",
	homeAssistant: "Home Assistant is to find it",
	others: "All other settings, as JSON",
	othersNote: "What they are is in docs/settings.md.",
	send: "Send to the board",
	othersWrong: (problem: string) => `All other settings: ${problem}`,
	log: "What the board says",
	logEmpty: "Nothing yet.",
};

type Texts = typeof english;

const spanish: Texts = {
	title: "Instalar Veleta",
	intro:
		"Esta página graba el firmware en un ESP32 conectado por USB y le da tu wifi y tu bróker. Nada sale de este ordenador, salvo por ese cable.",
	noSerial:
		"Este navegador no puede usar puertos serie. Abre la página con Chrome o Edge en un ordenador, en una dirección que empiece por https:// o http://localhost.",
	noRelease: "Junto a esta página falta lo que se instala: no se puede leer release.json.",
	firmware: "1. El firmware",
	version: (version) => `Versión ${version}`,
	board: "Placa",
	install: "Instalar…",
	installNote:
		"Conecta la placa y elige su puerto. Si ya tiene Veleta, conserva sus ajustes y las lecturas que aún no ha enviado. Si no aparece, mantén pulsado su botón BOOT al conectarla.",
	settings: "2. Sus ajustes",
	settingsNote: "Con el firmware ya en marcha, conéctate a la placa. Te dice lo que tiene, menos las contraseñas.",
	connect: "Conectar con la placa…",
	disconnect: "Desconectar",
	connecting: "Preguntando a la placa…",
	connected: (board, isStored) =>
		isStored ? `Conectada: ${board}, con ajustes propios.` : `Conectada: ${board}, todavía sin ajustes propios.`,
	silent: "La placa no responde. ¿Tiene este firmware? Pulsa su botón de reinicio y conéctate otra vez.",
	gone: "El puerto ha desaparecido. Las placas con USB propio se van mientras se reinician: conéctate otra vez.",
	portTaken:
		"No se puede abrir el puerto. Puede que lo tenga otro programa: cierra el monitor u otra página como esta.",
	refused: (reason) => `La placa no lo ha aceptado: ${reason}`,
	sent: "La placa ha guardado los ajustes y se reinicia.",
	sentResetByHand: "La placa ha guardado los ajustes. Pulsa su botón de reinicio.",
	sending: "Enviando…",
	wifi: "Wifi",
	ssid: "Red",
	wifiPassword: "Contraseña de la red",
	open: "ninguna: red abierta",
	kept: "sin cambios",
	mqtt: "MQTT",
	broker: "Bróker",
	brokerHint: "mqtt://192.168.1.10, o mqtts:// con TLS",
	username: "Usuario",
	password: "Contraseña",
	none: "ninguna",
	ca: "Certificado de su autoridad, para mqtts://",
	station: "Estación",
	sensor: "Sensor",
	interval: "Segundos entre lecturas",
	id: "Nombre",
	idHint: "el de la placa, según su dirección MAC",
	topic: "Tópico",
	topicHint: "veleta/ y el nombre",
	homeAssistant: "Que Home Assistant la encuentre",
	others: "Todos los demás ajustes, en JSON",
	othersNote: "Están explicados en docs/settings.md.",
	send: "Enviar a la placa",
	othersWrong: (problem) => `Todos los demás ajustes: ${problem}`,
	log: "Lo que dice la placa",
	logEmpty: "Nada todavía.",
};

const isSpanish = /^es\b/i.test(navigator.language);
export const texts = isSpanish ? spanish : english;
export const language = isSpanish ? "es" : "en";
