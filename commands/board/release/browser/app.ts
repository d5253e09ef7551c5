/** The page of a release: installs firmware by ESP Web Tools, and gives the board its settings. */
import { el, labelled, setText } from "../../../browser/dom.ts";
import { lineBytes } from "../../serial-request.ts";
import { greet, restart, SilentError, sendSettings, settingsText, shownIn } from "../../settings-transfer.ts";
import { RELEASE_FILE, type Release } from "../release-file.ts";
import { BoardPort, hasSerial } from "./board-port.ts";
import { SettingsForm } from "./settings-form.ts";
import { language, texts } from "./texts.ts";

/** Lines of the board's log that are kept. */
const LOG_LINES = 300;

const main = document.getElementById("main")!;
document.documentElement.lang = language;
document.title = texts.title;
main.append(el("h1", {}, texts.title), el("p", {}, texts.intro));
try {
	const release: Release = await (await fetch(RELEASE_FILE)).json();
	if (hasSerial) main.append(firmware(release), ...board());
	else main.append(el("p", { role: "status" }, texts.noSerial));
} catch {
	main.append(el("p", { role: "status" }, texts.noRelease));
}

function firmware({ version, boards }: Release): HTMLElement {
	const button = document.createElement("esp-web-install-button");
	button.append(el("button", { slot: "activate", class: "main" }, texts.install));
	const choice = el(
		"select",
		{ onchange: () => choose() },
		...boards.map(({ name, title, chip }) => el("option", { value: name }, `${title} (${chip})`)),
	);
	const choose = () => button.setAttribute("manifest", `${choice.value}/manifest.json`);
	choose();
	// The port is one program's at a time.
	button.addEventListener("click", () => void port?.close(), { capture: true });
	return el(
		"section",
		{ class: "card" },
		el("h2", {}, texts.firmware),
		el("p", { class: "note" }, `${texts.version(version)}. ${texts.installNote}`),
		labelled(texts.board, choice),
		button,
	);
}

let port: BoardPort | undefined;

function board(): HTMLElement[] {
	const status = el("p", { role: "status" });
	const place = el("div");
	const log = el("pre", { class: "log", tabindex: 0, role: "log", "aria-label": texts.log }, texts.logEmpty);
	const lines: string[] = [];
	const show = (line: string) => {
		// One comes before each reply: a line of the log may be half said.
		if (line === "") return;
		lines.push(new TextDecoder().decode(lineBytes(line)));
		if (lines.length > LOG_LINES) lines.shift();
		const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 2;
		log.textContent = lines.join("\n");
		if (isAtEnd) log.scrollTop = log.scrollHeight;
	};
	const say = (text: string, isWrong = false) => {
		status.dataset.kind = isWrong ? "wrong" : "";
		setText(status, text);
	};
	const told = (error: unknown) => {
		if (!(error instanceof SilentError)) return say((error as Error).message, true);
		say(port?.requests.isOpen ? texts.silent : texts.gone, true);
	};

	const send = async (form: SettingsForm, settings: object) => {
		const { requests } = port!;
		form.isBusy = true;
		say(texts.sending);
		try {
			await sendSettings(requests, settingsText(settings, texts.settings));
			say((await restart(requests)) ? texts.sent : texts.sentResetByHand);
			form.element.remove();
			connect.disabled = false;
		} catch (error) {
			told(error);
			form.isBusy = false;
		}
	};

	/** Of a port that was chosen before it asks again: after a restart, say. */
	const open = async () => {
		connect.disabled = true;
		try {
			port ??= await choose();
			if (port) await ask(port);
			else connect.disabled = false;
		} catch (error) {
			told(error);
			connect.disabled = false;
		}
	};

	const choose = async () => {
		const opened = await BoardPort.choose(show).catch(() => {
			throw new Error(texts.portTaken);
		});
		void opened?.ended.then(() => {
			port = undefined;
			if (!opened.isClosing) say(texts.gone, true);
			void opened.close();
			place.replaceChildren();
			connect.disabled = false;
			disconnect.hidden = true;
		});
		disconnect.hidden = opened === undefined;
		return opened;
	};

	const ask = async ({ requests, reset }: BoardPort) => {
		say(texts.connecting);
		const shown = shownIn(await greet(requests, reset));
		const form: SettingsForm = new SettingsForm(
			shown,
			(settings) => void send(form, settings),
			(problem) => say(problem, true),
		);
		place.replaceChildren(form.element);
		say(texts.connected(shown.board, shown.isStored));
	};
	const connect = el("button", { type: "button", class: "main", onclick: () => void open() }, texts.connect);
	const disconnect = el(
		"button",
		{
			...{ type: "button", hidden: true },
			onclick: () => {
				say("");
				void port?.close();
			},
		},
		texts.disconnect,
	);
	return [
		el(
			"section",
			{ class: "card" },
			el("h2", {}, texts.settings),
			el("p", { class: "note" }, texts.settingsNote),
			el("div", { class: "actions" }, connect, disconnect),
			status,
			place,
		),
		el("section", { class: "card" }, el("h2", {}, texts.log), log),
	];
}
