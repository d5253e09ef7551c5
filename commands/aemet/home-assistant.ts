/**
 * Home Assistant's MQTT discovery of AEMET's stations: a retained message for each quantity, which says where it is.
 * https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
 */
import { withoutGaps } from "./numbers.ts";
import { FIELDS, type FieldName } from "./observations.ts";

type Unit = (typeof FIELDS)[FieldName]["unit"];

/**
 * By unit. A direction has no class, which versions before 2025 do not know, and no statistics, as the mean of 350° and
 * 10° is not 180°.
 */
const CLASSES: Readonly<Record<Unit, { readonly deviceClass?: string; readonly decimals: number }>> = {
	"°C": { deviceClass: "temperature", decimals: 1 },
	"%": { deviceClass: "humidity", decimals: 0 },
	hPa: { deviceClass: "atmospheric_pressure", decimals: 1 },
	"m/s": { deviceClass: "wind_speed", decimals: 1 },
	"°": { decimals: 0 },
	mm: { deviceClass: "precipitation", decimals: 1 },
	km: { deviceClass: "distance", decimals: 1 },
	cm: { deviceClass: "distance", decimals: 0 },
};

export interface DiscoveredStation {
	/** AEMET's `idema`. */
	readonly id: string;
	/** AEMET's, if it is known. */
	readonly name: string | undefined;
	/** What its topics begin with. */
	readonly topic: string;
	/** Quantities that it has. */
	readonly quantities: readonly FieldName[];
}

/** Payloads by topic. `prefix`: Home Assistant's of discovery. Ids are of the station alone, so that they stay when topics change. */
export function entitiesOf(prefix: string, station: DiscoveredStation): ReadonlyMap<string, string> {
	const { id, name = id, topic, quantities } = station;
	const device = `aemet_${id}`;
	return new Map(
		quantities.map((quantity) => {
			const { unit } = FIELDS[quantity];
			const { deviceClass, decimals } = CLASSES[unit];
			const payload = withoutGaps({
				"~": topic,
				name: titleOf(quantity),
				uniq_id: `${device}_${quantity}`,
				def_ent_id: `sensor.${device}_${titleOf(quantity).replaceAll(" ", "_")}`.toLowerCase(),
				dev_cla: deviceClass,
				stat_cla: unit === "°" ? undefined : "measurement",
				unit_of_meas: unit,
				sug_dsp_prc: decimals,
				stat_t: "~/state",
				// A member that is not there makes the state unknown, without a warning in Home Assistant's log.
				val_tpl: `{{value_json.${quantity}|default(None)}}`,
				avty_t: "~/status",
				// A value that is stale is none of now's.
				avty_tpl: "{{'online' if value=='online' else 'offline'}}",
				dev: { ids: device, name: `AEMET ${name}`, mf: "AEMET", mdl: id },
				o: { name: "Veleta" },
			});
			return [`${prefix}/sensor/${device}/${quantity}/config`, JSON.stringify(payload)];
		}),
	);
}

/** `seaLevelPressure` as `Sea level pressure`. */
function titleOf(quantity: FieldName): string {
	const words = quantity.replace(/[A-Z]|\d+/g, (beginning) => ` ${beginning.toLowerCase()}`);
	return `${words[0]!.toUpperCase()}${words.slice(1)}`;
}
