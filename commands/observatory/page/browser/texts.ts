/** All that the page says, in English and Spanish. What one of them has, the other has to have. */

/** Members of the diagnostics that have a name for people. */
export type FactName =
	| "uptime"
	| "interval"
	| "readings"
	| "faults"
	| "published"
	| "redelivered"
	| "acknowledged"
	| "rejected"
	| "dropped"
	| "queued"
	| "connections"
	| "refusal"
	| "erases"
	| "writes"
	| "board"
	| "image"
	| "restart"
	| "heap"
	| "heapLow"
	| "rssi";

const english = {
	skip: "Skip to the content",
	overview: "Overview",
	compare: "Compare",
	main: "Main",
	live: "Live",
	lost: "No connection to the observatory. Trying again…",
	loading: "Loading…",
	title: (count: string, isOne: boolean) => (isOne ? "1 station" : `${count} stations`),
	find: "Find a station",
	filter: "Which stations",
	filters: { all: "All", incomplete: "With missing readings" },
	nothingFound: "No station is like this.",
	shownOf: (first: string, last: string, count: string) => `${first} to ${last} of ${count}`,
	pages: "Pages",
	before: "Previous",
	next: "Next",
	noStation: "No station yet",
	noStationYet: "As soon as one publishes to the broker, it is shown here, by itself.",
	tryOne: "To try it without a board, start a simulated station on this computer:",
	tryBoard:
		"A board finds the broker by the setting broker in its config.json: the address of the computer that runs it.",
	notThere: "There is no such page",
	noSuchStation: "There is no such station, or it has not told anything yet.",
	toOverview: "To the overview",
	noReading: "No reading yet",
	noValue: "no value",
	missing: (count: string, isOne: boolean) => `${count} ${isOne ? "reading" : "readings"} missing`,
	lostCount: (count: string, _isOne: boolean) => `${count} lost`,
	lastReading: "Last reading",
	number: (seq: string) => `number ${seq}`,
	arrived: "arrived",
	statuses: { online: "Online", asleep: "Asleep", offline: "Offline", unknown: "Unknown" },
	since: (time: string) => `since ${time}`,
	sparkline: (quantity: string, low: string, high: string) => `${quantity} of 24 hours: from ${low} to ${high}`,
	ranges: { hour: "1 hour", day: "Day", week: "Week", month: "Month", year: "Year" },
	range: "Time shown",
	earlier: "Earlier",
	later: "Later",
	closer: "Zoom in",
	wider: "Zoom out",
	backToNow: "Back to now",
	zoomHint: "Drag across a chart to zoom in; double click or Escape brings you back.",
	charts: "Charts",
	newest: "Newest",
	lowest: "Lowest",
	highest: "Highest",
	atCursor: "At the cursor",
	mean: "Mean",
	time: "Time",
	station: "Station",
	legend: "Legend",
	gaps: (count: string, isOne: boolean) => (isOne ? "1 gap" : `${count} gaps`),
	nothingHere: "No values in this time",
	chartFailed: "The chart cannot be loaded",
	asTable: "Values as a table",
	tableOf: (what: string) => `Values of ${what}, newest first`,
	tableEnds: (count: string) => `The newest ${count} rows. Zoom in for older ones.`,
	points: (length: string) => `A point stands for ${length}: the mean, in a band from lowest to highest.`,
	facts: "What the station tells of itself",
	factsOf: (time: string) => `As of ${time}`,
	noFacts: "Nothing yet: it tells when it connects, and every now and then.",
	member: "Member",
	value: "Value",
	factNames: {
		uptime: "Running for",
		interval: "A reading every",
		readings: "Readings taken",
		faults: "Measurements without a reading",
		published: "Readings sent",
		redelivered: "Sent again",
		acknowledged: "Received by the broker",
		rejected: "Refused by the broker",
		dropped: "Lost at the station",
		queued: "Waiting at the station",
		connections: "Connections to the broker",
		refusal: "Why the broker refuses readings",
		erases: "Flash: blocks erased",
		writes: "Flash: writes",
		board: "Board",
		image: "Firmware",
		restart: "Last restart",
		heap: "Free memory",
		heapLow: "Free memory, lowest",
		rssi: "Wi-Fi signal",
	} satisfies Record<FactName, string> as Record<FactName, string>,
	losses: "What is missing",
	noLosses: "Nothing is missing.",
	lossOne: (first: string) => `Reading ${first}`,
	lossMany: (first: string, last: string, count: string) => `Readings ${first} to ${last} (${count})`,
	gone: (_isOne: boolean) => "lost for good",
	mayCome: (_isOne: boolean) => "may still come",
	between: (after: string, before: string) => `between ${after} and ${before}`,
	afterTime: (time: string) => `after ${time}`,
	beforeTime: (time: string) => `before ${time}`,
	run: (number: string) => `numbering ${number}: the station’s flash was erased before`,
	moreLosses: (count: string) => `and ${count} more gaps`,
	commands: "Commands",
	sampleNow: "Take a reading now",
	everySeconds: "Seconds between readings",
	set: "Set",
	restart: "Restart…",
	restartQuestion: (station: string) => `Restart ${station}?`,
	restartText: "It delivers the readings that wait, and starts anew. What it cannot deliver stays in its flash.",
	restartNow: "Restart",
	cancel: "Cancel",
	waiting: "Waiting for the station’s reply…",
	sampled: (seq: string) => `Reading ${seq} has been taken.`,
	intervalSet: (seconds: string) => `A reading every ${seconds}, until the station restarts.`,
	restarts: "The station restarts.",
	done: "Done.",
	refused: (reason: string) => `Not done: ${reason}`,
	noReply: "the station has not replied",
	noReplies: {
		"not connected": "Not done: the observatory has no connection to the broker.",
		"too many": "Not done: too many commands wait already.",
		"no reply": "The station does not answer. The broker keeps the command for a minute.",
		asleep: "The station is asleep. It gets the command when it wakes.",
		stops: "Not done: the observatory is being closed.",
	},
	unreachable: "the observatory cannot be reached",
	chooseStations: "Stations",
	chooseQuantity: "Quantity",
	chooseSome: "Choose a station to see its curve.",
	chooseLimit: (count: string) => `Up to ${count} at a time.`,
	moreStations: (count: string) => `${count} more are found by their names.`,
	quantities: {
		temperature: "Temperature",
		humidity: "Humidity",
		pressure: "Pressure",
		seaLevelPressure: "Pressure at sea level",
		dewPoint: "Dew point",
		absoluteHumidity: "Absolute humidity",
		heatIndex: "Heat index",
	},
};

