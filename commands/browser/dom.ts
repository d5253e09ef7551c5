/** Elements without HTML in texts: whatever a text is, it is shown as it is. */

type Child = Node | string | undefined | false;

/** Attributes by their names in HTML, and listeners by `on` and the event. */
interface Attributes {
	readonly [name: string]: string | number | boolean | undefined | ((event: Event) => void);
}

/** An element. An attribute that is `true` is there without a value, one that is `false` or `undefined` is not. */
export function el<Name extends keyof HTMLElementTagNameMap>(
	name: Name,
	attributes: Attributes = {},
	...children: Child[]
): HTMLElementTagNameMap[Name] {
	return build(document.createElement(name), attributes, children);
}

export function svg(name: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
	return build(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function build<Kind extends Element>(element: Kind, attributes: Attributes, children: readonly Child[]): Kind {
	for (const [name, value] of Object.entries(attributes)) {
		if (typeof value === "function") element.addEventListener(name.slice("on".length), value);
		else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
	}
	for (const child of children) if (child !== undefined && child !== false) element.append(child);
	return element;
}

/** Touches nothing where the text is there already: a screen reader would tell it again. */
export function setText(node: Node, text: string): void {
	if (node.textContent !== text) node.textContent = text;
}

let lastId = 0;

/** For labels; of this page alone. */
export function newId(): string {
	return `e${++lastId}`;
}

/** A field with its label beside it. `name`: a class of the label. */
export function labelled(text: string, field: HTMLElement, name?: string): HTMLElement {
	field.id = newId();
	return el("div", { class: "field" }, el("label", { for: field.id, class: name }, text), field);
}
