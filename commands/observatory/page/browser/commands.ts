/** Commands to a station, and its replies. */

import { el, newId, setText } from "../../../browser/dom.ts";
import type { CommandReply, CommandRequest } from "../../api.ts";
import { durationText, SECOND_MS } from "./format.ts";
import type { Observatory } from "./observatory.ts";
import { texts } from "./texts.ts";
import { nameOf } from "./view.ts";

/** Limits of the setting `interval`, in s. What a sensor needs beyond that the station says itself. */
const INTERVAL = { lowest: 1, highest: 86_400 };

export class Commands {
	readonly root: HTMLElement;
	private readonly _observatory: Observatory;
	private readonly _topic: string;
	private readonly _interval = el("input", {
		...{ id: newId(), type: "number", inputmode: "numeric", required: true, step: 1 },
		...{ min: INTERVAL.lowest, max: INTERVAL.highest },
	});
	private readonly _reply = el("p", { class: "reply", role: "status" });
	private readonly _dialog: HTMLDialogElement;
	private _isWaiting = false;

	constructor(observatory: Observatory, topic: string) {
		this._observatory = observatory;
		this._topic = topic;
		this._dialog = this._createDialog();
		const button = (text: string, name: string, run: () => void) =>
			el("button", { type: "button", "data-command": name, onclick: run }, text);
		const form = el(
			"form",
			{
				onsubmit: (event) => {
					event.preventDefault();
					void this._send("interval", String(this._interval.valueAsNumber));
				},
			},
			el("label", { for: this._interval.id }, texts.everySeconds),
			this._interval,
			el("button", { type: "submit", "data-command": "interval" }, texts.set),
		);
		const id = newId();
		this.root = el(
			"section",
			{ class: "card commands", "aria-labelledby": id },
			el("h2", { id }, texts.commands),
			el(
				"div",
				{ class: "buttons" },
				button(texts.sampleNow, "sample", () => void this._send("sample", "")),
				form,
				button(texts.restart, "restart", () => this._dialog.showModal()),
			),
			this._reply,
			this._dialog,
		);
	}

	/** The interval that the station has now, in s, where nobody is about to write another one. */
	setInterval(interval: unknown): void {
		const isFree = this._interval.value === "" && document.activeElement !== this._interval;
		if (typeof interval === "number" && isFree) this._interval.value = String(interval);
	}

	/** Asks before: a restart is not taken back. */
	private _createDialog(): HTMLDialogElement {
		const id = newId();
		const close = () => this._dialog.close();
		return el(
			"dialog",
			{ "aria-labelledby": id },
			el("h2", { id }, texts.restartQuestion(nameOf(this._topic).name)),
			el("p", {}, texts.restartText),
			el(
				"div",
				{ class: "buttons" },
				el("button", { type: "button", "data-command": "cancel", onclick: close }, texts.cancel),
				el(
					"button",
					{
						...{ type: "button", class: "danger", "data-command": "restart-now" },
						onclick: () => {
							close();
							void this._send("restart", "");
						},
					},
					texts.restartNow,
				),
			),
		);
	}

	private async _send(command: CommandRequest["command"], payload: string): Promise<void> {
		// Buttons are not disabled meanwhile: they would lose the focus.
		if (this._isWaiting) return;
		this._isWaiting = true;
		this._show("", texts.waiting);
		try {
			const reply = await this._observatory.command({ topic: this._topic, command, payload });
			const waits = reply.reason === "no reply" || reply.reason === "asleep";
			this._show(reply.ok ? "done" : waits ? "" : "refused", wordsOf(command, reply));
		} catch {
			this._show("refused", texts.refused(texts.unreachable));
		}
		this._isWaiting = false;
	}

	private _show(kind: string, text: string): void {
		this._reply.setAttribute("data-kind", kind);
		setText(this._reply, text);
	}
}

function wordsOf(command: CommandRequest["command"], { ok, error, reason, seq, interval }: CommandReply): string {
	if (reason !== undefined) return texts.noReplies[reason];
	if (!ok) return texts.refused(error ?? texts.noReply);
	if (command === "sample" && typeof seq === "number") return texts.sampled(String(seq));
	if (command === "interval" && typeof interval === "number")
		return texts.intervalSet(durationText(interval * SECOND_MS));
	return command === "restart" ? texts.restarts : texts.done;
}