export type Texts = typeof english;

const spanish: Texts = {
	skip: "Ir al contenido",
	overview: "Resumen",
	compare: "Comparar",
	main: "Principal",
	live: "En directo",
	lost: "Sin conexión con el observatorio. Reintentando…",
	loading: "Cargando…",
	title: (count, isOne) => (isOne ? "1 estación" : `${count} estaciones`),
	find: "Buscar una estación",
	filter: "Qué estaciones",
	filters: { all: "Todas", incomplete: "Con lecturas que faltan" },
	nothingFound: "Ninguna estación coincide.",
	shownOf: (first, last, count) => `${first} a ${last} de ${count}`,
	pages: "Páginas",
	before: "Anterior",
	next: "Siguiente",
	noStation: "Todavía no hay estaciones",
	noStationYet: "En cuanto una publique en el bróker, aparecerá aquí sin que haga falta recargar.",
	tryOne: "Para probarlo sin placa, arranca una estación simulada en este ordenador:",
	tryBoard:
		"Para que una placa encuentre el bróker, pon en broker, en su config.json, la dirección del ordenador en el que se ejecuta.",
	notThere: "Esta página no existe",
	noSuchStation: "No hay ninguna estación con ese nombre, o aún no ha enviado nada.",
	toOverview: "Volver al resumen",
	noReading: "Aún no hay lecturas",
	noValue: "sin dato",
	missing: (count, isOne) => (isOne ? "Falta 1 lectura" : `Faltan ${count} lecturas`),
	lostCount: (count, isOne) => (isOne ? "1 perdida" : `${count} perdidas`),
	lastReading: "Última lectura",
	number: (seq) => `número ${seq}`,
	arrived: "hora de llegada",
	statuses: { online: "En línea", asleep: "En reposo", offline: "Desconectada", unknown: "Estado desconocido" },
	since: (time) => `desde ${withArticle(time)}`,
	sparkline: (quantity, low, high) => `${quantity} en 24 horas: de ${low} a ${high}`,
	ranges: { hour: "1 hora", day: "Día", week: "Semana", month: "Mes", year: "Año" },
	range: "Periodo mostrado",
	earlier: "Antes",
	later: "Después",
	closer: "Acercar",
	wider: "Alejar",
	backToNow: "Volver al presente",
	zoomHint: "Arrastra sobre un gráfico para ampliarlo; con doble clic o Escape se vuelve atrás.",
	charts: "Gráficos",
	newest: "Último valor",
	lowest: "Mínimo",
	highest: "Máximo",
	atCursor: "En el cursor",
	mean: "Media",
	time: "Hora",
	station: "Estación",
	legend: "Leyenda",
	gaps: (count, isOne) => (isOne ? "1 hueco" : `${count} huecos`),
	nothingHere: "No hay datos en este periodo",
	chartFailed: "No se ha podido cargar el gráfico",
	asTable: "Ver los datos en una tabla",
	tableOf: (what) => `Datos de ${what}, los más recientes primero`,
	tableEnds: (count) => `Las ${count} filas más recientes. Amplía el gráfico para ver las anteriores.`,
	points: (length) => `Cada punto abarca ${length}: la media, dentro de la franja entre el mínimo y el máximo.`,
	facts: "Datos de la propia estación",
	factsOf: (time) => `Datos de ${withArticle(time)}`,
	noFacts: "Nada todavía: lo cuenta al conectarse y, después, de vez en cuando.",
	member: "Dato",
	value: "Valor",
	factNames: {
		uptime: "En marcha desde hace",
		interval: "Una lectura cada",
		readings: "Lecturas tomadas",
		faults: "Mediciones fallidas",
		published: "Lecturas enviadas",
		redelivered: "Reenviadas",
		acknowledged: "Recibidas por el bróker",
		rejected: "Rechazadas por el bróker",
		dropped: "Perdidas en la estación",
		queued: "En espera en la estación",
		connections: "Conexiones con el bróker",
		refusal: "Motivo del rechazo del bróker",
		erases: "Memoria flash: bloques borrados",
		writes: "Memoria flash: escrituras",
		board: "Placa",
		image: "Firmware",
		restart: "Último reinicio",
		heap: "Memoria libre",
		heapLow: "Memoria libre, mínima",
		rssi: "Señal wifi",
	},
	losses: "Lo que falta",
	noLosses: "No falta nada.",
	lossOne: (first) => `Lectura ${first}`,
	lossMany: (first, last, count) => `Lecturas ${first} a ${last} (${count})`,
	gone: (isOne) => (isOne ? "perdida para siempre" : "perdidas para siempre"),
	mayCome: (isOne) => (isOne ? "aún puede llegar" : "aún pueden llegar"),
	between: (after, before) => `entre ${withArticle(after)} y ${withArticle(before)}`,
	afterTime: (time) => `después de ${withArticle(time)}`,
	beforeTime: (time) => `antes de ${withArticle(time)}`,
	run: (number) => `numeración ${number}: antes se borró la memoria flash de la estación`,
	moreLosses: (count) => `y ${count} huecos más`,
	commands: "Órdenes",
	sampleNow: "Tomar una lectura ahora",
	everySeconds: "Segundos entre lecturas",
	set: "Aplicar",
	restart: "Reiniciar…",
	restartQuestion: (station) => `¿Reiniciar ${station}?`,
	restartText:
		"Entrega las lecturas pendientes y arranca de nuevo. Lo que no pueda entregar se queda en su memoria flash.",
	restartNow: "Reiniciar",
	cancel: "Cancelar",
	waiting: "Esperando la respuesta de la estación…",
	sampled: (seq) => `Lectura ${seq} tomada.`,
	intervalSet: (seconds) => `Una lectura cada ${seconds}, hasta que la estación se reinicie.`,
	restarts: "La estación se está reiniciando.",
	done: "Hecho.",
	refused: (reason) => `No se ha podido hacer: ${reason}`,
	noReply: "la estación no ha respondido",
	noReplies: {
		"not connected": "No se ha podido hacer: el observatorio no tiene conexión con el bróker.",
		"too many": "No se ha podido hacer: ya hay demasiadas órdenes en espera.",
		"no reply": "La estación no responde. El bróker le guarda la orden durante un minuto.",
		asleep: "La estación está en reposo. Recibirá la orden cuando despierte.",
		stops: "No se ha podido hacer: el observatorio se está cerrando.",
	},
	unreachable: "no hay conexión con el observatorio",
	chooseStations: "Estaciones",
	chooseQuantity: "Magnitud",
	chooseSome: "Elige una estación para ver su curva.",
	chooseLimit: (count) => `Hasta ${count} a la vez.`,
	moreStations: (count) => `Hay ${count} más; búscalas por su nombre.`,
	quantities: {
		temperature: "Temperatura",
		humidity: "Humedad",
		pressure: "Presión",
		seaLevelPressure: "Presión al nivel del mar",
		dewPoint: "Punto de rocío",
		absoluteHumidity: "Humedad absoluta",
		heatIndex: "Índice de calor",
	},
};

/** A time of day in Spanish has an article: las 7:38, la 1:05; a date before it, el. */
function withArticle(time: string): string {
	if (/^\d{1,2}:/.test(time)) return `${/^0?1:/.test(time) ? "la" : "las"} ${time}`;
	return `el ${time}`;
}

/** The browser's language, for numbers and dates; and the language of the texts, which has sentences around its words. */
export const numberLocale = navigator.language || "en";
const isSpanish = /^es\b/i.test(numberLocale);
export const wordLocale = isSpanish || /^en\b/i.test(numberLocale) ? numberLocale : "en";
export const texts = isSpanish ? spanish : english;
export const language = isSpanish ? "es" : "en";

/** The name of a quantity for people; a foreign one as it is. */
export function quantityText(name: string): string {
	return Object.hasOwn(texts.quantities, name) ? texts.quantities[name as keyof Texts["quantities"]] : name;
}

/** The name of a member of the diagnostics for people, where there is one. */
export function factText(name: string): string | undefined {
	return Object.hasOwn(texts.factNames, name) ? texts.factNames[name as FactName] : undefined;
}
