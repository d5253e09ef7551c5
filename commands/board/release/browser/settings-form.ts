/** The form for a board's settings. */
import { authorityProblem, BOARDS, pinProblem } from "../../../../hosts/esp32/boards.ts";
import { checkSettings } from "../../../../hosts/node/settings-check.ts";
import { SENSORS } from "../../../../src/sensors/models.ts";
import { INTERVAL_MAXIMUM_S, SETTINGS } from "../../../../src/settings/table.ts";
import { messageOf } from "../../../../src/text.ts";
import { el, labelled } from "../../../browser/dom.ts";
import type { Shown } from "../../settings-transfer.ts";
import { type Form, formOf, keptSecrets, NotJsonError, settingsOf, withStandIns } from "./form-settings.ts";
import { texts } from "./texts.ts";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

const LINES = 6;

export class SettingsForm {
	readonly element: HTMLFormElement;
	private readonly _shown: Shown;
	private readonly _fields: { readonly [Name in Exclude<keyof Form, "homeAssistant">]: Field };
	private readonly _homeAssistant: HTMLInputElement;
	private readonly _send = el("button", { type: "submit", class: "main" }, texts.send);

	/** `onSend` is called with settings that the board will probably take, and `onProblem` with what is wrong with others. */
	constructor(shown: Shown, onSend: (settings: object) => void, onProblem: (problem: string) => void) {
		this._shown = shown;
		const { wifiPassword, password, ca, ...plain } = formOf(shown.settings);
		const input = (value: string, attributes: object = {}) =>
			el("input", {
				type: "text",
				value,
				autocomplete: "off",
				autocapitalize: "off",
				spellcheck: "false",
				...attributes,
			});
		const secret = (value: string) => input(value, { type: "password", autocomplete: "new-password" });
		const area = (value: string) => {
			const element = el("textarea", { rows: LINES, autocomplete: "off", spellcheck: "false" });
			element.value = value;
			return element;
		};
		this._fields = {
			ssid: input(plain.ssid, { required: true }),
			wifiPassword: secret(wifiPassword),
			broker: input(plain.broker, { required: true, placeholder: texts.brokerHint }),
			username: input(plain.username),
			password: secret(password),
			ca: area(ca),
			sensor: el(
				"select",
				{},
				...Object.keys(SENSORS).map((name) => el("option", { value: name }, name.toUpperCase())),
			),
			interval: input(plain.interval, {
				...{ type: "number", min: 1, max: INTERVAL_MAXIMUM_S, step: "any" },
				placeholder: SETTINGS.interval.default,
			}),
			id: input(plain.id, { placeholder: texts.idHint }),
			topic: input(plain.topic, { placeholder: texts.topicHint }),
			others: area(plain.others),
		};
		this._fields.sensor.value = plain.sensor || SETTINGS.sensor.default;
		this._homeAssistant = el("input", { type: "checkbox", checked: plain.homeAssistant });
		const { ssid, broker, username, sensor, interval, id, topic, others } = this._fields;
		this.element = el(
			"form",
			{
				onsubmit: (event) => {
					event.preventDefault();
					this._submit(onSend, onProblem);
				},
				oninput: () => this._hint(),
			},
			el(
				"fieldset",
				{},
				el("legend", {}, texts.wifi),
				pair(labelled(texts.ssid, ssid), labelled(texts.wifiPassword, this._fields.wifiPassword)),
			),
			el(
				"fieldset",
				{},
				el("legend", {}, texts.mqtt),
				labelled(texts.broker, broker),
				pair(labelled(texts.username, username), labelled(texts.password, this._fields.password)),
				el("details", {}, el("summary", {}, texts.ca), labelled(texts.ca, this._fields.ca, "hidden")),
			),
			el(
				"fieldset",
				{},
				el("legend", {}, texts.station),
				pair(labelled(texts.sensor, sensor), labelled(texts.interval, interval)),
				pair(labelled(texts.id, id), labelled(texts.topic, topic)),
				el("label", { class: "check" }, this._homeAssistant, texts.homeAssistant),
				el(
					"details",
					{},
					el("summary", {}, texts.others),
					el("p", { class: "note" }, texts.othersNote),
					labelled(texts.others, others, "hidden"),
				),
			),
			el("div", { class: "actions" }, this._send),
		);
		this._hint();
	}

	/** While settings are under way. */
	set isBusy(isBusy: boolean) {
		this._send.disabled = isBusy;
	}

	private get _form(): Form {
		const values = Object.fromEntries(Object.entries(this._fields).map(([name, { value }]) => [name, value]));
		return { ...(values as Omit<Form, "homeAssistant">), homeAssistant: this._homeAssistant.checked };
	}

	/** What an empty field of a secret means. */
	private _hint(): void {
		const kept = keptSecrets(this._form, this._shown.settings);
		const { wifiPassword, password, ca } = this._fields;
		wifiPassword.setAttribute("placeholder", kept.wifiPassword ? texts.kept : texts.open);
		password.setAttribute("placeholder", kept.password ? texts.kept : texts.none);
		ca.setAttribute("placeholder", kept.ca ? texts.kept : "-----BEGIN CERTIFICATE-----");
	}

	private _submit(onSend: (settings: object) => void, onProblem: (problem: string) => void): void {
		const { board, settings: before } = this._shown;
		let settings: object;
		try {
			settings = settingsOf(this._form, before);
			const checked = checkSettings(withStandIns(settings as Shown["settings"]));
			const known = Object.hasOwn(BOARDS, board) ? BOARDS[board] : undefined;
			const problem = authorityProblem(checked) ?? (known && pinProblem(known, checked.pins));
			if (problem !== undefined) return onProblem(problem);
		} catch (error) {
			return onProblem(error instanceof NotJsonError ? texts.othersWrong(error.message) : messageOf(error));
		}
		onSend(settings);
	}
}

function pair(...children: HTMLElement[]): HTMLElement {
	return el("div", { class: "pair" }, ...children);
}
